"""The curves of a model card: what they count, and what does not matter to them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from leadflow_pipeline.score.conversion.curves import CALIBRATION_BINS, MOST_POINTS, curves_of
from leadflow_pipeline.score.conversion.measures import auc

RANDOM = np.random.default_rng(1)
RULES = RANDOM.uniform(0, 100, 5_000).round(0)
PROBABILITY = 1 / (1 + np.exp(3 - RULES / 30 - RANDOM.normal(0, 1, 5_000)))
OUTCOME = (RANDOM.random(5_000) < PROBABILITY).astype(np.int64)
CURVES = curves_of(OUTCOME, PROBABILITY, RULES)


def test_the_bins_hold_every_lead_once_and_about_equally_many() -> None:
    bins = CURVES["calibration"]
    assert len(bins) == CALIBRATION_BINS
    assert {each["leads"] for each in bins} == {500}
    assert sum(each["kept"] * each["leads"] for each in bins) == pytest.approx(OUTCOME.sum(), abs=0.01)
    assert [each["promised"] for each in bins] == sorted(each["promised"] for each in bins)


@pytest.mark.parametrize("kind", ["roc", "lift"])
@pytest.mark.parametrize("of", ["challenger", "rules"])
def test_a_curve_rises_from_nothing_to_everything_in_few_points(kind: str, of: str) -> None:
    points = np.array(CURVES[kind][of])
    assert points[0].tolist() == [0, 0]
    assert points[-1].tolist() == [1, 1]
    assert len(points) <= MOST_POINTS
    assert (np.diff(points, axis=0) >= 0).all()


@pytest.mark.parametrize(("of", "score"), [("challenger", PROBABILITY), ("rules", RULES)])
def test_the_area_under_the_thinned_roc_is_the_auc(of: str, score: np.ndarray) -> None:
    across, up = np.array(CURVES["roc"][of]).T
    assert np.trapezoid(up, across) == pytest.approx(auc(OUTCOME, score), abs=1e-3)


def test_the_order_of_the_leads_does_not_matter() -> None:
    order = RANDOM.permutation(len(OUTCOME))
    assert curves_of(OUTCOME[order], PROBABILITY[order], RULES[order]) == CURVES


def test_the_scale_of_the_rules_does_not_matter() -> None:
    assert curves_of(OUTCOME, PROBABILITY, RULES / 100) == CURVES


def test_leads_with_the_same_probability_stay_together() -> None:
    probability = np.repeat([0.1, 0.2, 0.9], [700, 250, 50])
    outcome = np.tile([0, 0, 0, 0, 1], 200)
    curves = curves_of(outcome, probability, probability)
    assert [(each["promised"], each["leads"]) for each in curves["calibration"]] == [
        (0.1, 700),
        (0.2, 250),
        (0.9, 50),
    ]
    assert curves["lift"]["challenger"] == [[0, 0], [0.05, 0.05], [0.3, 0.3], [1, 1]]


def test_one_probability_for_all_leads_finds_wins_as_chance_does() -> None:
    curves = curves_of(np.array([0, 1, 0, 1]), np.full(4, 0.5), np.full(4, 3.0))
    assert curves["roc"]["challenger"] == [[0, 0], [1, 1]]
    assert curves["calibration"] == [{"promised": 0.5, "kept": 0.5, "leads": 4}]


@pytest.mark.parametrize("outcome", [[], [1, 1, 1], [0, 0, 0]])
def test_without_both_outcomes_there_is_nothing_to_draw(outcome: list[int]) -> None:
    curves = curves_of(np.array(outcome, dtype=np.int64), np.full(len(outcome), 0.5), np.zeros(len(outcome)))
    nothing = {"challenger": [], "rules": []}
    assert curves == {"calibration": [], "roc": nothing, "lift": nothing}


def test_a_card_can_be_kept_as_json() -> None:
    assert json.loads(json.dumps(CURVES, allow_nan=False)) == CURVES
