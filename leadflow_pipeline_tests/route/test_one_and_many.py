"""One judgement: alone or among many a lead gets the same answer, and a better fit never a colder tier."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route import ContentSequence, RoutingRules, Tier, route_frame, route_lead
from leadflow_pipeline.route.fit import TIERS
from leadflow_pipeline.route.judgement import SEQUENCES

AS_OF = datetime(2026, 3, 11, tzinfo=UTC)
SIGNALS = [
    "recent_job_change",
    "company_funded_recently",
    "company_hiring",
    "is_decision_maker",
    "custom.visited",
]

FITS = st.one_of(
    st.sampled_from([0.0, 0.35, 0.5, 0.55, 0.7, 0.85, 1.0, 0.1 + 0.2, 0.7 + 0.15]), st.floats(0, 1)
)
SHOWN = st.sampled_from([True, False, None, "yes", "No", "", 1, 0.0, float("nan")])
SEQUENCE_NAMES = [sequence.value for sequence in SEQUENCES]

STANDING = st.one_of(
    st.just({"standing_tier": None, "standing_sequence": None, "routing_number": 0}),
    st.fixed_dictionaries(
        {
            "standing_tier": st.sampled_from([tier.value for tier in TIERS]),
            "standing_sequence": st.sampled_from(SEQUENCE_NAMES),
            "routing_number": st.integers(1, 40),
        }
    ),
)
LEADS = st.builds(
    lambda lead, standing: lead | standing,
    st.fixed_dictionaries(
        {
            "lead_id": st.integers(0, 9).map(str),
            "status": st.sampled_from(
                [
                    "QUALIFIED",
                    "manual_review",
                    "REJECTED",
                    "PENDING",
                    "WON",
                    "Lost",
                    "ROUTED",
                    "ENRICHED",
                    None,
                ]
            ),
            "icp_fit": st.one_of(st.none(), FITS),
            "enrichment_data": st.dictionaries(st.sampled_from(SIGNALS), SHOWN),
            "outcome": st.sampled_from([None, None, "won", "lost", "meeting"]),
            "is_low_score_only": st.booleans(),
            "tier_override": st.sampled_from([None, None, "HOT", "cold"]),
            "sequence_override": st.sampled_from([None, None, "regular_nurture"]),
        }
    ),
    STANDING,
)


@st.composite
def rules(draw: st.DrawFn) -> RoutingRules:
    cool, warm, hot = sorted(draw(st.lists(FITS, min_size=3, max_size=3, unique=True)))
    return RoutingRules(
        enable_auto_routing=draw(st.sampled_from([True, True, True, False])),
        hot_tier_min_score=hot,
        warm_tier_min_score=warm,
        cool_tier_min_score=cool,
        hot_sequence=draw(st.sampled_from([ContentSequence.hot_sequence(), ContentSequence.warm_sequence()])),
        intent_boost_enabled=draw(st.booleans()),
        intent_score_threshold=draw(FITS),
        intent_boost=draw(FITS),
        intent_signals=draw(st.dictionaries(st.sampled_from(SIGNALS), FITS)),
        reroute_on_tier_rise=draw(st.booleans()),
        nurture_low_score=draw(st.booleans()),
    )


def as_frame(leads: list[dict[str, Any]]) -> pd.DataFrame:
    """Leads as columns, signals beside the other fields."""
    frame = pd.DataFrame(
        [lead | {name: lead["enrichment_data"].get(name) for name in SIGNALS} for lead in leads]
    )
    return frame.drop(columns="enrichment_data")


@settings(max_examples=100)
@given(leads=st.lists(LEADS, min_size=1, max_size=8), rules=rules())
def test_alone_or_among_many_a_lead_gets_the_same_answer(leads, rules):
    together = route_frame(as_frame(leads), rules, AS_OF)
    for lead, row in zip(leads, together.to_dict("records"), strict=True):
        alone = route_lead(lead, rules, AS_OF)
        assert alone.status == row["status"]
        assert alone.reasoning == row["reasoning"]
        assert alone.boosted_by_intent == row["boosted_by_intent"]
        assert alone.sequence_type == (row["sequence"] if pd.notna(row["sequence"]) else None)
        assert alone.scheduled_for == (
            row["sequence_start_at"] if pd.notna(row["sequence_start_at"]) else None
        )


@settings(max_examples=50)
@given(
    fits=st.lists(FITS, min_size=2, max_size=8),
    signals=st.dictionaries(st.sampled_from(SIGNALS), SHOWN),
    rules=rules(),
)
def test_a_better_fit_never_gets_a_colder_tier(fits, signals, rules):
    leads = [
        {"lead_id": str(fit), "status": "QUALIFIED", "icp_fit": fit, "enrichment_data": signals}
        for fit in sorted(fits)
    ]
    routed = route_frame(as_frame(leads), rules.model_copy(update={"enable_auto_routing": True}), AS_OF)
    warmth = [TIERS.index(Tier(tier)) for tier in routed["tier"]]
    assert warmth == sorted(warmth)


@settings(max_examples=30)
@given(
    leads=st.lists(LEADS, min_size=1, max_size=10, unique_by=lambda lead: lead["lead_id"]),
    rules=rules(),
    limit=st.integers(1, 5),
    order=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_does_not_matter(leads, rules, limit, order):
    shuffled = list(leads)
    order.shuffle(shuffled)
    first, second = (
        route_frame(as_frame(each), rules, AS_OF, limit).sort_values("lead_id", ignore_index=True)
        for each in (leads, shuffled)
    )
    pd.testing.assert_frame_equal(first, second)
    assert (first["status"] == "ROUTED").sum() <= limit
