"""Sequences of any shape: what leads are asked on their way, what ends it, what follows, and orders by hand."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError

from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.steps import NurtureSequence
from leadflow_pipeline.nurture.ways import most_on_a_way, unreachable
from leadflow_pipeline_tests.nurture.world import MONDAY, World, stored

EMAIL = {"delay_days": 1, "subject": "s", "text": "t"}
ALWAYS = {"start": "00:00", "end": "23:59", "weekdays": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]}


def at(day: int, hour: int = 12) -> datetime:
    """An hour of the day that is so many days after MONDAY."""
    return datetime.combine(MONDAY + timedelta(days=day), time(hour), UTC)


def rules(sequences: dict[str, Any] | None = None, /, **sequence: Any) -> NurtureRules:
    """Rules whose window is always open, with `regular_nurture` as given, or several sequences."""
    named = sequences or {"regular_nurture": sequence}
    return NurtureRules.model_validate(
        {"send_window": ALWAYS | {"start": time(0), "end": time(23, 59)}, "sequences": named}
    )


def world_of(own: NurtureRules, *leads: str) -> World:
    """A world in which these leads are routed to `regular_nurture` on MONDAY."""
    world = World(own)
    for lead in leads or ("anna",):
        world.route(lead, MONDAY)
    return world


def planned(touches: pd.DataFrame, lead: str = "anna") -> list[tuple[int, int]]:
    """Days after MONDAY, and steps, of a lead's touches."""
    of_lead = touches.loc[touches["lead_id"].eq(lead)]
    days = (of_lead["planned_at"].dt.tz_convert(None) - pd.Timestamp(MONDAY)).dt.days
    return list(zip(days.tolist(), of_lead["step"].tolist(), strict=True))


def last(nurtured: pd.DataFrame, lead: str = "anna") -> tuple[str, list[str]]:
    """A lead's latest state, and the codes of that day's reasons."""
    row = nurtured.loc[nurtured["lead_id"].eq(lead)].iloc[-1]
    return row["state"], [reason["code"] for reason in json.loads(row["reasons"])]


def test_a_fork_sends_those_who_clicked_one_way_and_the_others_another() -> None:
    own = rules(
        steps=[
            EMAIL,
            {"channel": "branch", "delay_days": 2, "when": [{"behaviour": "click"}],
             "otherwise": {"go_to": "remind"}},
            {"channel": "task", "delay_days": 0, "title": "Call {{ first_name }}", "then": "exit"},
            {"name": "remind", **EMAIL},
        ]
    )  # fmt: skip
    world = world_of(own, "anna", "bert", "machine", "late")
    world.event("anna", "click", at(3))
    world.event("machine", "click", at(3), is_machine=True)
    world.event(
        "late", "click", at(4, 0)
    )  # the fork falls due on day 4, so it is decided at the end of day 3
    nurtured, touches = world.plan(world.days_after(MONDAY, 12))
    assert planned(touches, "anna") == [(2, 1), (4, 3)]
    for lead in ("bert", "machine", "late"):
        assert planned(touches, lead) == [(2, 1), (5, 4)]
    assert touches.loc[touches["lead_id"].eq("anna"), "channel"].tolist() == ["email", "task"]
    assert last(nurtured) == ("COMPLETED", ["completed"])
    assert nurtured.loc[nurtured["lead_id"].eq("anna"), "next_step"].tolist()[:2] == [1, 2]


@pytest.mark.parametrize(
    ("otherwise", "expected"),
    [
        ("skip", [(2, 1), (4, 3)]),
        ("exit", [(2, 1)]),
        ({"wait_days": 5}, [(2, 1), (6, 2), (7, 3)]),
        ({"wait_days": 2}, [(2, 1), (6, 3)]),
        ({"wait_days": 2, "then": "exit"}, [(2, 1)]),
    ],
)
def test_a_step_whose_conditions_do_not_hold_is_left_out_or_waits(
    otherwise: object, expected: list[tuple[int, int]]
) -> None:
    """The step falls due on day 3; the lead visits on day 5."""
    own = rules(steps=[EMAIL, {**EMAIL, "when": [{"behaviour": "visit"}], "otherwise": otherwise}, EMAIL])
    world = world_of(own)
    world.event("anna", "visit", at(5))
    _, touches = world.plan(world.days_after(MONDAY, 20))
    assert planned(touches) == expected


