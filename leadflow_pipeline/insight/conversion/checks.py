"""What is checked of a campaign's conversion model after each training, in words for people who sell.

What belongs here: verdicts, and what they say. What does not: measuring (`score.conversion.watch`), and what follows
from a verdict (`score.model_training`: alarms block a promotion, a degraded champion steps down).

Checked is the model that scored until the training. What it rests on is imported where it is used: Dagster loads this
module, and need not learn how to learn.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import dagster as dg

if TYPE_CHECKING:
    from leadflow_pipeline.score.model_training import TrainingReport

ASSET = "conversion_model"
INPUTS_STABLE = "inputs_stable"
SCORES_STABLE = "scores_stable"
PROMISES_KEPT = "promises_kept"
NOT_GIVEN_AWAY = "outcomes_not_given_away"

DESCRIPTIONS = {
    INPUTS_STABLE: (
        "The leads of the last four weeks are like those that the model learned from. If not, see which field changed: "
        "a new source, a form that asks something else, or a market that moved."
    ),
    SCORES_STABLE: (
        "The model thinks as well of the leads of the last four weeks as of those it learned from. If not, tiers and "
        "workloads shift: look whether leads became better or worse, or whether a field went missing."
    ),
    PROMISES_KEPT: (
        "Of leads that the model gave a chance of 30 %, about 30 % were won, and it ranks leads no worse than the "
        "rules alone. If not, do not plan with its numbers until it has been trained anew."
    ),
    NOT_GIVEN_AWAY: (
        "No field tells how a lead ended. If one does, it is probably filled in after somebody spoke to the lead: list "
        "it under conversion.excluded in the campaign file. Until then no new model is put to work."
    ),
}
DIGITS = 4
"""Of a measure: what a page has room for, and more than the leads can tell."""
NOBODY = "no model scored before this training"


def specs() -> list[dg.AssetCheckSpec]:
    """The checks of the asset. None blocks: nothing is built upon a training."""
    return [dg.AssetCheckSpec(name, asset=ASSET, description=text) for name, text in DESCRIPTIONS.items()]


def verdicts(report: TrainingReport) -> Iterator[dg.AssetCheckResult]:
    """The verdict of each check on a training."""
    yield _inputs_stable(report)
    yield _scores_stable(report)
    yield _promises_kept(report)
    yield _not_given_away(report)


def _inputs_stable(report: TrainingReport) -> dg.AssetCheckResult:
    from leadflow_pipeline.score.conversion.drift import LARGE, NOTICEABLE

    if report.watched is None:
        return _result(report, INPUTS_STABLE, passed=True, says=NOBODY)
    drift = report.watched.drift
    if drift.worst is None:
        return _result(
            report, INPUTS_STABLE, passed=True, says=f"{drift.leads} recent leads are too few to compare"
        )
    feature, index = drift.worst
    moved = sorted(name for name, value in drift.inputs.items() if value > LARGE)
    how_much = "and noticeably" if index > NOTICEABLE else "and little"
    says = f"{', '.join(moved)} changed" if moved else f"{feature} changed most, {how_much}"
    return _result(
        report,
        INPUTS_STABLE,
        passed=not moved,
        says=says,
        worst_feature=feature,
        stability_index=index,
        threshold=LARGE,
    )


def _scores_stable(report: TrainingReport) -> dg.AssetCheckResult:
    from leadflow_pipeline.score.conversion.drift import LARGE

    if report.watched is None:
        return _result(report, SCORES_STABLE, passed=True, says=NOBODY)
    index = report.watched.drift.scores
    if index is None:
        says = f"{report.watched.drift.leads} recent leads are too few to compare"
        return _result(report, SCORES_STABLE, passed=True, says=says)
    says = (
        "chances of recent leads are spread as before" if index <= LARGE else "chances of recent leads differ"
    )
    return _result(
        report, SCORES_STABLE, passed=index <= LARGE, says=says, stability_index=index, threshold=LARGE
    )


def _promises_kept(report: TrainingReport) -> dg.AssetCheckResult:
    """An error while a degraded model still scores; a warning where it made way, or only looks bad."""
    from leadflow_pipeline.score.conversion.watch import LEAST_WINS, WORST_CALIBRATION_ERROR

    if report.watched is None:
        return _result(report, PROMISES_KEPT, passed=True, says=NOBODY)
    record = report.watched.record
    if record.promises is None:
        says = f"fewer than {LEAST_WINS} of the later leads with a known outcome were won, too few to tell"
        return _result(report, PROMISES_KEPT, passed=True, says=says)
    promises = record.promises
    is_good = not record.is_degraded and promises.calibration_error <= WORST_CALIBRATION_ERROR
    still_scores = record.is_degraded and not report.is_promoted and report.stepped_down is None
    says = promises.words
    if record.is_degraded:
        says = f"{record.words}; " + (
            "it still scores: roll back, or let it step down" if still_scores else "it has made way"
        )
    return _result(
        report,
        PROMISES_KEPT,
        passed=is_good,
        severity=dg.AssetCheckSeverity.ERROR if still_scores else dg.AssetCheckSeverity.WARN,
        says=says,
        leads=promises.leads,
        promised=promises.promised,
        kept=promises.kept,
        calibration_error=promises.calibration_error,
        threshold=WORST_CALIBRATION_ERROR,
    )


def _not_given_away(report: TrainingReport) -> dg.AssetCheckResult:
    says = "; ".join(alarm.message for alarm in report.alarms) or "no field stands out"
    return _result(
        report, NOT_GIVEN_AWAY, passed=not report.alarms, severity=dg.AssetCheckSeverity.ERROR, says=says
    )


def _result(
    report: TrainingReport,
    check: str,
    *,
    passed: bool,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.WARN,
    **metadata: Any,
) -> dg.AssetCheckResult:
    """A verdict. It names the campaign, because Dagster shows the latest of any partition."""
    said = {
        name: round(value, DIGITS) if isinstance(value, float) else value for name, value in metadata.items()
    }
    return dg.AssetCheckResult(
        passed=passed,
        asset_key=ASSET,
        check_name=check,
        severity=severity,
        metadata={"campaign": report.campaign} | said,
    )
