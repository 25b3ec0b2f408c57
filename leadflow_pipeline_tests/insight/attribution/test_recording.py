"""What attribution records for the score: when, from what, and by whose word."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest
from click.testing import Result
from sqlalchemy import Engine, insert, select
from typer.testing import CliRunner

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app
from leadflow_pipeline.insight.attribution.assets import record_this_week
from leadflow_pipeline.insight.attribution.touches import source_credits
from leadflow_pipeline.store.channel_credits import read_credits
from leadflow_pipeline.store.facts import add_engagement_events, add_outcomes
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import channel_credits, person_leads, persons, scored_leads
from leadflow_pipeline_tests.identity.world import FIRST_DAY, Leads
from leadflow_pipeline_tests.samples import minimal_campaign_text

RULES = """
scoring: {source_credit: true}
attribution: {model: linear, touches: {visit: inbound}}
"""
MONDAY = date(2026, 3, 16)


def moment(day: float) -> pd.Timestamp:
    return pd.Timestamp(FIRST_DAY, tz=UTC) + pd.Timedelta(days=day)


@pytest.fixture
def leads(engine: Engine) -> Leads:
    """Three leads of the website, one of whom visited it and bought twice, once long after."""
    register(engine, minimal_campaign_text(extra=RULES), "spring.yaml")
    world = Leads(engine)
    world.arrive("spring", {lead: {"source": "website"} for lead in ("anna", "anna-too", "carla")})
    common = {"campaign": "spring", "lead_id": "anna", "origin": "a test"}
    visit = {**common, "event_id": "1", "behaviour": "visit", "occurred_at": moment(3), "is_machine": False}
    add_engagement_events(engine, pd.DataFrame([visit]))
    won = {**common, "outcome": "won", "value": 10.0}
    add_outcomes(engine, pd.DataFrame([{**won, "occurred_at": moment(day)} for day in (5, 20)]))
    return world


def by_channel(credits: pd.DataFrame) -> dict[str, tuple[int, float]]:
    rows = zip(credits["channel"], credits["leads"], credits["conversions"], strict=True)
    return {channel: (leads, conversions) for channel, leads, conversions in rows}


def test_what_leads_did_in_a_sources_channel_is_not_credited_to_the_source(
    engine: Engine, leads: Leads
) -> None:
    found = source_credits(engine, "spring", FIRST_DAY + timedelta(days=10))
    assert by_channel(found) == {"inbound": (3, 0.5), "inbound (later)": (0, 0.5)}


def test_who_is_the_same_person_at_present_changes_no_credit(engine: Engine, leads: Leads) -> None:
    before = source_credits(engine, "spring", MONDAY)
    with engine.begin() as connection:
        connection.execute(insert(persons).values(person_id="a"))
        for lead in ("anna", "anna-too"):
            row = {
                "campaign": "spring",
                "lead_id": lead,
                "person_id": "a",
                "match_probability": 1.0,
                "evidence": [],
            }
            connection.execute(insert(person_leads).values(**row))
    pd.testing.assert_frame_equal(source_credits(engine, "spring", MONDAY), before, check_exact=True)


def test_once_a_week_from_today_and_by_what_was_known_the_day_before(engine: Engine, leads: Leads) -> None:
    first = FIRST_DAY + timedelta(days=5)  # the day on which she bought: not known yet
    assert record_this_week(engine, "spring", first)
    assert not record_this_week(engine, "spring", first + timedelta(days=1)), "the same week"
    assert record_this_week(engine, "spring", MONDAY - timedelta(days=7))
    found = read_credits(engine, "spring", MONDAY)
    assert found.groupby("from_day")["conversions"].sum().to_dict() == {
        pd.Timestamp(first): 0.0,
        pd.Timestamp(MONDAY - timedelta(days=7)): pytest.approx(1.0),
    }


def test_a_campaign_that_scores_by_declared_points_records_nothing(engine: Engine, leads: Leads) -> None:
    register(engine, minimal_campaign_text("plain"), "plain.yaml")
    leads.arrive("plain", {"anna": {"source": "website"}})
    assert not record_this_week(engine, "plain", MONDAY)
    with engine.connect() as connection:
        assert connection.execute(select(channel_credits)).all() == []


def test_a_campaign_without_a_lead_records_nothing_yet(engine: Engine) -> None:
    register(engine, minimal_campaign_text(extra=RULES), "spring.yaml")
    assert not record_this_week(engine, "spring", MONDAY)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["attribution", "spring", "--record", *arguments], env={"COLUMNS": "200"})


def test_the_command_records_a_past_day_and_says_what_that_means(engine: Engine, leads: Leads) -> None:
    day = FIRST_DAY + timedelta(days=10)
    computed = [FIRST_DAY + timedelta(days=number) for number in range(14)]
    replace_partitions(
        engine, scored_leads, "spring", computed, empty(scored_leads), campaign_version=1, run_id="a test"
    )
    refused = run("--as-of", str(day))
    assert refused.exit_code == 1
    assert f"from {day + timedelta(days=1)} to {computed[-1]} are computed" in refused.stderr
    assert "--yes" in refused.stderr

    told = run("--as-of", str(day), "--yes", "--json")
    assert told.exit_code == 0, told.stderr
    assert json.loads(told.stdout)["from_day"] == str(day + timedelta(days=1))
    assert by_channel(read_credits(engine, "spring", MONDAY)) == {
        "inbound": (3, 0.5),
        "inbound (later)": (0, 0.5),
    }

    again = run("--as-of", str(day), "--yes")
    assert again.exit_code == 1
    assert "never changed" in str(again.exception)
    assert run("--as-of", "2999-01-01").exit_code == 1


def test_the_command_records_from_today_without_a_day(engine: Engine, leads: Leads) -> None:
    assert f"from {datetime.now(UTC).date()}" in run().stdout
