"""The words: why a lead was routed as it was, in one sentence.

What belongs here: how grounds read. What does not: the judgement itself.

The sentence is composed once, for one lead and for a million: each piece is a code, a function that words it,
and where it is said.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from leadflow_pipeline.route.decision import Verdict
from leadflow_pipeline.route.fit import TIERS, UNKNOWN, WHOLE, Code, FitScale, shown, spelt
from leadflow_pipeline.route.judgement import SEQUENCES, Grounds, Reading, but_not
from leadflow_pipeline.route.rules import CUSTOM_SIGNAL, ContentSequenceType, RoutingRules

OPENINGS: dict[Verdict, str] = {
    Verdict.STAYS: "Already routed",
    Verdict.ALREADY_ROUTED: "Already routed",
    Verdict.WON: "The lead is won",
    Verdict.LOST: "The lead is lost",
    Verdict.REJECTED: "Qualification rejected the lead",
    Verdict.SWITCHED_OFF: "Automatic routing is switched off",
    Verdict.UNSCORED: "The lead has no ICP fit yet",
    Verdict.NOT_QUALIFIED: "The lead is not qualified yet",
}


class Piece(NamedTuple):
    """A part of a sentence: `word(code)`, said where `where` is true."""

    code: Code
    word: Callable[[int], str]
    where: Code


class Wording:
    """How a campaign's routing explains itself."""

    def __init__(self, rules: RoutingRules, scale: FitScale) -> None:
        self._rules = rules
        self._scale = scale
        self._signals = [name.removeprefix(CUSTOM_SIGNAL).replace("_", " ") for name in rules.intent_signals]

    def pieces(self, grounds: Grounds) -> list[Piece]:
        """The sentence, piece by piece; exactly one of the first three opens it."""
        facts, verdict = grounds.facts, grounds.verdict
        weighed, boosted = grounds.is_weighed, grounds.is_boosted
        tier = (grounds.rules_tier << 3) | (grounds.tier << 1) | (facts.tier_override != UNKNOWN)
        sequence = (grounds.tier << 3) | (grounds.sequence << 1) | (facts.sequence_override != UNKNOWN)
        old = (facts.routing_number << 4) | (facts.old_tier << 2) | facts.old_sequence
        old_is_known = (facts.old_tier != UNKNOWN) & (facts.old_sequence != UNKNOWN)
        return [
            Piece(verdict, self._opening, verdict > Verdict.WAITING),
            Piece(shown(facts.fit), self._fit, weighed & grounds.by_fit),
            Piece(verdict, self._low_score, but_not(weighed, grounds.by_fit)),
            Piece(facts.signals, self._intent, boosted),
            Piece(shown(grounds.effective), self._effective, boosted),
            Piece(tier, self._tier, weighed),
            Piece(sequence, self._sequence, weighed),
            Piece(old, self._kept, grounds.keeps_place & old_is_known),
            Piece(old, self._replaced, (verdict == Verdict.REROUTED) & old_is_known),
            Piece(verdict, self._in_review, weighed & (facts.reading == Reading.MANUAL_REVIEW)),
            Piece(verdict, self._over_limit, (verdict == Verdict.WAITING) | (verdict == Verdict.STAYS)),
        ]

    def _opening(self, verdict: int) -> str:
        return OPENINGS[Verdict(verdict)]

    def _fit(self, fit: int) -> str:
        return f"ICP fit {spelt(fit)}"

    def _low_score(self, _: int) -> str:
        return "Rejected for nothing but a low score, and such leads are nurtured"

    def _intent(self, signals: int) -> str:
        names = [name for position, name in enumerate(self._signals) if signals >> position & 1]
        named = f" ({', '.join(names)})" if names else ""
        return f" + {spelt(shown(self._scale.boost))} for intent{named} = "

    def _effective(self, effective: int) -> str:
        return spelt(effective) + (" (the most)" if effective == shown(WHOLE) else "")

    def _tier(self, code: int) -> str:
        rules_tier, tier = TIERS[code >> 3], TIERS[code >> 1 & 3]
        return f": {tier} by override instead of {rules_tier}" if code & 1 else f": {tier}"

    def _sequence(self, code: int) -> str:
        tier, kind = TIERS[code >> 3], SEQUENCES[code >> 1 & 3]
        sequences = (self._rules.sequence_of(each) for each in (tier, *reversed(TIERS)))
        goal = next((each.goal for each in sequences if each.sequence_type == kind), "")
        usual = self._rules.sequence_of(tier).sequence_type
        by_whom = " by override" if code & 1 else " by experiment" if kind != usual else ""
        return f", {words(kind)}{by_whom}" + (f", {goal[:1].lower()}{goal[1:]}" if goal else "")

    def _kept(self, code: int) -> str:
        return f": {self._old(code)}"

    def _replaced(self, code: int) -> str:
        return f"; replaces {self._old(code)}"

    def _old(self, code: int) -> str:
        return f"{TIERS[code >> 2 & 3]}, {words(SEQUENCES[code & 3])} (routing {code >> 4})"

    def _in_review(self, _: int) -> str:
        return "; a person still reviews it"

    def _over_limit(self, verdict: int) -> str:
        waits = "waits for the next day" if verdict == Verdict.WAITING else "not routed anew"
        return f"; {waits}, because the day's limit of leads is reached"


def words(kind: ContentSequenceType) -> str:
    """A kind of sequence in words, e.g. `aggressive close`."""
    return kind.value.replace("_", " ")
