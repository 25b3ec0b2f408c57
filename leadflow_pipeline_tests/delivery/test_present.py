"""A touch that is due and must wait all the same: for the hour, the person's next day or week, or a consent."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.permission import MISSING, OVER, WITHDRAWN
from leadflow_pipeline.delivery.release import Released, release_due
from leadflow_pipeline.delivery.release.present import CLOSED, DAY_IS_FULL, WEEK_IS_FULL
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import consents
from leadflow_pipeline_tests.delivery.world import CAMPAIGN_FILE, NOW, YESTERDAY, World

EMAIL = '{{delay_days: {delay}, subject: "Hello", text: "Hello"}}'
THREE_A_DAY = (
    "{sequences: {regular_nurture: {emails: ["
    + ", ".join(EMAIL.format(delay=delay) for delay in (0, 0.1, 0.1, 0.1))
    + ']}}, send_window: {start: "00:00", end: "23:59", weekdays: [mon, tue, wed, thu, fri, sat, sun]}, %s}'
)


def release(world: World, at: datetime = NOW, **most: int) -> Released:
    settings = Settings(**{**world.settings.model_dump(), **most})
    return release_due(world.engine, settings, at)


def lead(zone: str | None = None) -> dict[str, Any]:
    return {"lead_id": "lead-0", "time_zone": zone}


def step(world: World, number: int, at: datetime, zone: str | None = None) -> None:
    """The lead's next email falls due."""
    day = YESTERDAY + timedelta(days=number)
    world.plan([lead(zone)], step=number, day=day, planned_at=at, stale_after=timedelta(days=20))


@pytest.mark.parametrize(
    ("zone", "count", "opens"),
    [
        (None, 1, None),
        ("Europe/Berlin", 1, None),
        ("America/New_York", 0, NOW.replace(hour=13, minute=0)),
        ("Asia/Tokyo", 0, NOW.replace(day=6, hour=0, minute=0)),
        ("Mars/Olympus", 1, None),
    ],
)
def test_the_window_is_asked_of_the_present_by_the_lead_s_clock(
    world: World, zone: str | None, count: int, opens: datetime | None
) -> None:
    world.register(nurture="{}")
    world.plan([lead(zone)])
    result = release(world)
    assert (result.count, result.held[CLOSED], result.free_at) == (count, 1 - count, opens)


def test_a_person_s_day_ends_at_its_own_midnight_not_a_day_later(world: World) -> None:
    world.register(nurture=THREE_A_DAY % "limits: {person: {day: 1}}")
    first = NOW.replace(hour=10, minute=0)
    step(world, 1, first, "Asia/Tokyo")
    assert dispatch_due(world.engine, world.settings, first).sent == 1
    step(world, 2, first, "Asia/Tokyo")
    waits = release(world, first + timedelta(hours=4, minutes=58))
    assert (dict(waits.held), waits.free_at) == ({DAY_IS_FULL: 1}, NOW.replace(hour=15, minute=0))
    assert release(world, NOW.replace(hour=15, minute=0)).count == 1, "midnight in Tokyo"


def test_the_installation_s_limits_hold_over_all_campaigns_and_its_weeks_begin_on_monday(
    world: World,
) -> None:
    world.register(nurture=THREE_A_DAY % "consent: {}")
    for number in (1, 2, 3):
        step(world, number, NOW + timedelta(hours=4 * number))
        assert dispatch_due(world.engine, world.settings, NOW + timedelta(hours=4 * number)).sent == (
            number < 3
        )
    world.register("autumn-sale", nurture="{}\ntakes_turns: false")
    world.plan([lead()], campaign="autumn-sale", planned_at=NOW, stale_after=timedelta(days=9))
    tomorrow = NOW + timedelta(days=1, hours=5)
    assert set(release(world, tomorrow, person_emails_a_week=2).held) == {WEEK_IS_FULL}
    monday = NOW + timedelta(days=6)
    assert release(world, monday, person_emails_a_week=2).count == 1


def consent(world: World, *, at: datetime = NOW - timedelta(days=40), **said: Any) -> None:
    row = {
        "recipient_key": address_key("lead-0@leads.example"), "campaign": "", "is_given": True, "source": "fair",
        "occurred_at": at, "origin": "a test", **said,
    }  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(consents), [row])


@pytest.mark.parametrize(
    ("rules", "said", "held"),
    [
        ("{required: true}", [], MISSING),
        ("{required: true}", [{}], None),
        ("{required: true}", [{"campaign": "autumn-sale"}], MISSING),
        ("{required: true}", [{"campaign": "spring-sale"}], None),
        ("{required: true}", [{"at": NOW + timedelta(days=1)}], MISSING),
        ("{required: true, valid_days: 41}", [{}], None),
        ("{required: true, valid_days: 40}", [{}], OVER),
        ("{required: true}", [{}, {"is_given": False, "at": NOW - timedelta(days=2)}], WITHDRAWN),
        ("{required: true}", [{}, {"is_given": False}], WITHDRAWN),
        ("{required: true}", [{"is_given": False}, {"at": NOW - timedelta(days=2)}], None),
        ("{}", [{"is_given": False}], WITHDRAWN),
        ("{}", [], None),
    ],
)
def test_consent_counts_where_it_is_asked_for_and_a_withdrawal_everywhere(
    world: World, rules: str, said: list[dict[str, Any]], held: str | None
) -> None:
    world.register(nurture=f"{{consent: {rules}}}")
    for each in said:
        consent(world, **each)
    world.plan([lead()])
    assert dict(release(world).held) == ({} if held is None else {held: 1})


def test_a_consent_withdrawn_after_release_stops_the_message_before_the_wire(world: World) -> None:
    world.register(nurture="{consent: {required: true}}")
    consent(world)
    world.plan([lead()])
    assert release(world).count == 1
    consent(world, is_given=False, at=NOW)
    assert dispatch_due(world.engine, world.settings, NOW).suppressed == 1


def test_a_time_for_a_consent_that_nobody_asks_for_is_refused() -> None:
    text = CAMPAIGN_FILE.format(slug="a", name="A", nurture="{consent: {valid_days: 30}}")
    with pytest.raises(CampaignError, match="no consent is required"):
        parse_campaign(text, "a.yaml")
