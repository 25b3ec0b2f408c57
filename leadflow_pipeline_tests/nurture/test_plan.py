"""Enrolment and touches: who gets which email when, and that it never depends on how the days were computed."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.nurture.plan import enrolment_ids
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.shipped import SHIPPED_SEQUENCES
from leadflow_pipeline.nurture.steps import EmailStep, NurtureSequence
from leadflow_pipeline.nurture.summary import summarise_nurtured, summarise_touches
from leadflow_pipeline.nurture.timing.rules import SendWindow
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.schema import nurture_touches, nurtured_leads
from leadflow_pipeline_tests.nurture.test_tried_windows import HOURS, change
from leadflow_pipeline_tests.nurture.world import MONDAY, World, conform_routed, stored

ALWAYS = SendWindow(
    start=time(0), end=time(23, 59), weekdays=("mon", "tue", "wed", "thu", "fri", "sat", "sun")
)
DURATIONS = {"aggressive_close": 7, "regular_nurture": 14, "long_term_nurture": 30, "cold_outreach": 60}


def at(day: date, hour: int = 12, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


def states(nurtured: pd.DataFrame, lead: str) -> dict[date, str]:
    rows = nurtured.loc[nurtured["lead_id"].eq(lead)]
    return dict(zip(rows["day"].dt.date, rows["state"], strict=True))


def codes(nurtured: pd.DataFrame, lead: str, day: date) -> list[str]:
    row = nurtured.loc[nurtured["lead_id"].eq(lead) & nurtured["day"].eq(pd.Timestamp(day))].iloc[0]
    return [reason["code"] for reason in json.loads(row["reasons"])]


def test_a_lead_is_written_to_at_the_first_open_moments_after_the_day_it_was_routed() -> None:
    world = World()
    world.route("anna", MONDAY, "regular_nurture")
    nurtured, touches = world.plan(world.days_after(MONDAY, 20))
    assert touches["planned_at"].tolist() == [
        pd.Timestamp("2026-05-05 09:00", tz="UTC"),
        pd.Timestamp("2026-05-11 09:00", tz="UTC"),  # four days later is a Saturday
        pd.Timestamp("2026-05-14 09:00", tz="UTC"),
        pd.Timestamp("2026-05-18 09:00", tz="UTC"),  # three days later is a Sunday
    ]
    assert touches["day"].dt.date.tolist() == [date(2026, 5, day) for day in (4, 10, 13, 17)]
    assert touches["step"].tolist() == [1, 2, 3, 4]
    assert set(touches["email"]) == {"anna@leads.example"}
    assert (touches["not_after"] - touches["planned_at"]).unique() == [pd.Timedelta(hours=72)]
    assert states(nurtured, "anna") == {
        date(2026, 5, 4): "TOUCH_DUE",
        date(2026, 5, 10): "TOUCH_DUE",
        date(2026, 5, 13): "TOUCH_DUE",
        date(2026, 5, 17): "TOUCH_DUE",
        date(2026, 5, 18): "COMPLETED",
    }
    assert codes(nurtured, "anna", MONDAY) == ["enrolled", "touch_due"]
    assert nurtured["next_touch_at"].iloc[0] == touches["planned_at"].iloc[1]
    assert nurtured["next_touch_at"].isna().tolist() == [False, False, False, True, True]


def test_a_lead_whose_first_email_must_wait_is_enrolled_first() -> None:
    world = World()
    friday = MONDAY + timedelta(days=4)
    world.route("anna", friday)
    nurtured, touches = world.plan(world.days_after(friday, 3))
    assert states(nurtured, "anna") == {friday: "ENROLLED", friday + timedelta(days=2): "TOUCH_DUE"}
    assert touches["planned_at"].tolist() == [pd.Timestamp("2026-05-11 09:00", tz="UTC")]


def test_the_window_opens_by_the_leads_own_clock_and_else_by_the_campaigns() -> None:
    world = World(time_zone="Europe/Lisbon")
    for lead, zone in (("tokyo", "Asia/Tokyo"), ("nowhere", None), ("nonsense", "Mars/Olympus")):
        world.route(lead, MONDAY, zone=zone)
    _, touches = world.plan([MONDAY])
    planned = dict(zip(touches["lead_id"], touches["planned_at"].dt.strftime("%d %H:%M"), strict=True))
    assert planned == {"tokyo": "05 00:00", "nowhere": "05 08:00", "nonsense": "05 08:00"}


@pytest.mark.parametrize(
    ("behaviour", "state"), [("reply", "STOPPED"), ("unsubscribe", "STOPPED"), ("meeting", "GRADUATED")]
)
def test_a_reaction_ends_the_sequence_on_its_day(behaviour: str, state: str) -> None:
    world = World()
    world.route("anna", MONDAY)
    world.event("anna", behaviour, at(MONDAY + timedelta(days=2)))
    nurtured, touches = world.plan(world.days_after(MONDAY, 30))
    assert len(touches) == 1
    assert states(nurtured, "anna")[MONDAY + timedelta(days=2)] == state
    assert nurtured["next_touch_at"].iloc[-1] is pd.NaT


def test_opens_and_machines_stop_nobody() -> None:
    world = World()
    world.route("anna", MONDAY)
    world.event("anna", "open", at(MONDAY + timedelta(days=2)))
    world.event("anna", "reply", at(MONDAY + timedelta(days=2)), is_machine=True)
    _, touches = world.plan(world.days_after(MONDAY, 30))
    assert len(touches) == 4


@pytest.mark.parametrize(
    ("outcome", "state"), [("won", "GRADUATED"), ("lost", "STOPPED"), ("meeting", "GRADUATED")]
)
def test_an_outcome_ends_the_sequence(outcome: str, state: str) -> None:
    world = World()
    world.route("anna", MONDAY)
    world.outcome("anna", outcome, at(MONDAY + timedelta(days=3)))
    nurtured, touches = world.plan(world.days_after(MONDAY, 30))
    assert len(touches) == 1
    assert states(nurtured, "anna")[MONDAY + timedelta(days=3)] == state


def test_an_unsubscribed_lead_that_is_routed_again_gets_nothing() -> None:
    world = World()
    world.event("anna", "unsubscribe", at(MONDAY - timedelta(days=40)))
    world.route("anna", MONDAY, number=2)
    nurtured, touches = world.plan(world.days_after(MONDAY, 30))
    assert touches.empty
    assert states(nurtured, "anna") == {MONDAY: "STOPPED"}
    assert codes(nurtured, "anna", MONDAY) == ["enrolled", "unsubscribe"]


def test_who_subscribes_again_can_be_routed_again() -> None:
    world = World()
    world.event("anna", "unsubscribe", at(MONDAY - timedelta(days=40)))
    world.event("anna", "resubscribe", at(MONDAY + timedelta(days=2)))
    world.route("anna", MONDAY, number=1)
    world.route("anna", MONDAY + timedelta(days=3), number=2)
    nurtured, touches = world.plan(world.days_after(MONDAY, 30))
    assert states(nurtured, "anna")[MONDAY] == "STOPPED"
    assert touches["step"].tolist() == [1, 2, 3, 4]


def test_a_pause_moves_the_touches_behind_it_and_ends_by_itself() -> None:
    world = World()
    world.route("anna", MONDAY)
    world.override("anna", "pause", at(MONDAY + timedelta(days=1)), until=at(MONDAY + timedelta(days=21)))
    nurtured, touches = world.plan(world.days_after(MONDAY, 60))
    assert touches["planned_at"].dt.date.tolist() == [
        date(2026, 5, 5),
        date(2026, 5, 26),
        date(2026, 5, 29),
        date(2026, 6, 1),
    ]
    assert states(nurtured, "anna")[MONDAY + timedelta(days=1)] == "PAUSED"
    assert codes(nurtured, "anna", MONDAY + timedelta(days=21)) == ["resume", "touch_due"]


def test_a_stopped_lead_goes_on_only_when_resumed_by_hand() -> None:
    world = World()
    world.route("anna", MONDAY)
    world.event("anna", "reply", at(MONDAY + timedelta(days=1)))
    world.override("anna", "resume", at(MONDAY + timedelta(days=9)))
    nurtured, touches = world.plan(world.days_after(MONDAY, 60))
    assert touches["planned_at"].dt.date.tolist()[:2] == [date(2026, 5, 5), date(2026, 5, 14)]
    assert touches["step"].tolist() == [1, 2, 3, 4]
    assert states(nurtured, "anna")[MONDAY + timedelta(days=9)] == "TOUCH_DUE"


def test_being_routed_again_ends_the_old_passage_and_begins_a_new_one() -> None:
    world = World()
    world.route("anna", MONDAY, "cold_outreach", number=1)
    world.route("anna", MONDAY + timedelta(days=5), "aggressive_close", number=2)
    nurtured, touches = world.plan(world.days_after(MONDAY, 80))
    assert touches["sequence"].tolist() == [
        "cold_outreach",
        "aggressive_close",
        "aggressive_close",
        "aggressive_close",
    ]
    assert touches["enrolment_id"].nunique() == 2
    assert nurtured["state"].iloc[-1] == "COMPLETED"


def test_enough_engagement_graduates_a_lead() -> None:
    world = World(NurtureRules(graduate_at_engagement=60))
    world.route("anna", MONDAY)
    world.score_rows += [
        {"day": MONDAY + timedelta(days=1), "lead_id": "anna", "engagement": 59.9},
        {"day": MONDAY + timedelta(days=2), "lead_id": "anna", "engagement": 60.0},
    ]
    nurtured, touches = world.plan(world.days_after(MONDAY, 30))
    assert len(touches) == 1
    assert states(nurtured, "anna") == {MONDAY: "TOUCH_DUE", MONDAY + timedelta(days=2): "GRADUATED"}


def test_a_lead_without_an_email_is_counted_and_not_enrolled() -> None:
    world = World()
    world.route("anna", MONDAY, email=None)
    world.route("bert", MONDAY)
    nurtured, touches = world.plan([MONDAY])
    summary = summarise_nurtured(nurtured, conform_routed(world.routed_rows))
    assert nurtured["lead_id"].tolist() == ["bert"]
    assert summary.loc[pd.Timestamp(MONDAY), ["enrolled", "without_email"]].tolist() == [1, 1]
    assert summarise_touches(touches)["touches_due"].tolist() == [1]


def test_an_empty_day_gives_empty_frames_that_fit_their_tables() -> None:
    nurtured, touches = World().plan([MONDAY])
    assert conform(nurtured, nurtured_leads, campaign="c", campaign_version=1).empty
    assert conform(touches, nurture_touches, campaign="c", campaign_version=1).empty
    assert summarise_nurtured(nurtured, conform_routed([])).empty
    assert summarise_touches(touches).empty


def test_an_enrolment_is_named_by_campaign_lead_and_routing_number_alone() -> None:
    routed = pd.DataFrame({"lead_id": pd.Series(["a", "a", "b"], dtype="str"), "routing_number": [1, 2, 1]})
    ids = [*enrolment_ids(routed, "spring-sale"), *enrolment_ids(routed, "autumn-sale")]
    assert len(set(ids)) == 6
    assert ids[:3] == enrolment_ids(routed.assign(tier="HOT"), "spring-sale").tolist()


@pytest.mark.parametrize("sequence", SHIPPED_SEQUENCES)
def test_shipped_sequences_end_within_their_duration_on_whichever_weekday_they_start(sequence: str) -> None:
    world = World()
    for offset in range(7):
        world.route(f"lead-{offset}", MONDAY + timedelta(days=offset), sequence)
    _, touches = world.plan(world.days_after(MONDAY, 80))
    for _, planned in touches.groupby("lead_id")["planned_at"]:
        assert planned.max() - planned.min() <= pd.Timedelta(days=DURATIONS[sequence])
        assert all(later - earlier >= pd.Timedelta(days=1) for earlier, later in pairwise(planned))
    start = (
        touches["lead_id"].str[-1].astype(int).map(lambda offset: at(MONDAY + timedelta(days=offset + 1), 0))
    )
    assert (touches["planned_at"] - start).max() <= pd.Timedelta(days=DURATIONS[sequence] + 1)


def sequences(*delays: float) -> NurtureRules:
    emails = tuple(EmailStep(delay_days=delay, subject="s", text="t") for delay in delays)
    return NurtureRules(sequences={"regular_nurture": NurtureSequence(emails=emails)}, send_window=ALWAYS)


def test_two_emails_of_one_day_are_two_touches_of_one_partition() -> None:
    world = World(sequences(0, 0.25, 0.25, 2))
    world.route("anna", MONDAY)
    nurtured, touches = world.plan([MONDAY])
    assert touches["step"].tolist() == [1, 2, 3]
    assert nurtured["steps_planned"].tolist() == [3]
    assert codes(nurtured, "anna", MONDAY) == ["enrolled", "touch_due"]


OF_ANY_SHAPE = NurtureRules.model_validate(
    {
        "sequences": {
            "regular_nurture": {
                "steps": [
                    {"delay_days": 0, "subject": "s", "text": "t"},
                    {
                        "channel": "branch",
                        "delay_days": 1,
                        "when": [{"any": [{"behaviour": "click"}, {"field": "score", "at_least": 60}]}],
                        "otherwise": {"go_to": "ask"},
                    },
                    {"channel": "task", "delay_days": 0.25, "title": "call", "then": {"go_to": "end"}},
                    {
                        "name": "ask",
                        "delay_days": 0.5,
                        "subject": "s",
                        "text": "t",
                        "when": [{"behaviour": "visit", "since": "last_step"}],
                        "otherwise": {"wait_days": 2, "then": "skip"},
                    },
                    {"delay_days": 0, "subject": "s", "text": "t", "when": [{"tier": "rose"}], "then": "exit"},
                    {"name": "end", "channel": "webhook", "delay_days": 1, "url": "https://hooks.example.org/a",
                     "secret_from": "LEADFLOW_SECRET"},
                ],
                "exits": [
                    {"tier": "fell"},
                    {"all": [{"behaviour": "open", "at_least": 2}, {"field": "industry", "equals": "mining"}]},
                ],
                "goal": {"when": [{"behaviour": "form"}], "then": "complete"},
                "after": {"rest_days": 1, "then": "silent"},
            },
            "aggressive_close": {
                "emails": [
                    {"delay_days": delay, "subject": "s", "text": "t"} for delay in (0, 0.5, 1)
                ],
                "exits": [{"behaviour": "visit", "within_days": 3, "never": True}],
                "goal": {"when": [{"behaviour": "click", "at_least": 2}]},
                "after": {"sequence": "silent"},
            },
            "silent": {
                "steps": [
                    {"delay_days": 0.5, "subject": "s", "text": "t"},
                    {"delay_days": 1, "subject": "s", "text": "t", "when": [{"behaviour": "click"}],
                     "otherwise": "exit"},
                ],
                "after": {"rest_days": 3},
            },
        }
    }
)  # fmt: skip
"""Sequences that use everything a sequence can have."""


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Up to five leads whose first eight days are full of turns."""
    window = draw(st.sampled_from([ALWAYS, SendWindow(), SendWindow(start=time(22), end=time(6))]))
    rules = draw(st.sampled_from([NurtureRules(), sequences(0, 0.5, 0, 1.5, 3), OF_ANY_SHAPE, OF_ANY_SHAPE]))
    rules = rules.model_copy(
        update={"send_window": window, "graduate_at_engagement": draw(st.sampled_from([None, 50.0]))}
    )
    world = World(rules, draw(st.sampled_from(["UTC", "Europe/Lisbon", "Pacific/Apia"])))
    days = world.days_after(MONDAY, 8)
    if draw(st.booleans()):
        world.send_times = HOURS
        states = [("running", None), ("stopped", None), ("decided", "evening")]
        begins = sorted(draw(st.sets(st.sampled_from(days), min_size=1, max_size=3)))
        world.changes = [change(*state, day) for state, day in zip(states, begins, strict=False)]
    moments = st.builds(at, st.sampled_from(days), st.integers(0, 23), st.integers(0, 59))
    acts = ["pause", "resume", "stop", "none", "skip", "move 4", "move end", "enrol silent", "enrol nowhere"]
    for lead in "abcde"[: draw(st.integers(1, 5))]:
        for number, day in enumerate(sorted(draw(st.sets(st.sampled_from(days), max_size=2))), 1):
            zone = draw(st.sampled_from([None, "Asia/Tokyo", "America/New_York"]))
            world.route(
                lead, day, draw(st.sampled_from(["regular_nurture", "aggressive_close"])), number, zone=zone
            )
            if number == 1:
                world.meet(lead, day, draw(st.sampled_from(["as-is", "evening", "holdout"])))
        for day in sorted(draw(st.sets(st.sampled_from(days), max_size=2))):
            world.know(
                lead, day, draw(st.sampled_from([None, "acme.example.org", "globex.example.org"])),
                draw(st.sampled_from(["mining", "retail"])),
            )  # fmt: skip
        for moment in draw(st.lists(moments, max_size=3)):
            behaviours = ["reply", "open", "meeting", "click", "click", "visit", "visit", "form"]
            world.event(lead, draw(st.sampled_from(behaviours)), moment)
        for moment in draw(st.lists(moments, max_size=1)):
            world.outcome(lead, draw(st.sampled_from(["won", "lost"])), moment)
        for moment in draw(st.lists(moments, max_size=4)):
            until = draw(
                st.sampled_from([None, None, moment + timedelta(hours=5), moment + timedelta(days=4)])
            )
            world.override(lead, draw(st.sampled_from(acts)), moment, until)
        for day in draw(st.sets(st.sampled_from(days), max_size=2)):
            score = draw(st.sampled_from([40.0, 70.0]))
            world.score_rows.append({"day": day, "lead_id": lead, "engagement": score, "score": score})
        for day in draw(st.sets(st.sampled_from(days), max_size=2)):
            tier = draw(st.sampled_from(["HOT", "COOL", None]))
            world.tier_rows.append({"day": day, "lead_id": lead, "tier": tier})
    return world


