"""Sources read by schedule and by command: only what is due; failures are told without people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from sqlalchemy import update
from typer.testing import CliRunner

from leadflow_pipeline import automation
from leadflow_pipeline.cli import app
from leadflow_pipeline.definitions import defs
from leadflow_pipeline.harvest.open_day import leads_of_open_day
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.schema import source_cursors
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.hubspot import FakeHubSpot
from leadflow_pipeline_tests.fakes.json_api import FakeJsonApi
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.harvest.sources.asked import AskingWorld, hubspot, json_api


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.instance_for_test() as temporary:
        yield temporary


def tick(instance: dg.DagsterInstance) -> dg.ScheduleExecutionData:
    with dg.build_schedule_context(
        instance, resources={"store": StoreResource()}, repository_def=defs.get_repository_def()
    ) as context:
        return automation.ask_vendors_schedule.evaluate_tick(context)


def test_vendors_are_asked_only_when_somebody_is_due(
    asking: AskingWorld, instance: dg.DagsterInstance
) -> None:
    assert tick(instance).skip_message == "no active campaign has a source that is due or a provider to ask"
    with FakeHubSpot() as crm, FakeJsonApi() as partner:
        asking.register(hubspot(crm.url), json_api(partner.url))
        partner.misbehave("bad key", times=ALWAYS)
        (request,) = tick(instance).run_requests or []
        job = defs.resolve_job_def(automation.ask_vendors.name)
        result = job.execute_in_process(instance=instance, tags=request.tags)
        assert result.success
        assert tick(instance).skip_message is not None
        (handled,) = [event for event in result.all_events if event.event_type_value == "STEP_OUTPUT"]
        metadata = handled.step_output_data.metadata
        assert {name: metadata[name].value for name in ("asked", "new", "deferred", "failed")} == {
            "asked": 2, "new": 25, "deferred": 0, "failed": 1,
        }  # fmt: skip
        problems = [row.data["problem"] for row in metadata["who was asked"].value.records]
        assert sorted(problems)[0] == ""
        assert "status 401: check its key" in sorted(problems)[1]
        events = "".join(dg.serialize_value(event) for event in instance.all_logs(result.run_id))
        assert "leads.example" not in events
        with asking.engine.begin() as connection:
            connection.execute(
                update(source_cursors).values(next_attempt_at=datetime.now(UTC) - timedelta(minutes=1))
            )
        assert tick(instance).run_requests


def test_a_campaign_that_is_paused_asks_nobody(asking: AskingWorld, instance: dg.DagsterInstance) -> None:
    asking.register(hubspot("http://127.0.0.1:9"))
    assert CliRunner().invoke(app, ["campaign", "pause", "spring"]).exit_code == 0
    assert tick(instance).skip_message is not None
    refused = CliRunner().invoke(app, ["collect", "spring"])
    assert "spring is paused" in str(refused.exception)


def test_the_command_says_what_came_and_why_the_rest_did_not(asking: AskingWorld) -> None:
    with FakeHubSpot(invented_people(7)) as crm, FakeJsonApi() as partner:
        asking.register(hubspot(crm.url), json_api(partner.url))
        partner.misbehave("forbidden", times=ALWAYS)
        shown = CliRunner().invoke(app, ["collect", "spring"])
        assert shown.exit_code == 1, shown.output
        assert "Next: leadflow materialize spring" in shown.stdout, "what came in is told all the same"
        assert shown.stderr.startswith("error: partner: ")
        assert "refused with status 403" in shown.stderr
        assert "tried again by itself from" in shown.stderr
        partner.recover()
        partner.misbehave("unavailable for long", times=ALWAYS)
        put_off = CliRunner().invoke(app, ["collect", "spring", "--source", "partner"])
        assert (put_off.exit_code, put_off.stderr) == (0, "")
        assert "asks to come back later" in put_off.stdout
        told = CliRunner().invoke(app, ["collect", "spring", "--source", "crm", "--json"])
        assert told.exit_code == 0
        (report,) = json.loads(told.stdout)
        assert (report["source"], report["state"], report["new"]) == ("crm", "done", 0)
        assert report["repeated"] >= 1
        wrong = CliRunner().invoke(app, ["collect", "spring", "--source", "website"])
        assert "asks no source 'website', only crm, partner" in str(wrong.exception)


def test_leads_of_today_are_there_before_the_day_is_over(asking: AskingWorld) -> None:
    with FakeHubSpot(invented_people(7)) as crm:
        asking.register(hubspot(crm.url))
        asking.collect_one()
        leads = leads_of_open_day(asking.engine, "spring", asking.clock.at)
        assert len(leads) == 7
        assert leads["is_new"].all()
        assert set(leads["source"]) == {"crm"}
        assert leads["company"].notna().all()
        assert leads_of_open_day(asking.engine, "spring", asking.clock.at + timedelta(days=1)).empty
