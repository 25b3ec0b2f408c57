"""How reps do as people meet it: read from facts as of a day, shown in Dagster, checked, and told by commands."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine, insert
from typer.testing import CliRunner

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app
from leadflow_pipeline.cli.output import console
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.rep_performance import checks
from leadflow_pipeline.insight.rep_performance.assets import rep_performance
from leadflow_pipeline.insight.rep_performance.reading import read_rep_report
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.roster import import_reps
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_outcomes
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline_tests.samples import minimal_campaign_text

TODAY = datetime.now(UTC).date()
MONDAY = TODAY - timedelta(days=TODAY.weekday() + 28)
"""Long enough ago that every first touch is due."""
REPS = {"ada@leads.example": "north", "bo@leads.example": "north", "cy": "south"}
LEADS = 30


def at(day: date, hour: int) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


@pytest.fixture
def reps(engine: Engine) -> Engine:
    """Ada touches in time and wins, Bo touches on the third day and loses, Cy was given nothing and is full."""
    register(engine, minimal_campaign_text(extra="ownership: {}\n"), "spring.yaml")
    import_reps(
        engine,
        [
            Rep(rep=rep, name=f"Name of {rep[:2]}", team=team, attributes={"contract": "full time"})
            for rep, team in REPS.items()
        ],
        actor="ida",
        origin="a test",
    )
    rows: dict[str, list[dict[str, Any]]] = {"handoffs": [], "rep_touches": [], "rep_days": []}
    ends = []
    for rep, hours in (("ada@leads.example", 1), ("bo@leads.example", 50)):
        for number in range(LEADS):
            lead, given = f"{rep[:2]}-{number}", at(MONDAY, 9)
            rows["handoffs"].append(
                {
                    "campaign": "spring", "lead_id": lead, "assignment_number": 1, "rep": rep, "decision_day": MONDAY,
                    "origin": "pipeline", "reason": "as planned", "decided_at": given,
                    "first_touch_due_at": given + timedelta(hours=26),
                }
            )  # fmt: skip
            touch = {"campaign": "spring", "touch_id": lead, "lead_id": lead, "rep": rep, "kind": "call"}
            rows["rep_touches"].append(
                touch | {"occurred_at": given + timedelta(hours=hours), "origin": "a test"}
            )
            outcome = "won" if hours == 1 and number < LEADS - 5 else "lost"
            ends.append((lead, outcome, given + timedelta(days=5), 100.0 if outcome == "won" else None))
    for place, rep in enumerate(REPS):
        full = {"load": 0.95, "assigned": 0} if rep == "cy" else {"load": 0.5, "assigned": LEADS}
        rows["rep_days"].append(
            {
                "campaign": "spring", "day": MONDAY, "rep": rep, "capacity": 40, "eligible": 60, "floor": 1,
                "open_leads": place, "price": 0, "rotation": {}, "campaign_version": 1, **full,
            }
        )  # fmt: skip
    with engine.begin() as connection:
        for name, values in rows.items():
            connection.execute(insert(getattr(schema, name)), values)
    add_outcomes(
        engine,
        pd.DataFrame(ends, columns=["lead_id", "outcome", "occurred_at", "value"]).assign(
            campaign="spring", origin="a test"
        ),
    )
    return engine


def test_what_is_known_is_as_of_the_day(reps: Engine) -> None:
    report = read_rep_report(reps, "spring", TODAY)
    board = report.board.set_index("rep")
    assert board["wins"].to_dict() == {"ada@leads.example": LEADS - 5, "bo@leads.example": 0, "cy": 0}
    assert board["conversion_against_all"].tolist() == ["surely above", "surely below", "nothing to compare"]
    assert board["minutes_measured"]["ada@leads.example"] == pytest.approx(60)
    assert board["minutes_measured"]["bo@leads.example"] == pytest.approx(18 * 60), (
        "of working time, not fifty hours"
    )
    assert report.compliance == 0.5
    early = read_rep_report(reps, "spring", MONDAY)
    assert early.board["leads"].sum() == 2 * LEADS
    assert early.board["wins"].sum() == 0
    assert early.compliance == 1, "nobody else's time was over"
    assert read_rep_report(reps, "spring", MONDAY - timedelta(days=1)).board["leads"].sum() == 0


def test_an_attribute_that_nobody_has_is_refused(reps: Engine) -> None:
    assert list(read_rep_report(reps, "spring", TODAY).fairness) == ["team", "contract"]
    with pytest.raises(PermanentError, match="no rep has the attribute 'age': there are team, contract"):
        read_rep_report(reps, "spring", TODAY, ["age"])


def materialized(campaign: str) -> tuple[dict[str, Any], dict[str, dg.AssetCheckEvaluation]]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [campaign])
        result = dg.materialize(
            [rep_performance],
            partition_key=campaign,
            instance=instance,
            resources={"store": StoreResource()},
        )
        (event,) = result.asset_materializations_for_node("rep_performance")
        said = {check.check_name: check for check in result.get_asset_check_evaluations()}
    return {name: value.value for name, value in event.metadata.items()}, said


def test_the_asset_shows_and_warns(reps: Engine) -> None:
    shown, said = materialized("spring")
    assert (shown["leads"], shown["won"], shown["first_touches_in_time"]) == (2 * LEADS, LEADS - 5, 0.5)
    assert {name: check.passed for name, check in said.items()} == {
        checks.IN_TIME: False, checks.ROOM: False, checks.FAIR: True, checks.FLOORS: False,
    }  # fmt: skip
    assert all(check.severity == dg.AssetCheckSeverity.WARN for check in said.values())
    assert said[checks.IN_TIME].description == (
        "50.0% of 60 first touches were in time; most of the late ones were those of bo"
    )
    assert said[checks.ROOM].description == "loaded beyond 85%: cy"
    page = (get_settings().home / "reports" / "spring-reps.html").read_text()
    for text in (page, str(shown), str(said)):
        assert "@leads.example" not in text, "no address"
        assert "Name of" not in text, "no name"


def test_a_campaign_without_reps_has_a_page_too(engine: Engine) -> None:
    register(engine, minimal_campaign_text("quiet"), "quiet.yaml")
    shown, said = materialized("quiet")
    assert shown["reps_with_leads"] == 0
    assert all(check.passed for check in said.values())


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["reps", *arguments])
    assert result.exit_code == 0, result.exception
    return result.stdout


def test_the_commands(reps: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    # The console may be older than the test, and takes its width from where it began.
    monkeypatch.setattr(console, "width", 300)
    told = json.loads(run("leaderboard", "--json"))
    assert [(rep["rep"], rep["place"]) for rep in told["reps"]] == [
        ("ada@leads.example", 1), ("bo@leads.example", 2), ("cy", None),
    ]  # fmt: skip
    printed = run("leaderboard", "--campaign", "spring")
    assert "50.0% of 60 first touches in time" in printed
    assert "@" not in printed
    assert "surely below" in run("performance", "bo")
    assert (
        json.loads(run("performance", "bo@leads.example", "--json"))["load"][0]["rep"] == "bo@leads.example"
    )
    assert "too few reps" in run("fairness", "--attribute", "team")
    assert list(json.loads(run("fairness", "--json"))["leads"]) == ["team", "contract"]
    refused = CliRunner().invoke(app, ["reps", "performance", "dan"])
    assert "there is no rep 'dan' in spring" in str(refused.exception)
