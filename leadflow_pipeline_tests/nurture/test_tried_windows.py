"""Send windows that experiments try: who is written to when, and that no way of computing the days matters."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pandas as pd

from leadflow_pipeline.experiment.life_cycle import StateChange
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline_tests.nurture.world import MONDAY, World, stored

HOURS = Experiment.model_validate(
    {
        "key": "hours",
        "hypothesis": "people read their mail in the evening",
        "kind": "send_times",
        "variants": [{"key": "as-is"}, {"key": "evening", "send_window": {"start": "18:00", "end": "21:00"}}],
        "primary": {"behaviour": "reply", "within_days": 7},
    }
)
RULES = NurtureRules.model_validate(
    {
        "sequences": {
            "regular_nurture": {
                "emails": [
                    {"delay_days": 0, "subject": "s", "text": "t"},
                    {"delay_days": 2, "subject": "s", "text": "t"},
                    {
                        "delay_days": 2,
                        "subject": "s",
                        "text": "t",
                        "send_window": {"start": "07:00", "end": "08:00"},
                    },
                    {"delay_days": 2, "subject": "s", "text": "t"},
                ]
            }
        }
    }
)


def change(state: str, winner: str | None, from_day: date) -> StateChange:
    """What somebody decided of the experiment."""
    return StateChange("hours", state, winner, from_day, "a person", "", datetime(2026, 5, 1, tzinfo=UTC))


def tried(*changes: StateChange) -> World:
    """One lead for each variant, one that is kept out, and one that was routed before."""
    world = World(RULES, send_times=HOURS, changes=list(changes))
    for lead in ("as-is", "evening", "holdout"):
        world.route(lead, MONDAY)
        world.meet(lead, MONDAY, lead)
    world.route("early", MONDAY - timedelta(days=3))
    return world


def hours(touches: pd.DataFrame) -> dict[str, list[int]]:
    """The hours at which each lead is written to, in order."""
    return {str(lead): list(rows.dt.hour) for lead, rows in touches.groupby("lead_id")["planned_at"]}


def test_a_lead_is_written_to_in_the_window_that_it_met() -> None:
    world = tried(change("running", None, MONDAY))
    _, touches = world.plan(world.days_after(MONDAY - timedelta(days=3), 14))
    plain = [9, 9, 7, 9]
    assert hours(touches) == {"as-is": plain, "evening": [18, 18, 7, 18], "holdout": plain, "early": plain}


def test_after_a_stop_all_have_the_campaigns_window_and_a_winners_is_for_everybody() -> None:
    stopped = tried(change("running", None, MONDAY), change("stopped", None, MONDAY + timedelta(days=1)))
    days = stopped.days_after(MONDAY - timedelta(days=3), 14)
    # The second email was planned while the experiment ran.
    assert hours(stopped.plan(days)[1])["evening"] == [18, 18, 7, 9]
    won = tried(change("running", None, MONDAY), change("decided", "evening", MONDAY + timedelta(days=1)))
    assert {lead: each[-1] for lead, each in hours(won.plan(days)[1]).items()} == dict.fromkeys(
        ("as-is", "early", "evening", "holdout"), 18
    )


def test_day_by_day_and_a_range_give_the_same_plan() -> None:
    world = tried(
        change("running", None, MONDAY),
        change("stopped", None, MONDAY + timedelta(days=2)),
        change("decided", "evening", MONDAY + timedelta(days=5)),
    )
    days = world.days_after(MONDAY - timedelta(days=3), 14)
    whole, touches = world.plan(days)
    rows, daily = [stored(whole.head(0))], [touches.head(0)]
    for day in days:
        of_day, touches_of_day = world.plan([day], pd.concat(rows))
        rows.append(stored(of_day))
        daily.append(touches_of_day)
    pd.testing.assert_frame_equal(stored(whole), pd.concat(rows, ignore_index=True))
    pd.testing.assert_frame_equal(touches, pd.concat(daily, ignore_index=True))
