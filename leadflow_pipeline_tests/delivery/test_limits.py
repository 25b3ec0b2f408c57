"""How many emails of a sender leave: limits, warm-up and pace, as arithmetic and at the door."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.delivery.release.limits import (
    NOT_YET,
    OF_DOMAIN,
    OF_MAILBOX,
    Allotment,
    Hours,
    Used,
    first_free,
    room,
    strictest,
    warm_up_of_day,
)
from leadflow_pipeline.nurture.limits import Limits, SenderLimits, WarmUp
from leadflow_pipeline.nurture.timing.rules import WEEKDAYS
from leadflow_pipeline_tests.delivery.world import NOW, YESTERDAY, World

OPENING, CLOSING = datetime(2026, 5, 5, 9, tzinfo=UTC), datetime(2026, 5, 5, 17, tzinfo=UTC)
WORKDAYS = WEEKDAYS[:5]
MOSTS = st.none() | st.integers(1, 30)


def at(now: datetime) -> Hours:
    return Hours(now, now.date(), OPENING, CLOSING)


def leave(limits: SenderLimits, minutes: int, every: int) -> list[datetime]:
    """When emails leave from the opening on, where the door is opened so often and far more are due than may."""
    left: list[datetime] = []
    for minute in range(0, minutes, every):
        now = OPENING + timedelta(minutes=minute)
        in_hour = sum(moment > now - timedelta(hours=1) for moment in left)
        used = Used(in_hour, len(left), left[-1] if left else None)
        left += [now] * (room(limits, used, at(now), spread=True) or 0)
    return left


@settings(max_examples=25)
@given(MOSTS, MOSTS, st.sampled_from([5, 10, 60]))
def test_no_hour_and_no_day_has_more_than_its_limit(hour: int | None, day: int | None, every: int) -> None:
    left = leave(SenderLimits(hour=hour, day=day), 240, every)
    assert day is None or len(left) <= day
    for moment in left:
        assert hour is None or sum(moment - timedelta(hours=1) < other <= moment for other in left) <= hour


@pytest.mark.parametrize("every", [5, 10, 60])
def test_a_day_is_used_up_evenly_and_whole(every: int) -> None:
    left = leave(SenderLimits(day=96), 481, every)
    assert 90 <= len(left) <= 96
    by_noon = sum(moment < OPENING + timedelta(hours=4, minutes=1) for moment in left)
    assert by_noon == pytest.approx(48, abs=12)


def test_what_was_not_used_in_the_morning_is_used_in_the_afternoon() -> None:
    limits, noon = SenderLimits(day=20), OPENING + timedelta(hours=4)
    assert room(limits, Used(0, 0, OPENING), at(noon), spread=True) == 5
    assert room(limits, Used(0, 0, OPENING), at(noon), spread=False) == 20


def test_a_warm_up_counts_sending_days_and_ends() -> None:
    warm_up = WarmUp(first_day=date(2026, 5, 7), per_day=(5, 10, 20))
    days = {date(2026, 5, day): warm_up_of_day(warm_up, date(2026, 5, day), WORKDAYS) for day in range(6, 14)}
    assert list(days.values()) == [0, 5, 10, 20, 20, 20, None, None], "Thursday to Wednesday"


def test_who_shares_a_sender_shares_the_strictest_limits() -> None:
    one = Limits(mailbox=SenderLimits(hour=50, day=100), spread=False)
    other = Limits(mailbox=SenderLimits(hour=20), domain=SenderLimits(day=7))
    rules = strictest([(one, WORKDAYS), (other, WEEKDAYS)])
    assert (rules.mailbox, rules.domain, rules.spread) == (
        SenderLimits(hour=20, day=100), SenderLimits(day=7), True,
    )  # fmt: skip


def test_who_waits_for_a_domain_takes_no_room_of_the_next() -> None:
    allotment = Allotment({"a": 3}, {("a", "big.example"): 1, ("a", "small.example"): None})
    domains = ["big.example", "big.example", "big.example", "small.example", "small.example", "small.example"]
    assert allotment.reasons(["a"] * 6, domains) == [None, OF_DOMAIN, OF_DOMAIN, None, None, OF_MAILBOX]


def test_the_first_free_moment_is_by_the_pace_or_tomorrow() -> None:
    assert first_free(SenderLimits(hour=6), Used(1, 1, NOW), at(NOW), spread=True) == NOW + timedelta(
        minutes=10
    )
    assert first_free(SenderLimits(day=1), Used(1, 1, NOW), at(NOW), spread=True) == OPENING + timedelta(
        days=1
    )


def released(world: World, at: datetime = NOW) -> int:
    return release_due(world.engine, world.settings, at).count


def limited(world: World, limits: str, slug: str = "spring-sale") -> None:
    world.register(slug, nurture=f"{{limits: {{{limits}}}}}")


def test_a_mailbox_sends_no_more_than_it_may_whichever_campaign_it_is_for(world: World) -> None:
    limited(world, "mailbox: {hour: 4}, spread: false")
    world.register("autumn-sale")
    world.plan(3)
    world.plan([{"lead_id": f"other-{number}"} for number in range(3)], campaign="autumn-sale")
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, dict(result.held)) == (4, {OF_MAILBOX: 2})
    assert result.free_at == NOW + timedelta(hours=1)
    assert released(world, NOW + timedelta(minutes=50)) == 0, "what has not left may do so at any moment"


def test_a_domain_gets_no_more_than_it_may_and_others_go_on(world: World) -> None:
    limited(world, "domain: {day: 2}, spread: false")
    world.plan([{"lead_id": f"l{number}", "email": f"l{number}@Big.example"} for number in range(4)]
               + [{"lead_id": "x", "email": "x@small.example"}])  # fmt: skip
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, dict(result.held)) == (3, {OF_DOMAIN: 2})


def test_a_new_sender_begins_with_few(world: World) -> None:
    limited(world, "warm_up: {first_day: 2026-05-05, per_day: [1, 2]}, spread: false")
    world.plan(4)
    early = release_due(world.engine, world.settings, NOW - timedelta(hours=29), dry_run=True)
    assert early.count == 0
    assert [released(world), released(world)] == [1, 0]
    dispatch_due(world.engine, world.settings, NOW)
    assert released(world, NOW + timedelta(days=1)) == 2


def test_nothing_leaves_before_a_warm_up_begins(world: World) -> None:
    limited(world, "warm_up: {first_day: 2026-05-06}")
    world.plan(1)
    assert dict(release_due(world.engine, world.settings, NOW).held) == {NOT_YET: 1}


def test_where_there_is_no_room_for_all_a_conversation_goes_on_before_another_begins(world: World) -> None:
    limited(world, "mailbox: {day: 2}, spread: false")
    old = [{"lead_id": "old", "enrolment_id": "e-old"}]
    world.plan(old, day=YESTERDAY - timedelta(days=3), planned_at=NOW - timedelta(days=3))
    dispatch_due(world.engine, world.settings, NOW - timedelta(days=1))
    world.plan(old, step=2)
    world.plan(3, day=YESTERDAY - timedelta(days=1), planned_at=NOW - timedelta(hours=3))
    released(world)
    assert {(row["lead_id"], row["step"]) for row in world.rows()} == {("old", 1), ("old", 2), ("lead-0", 1)}