def test_fields_scores_and_tiers_are_asked_as_of_the_day() -> None:
    own = rules(
        steps=[
            {**EMAIL, "delay_days": 0, "when": [{"field": "industry", "equals": "mining"}]},
            {**EMAIL, "when": [{"field": "score", "at_least": 60}]},
            {**EMAIL, "when": [{"tier": "rose"}, {"field": "tier", "equals": "HOT"}]},
            {
                **EMAIL,
                "when": [{"not": {"any": [{"behaviour": "click"}, {"field": "score", "at_most": 10}]}}],
            },
        ]
    )
    world = world_of(own, "anna", "unknown")
    world.know("anna", MONDAY, None, "Mining")
    world.tier_rows += [
        {"day": MONDAY, "lead_id": "anna", "tier": "COOL"},
        {"day": MONDAY + timedelta(days=2), "lead_id": "anna", "tier": "HOT"},
    ]
    world.score_rows.append({"day": MONDAY + timedelta(days=1), "lead_id": "anna", "score": 61.0})
    _, touches = world.plan(world.days_after(MONDAY, 12))
    assert planned(touches) == [(1, 1), (2, 2), (3, 3), (4, 4)]
    assert planned(touches, "unknown") == []


@pytest.mark.parametrize(
    ("condition", "ends_on"),
    [
        ({"behaviour": "visit", "at_least": 2}, 5),
        ({"behaviour": "visit", "within_days": 2, "never": True}, 0),
        ({"all": [{"behaviour": "visit"}, {"behaviour": "visit", "within_days": 2, "never": True}]}, 7),
        ({"field": "score", "at_most": 20}, 3),
        ({"tier": "fell"}, 2),
    ],
)
def test_an_exit_ends_the_sequence_on_the_day_on_which_it_comes_true(condition: object, ends_on: int) -> None:
    """Visits on days 3 and 5: of the two days that end with day 7, neither saw one."""
    world = world_of(rules(emails=[{**EMAIL, "delay_days": 9}], exits=[condition]))
    for day in (3, 5):
        world.event("anna", "visit", at(day))
    world.score_rows.append({"day": MONDAY + timedelta(days=3), "lead_id": "anna", "score": 20.0})
    for day, tier in ((0, "WARM"), (2, "COLD")):
        world.tier_rows.append({"day": MONDAY + timedelta(days=day), "lead_id": "anna", "tier": tier})
    nurtured, touches = world.plan(world.days_after(MONDAY, 9))
    assert touches.empty
    assert last(nurtured)[0] == "STOPPED"
    assert last(nurtured)[1][-1] == "exit"
    assert nurtured["day"].iloc[-1].date() == MONDAY + timedelta(days=ends_on)


@pytest.mark.parametrize(("then", "state"), [("graduate", "GRADUATED"), ("complete", "COMPLETED")])
def test_the_goal_hands_the_lead_over_or_is_merely_reached(then: str, state: str) -> None:
    own = rules(
        emails=[EMAIL, EMAIL],
        goal={"when": [{"behaviour": "form"}], "then": then},
        after={"sequence": "cold_outreach"},
    )
    world = world_of(own)
    world.event("anna", "form", at(2))
    nurtured, touches = world.plan(world.days_after(MONDAY, 12))
    assert planned(touches) == [(2, 1)]
    assert last(nurtured) == (state, ["goal"])


