"""The reps of a day: a record of a later day changes no day before it."""

from __future__ import annotations

from datetime import date, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, RepRecord, Roster, Rosters

FIRST = date(2026, 1, 1)


def told(records: list[tuple[int, str, float]]) -> list[RepRecord]:
    return [
        RepRecord(number, FIRST + timedelta(days=day), Rep(rep=rep, weight=weight))
        for number, (day, rep, weight) in enumerate(records, start=1)
    ]


some_records = st.lists(
    st.tuples(st.integers(0, 9), st.sampled_from(["anke", "mara", "tom"]), st.floats(0, 9)), max_size=12
)
DAYS = [FIRST + timedelta(days=number) for number in range(12)]


@settings(max_examples=40)
@given(some_records, st.tuples(st.integers(0, 9), st.sampled_from(["anke", "mara", "new"]), st.floats(0, 9)))
def test_a_later_record_changes_no_earlier_day(
    records: list[tuple[int, str, float]], later: tuple[int, str, float]
) -> None:
    before = Rosters("spring", DAYS, told(records), [])
    after = Rosters("spring", DAYS, reversed(told([*records, later])), [])
    for day in DAYS:
        if day < FIRST + timedelta(days=later[0]):
            assert after[day].reps == before[day].reps
        standing = [
            record for record in told(records) if record.from_day <= day and record.rep.rep == later[1]
        ]
        latest = max(standing, key=lambda record: (record.from_day, record.record_id), default=None)
        found = before[day].column_of.get(later[1])
        assert (before[day].reps[found] if found is not None else None) == (latest.rep if latest else None)


def test_reps_stand_in_the_order_of_their_ids_and_who_is_away_today_or_tomorrow_is_not_available() -> None:
    reps = [Rep(rep="tom", status="paused"), Rep(rep="mara"), Rep(rep="anke"), Rep(rep="zoe", status="left")]
    away = Absence("mara", FIRST + timedelta(days=2), FIRST + timedelta(days=2))
    free = {day: Roster.of("spring", day, reps, [away]).is_available.tolist() for day in DAYS[:4]}
    assert Roster.of("spring", FIRST, reps).ids.tolist() == ["anke", "mara", "tom", "zoe"]
    assert free[DAYS[0]] == [True, True, False, False]
    assert free[DAYS[1]] == free[DAYS[2]] == [True, False, False, False]
    assert free[DAYS[3]] == [True, True, False, False]
