"""Routing over days: once, by turns, anew, by override, never after the end; however the days are cut."""

from __future__ import annotations

from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route import RoutingRules
from leadflow_pipeline.route.plan import is_low_score_only
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline_tests.route.days import (
    LOW_SCORE,
    LOW_SCORE_AND_MORE,
    LOW_SCORE_AND_REVIEW,
    moment,
    outcomes,
    overrides,
    qualified,
    route_days,
    told,
)

HOT = {"icp_fit": 0.9}


def test_a_lead_is_routed_once_from_the_end_of_its_day_and_keeps_its_place():
    routed = route_days(qualified((0, "a"), (2, "a", HOT)))
    assert told(routed, "status", "tier", "sequence", "routing_number", "sequence_start_at") == [
        (0, "a", "ROUTED", "WARM", "regular_nurture", 1, moment(0, 24)),
        (2, "a", "ALREADY_ROUTED", "WARM", "regular_nurture", 1, None),
    ]


def test_a_lead_is_routed_on_the_day_it_becomes_qualified():
    statuses = ["PENDING", "REJECTED", "MANUAL_REVIEW", "REJECTED"]
    routed = route_days(qualified(*((number, "a", {"status": each}) for number, each in enumerate(statuses))))
    assert routed["status"].tolist() == ["QUALIFICATION_PENDING", "REJECTED_LEAD", "ROUTED", "ALREADY_ROUTED"]


def test_signals_are_those_of_the_day_and_custom_fields_count():
    rules = RoutingRules(intent_signals={"is_decision_maker": 0.5, "custom.visited": 0.5})
    routed = route_days(
        qualified(
            (0, "a", {"is_decision_maker": True}),
            (0, "b", {"custom": '{"visited": "yes"}'}),
            (0, "c", {"custom": "{}"}),
        ),
        rules,
    )
    assert told(routed, "tier", "boosted_by_intent", "intent_score") == [
        (0, "a", "HOT", True, 0.5),
        (0, "b", "HOT", True, 0.5),
        (0, "c", "WARM", False, 0.0),
    ]


def test_the_limit_of_a_day_leaves_leads_for_the_next():
    scores = {"a": 70.0, "b": 90.0, "c": 80.0, "d": 70.0}
    leads = qualified(
        *((0, lead, {"score": score}) for lead, score in scores.items()), (1, "e", {"score": 75.0})
    )
    routed = route_days(leads, RoutingRules(max_leads=2))
    assert told(routed, "status", "tier") == [
        (0, "a", "QUALIFICATION_PENDING", "WARM"),
        (0, "b", "ROUTED", "WARM"),
        (0, "c", "ROUTED", "WARM"),
        (0, "d", "QUALIFICATION_PENDING", "WARM"),
        (1, "a", "ROUTED", "WARM"),
        (1, "e", "ROUTED", "WARM"),
        (2, "d", "ROUTED", "WARM"),
    ]
    assert routed["sequence_start_at"].tolist()[-1] == moment(2, 24)


def test_what_happens_while_a_lead_waits_counts():
    leads = qualified(*((0, lead) for lead in "abcd"), (1, "b", {"status": "REJECTED"}))
    routed = route_days(
        leads,
        RoutingRules(max_leads=1),
        made=overrides({"lead_id": "d", "occurred_at": moment(2)}),
        ended=outcomes(("c", "lost", moment(1))),
    )
    assert told(routed[routed["day"] > pd.Timestamp("2026-03-10")], "status", "tier") == [
        (1, "b", "REJECTED_LEAD", None),
        (1, "c", "REJECTED_LEAD", None),
        (1, "d", "ROUTED", "WARM"),
    ]
    late = route_days(
        qualified((0, "a"), (0, "b"), (1, "c", {"score": 99.0})),
        RoutingRules(max_leads=1),
        made=overrides({"lead_id": "b", "occurred_at": moment(2)}),
    )
    assert told(late, "tier")[-1] == (2, "b", "HOT")


