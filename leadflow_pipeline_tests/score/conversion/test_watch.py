"""The verdict on a model at work: what is chance is not held against it, what is not is."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.score.conversion.drift import LARGE, NOTICEABLE
from leadflow_pipeline.score.conversion.measures import auc
from leadflow_pipeline.score.conversion.watch import (
    LEAST_LEADS,
    LEAST_WINS,
    auc_difference_upper,
    drift_of,
    error_by_chance,
    record_of,
)
from leadflow_pipeline_tests.score.conversion.test_conversion import leads, trained

LOOKS = 400


def test_honest_promises_and_equal_rankings_are_rarely_called_bad() -> None:
    random = np.random.default_rng(1)
    verdicts = []
    for _ in range(LOOKS):
        promised = random.beta(2, 3, 1_500)
        outcome = (random.random(1_500) < promised).astype(np.int64)
        two_guesses = [promised + random.normal(0, 0.3, 1_500) for _ in range(2)]
        record = record_of(outcome, np.clip(promised, 0, 1), two_guesses[0])
        verdicts.append((record.breaks_promises, auc_difference_upper(outcome, *two_guesses) < 0))
    broken, worse = np.mean(verdicts, axis=0)
    assert broken == 0
    assert worse == pytest.approx(0.025, abs=0.02)


def test_promises_that_are_off_and_a_ranking_below_the_rules_are_told_in_words() -> None:
    random = np.random.default_rng(2)
    chance = random.beta(2, 3, 2_000)
    outcome = (random.random(2_000) < chance).astype(np.int64)

    record = record_of(outcome, 1 - chance, chance)

    assert record.breaks_promises
    assert record.ranks_worse
    assert record.promises is not None
    assert f"{outcome.sum()} came" in record.words
    assert "the rules alone rank leads better" in record.words
    assert not record_of(outcome, chance, 1 - chance).is_degraded


def test_few_wins_say_nothing() -> None:
    outcome = np.zeros(1_000, dtype=np.int64)
    outcome[: LEAST_WINS - 1] = 1
    assert not record_of(outcome, np.full(1_000, 0.9), np.arange(1_000.0)).is_degraded


def test_the_bound_of_an_auc_difference_is_that_of_resampling() -> None:
    random = np.random.default_rng(3)
    outcome = (random.random(1_000) < 0.3).astype(np.int64)
    one, other = outcome + random.normal(size=1_000), outcome * 0.7 + random.normal(size=1_000)
    drawn = []
    for _ in range(1_000):
        rows = random.integers(0, 1_000, 1_000)
        drawn.append(auc(outcome[rows], one[rows]) - auc(outcome[rows], other[rows]))
    assert auc_difference_upper(outcome, one, other) == pytest.approx(np.quantile(drawn, 0.975), abs=0.006)
    assert auc_difference_upper(outcome, one, one) == 0


def test_chance_alone_moves_small_numbers_more() -> None:
    assert error_by_chance(np.full(100, 0.3)) > 3 * error_by_chance(np.full(10_000, 0.3)) > 0


def test_drift_names_the_feature_that_moved_and_says_nothing_of_few_leads() -> None:
    known, converted = leads()
    model = trained(known, converted).model
    older = known.assign(**{"custom.age": known["custom.age"] + 30, "unread": 1.0})
    better = known.assign(rule_score=known["rule_score"] * 0.2 + 80)

    drift = drift_of(model, known, older)

    assert drift.worst is not None
    assert drift.worst[0] == "custom.age"
    assert drift.scores is not None
    moved = drift_of(model, known, better).scores
    assert moved is not None
    assert moved > LARGE > NOTICEABLE > drift.scores, "who is older by so much is hardly likelier to convert"
    assert set(drift.inputs) == {"custom.age", "industry", "rule_score"}
    few = drift_of(model, known, older.head(LEAST_LEADS - 1))
    assert (few.worst, few.scores, few.leads) == (None, None, LEAST_LEADS - 1)
    assert drift_of(model, known, pd.concat([known, known])).worst[1] < 0.01  # type: ignore[index]