@settings(max_examples=5)
@given(worlds(), st.data())
def test_day_by_day_ranges_and_days_computed_again_give_the_same_plan(
    world: World, data: st.DataObject
) -> None:
    days = world.days_after(MONDAY, 10)
    whole, whole_touches = world.plan(days)

    cuts = sorted(data.draw(st.sets(st.sampled_from(range(1, len(days))), max_size=4)))
    cuts = data.draw(st.sampled_from([cuts, cuts, list(range(1, len(days)))]))
    pieces, touches = [stored(whole.head(0))], [whole_touches.head(0)]
    for begin, end in zip([0, *cuts], [*cuts, len(days)], strict=True):
        piece, piece_touches = world.plan(days[begin:end], pd.concat(pieces))
        pieces.append(stored(piece))
        touches.append(piece_touches)
    pd.testing.assert_frame_equal(stored(whole), pd.concat(pieces, ignore_index=True))
    pd.testing.assert_frame_equal(whole_touches, pd.concat(touches, ignore_index=True))

    again = data.draw(st.sampled_from(range(len(days))))
    part, part_touches = world.plan(days[again : again + 3], stored(whole))
    of_days = pd.to_datetime(list(days[again : again + 3]))
    expected = stored(whole)
    pd.testing.assert_frame_equal(
        expected.loc[expected["day"].isin(of_days)].reset_index(drop=True), stored(part)
    )
    pd.testing.assert_frame_equal(
        whole_touches.loc[whole_touches["day"].isin(of_days)].reset_index(drop=True), part_touches
    )

    assert not whole_touches.duplicated(["enrolment_id", "step"]).any()
    due = whole_touches["day"].dt.tz_localize("UTC") + pd.Timedelta(days=1)
    assert whole_touches["planned_at"].between(due, due + pd.Timedelta(days=1), inclusive="left").all()
