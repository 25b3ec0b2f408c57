"""One lead: which sequence it enters, or why none."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.route import (
    ContentSequence,
    ContentSequenceType,
    Lead,
    LeadRouter,
    RoutingDecision,
    RoutingRules,
    RoutingStatus,
    route_lead,
)

AS_OF = datetime(2026, 3, 11, tzinfo=UTC)
TWO_SIGNALS = {"recent_job_change": True, "company_funded_recently": True}


def routed(rules: RoutingRules | None = None, **lead: Any) -> RoutingDecision:
    """The decision about a qualified lead, unless it says otherwise."""
    return route_lead({"lead_id": "a", "status": "QUALIFIED", **lead}, rules or RoutingRules(), as_of=AS_OF)


class TestLeadRouter:
    @pytest.mark.parametrize("icp_fit", [0.85, 0.9, 1.0])
    def test_a_hot_lead(self, icp_fit):
        decision = routed(icp_fit=icp_fit)
        assert decision.status == RoutingStatus.ROUTED
        assert decision.sequence_type == ContentSequenceType.AGGRESSIVE_CLOSE
        assert not decision.boosted_by_intent

    @pytest.mark.parametrize("icp_fit", [0.70, 0.1 + 0.6, 0.84, 0.8499999])
    def test_a_warm_lead(self, icp_fit):
        assert routed(icp_fit=icp_fit).sequence_type == ContentSequenceType.REGULAR_NURTURE

    @pytest.mark.parametrize("icp_fit", [0.50, 0.69, 0.699999])
    def test_a_cool_lead(self, icp_fit):
        assert routed(icp_fit=icp_fit).sequence_type == ContentSequenceType.LONG_TERM_NURTURE

    @pytest.mark.parametrize("icp_fit", [0.0, 0.25, 0.49, 0.499999])
    def test_a_cold_lead(self, icp_fit):
        assert routed(icp_fit=icp_fit).sequence_type == ContentSequenceType.COLD_OUTREACH

    @pytest.mark.parametrize(
        ("lead", "says"),
        [
            ({"status": "LOST"}, "The lead is lost"),
            ({"outcome": "won"}, "The lead is won"),
            ({"status": "REJECTED"}, "Qualification rejected the lead"),
        ],
    )
    def test_a_lost_won_or_rejected_lead_is_rejected(self, lead, says):
        decision = routed(icp_fit=0.9, **lead)
        assert (decision.status, decision.reasoning) == (RoutingStatus.REJECTED_LEAD, says)
        assert decision.sequence_type is None
        assert decision.scheduled_for is None

    @pytest.mark.parametrize("status", ["ENRICHED", "PENDING", "new", ""])
    def test_an_unqualified_lead_is_pending(self, status):
        decision = routed(icp_fit=0.9, status=status)
        assert decision.status == RoutingStatus.QUALIFICATION_PENDING
        assert (decision.sequence_type, decision.scheduled_for) == (None, None)

    def test_a_routed_lead_stays_where_it_is_even_if_lost_or_rejected(self):
        assert routed(status="ROUTED").status == RoutingStatus.ALREADY_ROUTED
        stands = {
            "standing_tier": "COOL", "standing_sequence": "long_term_nurture", "routing_number": 1,
            "icp_fit": 0.9,
        }  # fmt: skip
        for more in ({}, {"outcome": "lost"}, {"status": "REJECTED"}):
            decision = routed(**stands, **more)
            assert decision.status == RoutingStatus.ALREADY_ROUTED
            assert decision.sequence_type == ContentSequenceType.LONG_TERM_NURTURE
            assert decision.reasoning == "Already routed: COOL, long term nurture (routing 1)"
            assert decision.scheduled_for is None

    @pytest.mark.parametrize(
        ("icp_fit", "signals", "sequence"),
        [
            (0.72, TWO_SIGNALS, "aggressive_close"),
            (0.70, TWO_SIGNALS, "aggressive_close"),
            (0.70, {"is_decision_maker": True}, "aggressive_close"),
            (0.55, {"is_decision_maker": "yes"}, "regular_nurture"),
            (0.35, dict.fromkeys(RoutingRules().intent_signals, True), "long_term_nurture"),
        ],
    )
    def test_intent_raises_the_tier(self, icp_fit, signals, sequence):
        decision = routed(icp_fit=icp_fit, enrichment_data=signals)
        assert decision.sequence_type == sequence
        assert decision.boosted_by_intent

    @pytest.mark.parametrize(
        "signals",
        [
            None,
            {},
            {"company_hiring": True},
            {"recent_job_change": True, "company_hiring": False},
            {"recent_job_change": None, "company_hiring": np.nan, "company_funded_recently": pd.NA},
            {"went_to_the_fair": True},
        ],
    )
    def test_little_or_no_enrichment_raises_nothing(self, signals):
        decision = routed(icp_fit=0.72, enrichment_data=signals)
        assert decision.sequence_type == ContentSequenceType.REGULAR_NURTURE
        assert not decision.boosted_by_intent

    def test_the_boost_can_be_switched_off(self):
        decision = routed(RoutingRules(intent_boost_enabled=False), icp_fit=0.72, enrichment_data=TWO_SIGNALS)
        assert decision.sequence_type == ContentSequenceType.REGULAR_NURTURE
        assert not decision.boosted_by_intent
        assert "intent" not in decision.reasoning

    def test_a_boost_that_adds_nothing_is_none(self):
        assert not routed(icp_fit=1.0, enrichment_data=TWO_SIGNALS).boosted_by_intent
        assert not routed(
            RoutingRules(intent_boost=0), icp_fit=0.7, enrichment_data=TWO_SIGNALS
        ).boosted_by_intent

    def test_signals_and_weights_of_the_campaigns_own(self):
        rules = RoutingRules(intent_signals={"custom.asked_for_price": 0.6}, intent_boost=0.3)
        decision = routed(rules, icp_fit=0.6, enrichment_data={"custom.asked_for_price": "Yes"})
        assert decision.reasoning.startswith("ICP fit 0.6 + 0.3 for intent (asked for price) = 0.9: HOT")

    @pytest.mark.parametrize(
        ("lead", "says"),
        [
            (
                {"icp_fit": 0.72, "enrichment_data": TWO_SIGNALS},
                "ICP fit 0.72 + 0.15 for intent (recent job change, company funded recently) = 0.87: "
                "HOT, aggressive close, schedule demo",
            ),
            ({"icp_fit": 0.5}, "ICP fit 0.5: COOL, long term nurture, build relationship"),
            ({"icp_fit": 0.699999}, "ICP fit 0.6999: COOL, long term nurture, build relationship"),
            (
                {"icp_fit": 0.95, "enrichment_data": {"is_decision_maker": True}},
                "ICP fit 0.95 + 0.15 for intent (is decision maker) = 1 (the most): "
                "HOT, aggressive close, schedule demo",
            ),
            (
                {"icp_fit": 0.75, "status": "manual_review"},
                "ICP fit 0.75: WARM, regular nurture, qualify need; a person still reviews it",
            ),
            (
                {"icp_fit": 0.75, "tier_override": "hot"},
                "ICP fit 0.75: HOT by override instead of WARM, aggressive close, schedule demo",
            ),
            (
                {"icp_fit": 0.75, "sequence_override": "cold_outreach"},
                "ICP fit 0.75: WARM, cold outreach by override, introduce product",
            ),
            ({}, "The lead has no ICP fit yet"),
        ],
    )
    def test_the_decision_says_why(self, lead, says):
        assert routed(**lead).reasoning == says

    def test_the_decision_says_from_when(self):
        assert routed(icp_fit=0.9).scheduled_for == AS_OF
        assert LeadRouter().route_single_lead(Lead("a", "QUALIFIED", 0.9)).scheduled_for is None

    def test_switched_off_nothing_is_routed_and_the_decision_says_so(self):
        decision = routed(RoutingRules(enable_auto_routing=False), icp_fit=0.9)
        assert decision.status == RoutingStatus.QUALIFICATION_PENDING
        assert decision.reasoning == "Automatic routing is switched off"

    def test_a_lead_rejected_for_its_score_alone_can_be_nurtured(self):
        lead = {
            "status": "REJECTED",
            "icp_fit": 0.9,
            "enrichment_data": TWO_SIGNALS,
            "is_low_score_only": True,
        }
        assert routed(**lead).status == RoutingStatus.REJECTED_LEAD
        decision = routed(RoutingRules(nurture_low_score=True), **lead)
        assert decision.sequence_type == ContentSequenceType.COLD_OUTREACH
        assert not decision.boosted_by_intent
        assert decision.reasoning == (
            "Rejected for nothing but a low score, and such leads are nurtured: "
            "COLD, cold outreach, introduce product"
        )

    def test_a_rise_in_tier_routes_anew_where_the_campaign_says_so(self):
        lead = {
            "standing_tier": "WARM", "standing_sequence": "regular_nurture", "routing_number": 1,
            "icp_fit": 0.9,
        }  # fmt: skip
        rules = RoutingRules(reroute_on_tier_rise=True)
        decision = routed(rules, **lead)
        assert (decision.status, decision.scheduled_for) == (RoutingStatus.ROUTED, AS_OF)
        assert decision.reasoning == (
            "ICP fit 0.9: HOT, aggressive close, schedule demo; replaces WARM, regular nurture (routing 1)"
        )
        for more in ({"icp_fit": 0.84}, {"icp_fit": 0.1}, {"outcome": "lost"}, {"status": "REJECTED"}):
            assert routed(rules, **lead | more).status == RoutingStatus.ALREADY_ROUTED

    def test_an_override_moves_a_routed_lead_once(self):
        stands = {
            "standing_tier": "WARM",
            "standing_sequence": "regular_nurture",
            "routing_number": 2,
            "icp_fit": 0.75,
        }
        assert routed(**stands, tier_override="COLD").sequence_type == ContentSequenceType.COLD_OUTREACH
        moved = {"standing_tier": "COLD", "standing_sequence": "cold_outreach"}
        assert routed(**stands | moved, tier_override="COLD").status == RoutingStatus.ALREADY_ROUTED

    def test_sequences_of_the_campaigns_own_lead_where_they_say(self):
        own = ContentSequence(
            name="Own",
            sequence_type=ContentSequenceType.REGULAR_NURTURE,
            duration_days=1,
            email_count=1,
            goal="Call",
        )
        decision = routed(RoutingRules(hot_sequence=own), icp_fit=0.9)
        assert decision.sequence_type == ContentSequenceType.REGULAR_NURTURE
        assert decision.reasoning == "ICP fit 0.9: HOT, regular nurture, call"
