"""The promise of a first touch: reminded, passed on, told to the manager; each once, and by times alone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd
import pytest

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.first_touch import count_overdue, read_first_touch_times, sweep_first_touches
from leadflow_pipeline.delivery.first_touch_times import compliance, first_touch_times
from leadflow_pipeline.delivery.notice_words import OVERDUE, TAKEN, TOLD, WARNED
from leadflow_pipeline.delivery.touches import add_touch
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.working_time import Calendar
from leadflow_pipeline_tests.delivery.owners_world import HOUR, NOW, OwnersWorld

WEDNESDAY_15 = datetime(2026, 5, 6, 15, tzinfo=UTC)
THURSDAY_17 = datetime(2026, 5, 7, 17, tzinfo=UTC)
OFFICE = {"start": "10:00", "end": "18:00"}


@pytest.fixture
def told(owners: OwnersWorld) -> OwnersWorld:
    """A lead of Anke's, told on Wednesday at 15:00; Tom and Elin are next, Mara is the manager."""
    owners.register(sla="{first_touch_hours: 10, most_reassignments: 1}")
    for rep in ("anke", "tom", "elin"):
        owners.rep(rep, working_hours=OFFICE, manager="mara")
    owners.rep("mara")
    owners.plan({"lead-1": ["anke", "tom", "elin"]})
    owners.hand_over(WEDNESDAY_15)
    return owners


def steps(world: OwnersWorld) -> list[tuple[int, str, str]]:
    return [(row["step"], row["recipient"].partition("@")[0], row["state"]) for row in world.messages()]


def test_ten_hours_from_wednesday_15_end_on_thursday_17(told: OwnersWorld) -> None:
    fact = told.handoffs()[0]
    assert fact["first_touch_due_at"] == THURSDAY_17
    assert told.messages(step=WARNED)[0]["next_attempt_at"] == datetime(2026, 5, 7, 12, tzinfo=UTC)


@pytest.mark.parametrize("late", [timedelta(minutes=1), timedelta(hours=16)])
def test_a_late_sweep_does_what_a_punctual_one_does(told: OwnersWorld, late: timedelta) -> None:
    assert sweep_first_touches(told.engine, THURSDAY_17 - timedelta(seconds=1)).overdue == 0
    summary = sweep_first_touches(told.engine, THURSDAY_17 + late)
    assert (summary.reassigned, told.owners()) == (1, {"lead-1": ["anke", "tom"]})
    fact = told.handoffs()[1]
    assert (fact["origin"], fact["assignment_number"], fact["previous_rep"]) == ("sla", 2, "anke")
    assert fact["differs_at"] == THURSDAY_17 + late
    assert sweep_first_touches(told.engine, THURSDAY_17 + late).overdue == 0
    new, moved = told.messages(step=TOLD)[1], told.messages(step=TAKEN)[0]
    assert (new["recipient"], moved["recipient"]) == ("tom@sales.example.org", "anke@sales.example.org")
    # Who lost the lead is neither reminded of it nor told of it once more.
    dispatch_due(told.engine, told.settings, THURSDAY_17 + late)
    assert [state for step, who, state in steps(told) if who == "anke" and step != TAKEN] in (
        ["suppressed", "expired"], ["suppressed", "suppressed"],
    )  # fmt: skip


def test_then_the_manager_hears_once_and_the_lead_never_goes_back(told: OwnersWorld) -> None:
    sweep_first_touches(told.engine, THURSDAY_17)
    due = told.handoffs()[1]["first_touch_due_at"]
    for hours in (0, 1, 30):
        sweep_first_touches(told.engine, due + hours * HOUR)
    assert told.owners() == {"lead-1": ["anke", "tom"]}
    (overdue,) = told.messages(step=OVERDUE)
    assert (overdue["recipient"], overdue["subject"]) == (
        "mara@sales.example.org",
        "Nobody in touch: Ida Example",
    )
    assert "leadflow override spring lead-1 owner REP" in overdue["body_text"]
    assert count_overdue(told.engine, due + 40 * HOUR) == 0


def test_without_anybody_else_it_goes_to_the_manager_at_once(owners: OwnersWorld) -> None:
    owners.register(handover="{operators: ops@sender.example.org}")
    owners.rep("anke")
    owners.rep("tom", status="paused")
    owners.plan({"lead-1": ["anke", "tom"]})
    owners.hand_over(NOW)
    summary = sweep_first_touches(owners.engine, NOW + timedelta(days=3))
    assert (summary.managers_told, owners.owners()) == (1, {"lead-1": ["anke"]})
    assert owners.messages(step=OVERDUE)[0]["recipient"] == "ops@sender.example.org"


