"""Whether an experiment is decided: only when everything that speaks for a winner agrees.

What belongs here: the rule, on results that others computed, and its reasons in words. What does not: the results, and
what is done about the winner.

A variant wins by itself when it has crossed the boundary of planned looks (after Holm's allowance for the other
variants), the arms have the people that their weights say, each arm is large enough, whole weeks have passed, and no
guardrail is hurt. The control wins when every variant has crossed the boundary on the bad side and all else agrees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import isfinite

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.multiple_comparisons import holm
from leadflow_pipeline.experiment.sample_ratio import RatioCheck

DAYS_A_WEEK = 7


class Standing(StrEnum):
    """How an experiment stands at a look."""

    WINNER = "winner"
    """Everything agrees."""
    RUNNING = "running"
    """Not yet."""
    INCONCLUSIVE = "inconclusive"
    """It was the last look, and nothing can be said."""


@dataclass(frozen=True)
class Guardrail:
    """A metric that must not get worse."""

    name: str
    lift: Interval
    """Where the relative change may be; positive is good."""
    tolerated: float | None = None
    """Relative loss that is acceptable, and must be excluded; None: it is enough that harm is not shown."""

    @property
    def holds(self) -> bool:
        """Whether it stands in nobody's way."""
        return self.lift.high >= 0 if self.tolerated is None else self.lift.low >= -self.tolerated

    def __str__(self) -> str:
        """In words."""
        if not isfinite(self.lift.width):
            return f"{self.name}: too few to say how much it changed"
        seen = f"{self.name} changed by {self.lift.low:+.1%} to {self.lift.high:+.1%}"
        if self.tolerated is None:
            return f"{seen}: {'no harm shown' if self.holds else 'harmed'}"
        return f"{seen}: a loss of {self.tolerated:.1%} is {'' if self.holds else 'not '}excluded"


@dataclass(frozen=True)
class VariantResult:
    """One variant against the control, on the metric that decides. Positive is good."""

    name: str
    exposed: int
    converted: int
    estimate: float
    """The metric itself: of several winners the highest is taken."""
    z: float
    """At this look."""
    p_value: float
    """Of all looks so far, `sequential.sequential_p_value`; not yet adjusted for other variants."""
    lift: Interval
    guardrails: tuple[Guardrail, ...] = ()


@dataclass(frozen=True)
class Demands:
    """What an automatic winner has to meet."""

    alpha: float = 0.05
    least_exposed: int = 100
    """Leads in each arm."""
    least_converted: int = 10
    """Of them, so that a normal curve may be spoken of; 0 where the metric is a mean."""
    least_weeks: int = 1


@dataclass(frozen=True)
class Reason:
    """One thing that a winner needs."""

    name: str
    holds: bool
    words: str


@dataclass(frozen=True)
class Verdict:
    """The standing, the winner if there is one, and why."""

    standing: Standing
    winner: str | None
    reasons: tuple[Reason, ...]

    @property
    def words(self) -> str:
        """In one line: what speaks for the winner, or what is missing."""
        is_won = self.standing is Standing.WINNER
        told = "; ".join(reason.words for reason in self.reasons if reason.holds is is_won)
        return f"{self.winner} wins: {told}" if is_won else f"no winner ({self.standing}): {told}"


def verdict(
    control: VariantResult,
    variants: Sequence[VariantResult],
    ratio: RatioCheck,
    days: int,
    demands: Demands | None = None,
    last: bool = False,
) -> Verdict:
    """Decides at one look. `days` are whole days since the first exposure; `last` says that no look follows.

    The control's own z, p-value and lift are not read; its guardrails neither.
    """
    demands = demands or Demands()
    adjusted = holm([variant.p_value for variant in variants])
    crossed = [p_value <= demands.alpha for p_value in adjusted.tolist()]
    better = [
        variant for variant, is_over in zip(variants, crossed, strict=True) if is_over and variant.z > 0
    ]
    worse = [variant for variant, is_over in zip(variants, crossed, strict=True) if is_over and variant.z < 0]
    sound = [v for v in better if all(guardrail.holds for guardrail in v.guardrails)]
    best = max(sound or better, key=lambda variant: variant.estimate, default=None)
    if best is None and variants and len(worse) == len(variants):
        best = control
    reasons = (
        _boundary(best, control, variants, adjusted.tolist(), demands.alpha),
        Reason("sample ratio", not ratio.alarms, str(ratio)),
        _size([control, *variants], demands),
        _weeks(days, demands.least_weeks),
        _guardrails(best, control),
    )
    if best is not None and all(reason.holds for reason in reasons):
        return Verdict(Standing.WINNER, best.name, reasons)
    return Verdict(Standing.INCONCLUSIVE if last else Standing.RUNNING, None, reasons)


def _boundary(
    best: VariantResult | None,
    control: VariantResult,
    variants: Sequence[VariantResult],
    adjusted: list[float],
    alpha: float,
) -> Reason:
    if best is control:
        return Reason("boundary", True, f"every variant is worse than {control.name}")
    if best is None:
        closest = min(zip(adjusted, variants, strict=True), key=lambda pair: pair[0], default=None)
        told = f"; the closest is {closest[1].name} with p {closest[0]:.2g}" if closest else ""
        return Reason("boundary", False, f"no variant has crossed its boundary at alpha {alpha:g}{told}")
    p_value = adjusted[list(variants).index(best)]
    return Reason(
        "boundary",
        True,
        f"{best.name} is better than {control.name} by {best.lift.low:+.1%} to {best.lift.high:+.1%} "
        f"(p {p_value:.2g} over all looks and variants)",
    )


def _size(arms: Sequence[VariantResult], demands: Demands) -> Reason:
    small = [
        arm for arm in arms if arm.exposed < demands.least_exposed or arm.converted < demands.least_converted
    ]
    wanted = f"{demands.least_exposed:,} leads and {demands.least_converted:,} conversions"
    if not small:
        return Reason("size", True, f"every arm has {wanted} or more")
    told = ", ".join(f"{arm.name} has {arm.exposed:,} and {arm.converted:,}" for arm in small)
    return Reason("size", False, f"every arm needs {wanted}: {told}")


def _weeks(days: int, least: int) -> Reason:
    weeks, rest = divmod(days, DAYS_A_WEEK)
    if rest == 0 and weeks >= least:
        return Reason(
            "full weeks", True, f"{weeks} whole week{'s' if weeks != 1 else ''}, each weekday alike"
        )
    lack = "enough" if weeks < least else "whole weeks"
    next_look = max(least, weeks + (rest > 0)) * DAYS_A_WEEK
    words = f"{days} days are not {lack}: weekdays differ, wait for day {next_look}"
    return Reason("full weeks", False, words)


def _guardrails(best: VariantResult | None, control: VariantResult) -> Reason:
    if best is None or best is control:
        return Reason("guardrails", True, "nothing changes, so nothing is harmed")
    broken = [str(guardrail) for guardrail in best.guardrails if not guardrail.holds]
    if broken:
        return Reason("guardrails", False, "; ".join(broken))
    told = "; ".join(str(guardrail) for guardrail in best.guardrails) or "none was named"
    return Reason("guardrails", True, told)