def test_without_an_answer_the_next_sequence_begins_at_once_or_after_a_rest() -> None:
    own = rules(
        {
            "regular_nurture": {"emails": [EMAIL], "after": {"sequence": "education"}},
            "education": {"emails": [EMAIL], "after": {"rest_days": 10, "then": "again"}},
            "again": {"emails": [EMAIL]},
        }
    )
    world = world_of(own, "anna", "bert", "carl")
    world.event("bert", "reply", at(8))
    world.override("carl", "pause", at(8), until=at(20))
    nurtured, touches = world.plan(world.days_after(MONDAY, 40))
    of_anna = touches.loc[touches["lead_id"].eq("anna")]
    assert of_anna["sequence"].tolist() == ["regular_nurture", "education", "again"]
    assert planned(touches) == [(2, 1), (4, 1), (16, 1)]
    assert of_anna["enrolment_id"].nunique() == 3
    assert planned(touches, "bert") == [(2, 1), (4, 1)]
    assert last(nurtured, "bert") == ("STOPPED", ["reply"])
    assert [day for day, _ in planned(touches, "carl")] == [2, 4, 21]
    assert last(nurtured) == ("COMPLETED", ["completed"])


def test_a_lead_at_rest_that_is_routed_again_is_written_to_after_the_rest() -> None:
    world = world_of(rules(emails=[EMAIL], after={"rest_days": 10}))
    world.route("anna", MONDAY + timedelta(days=5), number=2)
    _, touches = world.plan(world.days_after(MONDAY, 30))
    assert planned(touches) == [(2, 1), (14, 1)]


def test_a_colleagues_reply_stops_a_lead_and_one_from_elsewhere_does_not() -> None:
    world = world_of(rules(emails=[EMAIL, {**EMAIL, "delay_days": 3}]), "anna", "bert", "carl", "dora")
    for lead, domain in (("anna", "acme.example.org"), ("bert", "acme.example.org"), ("carl", None)):
        world.know(lead, MONDAY, domain)
    world.know("dora", MONDAY, "acme.example.org")
    world.know("dora", MONDAY + timedelta(days=1), "globex.example.org")  # she changed the company
    world.event("bert", "reply", at(3))
    days = world.days_after(MONDAY, 12)
    nurtured, touches = world.plan(days)
    assert last(nurtured) == ("STOPPED", ["colleague_reply"])
    assert last(nurtured, "bert") == ("STOPPED", ["reply"])
    for lead in ("carl", "dora"):
        assert planned(touches, lead) == [(2, 1), (5, 2)]
    world.rules = world.rules.model_copy(update={"stop_on_colleague_reply": False})
    assert planned(world.plan(days)[1]) == [(2, 1), (5, 2)]


def test_orders_by_hand_skip_move_and_enrol() -> None:
    steps = [EMAIL, EMAIL, EMAIL, {"name": "offer", **EMAIL}]
    world = world_of(rules({"regular_nurture": {"steps": steps}, "education": {"emails": [EMAIL]}}),
                     "skips", "moves", "back", "again")  # fmt: skip
    world.override("skips", "skip", at(2, 23))
    world.override("moves", "Move offer", at(2))
    world.override("back", "move 1", at(2))
    world.event("again", "reply", at(1))
    world.override("again", "enrol education", at(5))
    nurtured, touches = world.plan(world.days_after(MONDAY, 15))
    assert planned(touches, "skips") == [(2, 1), (4, 3), (5, 4)]
    assert planned(touches, "moves") == [(2, 1), (3, 4)]
    assert planned(touches, "back") == [(2, 1), (3, 2), (4, 3), (5, 4)]
    of_again = touches.loc[touches["lead_id"].eq("again")]
    assert of_again["sequence"].tolist() == ["education"]
    assert last(nurtured, "again")[0] == "COMPLETED"
    stopped = nurtured.loc[nurtured["lead_id"].eq("again") & nurtured["state"].eq("STOPPED"), "enrolment_id"]
    assert stopped.iloc[0] != of_again["enrolment_id"].iloc[0]


def test_skip_means_the_touch_of_today_that_has_not_fallen_due() -> None:
    """It is planned already, so the door holds it back, and no other is left out in its stead."""
    world = world_of(rules(emails=[{**EMAIL, "delay_days": 1.5}, EMAIL, EMAIL]), "before", "after")
    world.override("before", "skip", at(2, 9))
    world.override("after", "skip", at(2, 13))
    _, touches = world.plan(world.days_after(MONDAY, 8))
    assert planned(touches, "before") == [(2, 1), (3, 2), (4, 3)]
    assert planned(touches, "after") == [(2, 1), (4, 3)]