def test_who_waited_when_the_limit_was_lifted_is_routed_at_once():
    leads = qualified(*((0, lead) for lead in "abc"))
    stored = route_days(leads, RoutingRules(max_leads=1), ranges=[(0, 0)])
    routed = route_days(leads, RoutingRules(), ranges=[(1, 2)], stored=stored)
    assert told(routed, "status")[3:] == [(1, "b", "ROUTED"), (1, "c", "ROUTED")]


def test_switched_off_those_who_wait_keep_waiting():
    leads = qualified((0, "a"), (0, "b"), (1, "c"))
    stored = route_days(leads, RoutingRules(max_leads=1), ranges=[(0, 0)])
    off = RoutingRules(max_leads=1, enable_auto_routing=False)
    routed = route_days(leads, off, ranges=[(1, 2)], stored=stored)
    assert told(routed, "status", "tier")[2:] == [(1, "c", "QUALIFICATION_PENDING", None)]
    assert routed["reasoning"].tolist()[-1] == "Automatic routing is switched off"
    again = route_days(leads, RoutingRules(max_leads=1), ranges=[(3, 4)], stored=routed)
    assert told(again, "status")[3:] == [(3, "b", "ROUTED")]


def test_a_rise_in_tier_is_a_new_decision_that_names_the_old_one():
    leads = qualified((0, "a"), (1, "a", HOT), (2, "a", {"icp_fit": 0.1}), (3, "a", HOT))
    routed = route_days(leads, RoutingRules(reroute_on_tier_rise=True))
    assert told(routed, "status", "tier", "routing_number") == [
        (0, "a", "ROUTED", "WARM", 1),
        (1, "a", "ROUTED", "HOT", 2),
        (2, "a", "ALREADY_ROUTED", "HOT", 2),
        (3, "a", "ALREADY_ROUTED", "HOT", 2),
    ]
    assert routed["reasoning"][1].endswith("; replaces WARM, regular nurture (routing 1)")


def test_a_rise_beyond_the_limit_stays_where_it_is():
    rules = RoutingRules(reroute_on_tier_rise=True, max_leads=1)
    routed = route_days(qualified((0, "a"), (1, "a", HOT), (1, "b", {"score": 99.0})), rules)
    assert told(routed, "status", "tier", "routing_number")[1] == (1, "a", "ALREADY_ROUTED", "WARM", 1)
    assert "not routed anew" in routed["reasoning"][1]


def test_overrides_of_tier_sequence_and_owner_win():
    made = overrides(
        {"value": "cold"},
        {"lead_id": "b", "field": "sequence", "value": "aggressive_close"},
        {"lead_id": "b", "field": "owner", "value": "rep-7"},
        {"lead_id": "c", "occurred_at": moment(1)},
    )
    routed = route_days(qualified((0, "a"), (0, "b"), (0, "c"), (1, "c")), made=made)
    assert told(routed, "tier", "sequence", "owner", "routing_number") == [
        (0, "a", "COLD", "cold_outreach", None, 1),
        (0, "b", "WARM", "aggressive_close", "rep-7", 1),
        (0, "c", "WARM", "regular_nurture", None, 1),
        (1, "c", "HOT", "aggressive_close", None, 2),
    ]


def test_an_outcome_closes_a_lead_from_its_day_on_but_not_before():
    ended = outcomes(("a", "won", moment(1, 0)), ("a", "lost", moment(3)), ("b", "meeting", moment(0)))
    waiting = {"status": "PENDING"}
    routed = route_days(qualified((0, "a", waiting), (1, "a"), (3, "a"), (1, "b")), ended=ended)
    assert told(routed, "status", "reasoning")[:3] == [
        (0, "a", "QUALIFICATION_PENDING", "The lead is not qualified yet"),
        (1, "a", "REJECTED_LEAD", "The lead is won"),
        (1, "b", "ROUTED", "ICP fit 0.75: WARM, regular nurture, qualify need"),
    ]
    assert told(routed, "reasoning")[3] == (3, "a", "The lead is won")


