"""Somebody is told once, and again when it comes back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, insert, select, text

from leadflow_pipeline.delivery.alerts.conditions import Reading
from leadflow_pipeline.delivery.alerts.door import watch, would_change
from leadflow_pipeline.delivery.alerts.listing import read_alerts
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.insight.health.readings import readings_of
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.schema import activity_log, messages, partition_lineage, rep_days
from leadflow_pipeline_tests.delivery.owners_world import NOW, YESTERDAY, OwnersWorld

FULL = Reading("load", "ana", 0.9)
LATER = NOW + timedelta(hours=1)


def test_it_is_told_once_while_it_lasts_and_again_when_it_comes_back(owners: OwnersWorld) -> None:
    owners.register(handover="{operators: ops@leads.example}")
    engine, settings = owners.engine, owners.settings
    assert would_change(engine, [FULL])
    assert watch(engine, settings, [FULL], NOW).begun == 1
    assert not would_change(engine, [FULL])
    assert watch(engine, settings, [FULL, FULL], LATER).to_dict() == {"begun": 0, "ended": 0, "standing": 1}
    assert watch(engine, settings, [Reading("load", "ana", 0.83)], LATER).ended == 0, (
        "it wavers around its limit"
    )
    assert watch(engine, settings, [], LATER).ended == 1
    assert len(_told(engine)) == 1
    assert watch(engine, settings, [FULL], LATER + timedelta(hours=1)).begun == 1
    told = _told(engine)
    assert [row["recipient"] for row in told] == ["ops@leads.example"] * 2
    assert "ana has 90% of their room taken" in told[0]["body_text"]
    assert "What to do: leadflow reps capacity" in told[0]["body_text"]
    with engine.connect() as connection:
        assert [row["closed_at"] is None for row in read_alerts(connection, limit=9)] == [True, False]
        assert len(read_alerts(connection, is_open=True, limit=9)) == 1
        noted = connection.scalars(
            select(activity_log.c.action).where(activity_log.c.actor == "alerts")
        ).all()
    assert sorted(noted) == ["alert.begun", "alert.begun", "alert.ended"]


def test_what_begins_together_is_one_message_and_goes_where_the_setting_says(owners: OwnersWorld) -> None:
    owners.register()
    full = [Reading("load", f"rep-{number:02}", 0.95) for number in range(12)]
    slack = owners.settings.model_copy(update={"alerts_to": "#revenue-operations"})
    watch(owners.engine, slack, [*full, Reading("outbox", "email", 90, 7)], NOW)
    outbox, load = sorted(_told(owners.engine), key=lambda row: row["subject"])
    assert (outbox["channel"], outbox["recipient"]) == ("slack", "#revenue-operations")
    assert load["subject"] == "Reps carry too much (12)"
    assert "And 2 more: leadflow alerts lists them." in load["payload"]["slack"]["blocks"][1]["text"]["text"]


def test_without_an_active_campaign_it_is_on_record_alone(engine: Engine) -> None:
    assert watch(engine, Settings(), [FULL], NOW).begun == 1
    assert _told(engine) == []


@pytest.mark.parametrize("to", ["#ops", "ops@leads.example"])
def test_where_nothing_is_configured_the_message_becomes_a_file(owners: OwnersWorld, to: str) -> None:
    owners.register()
    settings = owners.settings.model_copy(update={"alerts_to": to})
    watch(owners.engine, settings, [FULL], NOW)
    dispatch_due(owners.engine, settings, NOW)
    assert [row["state"] for row in _told(owners.engine)] == ["sent"]
    assert len(list(settings.outbox_folder.iterdir())) == 1


def test_the_readings_are_what_is_in_the_database(owners: OwnersWorld) -> None:
    """A day that is missing, a rep that is full, a promise not kept and a message that does not leave."""
    campaign = owners.register(sla="{first_touch_hours: 1}")
    engine = owners.engine
    ana = owners.rep("ana")
    owners.plan({f"lead-{number}": [ana] for number in range(3)})
    owners.hand_over(NOW)
    with engine.begin() as connection:
        connection.execute(
            insert(partition_lineage),
            {
                "table_name": "nurture_touches",
                "campaign": campaign,
                "day": YESTERDAY - timedelta(days=1),
                "campaign_version": 1,
                "rows": 0,
                "run_id": "r",
            },
        )
        day: dict[str, Any] = dict.fromkeys(("eligible", "assigned", "floor", "open_leads", "price"), 0)
        row = {"campaign": campaign, "day": YESTERDAY, "rep": "ana", "capacity": 3, "load": 0.9, **day}
        connection.execute(insert(rep_days), {**row, "rotation": {}, "campaign_version": 1})
        connection.execute(text("UPDATE leadflow.campaigns SET created_at = '2026-01-01'"))
    later = NOW + timedelta(hours=5)
    found = {(each.condition, each.subject): each for each in readings_of(engine, later)}
    assert found["load", "ana"].value == 0.9
    assert found["late", campaign].value == pytest.approx(14.5)
    assert (found["sla", campaign].value, found["sla", campaign].cases) == (0, 3)
    assert found["outbox", "email"].value == pytest.approx(300)


def _told(engine: Engine) -> list[dict[str, Any]]:
    with engine.connect() as connection:
        return [dict(row) for row in connection.execute(select(messages).order_by("message_id")).mappings()]
