"""A winner is one only when everything agrees, and the reasons say so in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from leadflow_pipeline.experiment.arrays import Interval
from leadflow_pipeline.experiment.sample_ratio import check_ratio
from leadflow_pipeline.experiment.verdict import Demands, Guardrail, Standing, VariantResult, verdict

CONTROL = VariantResult("as it was", 1000, 100, 0.10, 0.0, 1.0, Interval(0, 0))
BETTER = VariantResult("shorter", 1000, 150, 0.15, 3.4, 0.001, Interval(0.1, 0.9))
BEST = VariantResult("shortest", 1000, 160, 0.16, 4.0, 0.0004, Interval(0.2, 1.0))
WORSE = VariantResult("longer", 1000, 50, 0.05, -4.3, 0.0001, Interval(-0.7, -0.3))
SOUND = check_ratio([1000, 1000], [1, 1])
BROKEN = check_ratio([1000, 1200], [1, 1])


def failing(*args: object, **kwargs: object) -> set[str]:
    result = verdict(*args, **kwargs)  # type: ignore[arg-type]
    assert result.winner is None
    return {reason.name for reason in result.reasons if not reason.holds}


def test_all_agree() -> None:
    result = verdict(CONTROL, [BETTER], SOUND, 14)
    assert (result.standing, result.winner) == (Standing.WINNER, "shorter")
    assert all(reason.holds for reason in result.reasons)
    assert "better than as it was by +10.0% to +90.0%" in result.words


def test_each_alone_holds_the_winner_back() -> None:
    harmed = replace(BETTER, guardrails=(Guardrail("unsubscribes", Interval(-0.4, -0.1)),))
    assert failing(CONTROL, [BETTER], BROKEN, 14) == {"sample ratio"}
    assert failing(CONTROL, [BETTER], SOUND, 13) == {"full weeks"}
    assert failing(CONTROL, [BETTER], SOUND, 7, Demands(least_weeks=2)) == {"full weeks"}
    assert failing(CONTROL, [replace(BETTER, p_value=0.06)], SOUND, 14) == {"boundary"}
    assert failing(CONTROL, [BETTER], SOUND, 14, Demands(least_exposed=1001)) == {"size"}
    assert failing(CONTROL, [BETTER], SOUND, 14, Demands(least_converted=101)) == {"size"}
    assert failing(CONTROL, [harmed], SOUND, 14) == {"guardrails"}


def test_holm_asks_more_of_several_variants() -> None:
    close = replace(BETTER, p_value=0.03)
    assert verdict(CONTROL, [close], SOUND, 7).winner == "shorter"
    assert failing(CONTROL, [close, replace(WORSE, p_value=0.9)], SOUND, 7) == {"boundary"}


def test_of_several_the_best_that_harms_nobody() -> None:
    assert verdict(CONTROL, [BETTER, BEST], SOUND, 7).winner == "shortest"
    harmful = replace(BEST, guardrails=(Guardrail("unsubscribes", Interval(-0.4, -0.1)),))
    assert verdict(CONTROL, [BETTER, harmful], SOUND, 7).winner == "shorter"


def test_the_control_wins_when_all_variants_are_worse() -> None:
    assert verdict(CONTROL, [WORSE], SOUND, 7).winner == "as it was"
    assert failing(CONTROL, [WORSE, replace(BETTER, p_value=0.4)], SOUND, 7) == {"boundary"}


def test_the_last_look_without_a_winner_is_inconclusive() -> None:
    undecided = replace(BETTER, p_value=0.4)
    assert verdict(CONTROL, [undecided], SOUND, 7).standing is Standing.RUNNING
    result = verdict(CONTROL, [undecided], SOUND, 7, last=True)
    assert result.standing is Standing.INCONCLUSIVE
    assert "the closest is shorter with p 0.4" in result.words


@pytest.mark.parametrize(
    ("lift", "tolerated", "holds"),
    [
        (Interval(-0.2, 0.1), None, True),
        (Interval(-0.2, -0.1), None, False),
        (Interval(-0.2, 0.1), 0.05, False),
        (Interval(-0.04, 0.1), 0.05, True),
    ],
)
def test_guardrails(lift: Interval, tolerated: float | None, holds: bool) -> None:
    """Without a tolerance harm has to be shown; with one it has to be excluded."""
    assert Guardrail("replies", lift, tolerated).holds is holds