def test_leads_rejected_for_their_score_alone_can_be_nurtured():
    def rejected(reasons: str) -> dict[str, Any]:
        return {"status": "REJECTED", "reasons": reasons, "icp_fit": 0.95}

    leads = qualified(
        (0, "a", rejected(LOW_SCORE)),
        (0, "b", rejected(LOW_SCORE_AND_MORE)),
        (0, "c", rejected(LOW_SCORE_AND_REVIEW)),
        (0, "d", rejected(LOW_SCORE.replace(": ", ":").replace("Score", '\\"code\\": \\"x\\"'))),
        (0, "e", {"reasons": LOW_SCORE}),
    )
    assert is_low_score_only(leads).tolist() == [True, False, True, True, False]
    routed = route_days(leads, RoutingRules(nurture_low_score=True))
    assert told(routed, "status", "tier") == [
        (0, "a", "ROUTED", "COLD"),
        (0, "b", "REJECTED_LEAD", None),
        (0, "c", "ROUTED", "COLD"),
        (0, "d", "ROUTED", "COLD"),
        (0, "e", "ROUTED", "WARM"),
    ]


def test_empty_days_give_an_empty_frame_that_fits_the_table():
    routed = route_days(qualified(), RoutingRules(max_leads=3), ranges=[(0, 9)])
    assert conform(routed, schema.routed_leads, campaign="x", campaign_version=1).empty


ROWS = st.lists(
    st.tuples(
        st.integers(0, 4),
        st.sampled_from("abcdef"),
        st.fixed_dictionaries(
            {
                "icp_fit": st.sampled_from([0.1, 0.5, 0.55, 0.7, 0.85]),
                "score": st.sampled_from([10.0, 60.0, 80.0]),
                "status": st.sampled_from(["QUALIFIED", "QUALIFIED", "MANUAL_REVIEW", "REJECTED", "PENDING"]),
                "reasons": st.sampled_from([LOW_SCORE, LOW_SCORE_AND_MORE]),
                "is_decision_maker": st.booleans(),
            }
        ),
    ),
    max_size=16,
    unique_by=lambda row: row[:2],
)
OVERRIDES = st.lists(
    st.builds(
        lambda lead, choice, made, lasts: {
            "lead_id": lead, "field": choice[0], "value": choice[1], "occurred_at": moment(made),
            "expires_at": moment(made + lasts, 13) if lasts else pd.NaT,
        },
        st.sampled_from("abcdef"),
        st.sampled_from(
            [("tier", "HOT"), ("tier", "COLD"), ("tier", "none"), ("sequence", "regular_nurture")]
        ),
        st.integers(0, 4),
        st.integers(0, 2),
    ),
    max_size=4,
)  # fmt: skip
OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from("abcdef"), st.sampled_from(["won", "lost", "meeting"]), st.integers(0, 4).map(moment)
    ),
    max_size=3,
)
RULES = st.builds(
    RoutingRules,
    max_leads=st.sampled_from([None, 1, 2]),
    reroute_on_tier_rise=st.booleans(),
    nurture_low_score=st.booleans(),
)


@settings(max_examples=10)
@given(
    rows=ROWS,
    made=OVERRIDES,
    ended=OUTCOMES,
    rules=RULES,
    cut=st.integers(0, 3),
    order=st.randoms(use_true_random=False),
)
def test_a_range_is_its_days_one_by_one_and_again(rows, made, ended, rules, cut, order):
    leads, made, ended = qualified(*rows), overrides(*made), outcomes(*ended)
    whole = route_days(leads, rules, made=made, ended=ended)
    daily = route_days(leads, rules, made=made, ended=ended, ranges=[(number, number) for number in range(5)])
    pd.testing.assert_frame_equal(whole, daily)

    parts = [(0, cut), (cut + 1, 4)]
    again = [(number, number) for number in order.sample(range(5), 3)]
    shuffled = leads.sample(frac=1, random_state=order.randint(0, 9))
    rerun = route_days(shuffled, rules, made=made, ended=ended, ranges=[*parts, *again])
    pd.testing.assert_frame_equal(whole, rerun)

    routed = whole[whole["status"] == "ROUTED"]
    assert not routed.duplicated(["lead_id", "routing_number"]).any()
    assert rules.max_leads is None or routed.groupby("day").size().le(rules.max_leads).all()
    expected = set(zip(leads["day"], leads["lead_id"], strict=True))
    assert expected <= set(zip(whole["day"], whole["lead_id"], strict=True))
