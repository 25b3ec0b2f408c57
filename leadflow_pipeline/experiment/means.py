"""Two means compared: money, minutes, emails, anything counted or measured.

What belongs here: Welch's test, intervals of the difference and of the lift, and CUPED. What does not: summing
(`tallies`), looking more than once (`sequential`).

Sources: Welch (1947), Biometrika 34, 28-35. The lift's interval is Fieller's (1954), exact for normal means, and open
where the control's mean is not told from 0. CUPED: Deng, Xu, Kohavi and Walker (WSDM 2013): what is known of each
person from before the experiment cannot be an effect of it, so the part of the outcome that it explains is taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, nan, sqrt

from scipy.stats import t as student

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.tallies import ArmMoments


@dataclass(frozen=True)
class MeanTest:
    """What is known of the difference between a variant's mean and the control's."""

    control: ArmMoments
    variant: ArmMoments
    difference: float
    standard_error: float
    t: float
    """Positive where the variant's mean is higher; as good as a z-score in large arms. 0 where nothing varies."""
    degrees_of_freedom: float
    p_value: float
    """Two-sided."""
    difference_interval: Interval
    lift: float
    """Relative to the control's mean; NaN where that is not above 0."""
    lift_interval: Interval


@dataclass(frozen=True)
class Cuped:
    """Arms with less noise, and the same difference to be expected."""

    arms: tuple[ArmMoments, ...]
    theta: float
    """What one unit of the covariate is worth, the same for all arms."""
    variance_reduction: float
    """Share of the variance that is gone: as many fewer people are needed."""


def compare_means(control: ArmMoments, variant: ArmMoments, confidence: float = 0.95) -> MeanTest:
    """Tests for a difference and says how large it may be. Of an arm of fewer than two, nothing is known."""
    difference = variant.mean - control.mean
    if min(control.count, variant.count) < 2:
        everything = Interval(-inf, inf)
        return MeanTest(control, variant, difference, inf, 0.0, 1.0, 1.0, everything, nan, everything)
    of_control, of_variant = control.variance / control.count, variant.variance / variant.count
    standard_error = sqrt(of_control + of_variant)
    freedom = _welch_satterthwaite(control, variant)
    t = difference / standard_error if standard_error else 0.0
    critical = float(student.isf((1 - confidence) / 2, freedom))
    half = critical * standard_error
    return MeanTest(
        control=control,
        variant=variant,
        difference=difference,
        standard_error=standard_error,
        t=t,
        degrees_of_freedom=freedom,
        p_value=float(2 * student.sf(abs(t), freedom)),
        difference_interval=Interval(difference - half, difference + half),
        lift=variant.mean / control.mean - 1 if control.mean > 0 else nan,
        lift_interval=_fieller(control.mean, of_control, variant.mean, of_variant, critical),
    )


def cuped(arms: Sequence[ArmMoments]) -> Cuped:
    """The arms' moments after taking out what the covariate explains.

    Theta is pooled within arms, so that no effect of the experiment gets into it; one theta for all arms keeps their
    differences unbiased. A covariate that does not vary changes nothing.
    """
    freedom = [max(arm.count - 1, 0) for arm in arms]
    within = sum(f * arm.covariate_variance for f, arm in zip(freedom, arms, strict=True))
    together = sum(f * arm.covariance for f, arm in zip(freedom, arms, strict=True))
    theta = together / within if within > 0 else 0.0
    people = sum(arm.count for arm in arms)
    overall = sum(arm.count * arm.covariate_mean for arm in arms) / people if people else 0.0
    adjusted = tuple(_without_covariate(arm, theta, overall) for arm in arms)
    before = sum(f * arm.variance for f, arm in zip(freedom, arms, strict=True))
    after = sum(f * arm.variance for f, arm in zip(freedom, adjusted, strict=True))
    return Cuped(adjusted, theta, 1 - after / before if before > 0 else 0.0)


def _without_covariate(arm: ArmMoments, theta: float, overall: float) -> ArmMoments:
    if not arm.count:
        return arm
    variance = arm.variance + theta**2 * arm.covariate_variance - 2 * theta * arm.covariance
    return ArmMoments(arm.count, arm.mean - theta * (arm.covariate_mean - overall), max(variance, 0.0))


def _welch_satterthwaite(control: ArmMoments, variant: ArmMoments) -> float:
    of_control, of_variant = control.variance / control.count, variant.variance / variant.count
    below = of_control**2 / (control.count - 1) + of_variant**2 / (variant.count - 1)
    return (of_control + of_variant) ** 2 / below if below else float(control.count + variant.count - 2)


def _fieller(
    control: float, of_control: float, variant: float, of_variant: float, critical: float
) -> Interval:
    """Interval of the ratio of two independent means, less 1."""
    squared = critical**2
    leading = control**2 - squared * of_control
    if control <= 0 or leading <= 0:
        return Interval(-inf, inf)
    product = control * variant
    root = sqrt(max(product**2 - leading * (variant**2 - squared * of_variant), 0.0))
    return Interval((product - root) / leading - 1, (product + root) / leading - 1)
