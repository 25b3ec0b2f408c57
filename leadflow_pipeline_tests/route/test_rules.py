"""Rules and sequences: what a campaign gets without a word, what it may say, and what is refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from leadflow_pipeline.route import ContentSequence, ContentSequenceType, RoutingRules, Tier


class TestRoutingRules:
    def test_defaults(self):
        rules = RoutingRules()
        assert rules.enable_auto_routing
        assert rules.intent_boost_enabled
        assert (rules.hot_tier_min_score, rules.warm_tier_min_score, rules.cool_tier_min_score) == (
            0.85,
            0.7,
            0.5,
        )
        assert (rules.intent_score_threshold, rules.intent_boost) == (0.5, 0.15)
        assert rules.intent_signals == {
            "recent_job_change": 0.25,
            "company_funded_recently": 0.25,
            "company_hiring": 0.25,
            "is_decision_maker": 0.5,
        }
        assert not rules.reroute_on_tier_rise
        assert not rules.nurture_low_score
        assert rules.max_leads is None

    def test_custom_values(self):
        rules = RoutingRules(
            hot_tier_min_score=0.9,
            warm_tier_min_score=0.6,
            cool_tier_min_score=0.4,
            intent_score_threshold=0.6,
        )
        assert (rules.hot_tier_min_score, rules.warm_tier_min_score, rules.cool_tier_min_score) == (
            0.9,
            0.6,
            0.4,
        )
        assert rules.sequence_of(Tier.WARM) == ContentSequence.warm_sequence()

    def test_to_dict_round_trips_plain_values(self):
        rules = RoutingRules(max_leads=5, intent_signals={"custom.asked_for_price": 1.0})
        content = rules.to_dict()
        assert content["hot_tier_min_score"] == 0.85
        assert content["hot_sequence"]["sequence_type"] == "aggressive_close"
        assert RoutingRules.model_validate(content) == rules

    @pytest.mark.parametrize(
        ("given", "says"),
        [
            ({"hot_tier_min_score": 0.7}, "must fall from hot to cool"),
            ({"cool_tier_min_score": 0.8}, "must fall from hot to cool"),
            ({"hot_tier_min_score": 1.1}, "less than or equal to 1"),
            ({"max_leads": 0}, "greater than or equal to 1"),
            (
                {"intent_signals": {"recent_job_chance": 0.5}},
                "no lead shows the intent signal recent_job_chance",
            ),
            ({"intent_signals": {"company_hiring": -0.5}}, "must lie in 0 to 1"),
            ({"intent_signals": {"company_hiring": float("nan")}}, "must lie in 0 to 1"),
            ({"hot_tier": 0.9}, "Extra inputs"),
        ],
    )
    def test_what_could_not_work_is_refused(self, given, says):
        with pytest.raises(ValidationError, match=says):
            RoutingRules.model_validate(given)


class TestContentSequence:
    @pytest.mark.parametrize(
        ("sequence", "kind", "days", "emails", "goal"),
        [
            (ContentSequence.hot_sequence(), "aggressive_close", 7, 3, "Schedule demo"),
            (ContentSequence.warm_sequence(), "regular_nurture", 14, 4, "Qualify need"),
            (ContentSequence.cool_sequence(), "long_term_nurture", 30, 6, "Build relationship"),
            (ContentSequence.cold_sequence(), "cold_outreach", 60, 8, "Introduce product"),
        ],
        ids=["hot", "warm", "cool", "cold"],
    )
    def test_the_four_shipped_sequences(self, sequence, kind, days, emails, goal):
        assert sequence.sequence_type == ContentSequenceType(kind)
        assert (sequence.duration_days, sequence.email_count, sequence.goal) == (days, emails, goal)

    def test_a_sequence_of_ones_own(self):
        own = ContentSequence(
            name="Fair follow-up",
            sequence_type=ContentSequenceType.REGULAR_NURTURE,
            duration_days=10,
            email_count=2,
            goal="Meet again",
            description="For people met at a fair.",
        )
        assert own.to_dict()["sequence_type"] == "regular_nurture"
        assert RoutingRules(warm_sequence=own).sequence_of(Tier.WARM) is own
        with pytest.raises(ValidationError):
            ContentSequence.model_validate(own.to_dict() | {"email_count": 0})
