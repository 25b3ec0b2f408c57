"""Pace, hours and windows in the plan: what they do to touches, and that the order of computing does not matter."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.steps import EmailStep, NurtureSequence
from leadflow_pipeline.nurture.timing.rules import WEEKDAYS, Pace, PreferredHour, SendWindow
from leadflow_pipeline_tests.nurture.world import MONDAY, World, stored

ALWAYS = SendWindow(start=time(0), end=time(23, 59), weekdays=WEEKDAYS)
MOST = settings(max_examples=3)


def rules(*delays: float, window: SendWindow = ALWAYS, **others: object) -> NurtureRules:
    emails = tuple(EmailStep(delay_days=delay, subject="s", text="t") for delay in delays)
    sequences = {"regular_nurture": NurtureSequence(emails=emails)}
    return NurtureRules.model_validate({"sequences": sequences, "send_window": window, **others})


def at(day: int, hour: int = 12) -> datetime:
    return datetime.combine(MONDAY + timedelta(days=day), time(hour), UTC)


def planned(world: World, days: int = 40) -> list[str]:
    touches = world.plan(world.days_after(MONDAY, days))[1]
    return touches["planned_at"].dt.strftime("%m-%d %H:%M").tolist()


def test_a_click_brings_the_next_step_nearer_and_an_open_or_a_machine_does_not() -> None:
    def told(*events: tuple[str, bool]) -> list[str]:
        world = World(rules(0, 8, pace=Pace(sooner=0.5)))
        world.route("anna", MONDAY)
        for behaviour, is_machine in events:
            world.event("anna", behaviour, at(2), is_machine=is_machine)
        return planned(world)

    assert told() == ["05-05 00:00", "05-13 00:00"]
    assert told(("open", False), ("click", True)) == ["05-05 00:00", "05-13 00:00"]
    assert told(("click", False)) == ["05-05 00:00", "05-10 00:00"]


def test_why_it_comes_sooner_is_told() -> None:
    world = World(rules(0, 8, pace=Pace()))
    world.route("anna", MONDAY)
    world.event("anna", "click", at(2))
    row = world.plan(world.days_after(MONDAY, 4))[0].iloc[-1]
    assert "comes sooner" in row["reasons"]
    assert row["state"] == "ENROLLED"


def test_delays_of_a_silent_lead_grow_and_a_sign_of_life_ends_that() -> None:
    quiet = World(rules(0, 10, 10, 10, pace=Pace(silent_after_days=10, later=2, sooner=1)))
    quiet.route("anna", MONDAY)
    # Of the last step the delay is decided when the lead has been silent for long enough.
    assert planned(quiet, 90) == ["05-05 00:00", "05-15 00:00", "06-04 00:00", "06-24 00:00"]
    quiet.event("anna", "click", at(29))
    assert planned(quiet, 90)[-1] == "06-14 00:00"


def test_emails_leave_at_the_hour_of_the_lead_in_its_own_time() -> None:
    window = SendWindow(start=time(8), end=time(18), weekdays=WEEKDAYS)
    world = World(rules(0, 2, window=window, preferred_hour=PreferredHour(prior_weight=0)))
    world.route("anna", MONDAY, zone="America/New_York")
    for day in (-9, -8, -7):
        world.event("anna", "click", at(day, 19))  # 15:00 in New York
    assert planned(world) == ["05-05 19:00", "05-07 19:00"]


def test_a_step_has_a_window_of_its_own_and_leads_have_their_holidays() -> None:
    late = EmailStep(
        delay_days=0, subject="s", text="t", send_window=SendWindow(start=time(20), end=time(22))
    )
    own = {"regular_nurture": NurtureSequence(emails=(late,))}
    world = World(NurtureRules(sequences=own))
    world.route("anna", MONDAY)
    assert planned(world) == ["05-05 20:00"]

    closed = World(rules(0, window=SendWindow(keep_lead_holidays=True)))
    thursday = date(2026, 4, 30)
    closed.route("anna", thursday, country="DE")  # 1 May is a holiday there
    closed.route("ben", thursday, country="US")
    touches = closed.plan(closed.days_after(thursday, 5))[1]
    assert touches["planned_at"].dt.strftime("%m-%d").tolist() == ["05-01", "05-04"]


@st.composite
def worlds(draw: st.DrawFn) -> World:
    window = draw(st.sampled_from([ALWAYS, SendWindow(holidays=("DE",), keep_lead_holidays=True)]))
    world = World(
        rules(
            0, 3, 0.5, 4, window=window,
            pace=Pace(silent_after_days=3, later=2, least_days=draw(st.sampled_from([0, 1]))),
            preferred_hour=draw(st.sampled_from([None, PreferredHour(least_behaviours=1, within_days=7)])),
        ),
        draw(st.sampled_from(["UTC", "Europe/Berlin"])),
    )  # fmt: skip
    days = world.days_after(MONDAY, 10)
    moments = st.builds(at, st.integers(0, 12), st.integers(0, 23))
    for lead in "abc":
        for number, day in enumerate(sorted(draw(st.sets(st.sampled_from(days), min_size=1, max_size=2))), 1):
            zone = draw(st.sampled_from([None, "Asia/Tokyo"]))
            world.route(lead, day, number=number, zone=zone, country=draw(st.sampled_from([None, "DE"])))
        for moment in draw(st.lists(moments, max_size=4)):
            world.event(lead, draw(st.sampled_from(["click", "visit", "reply", "open"])), moment)
        for moment in draw(st.lists(moments, max_size=2)):
            world.override(lead, draw(st.sampled_from(["pause", "resume"])), moment)
    return world


@MOST
@given(worlds(), st.sets(st.integers(1, 12), max_size=5))
def test_pieces_of_any_length_give_the_same_plan(world: World, cuts: set[int]) -> None:
    days = world.days_after(MONDAY, 13)
    whole, touches = world.plan(days)
    pieces, pieces_touches = [stored(whole.head(0))], [touches.head(0)]
    for begin, end in zip([0, *sorted(cuts)], [*sorted(cuts), 13], strict=True):
        piece, piece_touches = world.plan(days[begin:end], pd.concat(pieces))
        pieces.append(stored(piece))
        pieces_touches.append(piece_touches)
    pd.testing.assert_frame_equal(stored(whole), pd.concat(pieces, ignore_index=True))
    pd.testing.assert_frame_equal(touches, pd.concat(pieces_touches, ignore_index=True))
