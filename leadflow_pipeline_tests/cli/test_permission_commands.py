"""Who may be written to, orders about a sequence, and the timeline, as a person uses them."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, select
from typer.testing import CliRunner, Result

from leadflow_pipeline.cli import app
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.timeline import tell_timeline
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    consents,
    harvested_leads,
    inbound_mails,
    overrides,
    rep_touches,
    suppressions,
    tracking_hits,
)
from leadflow_pipeline_tests.delivery.conftest import world
from leadflow_pipeline_tests.delivery.world import NOW, YESTERDAY, World
from leadflow_pipeline_tests.suppressed import add_suppression

__all__ = ["world"]

ADDRESS = "lead-0@leads.example"


@pytest.fixture
def written_to(world: World) -> World:
    """A lead that was written to and is known to the campaign."""
    import pandas as pd

    world.register()
    world.plan(1)
    row = {
        "day": pd.Timestamp(YESTERDAY).as_unit("us"), "lead_id": "lead-0", "is_new": True, "record_count": 1,
        "source": "list", "received_at": NOW - timedelta(days=1), "email": ADDRESS, "custom": "{}",
    }  # fmt: skip
    rows = conform(pd.DataFrame([row]), harvested_leads, campaign="spring-sale", campaign_version=1)
    replace_partitions(
        world.engine, harvested_leads, "spring-sale", [YESTERDAY], rows, campaign_version=1, run_id="a test"
    )
    assert dispatch_due(world.engine, world.settings, NOW).sent == 1
    return world


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def said(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 0, result.output
    return result.output


def test_suppressions_are_said_listed_and_lifted(world: World) -> None:
    world.register()
    assert "address is suppressed in every campaign" in said("suppress", "add", f" {ADDRESS.upper()} ")
    assert "was already" in said("suppress", "add", ADDRESS)
    said("suppress", "add", "@Competitor.example", "--campaign", "spring-sale", "--reason", "a competitor")
    said("suppress", "add", "all")
    rows = json.loads(said("suppress", "list", "--json"))
    assert [(row["scope"], row["subject"], row["campaign"]) for row in rows] == [
        ("all", "", ""), ("domain", "competitor.example", "spring-sale"), ("address", address_key(ADDRESS), ""),
    ]  # fmt: skip
    assert ADDRESS not in said("suppress", "list")
    said("suppress", "lift", "all")
    assert "lead-0" not in said("suppress", "list", ADDRESS)
    said("suppress", "lift", ADDRESS)
    assert said("suppress", "list", ADDRESS) == "nobody is suppressed\n"
    assert isinstance(run("suppress", "lift", ADDRESS).exception, PermanentError)
    assert isinstance(run("suppress", "add", "nobody").exception, PermanentError)


def test_who_was_erased_is_let_in_only_deliberately(world: World) -> None:
    add_suppression(world.engine, scope="address", subject=address_key(ADDRESS), reason="erasure")
    assert isinstance(run("suppress", "lift", ADDRESS).exception, PermanentError)
    assert said("suppress", "lift", ADDRESS, "--erased") == "lifted: erasure\n"


def test_consents_are_kept_once_and_what_is_none_is_refused(world: World, tmp_path: Path) -> None:
    world.register()
    path = tmp_path / "consents.csv"
    path.write_text(
        "Email,source,occurred_at,given,campaign\n"
        "Lead-0@Leads.example,the fair,2026-05-01T10:00:00Z,,\n"
        "lead-0@leads.example,a call,2026-05-02,no,spring-sale\n"
        "nobody,the fair,2026-05-01,yes,\n"
        "lead-1@leads.example,,2026-05-01,yes,\n"
        "lead-1@leads.example,the fair,tomorrow,yes,\n"
        "lead-1@leads.example,the fair,2026-05-01,yes,nowhere\n",
        encoding="utf-8",
    )
    report = json.loads(said("consent", "import", str(path), "--json"))
    assert (report["rows"], report["new"], [row for row, _ in report["refused"]]) == (6, 2, [4, 5, 6, 7])
    assert json.loads(said("consent", "import", str(path), "--json"))["repeated"] == 2
    with world.engine.connect() as connection:
        query = select(consents.c.campaign, consents.c.is_given).order_by(consents.c.occurred_at)
        assert connection.execute(query).tuples().all() == [("", True), ("spring-sale", False)]
    assert (
        said("consent", "show", ADDRESS)
        .splitlines()[0]
        .startswith("2026-05-02 00:00 UTC  withdrawn for spring")
    )


def test_orders_about_a_sequence_become_overrides_where_they_make_sense(written_to: World) -> None:
    lead = ("spring-sale", "lead-0")
    for words in (
        ("pause", *lead, "--until", "2030-01-01"), ("resume", *lead), ("stop", *lead), ("skip", *lead),
        ("move", *lead, "3"), ("enrol", *lead, "Cold_Outreach"),
    ):  # fmt: skip
        said("nurture", *words)
    with written_to.engine.connect() as connection:
        values = list(connection.scalars(select(overrides.c.value).order_by(overrides.c.override_id)))
    assert values == ["pause", "resume", "stop", "skip", "move 3", "enrol cold_outreach"]
    for words, why in (
        (("move", *lead, "1"), "behind the lead"), (("move", *lead, "9"), "no step 9"),
        (("enrol", *lead, "cold_outreech"), "did you mean cold_outreach?"),
    ):  # fmt: skip
        assert why in str(run("nurture", *words).exception)
    assert "did you mean pause?" in str(run("override", *lead, "nurture", "pauze", "--reason", "x").exception)


def test_the_timeline_tells_everything_in_order_and_marks_machines(written_to: World) -> None:
    engine = written_to.engine
    written_to.event("lead-0", "open", NOW + timedelta(minutes=4), is_machine=True)
    written_to.event("lead-0", "reply", NOW + timedelta(minutes=9))
    happened(engine)
    entries = tell_timeline(engine, "spring-sale", "lead-0", NOW + timedelta(days=1))
    assert [(entry.kind, entry.is_machine) for entry in entries] == [
        ("record", False), ("nurture", False), ("email", False), ("open", True), ("click", False),
        ("reply", False), ("touch", False), ("suppressed", False), ("outcome", False),
    ]  # fmt: skip
    shown = said("timeline", "lead-0")
    assert ADDRESS not in shown
    assert "Please stop" not in shown
    assert "~ open          by test, by a machine: said so" in shown
    assert "Please stop" in said("timeline", "lead-0", "--text")
    assert len(json.loads(said("timeline", ADDRESS, "--day", "2026-05-04", "--json"))) == 2


def happened(engine: Engine) -> None:
    """A hit that nobody has judged, the mail of the reply, a call, a suppression and an outcome."""
    from leadflow_pipeline.store.schema import outcomes

    with engine.begin() as connection:
        connection.execute(
            insert(tracking_hits).values(
                hit_id="1", message_id=1, kind="click", link=1, occurred_at=NOW + timedelta(minutes=5),
                visitor_key="", agent="browser",
            )
        )  # fmt: skip
        connection.execute(
            insert(inbound_mails).values(
                mailbox="m", mail_key="1", kind="reply", campaign="spring-sale", lead_id="lead-0", verdict={},
                received_at=NOW + timedelta(minutes=9), subject="Re:", body_text="Please stop",
            )
        )  # fmt: skip
        about = {"campaign": "spring-sale", "lead_id": "lead-0", "origin": "test"}
        connection.execute(
            insert(rep_touches).values(
                **about, touch_id="1", rep="eva", kind="call", occurred_at=NOW + timedelta(minutes=10)
            )
        )
        connection.execute(
            insert(suppressions).values(
                scope="address", subject=address_key(ADDRESS), reason="unsubscribed",
                occurred_at=NOW + timedelta(minutes=11),
            )
        )  # fmt: skip
        connection.execute(
            insert(outcomes).values(**about, outcome="lost", occurred_at=NOW + timedelta(minutes=12))
        )
