"""Room for leads: fractions carry over, limits hold, and shares of a rep add up."""

from __future__ import annotations

from datetime import date, timedelta
from fractions import Fraction
from math import ceil, floor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.reps.capacity import NO_LIMIT, room, room_in_total
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, Roster

MONDAY = date(2026, 1, 5)


def rooms(rep: Rep, days: int, campaign: str = "spring", first: date = MONDAY) -> list[int]:
    """Room on each of some days, where nothing was given before."""
    nothing = np.zeros(1, dtype=np.int64)
    found = []
    for number in range(days):
        day = first + timedelta(days=number)
        found.append(int(room(Roster.of(campaign, day, [rep]), campaign, day, nothing, nothing)[0]))
    return found


def test_fourteen_a_month_is_about_one_every_other_day() -> None:
    found = rooms(Rep(rep="mara", capacity=Capacity(per_month=14)), 60)
    assert set(found) == {0, 1}
    assert {sum(found[start : start + 30]) for start in range(30)} == {14}
    assert all(sum(found[start : start + 3]) >= 1 for start in range(57))


def test_reps_with_the_same_fraction_do_not_all_have_room_on_the_same_days() -> None:
    reps = [Rep(rep=f"rep-{number}", capacity=Capacity(per_day=0.5)) for number in range(40)]
    nothing = np.zeros(40, dtype=np.int64)
    with_room = int(room(Roster.of("spring", MONDAY, reps), "spring", MONDAY, nothing, nothing).sum())
    assert 8 <= with_room <= 32


def test_a_tenth_is_a_tenth() -> None:
    assert sum(rooms(Rep(rep="mara", capacity=Capacity(per_day=0.1)), 1_000)) == 100


def test_campaigns_share_a_rep_by_allotment() -> None:
    rep = Rep(rep="mara", capacity=Capacity(per_day=1), allotments={"autumn": 0.5, "spring": 0.5})
    together = np.array(rooms(rep, 50, "autumn")) + np.array(rooms(rep, 50, "spring"))
    assert together.tolist() == [1] * 50


def test_the_week_and_the_open_leads_leave_what_is_not_taken() -> None:
    rep = Rep(rep="mara", capacity=Capacity(per_day=5, per_week=12, open_leads=30))
    roster = Roster.of("spring", MONDAY, [rep])

    def left(given: int, held: int) -> int:
        return int(room(roster, "spring", MONDAY, np.array([given]), np.array([held]))[0])

    assert (left(0, 0), left(9, 0), left(12, 0), left(20, 0), left(0, 28), left(0, 31)) == (5, 3, 0, 0, 2, 0)
    assert room_in_total(rep, MONDAY, given_today=4, given_this_week=4, open_leads=0) == 1


def test_no_limit_is_plenty_and_nobody_who_is_away_or_has_left_has_room() -> None:
    reps = [
        Rep(rep="away"),
        Rep(rep="here"),
        Rep(rep="left", status="left"),
        Rep(rep="paused", status="paused"),
    ]
    roster = Roster.of(
        "spring", MONDAY, reps, [Absence("away", MONDAY + timedelta(days=1), date(2026, 2, 1))]
    )
    nothing = np.zeros(4, dtype=np.int64)
    assert room(roster, "spring", MONDAY, nothing, nothing).tolist() == [0, NO_LIMIT, 0, 0]


rates = st.integers(0, 4000).map(lambda number: number / 100)
a_rep = st.sampled_from(["mara", "tom", "anke@leads.example"])


@settings(max_examples=30)
@given(rates, rates, a_rep, st.integers(0, 4000), st.integers(1, 120))
def test_any_days_bring_what_the_rate_says_within_one(
    per_day: float, per_month: float, rep: str, first: int, length: int
) -> None:
    """Also a month's rate over any 30 days."""
    for capacity, rate in (
        (Capacity(per_day=per_day), Fraction(str(per_day))),
        (Capacity(per_month=per_month), Fraction(str(per_month)) / 30),
    ):
        found = rooms(Rep(rep=rep, capacity=capacity), length, first=MONDAY + timedelta(days=first))
        assert floor(rate * length) <= sum(found) <= ceil(rate * length)


@settings(max_examples=30)
@given(rates, a_rep, st.sampled_from([0.1, 0.25, 0.3333, 0.5, 0.9]), st.integers(0, 4000), st.integers(1, 90))
def test_a_share_is_taken_of_what_the_days_bring_within_one_and_never_more_than_a_day_brings(
    per_day: float, rep: str, share: float, first: int, length: int
) -> None:
    start = MONDAY + timedelta(days=first)
    whole = Rep(rep=rep, capacity=Capacity(per_day=per_day))
    shared = Rep(rep=rep, capacity=Capacity(per_day=per_day), allotments={"spring": share, "autumn": 0.1})
    in_all, part = rooms(whole, length, first=start), rooms(shared, length, first=start)
    assert all(one <= other for one, other in zip(part, in_all, strict=True))
    assert [room_in_total(shared, start, 0, 0, 0)] == in_all[:1]
    expected = Fraction(str(share)) * sum(in_all)
    assert floor(expected) <= sum(part) <= ceil(expected)
