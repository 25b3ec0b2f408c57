"""The judgement: from the facts about leads, in codes, to a verdict, a tier and a sequence.

What belongs here: every rule of routing, each written once. What does not: reading leads into codes
(`lead_router.py` for one, `frame_router.py` for many), words (`reasoning.py`), days (`plan.py`).

Codes are ints and bools for one lead, int64 and bool arrays for many, and the same lines judge both. Hence
`&` and `|` where one lead alone would let one write `and` and `or`, and `but_not`.

Order of checks: already routed, then won, lost or rejected, then qualified or in manual review, else pending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np

from leadflow_pipeline.route.decision import Verdict
from leadflow_pipeline.route.fit import TIERS, UNKNOWN, Code, Codes, FitScale
from leadflow_pipeline.route.rules import ContentSequenceType, RoutingRules

SEQUENCES: tuple[ContentSequenceType, ...] = tuple(ContentSequenceType)
"""By code."""


class Reading(IntEnum):
    """What the status of a lead says."""

    PENDING = 0
    QUALIFIED = 1
    MANUAL_REVIEW = 2
    REJECTED = 3
    ROUTED = 4


class Outcome(IntEnum):
    """How a lead ended, if it did."""

    OPEN = 0
    WON = 1
    LOST = 2


@dataclass(frozen=True, slots=True)
class Facts:
    """What there is to know about leads."""

    reading: Code
    outcome: Code
    fit: Code
    """In billionths, or UNKNOWN."""
    signals: Code
    """Bit k: the k-th intent signal of the rules shows."""
    is_low_score_only: Code
    """Rejected for nothing but a low score."""
    tier_override: Code
    sequence_override: Code
    old_tier: Code
    old_sequence: Code
    routing_number: Code
    """How often the lead was routed so far."""

    def rows(self, rows: Codes) -> Facts:
        """The facts about some of many leads."""
        return Facts(**{name: getattr(self, name)[rows] for name in FACT_NAMES})


@dataclass(frozen=True, slots=True)
class Grounds:
    """A verdict and what it rests on."""

    facts: Facts
    verdict: Code
    intent: Code
    effective: Code
    """The fit with the boost that intent earned."""
    by_fit: Code
    """False for a lead that is nurtured although its score is low: its tier is COLD whatever its fit."""
    rules_tier: Code
    """The tier before any override."""
    tier: Code
    sequence: Code

    @property
    def is_weighed(self) -> Code:
        """Whether the verdict is about a tier at all."""
        return self.verdict <= Verdict.WAITING

    @property
    def is_routed(self) -> Code:
        """Whether a sequence begins."""
        return (self.verdict == Verdict.ROUTED) | (self.verdict == Verdict.REROUTED)

    @property
    def keeps_place(self) -> Code:
        """Whether the lead stays in the sequence that it was routed to before."""
        return (self.verdict == Verdict.ALREADY_ROUTED) | (self.verdict == Verdict.STAYS)

    @property
    def is_boosted(self) -> Code:
        """Whether intent raised the fit that decided."""
        return self.is_weighed & self.by_fit & (self.effective > self.facts.fit)

    def with_verdict(self, verdict: Code) -> Grounds:
        """The same grounds under another verdict."""
        return replace(self, verdict=verdict)

    def rows(self, rows: Codes) -> Grounds:
        """The grounds of some of many leads."""
        return Grounds(
            facts=self.facts.rows(rows),
            **{name: getattr(self, name)[rows] for name in GROUND_NAMES},
        )

    @classmethod
    def concatenated(cls, parts: Sequence[Grounds]) -> Grounds:
        """Grounds of many leads, one part after the other."""
        return cls(
            facts=Facts(
                **{name: np.concatenate([getattr(part.facts, name) for part in parts]) for name in FACT_NAMES}
            ),
            **{name: np.concatenate([getattr(part, name) for part in parts]) for name in GROUND_NAMES},
        )


FACT_NAMES = [field.name for field in fields(Facts)]
GROUND_NAMES = [field.name for field in fields(Grounds) if field.name != "facts"]


class Judge:
    """Judges leads by one set of rules."""

    def __init__(self, rules: RoutingRules) -> None:
        self.scale = FitScale.of(rules)
        self._rules = rules
        self.sequence_of_tier = [SEQUENCES.index(rules.sequence_of(tier).sequence_type) for tier in TIERS]

    def with_sequences(self, sequence_of_tier: Sequence[int]) -> Judge:
        """The same but for the sequence of each tier."""
        other = Judge(self._rules)
        other.sequence_of_tier = list(sequence_of_tier)
        return other

    def judge(self, facts: Facts, sequences: Codes | None = None) -> Grounds:
        """The verdict on leads, no limit of a day considered.

        `sequences` are those of each of many leads from each tier (`[leads, tiers]`), where experiments make them
        differ.
        """
        intent = self.scale.intent(facts.signals)
        effective = self.scale.effective(facts.fit, intent)
        by_fit = (
            facts.is_low_score_only & (facts.reading == Reading.REJECTED) & self._rules.nurture_low_score
        ) == 0
        rules_tier = self.scale.tier(effective) * by_fit
        tier = given_or(facts.tier_override, rules_tier)
        by_tier = self.sequence_of_tier if sequences is None else sequences
        sequence = given_or(facts.sequence_override, looked_up(by_tier, tier))
        return Grounds(
            facts=facts,
            verdict=self._verdict(facts, by_fit, self._must_move(facts, tier, sequence)),
            intent=intent,
            effective=effective,
            by_fit=by_fit,
            rules_tier=rules_tier,
            tier=tier,
            sequence=sequence,
        )

    def _verdict(self, facts: Facts, by_fit: Code, must_move: Code) -> Code:
        is_on = self._rules.enable_auto_routing
        is_open = facts.outcome == Outcome.OPEN
        was_routed = (facts.reading == Reading.ROUTED) | (facts.old_tier != UNKNOWN)
        is_qualified = (facts.reading == Reading.QUALIFIED) | (facts.reading == Reading.MANUAL_REVIEW)
        may_be_routed = (is_qualified | (by_fit == 0)) & is_open
        is_scored = (facts.fit != UNKNOWN) | (by_fit == 0)
        is_ready = may_be_routed & is_scored & is_on
        return first_that_holds(
            [
                (was_routed & is_ready & must_move, Verdict.REROUTED),
                (was_routed, Verdict.ALREADY_ROUTED),
                (facts.outcome == Outcome.WON, Verdict.WON),
                (facts.outcome == Outcome.LOST, Verdict.LOST),
                (but_not(facts.reading == Reading.REJECTED, may_be_routed), Verdict.REJECTED),
                (is_ready, Verdict.ROUTED),
                (but_not(may_be_routed, is_on), Verdict.SWITCHED_OFF),
                (may_be_routed, Verdict.UNSCORED),
            ],
            Verdict.NOT_QUALIFIED,
        )

    def _must_move(self, facts: Facts, tier: Code, sequence: Code) -> Code:
        """Whether a routed lead leaves its sequence for another: its tier rose, or a person says so."""
        rises = (tier > facts.old_tier) & self._rules.reroute_on_tier_rise
        tier_is_ordered = (facts.tier_override != UNKNOWN) & (tier != facts.old_tier)
        sequence_is_ordered = (facts.sequence_override != UNKNOWN) & (sequence != facts.old_sequence)
        return (facts.old_tier != UNKNOWN) & (rises | tier_is_ordered | sequence_is_ordered)


def but_not(holds: Code, unless: Code) -> Code:
    """`holds and not unless`."""
    return holds > unless


def given_or(given: Code, otherwise: Code) -> Code:
    """What is given, else the other code."""
    return otherwise + (given - otherwise) * (given != UNKNOWN)


def looked_up(table: Sequence[int] | Codes, code: Code) -> Code:
    """The entry of a table at a code; of a table that has a row for each of many leads, in their own row."""
    if isinstance(table, np.ndarray):
        return np.take_along_axis(table, code[:, None], axis=1)[:, 0]
    return np.asarray(table)[code] if isinstance(code, np.ndarray) else table[code]


def first_that_holds(cases: Sequence[tuple[Code, Verdict]], otherwise: Verdict) -> Code:
    """The verdict of the first case that holds."""
    if isinstance(cases[0][0], np.ndarray):
        verdicts = np.select(
            [holds for holds, _ in cases], [int(verdict) for _, verdict in cases], int(otherwise)
        )
        return verdicts.astype("int64")
    return next((verdict for holds, verdict in cases if holds), otherwise)