def test_an_enrolment_by_hand_needs_no_routing_and_is_named_by_its_moment_alone() -> None:
    def ids(world: World, days: list[date]) -> list[str]:
        return world.plan(days)[1]["enrolment_id"].tolist()

    world = World(rules({"education": {"emails": [EMAIL]}}))
    world.know("anna", MONDAY, None)
    world.override("anna", "enrol education", at(0))
    world.override("nobody", "enrol education", at(0))  # without an address
    world.override("anna", "enrol nowhere", at(1))
    days = list(world.days_after(MONDAY, 5))
    first = ids(world, days)
    assert len(first) == 1
    world.rules = rules({"education": {"emails": [{**EMAIL, "delay_days": 2}]}})
    assert ids(world, days) == first


def test_a_sequence_that_was_removed_ends_for_those_in_it() -> None:
    world = World(rules({"education": {"emails": [EMAIL, EMAIL]}}))
    world.know("anna", MONDAY, None)
    world.override("anna", "enrol education", at(0))
    before, _ = world.plan([MONDAY])
    world.rules, world.override_rows = NurtureRules(), []
    nurtured, touches = world.plan(world.days_after(MONDAY + timedelta(days=1), 5), stored(before))
    assert touches.empty
    assert last(nurtured) == ("COMPLETED", ["completed"])


def test_a_step_is_visited_once_and_every_passage_ends() -> None:
    sequence = NurtureSequence.model_validate(
        {
            "steps": [
                {**EMAIL, "when": [{"behaviour": "click"}], "then": {"go_to": "last"},
                 "otherwise": {"wait_days": 3, "then": {"go_to": "middle"}}},
                EMAIL,
                {"name": "middle", **EMAIL},
                {"name": "last", **EMAIL},
            ]
        }
    )  # fmt: skip
    assert unreachable(sequence) == [2]
    assert most_on_a_way(sequence) == (2, 6.0)


@pytest.mark.parametrize(
    ("sequence", "complaint"),
    [
        ({"steps": [{**EMAIL, "when": [{"behaviour": "open"}]}]}, "rests on opens alone"),
        ({"steps": [{**EMAIL, "when": [{"behaviour": ["open", "click"]}]}]}, "rests on opens alone"),
        ({"steps": [{**EMAIL, "when": [{"any": [{"behaviour": "open"}, {"tier": "rose"}]}]}]}, "opens alone"),
        ({"emails": [EMAIL], "exits": [{"behaviour": "open", "at_least": 9}]}, "opens alone"),
        ({"emails": [EMAIL], "goal": {"when": [{"not": {"behaviour": "open"}}]}}, "opens alone"),
        ({"emails": [EMAIL], "exits": [{"behaviour": "click", "since": "last_step"}]}, "asked at any time"),
        ({"steps": [{"name": "a", **EMAIL}, {**EMAIL, "then": {"go_to": "a"}}]}, "goes forward only"),
        ({"steps": [{**EMAIL, "then": {"go_to": "b"}}]}, "no step is named so"),
        ({"steps": [{"name": "a", **EMAIL}, {"name": "a", **EMAIL}]}, "two steps named a"),
        ({"steps": [{**EMAIL, "otherwise": "exit"}]}, "no `when` that could fail"),
        ({"steps": [EMAIL], "emails": [EMAIL]}, "either `emails` or `steps`"),
        ({"emails": [EMAIL], "after": {}}, "either `sequence` or `rest_days`"),
        ({"steps": [{**EMAIL, "when": [{"behaviour": "click", "never": True, "at_least": 1}]}]}, "several counts"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(sequence: object, complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint):
        NurtureSequence.model_validate(sequence)


def test_opens_may_narrow_another_condition() -> None:
    conditions = [{"behaviour": "open", "never": True}, {"field": "score", "at_least": 50}]
    assert NurtureSequence.model_validate({"steps": [{**EMAIL, "when": conditions}]}).way
