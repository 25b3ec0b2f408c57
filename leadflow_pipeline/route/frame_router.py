"""Routing of many leads at once, by column.

What belongs here: `route_frame`, and the two halves of it that `plan.py` uses on whole days: reading columns
into facts, and writing grounds as columns. What does not: the judgement itself, which is that of one lead
too.
"""

from __future__ import annotations

from datetime import datetime

import numpy as np
import pandas as pd

from leadflow_pipeline.route.decision import STATUS_OF, Verdict
from leadflow_pipeline.route.fit import TIERS, UNKNOWN, WHOLE, Codes, billionths_of
from leadflow_pipeline.route.intent import signals_of_columns
from leadflow_pipeline.route.judgement import SEQUENCES, Facts, Grounds, Judge
from leadflow_pipeline.route.limit import best_first, within_limit
from leadflow_pipeline.route.readings import outcome_of, read_column, reading_of, sequence_code, tier_code
from leadflow_pipeline.route.reasoning import Wording
from leadflow_pipeline.route.rules import RoutingRules
from leadflow_pipeline.wording import as_column, join, spell


def route_frame(
    leads: pd.DataFrame,
    rules: RoutingRules,
    as_of: datetime | None = None,
    max_leads: int | None = None,
) -> pd.DataFrame:
    """The decision about each row of `leads`, in its order and under its index.

    `leads` has `lead_id, status, icp_fit`, a column for each intent signal, and may have the other fields of
    `Lead` and `score`; a column that is not there is missing everywhere. At most `max_leads` are routed,
    those of the best score first, then by lead_id; the others wait. Columns: `lead_id` and those of
    `written`.
    """
    judge = Judge(rules)
    grounds = judge.judge(facts_of(leads, rules))
    order = best_first(leads["score"] if "score" in leads.columns else leads["icp_fit"], leads["lead_id"])
    grounds = grounds.with_verdict(within_limit(grounds.verdict, order, max_leads))
    start_at = pd.Series(as_of, index=leads.index, dtype="datetime64[us, UTC]")
    return leads[["lead_id"]].join(written(grounds, start_at, rules))


def facts_of(leads: pd.DataFrame, rules: RoutingRules) -> Facts:
    """Facts from columns named as the fields of `Lead`, intent signals from columns of their own names."""

    def texts(name: str) -> pd.Series[str]:
        return leads[name] if name in leads.columns else pd.Series(np.nan, index=leads.index, dtype="str")

    def numbers(name: str) -> Codes:
        given = leads[name] if name in leads.columns else pd.Series(0, index=leads.index)
        return np.asarray(given.fillna(0), dtype="int64")

    outcome = read_column(texts("outcome"), outcome_of)
    return Facts(
        reading=read_column(leads["status"], reading_of),
        outcome=np.where(outcome == 0, read_column(leads["status"], outcome_of), outcome),
        fit=billionths_of(leads["icp_fit"]),
        signals=signals_of_columns(leads, rules),
        is_low_score_only=numbers("is_low_score_only") == 1,
        tier_override=read_column(texts("tier_override"), tier_code),
        sequence_override=read_column(texts("sequence_override"), sequence_code),
        old_tier=read_column(texts("standing_tier"), tier_code),
        old_sequence=read_column(texts("standing_sequence"), sequence_code),
        routing_number=numbers("routing_number"),
    )


def written(grounds: Grounds, start_at: pd.Series[pd.Timestamp], rules: RoutingRules) -> pd.DataFrame:
    """Grounds as the columns of a routed lead, under the index of `start_at`.

    `intent_score, status, tier, sequence, sequence_start_at, boosted_by_intent, routing_number, reasoning`. A
    lead that stays where it is keeps the tier, sequence and number it has, so that its latest row is its
    present state; one that waits has the tier and sequence it waits for.
    """
    facts, verdict = grounds.facts, grounds.verdict
    is_routed, keeps = grounds.is_routed, grounds.keeps_place
    tier = np.where(keeps, facts.old_tier, np.where(grounds.is_weighed, grounds.tier, UNKNOWN))
    sequence = np.where(keeps, facts.old_sequence, np.where(grounds.is_weighed, grounds.sequence, UNKNOWN))
    number = np.where(keeps | is_routed, facts.routing_number + is_routed, 0)
    index = start_at.index
    everywhere = np.ones(len(index), dtype=bool)
    pieces = Wording(rules, Judge(rules).scale).pieces(grounds)
    said = [spell(piece.code, piece.word, piece.where) for piece in pieces]
    return pd.DataFrame(
        {
            "intent_score": grounds.intent / WHOLE,
            "status": as_column(
                spell(verdict, lambda code: STATUS_OF[Verdict(code)].value, everywhere), index
            ),
            "tier": as_column(spell(tier, lambda code: TIERS[code].value, tier != UNKNOWN), index),
            "sequence": as_column(
                spell(sequence, lambda code: SEQUENCES[code].value, sequence != UNKNOWN), index
            ),
            "sequence_start_at": start_at.where(is_routed),
            "boosted_by_intent": pd.Series(grounds.is_boosted, index=index, dtype="boolean"),
            "routing_number": pd.Series(number, index=index, dtype="Int64").mask(number == 0),
            "reasoning": as_column(join(said), index),
        },
        index=index,
    )