@pytest.mark.parametrize("proof", ["touch", "reply", "meeting"])
def test_whoever_was_in_touch_keeps_the_lead_and_is_not_reminded(told: OwnersWorld, proof: str) -> None:
    at = WEDNESDAY_15 + HOUR
    if proof == "touch":
        assert add_touch(told.engine, "spring", "lead-1", None, "Call", at, origin="test")["is_new"]
        assert not add_touch(told.engine, "spring", "lead-1", "anke", "Call", at, origin="test")["is_new"]
    elif proof == "reply":
        told.event("lead-1", "reply", at)
    else:
        told.outcome("lead-1", "meeting", at)
    assert sweep_first_touches(told.engine, THURSDAY_17 + HOUR).overdue == 0
    dispatch_due(told.engine, told.settings, THURSDAY_17 - HOUR)
    assert steps(told) == [(TOLD, "anke", "sent"), (WARNED, "anke", "suppressed")]
    times = read_first_touch_times(told.engine, THURSDAY_17 + HOUR)
    assert times[["state", "minutes"]].to_dict("records") == [{"state": "kept", "minutes": 60.0}]


def test_a_touch_before_anybody_looked_keeps_the_lead_though_it_was_late(told: OwnersWorld) -> None:
    told.touch("lead-1", "anke", THURSDAY_17 + 10 * timedelta(minutes=1))
    assert sweep_first_touches(told.engine, THURSDAY_17 + HOUR).overdue == 0
    times = read_first_touch_times(told.engine, THURSDAY_17 + HOUR, "spring")
    assert times[["state", "minutes"]].to_dict("records") == [{"state": "late", "minutes": 610.0}]


def test_an_owner_who_is_not_in_touch_is_reminded_in_time(told: OwnersWorld) -> None:
    dispatch_due(told.engine, told.settings, WEDNESDAY_15)
    dispatch_due(told.engine, told.settings, datetime(2026, 5, 7, 12, tzinfo=UTC))
    assert steps(told) == [(TOLD, "anke", "sent"), (WARNED, "anke", "sent")]
    warned = told.messages(step=WARNED)[0]["body_text"]
    assert "Thu 7 May 2026, 17:00 (UTC). After that it goes to a colleague." in warned


def clocks(*rows: tuple[int, str, datetime, datetime | None]) -> pd.DataFrame:
    """Hand-overs of one lead: number, rep, told at, due at."""
    frame = pd.DataFrame(rows, columns=["assignment_number", "rep", "decided_at", "first_touch_due_at"])
    frame["first_touch_due_at"] = pd.to_datetime(frame["first_touch_due_at"], utc=True)
    return frame.assign(campaign="spring", lead_id="lead-1", origin="pipeline")


def touches(*moments: datetime) -> pd.DataFrame:
    at = pd.to_datetime(pd.Series(moments, dtype="datetime64[us, UTC]"))
    return pd.DataFrame({"campaign": "spring", "lead_id": "lead-1", "occurred_at": at})


@pytest.mark.parametrize(
    ("touched_at", "looked_at", "state"),
    [
        (None, THURSDAY_17, "open"),
        (None, THURSDAY_17 + HOUR, "open_late"),
        (THURSDAY_17, THURSDAY_17 + HOUR, "kept"),
        (THURSDAY_17 + HOUR, THURSDAY_17 + 2 * HOUR, "late"),
        (THURSDAY_17 - HOUR, THURSDAY_17 - HOUR, "open"),
        (WEDNESDAY_15 - HOUR, THURSDAY_17 + HOUR, "open_late"),
    ],
)
def test_the_clock_as_of_a_moment(touched_at: datetime | None, looked_at: datetime, state: str) -> None:
    stops = touches(*([touched_at] if touched_at else []))
    times = first_touch_times(clocks((1, "anke", WEDNESDAY_15, THURSDAY_17)), stops, {}, looked_at)
    assert times["state"].tolist() == [state]


def test_each_owner_has_a_clock_of_its_own_in_its_own_working_time() -> None:
    handed = clocks(
        (1, "anke", WEDNESDAY_15, THURSDAY_17),
        (2, "tom", THURSDAY_17, THURSDAY_17 + 24 * HOUR),
        (3, "elin", THURSDAY_17 + HOUR, None),
    )
    rep = Rep(rep="tom", time_zone="America/New_York", working_hours={"start": "09:00", "end": "17:00"})
    stops = touches(THURSDAY_17 + 30 * timedelta(minutes=1), THURSDAY_17 + 20 * HOUR)
    times = first_touch_times(handed, stops, {"tom": Calendar.of(rep)}, THURSDAY_17 + 48 * HOUR)
    assert times["state"].tolist() == ["late", "kept", "kept"]
    assert times["minutes"].tolist()[1:] == [30.0, 240.0]
    kept = compliance(times).set_index("rep")
    assert kept["share"].to_dict() == {"anke": 0.0, "elin": 1.0, "tom": 1.0}
    empty = first_touch_times(handed.iloc[:0], stops, {}, THURSDAY_17)
    assert (len(empty), len(compliance(empty))) == (0, 0)


def test_an_absence_stops_the_clock(owners: OwnersWorld) -> None:
    owners.register()
    owners.rep("anke")
    owners.absence("anke", date(2026, 5, 7), date(2026, 5, 10))
    owners.plan({"lead-1": ["anke"]})
    owners.hand_over(NOW)
    assert owners.handoffs()[0]["first_touch_due_at"] == datetime(2026, 5, 11, 11, 30, tzinfo=UTC)
