"""Routing of one lead, in plain Python, and the router as an object that holds its rules.

What belongs here: `route_lead` and the thin `LeadRouter` around it and its columnar twin. What does not: the
judgement (`judgement.py`), and whole days with what happened before (`plan.py`).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import pandas as pd

from leadflow_pipeline.route.decision import STATUS_OF, Lead, RoutingDecision, RoutingStatus, Verdict
from leadflow_pipeline.route.fit import TIERS, UNKNOWN, billionths
from leadflow_pipeline.route.frame_router import route_frame
from leadflow_pipeline.route.intent import signals_of
from leadflow_pipeline.route.judgement import SEQUENCES, Facts, Judge
from leadflow_pipeline.route.metrics import RoutingMetrics
from leadflow_pipeline.route.readings import outcome_of, reading_of, sequence_code, tier_code
from leadflow_pipeline.route.reasoning import Wording
from leadflow_pipeline.route.rules import RoutingRules


def route_lead(
    lead: Lead | Mapping[str, Any], rules: RoutingRules, as_of: datetime | None = None
) -> RoutingDecision:
    """The decision about one lead; `route_frame` gives the same for many.

    `as_of` is the moment from which the sequence of a routed lead runs. Nothing here looks at a clock, so
    without it the decision names no time.
    """
    return LeadRouter(rules).route_single_lead(lead, as_of)


class LeadRouter:
    """Routes leads by one set of rules."""

    def __init__(self, rules: RoutingRules | None = None) -> None:
        self.rules = rules or RoutingRules()
        self._judge = Judge(self.rules)
        self._wording = Wording(self.rules, self._judge.scale)

    def route_single_lead(
        self,
        lead: Lead | Mapping[str, Any],
        as_of: datetime | None = None,
        sequences: Sequence[int] | None = None,
    ) -> RoutingDecision:
        """The decision about one lead: see `route_lead`. `sequences` are those of each tier, where experiments change
        them for this lead.
        """
        one = lead if isinstance(lead, Lead) else Lead.of(lead)
        facts = self._facts(one)
        judge = self._judge if sequences is None else self._judge.with_sequences(sequences)
        grounds = judge.judge(facts)
        status = STATUS_OF[Verdict(grounds.verdict)]
        sequence = grounds.sequence if grounds.is_weighed else UNKNOWN
        if status is RoutingStatus.ALREADY_ROUTED:
            sequence = facts.old_sequence
        return RoutingDecision(
            lead_id=one.lead_id,
            status=status,
            sequence_type=None if sequence == UNKNOWN else SEQUENCES[sequence],
            reasoning="".join(
                piece.word(piece.code) for piece in self._wording.pieces(grounds) if piece.where
            ),
            scheduled_for=as_of if status is RoutingStatus.ROUTED else None,
            boosted_by_intent=grounds.is_boosted,
            tier=TIERS[grounds.tier].value if status is RoutingStatus.ROUTED else None,
        )

    def batch_route_leads(
        self, leads: pd.DataFrame, max_leads: int | None = 1000, as_of: datetime | None = None
    ) -> RoutingMetrics:
        """What routing a frame of leads comes to; the rows themselves are those of `route_frame`.

        Nothing is counted where automatic routing is switched off.
        """
        if not self.rules.enable_auto_routing:
            return RoutingMetrics()
        started = time.perf_counter()
        routed = route_frame(leads, self.rules, as_of, max_leads)
        return RoutingMetrics.of(routed, duration_seconds=time.perf_counter() - started)

    def _facts(self, lead: Lead) -> Facts:
        return Facts(
            reading=reading_of(lead.status),
            outcome=outcome_of(lead.outcome) or outcome_of(lead.status),
            fit=billionths(lead.icp_fit),
            signals=signals_of(lead.enrichment_data, self.rules),
            is_low_score_only=lead.is_low_score_only,
            tier_override=tier_code(lead.tier_override),
            sequence_override=sequence_code(lead.sequence_override),
            old_tier=tier_code(lead.standing_tier),
            old_sequence=sequence_code(lead.standing_sequence),
            routing_number=lead.routing_number,
        )
