"""The commands of the hand-over: what waits, who was in touch, what the doctor says, and when it starts by itself."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, select, update
from typer.testing import CliRunner

from leadflow_pipeline.automation.handing_over import hand_over, hand_over_schedule
from leadflow_pipeline.cli import app
from leadflow_pipeline.insight.health.finding import State
from leadflow_pipeline.insight.health.owners import look_at_owners
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.schema import activity_log, held_handoffs, messages, rep_touches
from leadflow_pipeline_tests.delivery.owners_world import OwnersWorld

NOW = datetime.now(UTC)
YESTERDAY = NOW.date() - timedelta(days=1)


@pytest.fixture
def owners(engine: Engine, tmp_path: Path) -> OwnersWorld:
    """A lead for Anke, and one for nobody, planned yesterday."""
    world = OwnersWorld(engine, tmp_path)
    world.register()
    world.rep("anke")
    world.plan({"lead-1": ["anke"], "lead-2": []}, day=YESTERDAY)
    return world


def leadflow(*arguments: str) -> str:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_handing_over_by_command(owners: OwnersWorld) -> None:
    assert "would hand over 1 lead" in leadflow("handover", "--dry-run")
    told = json.loads(leadflow("handover", "--json"))
    assert (told["handed_over"], told["held"]) == (1, {"the plan found nobody": 1})
    assert "lead-2" in leadflow("handover", "held")
    assert (
        json.loads(leadflow("handover", "held", "--json", "--campaign", "spring"))[0]["lead_id"] == "lead-2"
    )
    (promise,) = json.loads(leadflow("handover", "promises", "--json"))
    assert (promise["rep"], promise["open"], promise["share"]) == ("anke", 1, None)
    assert "anke" in leadflow("handover", "promises")
    assert "handed over 0 leads" in leadflow("handover")


def test_touches_of_a_file_are_kept_once_and_the_rest_is_quarantined(
    owners: OwnersWorld, tmp_path: Path
) -> None:
    file = tmp_path / "touches.csv"
    file.write_text(
        "lead_id,rep,touch,occurred_at\nlead-1,anke,Call,2026-05-06T10:00:00Z\nlead-1,anke,,2026-05-06T11:00:00Z\n"
        "lead-1,,call,2026-05-06T12:00:00Z\n"
    )
    report = json.loads(leadflow("touches", "import", "spring", str(file), "--json"))
    assert (report["new"], report["quarantined"]) == (2, 1)
    again = json.loads(leadflow("import", "spring", str(file), "--as", "touches", "--json"))
    assert (again["new"], again["repeated"]) == (0, 3)
    with owners.engine.connect() as connection:
        kinds = connection.scalars(select(rep_touches.c.kind).order_by(rep_touches.c.occurred_at)).all()
    assert kinds == ["call", "touch"]


def test_the_doctor_shows_what_waits_and_what_did_not_arrive(owners: OwnersWorld) -> None:
    assert list(look_at_owners(owners.engine)) == []
    owners.plan({"lead-3": ["anke"]}, day=YESTERDAY - timedelta(days=5))
    owners.register(handover="{slack_channel: sales}")
    owners.hand_over(NOW)
    with owners.engine.begin() as connection:
        since = datetime.now(UTC) - timedelta(hours=30)
        connection.execute(update(held_handoffs).values(held_since=since))
        failed = update(messages).where(messages.c.channel == "slack", messages.c.step == 1)
        connection.execute(failed.values(state="failed", state_reason="refused 200 not_in_channel"))
    found = {finding.subject: (finding.state, finding.sentence) for finding in look_at_owners(owners.engine)}
    held = "1 lead without an owner, for 30."
    assert found["owners of spring"][0] is State.BROKEN
    assert found["owners of spring"][1].startswith(held)
    assert found["owners of spring"][1].endswith("the plan found nobody")
    assert found["untold owners of spring"][1] == "1 lead with a planned owner who was not told in time"
    assert "not_in_channel" in found["messages by slack"][1]
    assert "LEADFLOW_SLACK_TOKEN is not set" in found["hand-over of spring"][1]


def test_a_lead_that_the_plan_has_held_for_long_is_shown_with_its_remedy(owners: OwnersWorld) -> None:
    territory = "it lies in nobody's territory: add the place to a rep's territories, or a rep without any"
    owners.plan({"old": []}, day=YESTERDAY - timedelta(days=30), reasons=[territory])
    owners.plan({"lead-1": ["anke"]}, day=YESTERDAY)
    leadflow("handover")
    (held,) = json.loads(leadflow("handover", "held", "--json"))
    assert (held["lead_id"], held["reason"]) == (
        "old",
        "the plan found nobody: it lies in nobody's territory",
    )
    assert held["remedy"].startswith("add the place")
    (finding,) = look_at_owners(owners.engine)
    assert finding.remedy.startswith("add the place")
    (alert,) = owners.messages(lead_id="")
    assert (
        "1: the plan found nobody: it lies in nobody's territory. What helps: add the place"
        in alert["body_text"]
    )


def test_a_notice_that_failed_is_tried_again_by_a_person_alone(owners: OwnersWorld) -> None:
    owners.hand_over(NOW)
    told = owners.messages(step=1, lead_id="lead-1")[0]["message_id"]
    refused = CliRunner().invoke(app, ["messages", "again", str(told)])
    assert "is no failed one" in str(refused.exception)
    assert "no message by email has failed" in leadflow("messages", "again", "--channel", "email")
    with owners.engine.begin() as connection:
        failed = update(messages).where(messages.c.message_id == told)
        connection.execute(failed.values(state="failed", state_reason="refused 550", not_after=NOW))
    assert "leadflow messages again" in leadflow("messages", "list", "--state", "failed", "--notices")
    assert "1 message" in leadflow("messages", "again", str(told), "--to", "anke@new.example.org")
    (row,) = owners.messages(message_id=told)
    assert (row["state"], row["recipient"], row["headers"]["To"]) == (
        "planned", "anke@new.example.org", "anke@new.example.org",
    )  # fmt: skip
    leadflow("dispatch")
    assert owners.messages(message_id=told)[0]["state"] == "sent"
    with owners.engine.connect() as connection:
        noted = select(activity_log.c.detail).where(activity_log.c.action == "message.again")
        assert connection.scalars(noted).all() == [{"message_id": told}]


def test_it_starts_by_itself_where_a_lead_waits(owners: OwnersWorld) -> None:
    def tick() -> bool:
        with dg.build_schedule_context(resources={"store": StoreResource()}) as context:
            return bool(hand_over_schedule.evaluate_tick(context).run_requests)

    owners.plan({"lead-1": ["anke"]}, day=YESTERDAY)
    assert tick()
    result = hand_over.execute_in_process(resources={"store": StoreResource()})
    metadata = {entry: value.value for entry, value in _metadata(result).items()}
    assert metadata["handed_over"] == 1
    assert "anke" not in str(metadata)
    assert not tick()


def _metadata(result: dg.ExecuteInProcessResult) -> dict[str, dg.MetadataValue]:
    (event,) = [each for each in result.all_events if each.event_type_value == "STEP_OUTPUT"]
    return dict(event.step_output_data.metadata)
