"""Both kinds of model that learn: what must change nothing changes nothing, and tables say what was learned."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.score.conversion.boosting import Boosting
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.measures import auc
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.prior import RULES_COUNT_AS, learned_share
from leadflow_pipeline.score.conversion.shapes import shape_of
from leadflow_pipeline.score.conversion.training import Kind, candidates, decayed_weights, train

CROSS = "custom.age × industry"
KINDS = [kind for kind in get_args(Kind) if kind != "rules"]


def leads(rows: int, seed: int, together: float = 0.0) -> tuple[pd.DataFrame, pd.Series]:
    """Invented leads, in the order of (day, lead_id); `together` is what age and industry say only in company."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 90, rows).astype("float64")
    trade = random.choice(["retail", "steel", "schools"], rows)
    score = random.uniform(0, 100, rows).round()
    logit = (
        -2 + score / 40 + (age - 50) / 40 + together * np.where(trade == "steel", 1, -1) * np.sign(age - 50)
    )
    age[random.uniform(size=rows) < 0.1] = np.nan
    known = pd.DataFrame({"custom.age": age, "industry": trade, RULE_SCORE: score}).astype(
        {"industry": "str"}
    )
    known.loc[random.uniform(size=rows) < 0.1, "industry"] = None
    day = pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) // 50, unit="D")
    known.index = pd.MultiIndex.from_arrays([day, np.arange(rows)], names=["day", "lead_id"])
    converted = (random.uniform(size=rows) < 1 / (1 + np.exp(-logit))).astype("int64")
    return known, pd.Series(converted, index=known.index)


def learned(known: pd.DataFrame, converted: pd.Series, kind: Kind, scale: float = 1.0) -> ConversionModel:
    day = known.index.get_level_values("day").to_series()
    weight = scale * decayed_weights(day, day.max() + pd.Timedelta(days=1), 90)
    found = train(known, converted, weight, seed=7, kind=kind)
    assert found is not None
    assert found.kind == kind
    return found.model


@pytest.fixture(scope="module")
def examples() -> tuple[pd.DataFrame, pd.Series]:
    return leads(4_000, seed=1, together=0.8)


@pytest.fixture(scope="module")
def models(examples: tuple[pd.DataFrame, pd.Series]) -> dict[Kind, ConversionModel]:
    return {kind: learned(*examples, kind) for kind in KINDS}


def test_tables_say_what_the_trees_say(examples: tuple[pd.DataFrame, pd.Series]) -> None:
    known, converted = examples
    outcome, weight = converted.to_numpy(), np.ones(len(known))
    shapes = [shape for name in sorted(known) if (shape := shape_of(name, known[name]))]
    boosting = Boosting(known, shapes, seed=7)
    trees = boosting.fit(np.arange(len(known)), outcome, weight)
    later, _ = leads(2_000, seed=2)
    later.iloc[:9, 1] = "never seen"

    seen = boosting.seen(np.column_stack([shape.codes(later[shape.name]) for shape in boosting.shapes]))

    said = boosting.tables(trees, weight).logits(later)
    assert np.abs(said - trees.decision_function(seen)).max() < 1e-9


@pytest.mark.parametrize("kind", KINDS)
def test_contributions_add_up_and_text_reads_back(models: dict[Kind, ConversionModel], kind: Kind) -> None:
    model, (known, _) = models[kind], leads(1_000, seed=2)
    strange = pd.DataFrame({"custom.age": [1e12, -5, None], "industry": ["never seen", None, ""]})

    for asked in (known, strange, known.iloc[:0]):
        total = model.base + model.contributions(asked).sum(axis=1).to_numpy()
        assert np.abs(total - model.logits(asked)).max(initial=0) < 1e-9
    again = ConversionModel.from_json(model.to_json())
    assert again.version == model.version
    assert (again.logits(known) == model.logits(known)).all()


@pytest.mark.parametrize("kind", KINDS)
def test_neither_order_nor_years_nor_the_scale_of_weights_matter(
    examples: tuple[pd.DataFrame, pd.Series], models: dict[Kind, ConversionModel], kind: Kind
) -> None:
    known, converted = examples
    order = np.random.default_rng(3).permutation(len(known))
    mixed, moved = known[known.columns[::-1]].iloc[order], converted.iloc[order]
    a_year_later = mixed.index.set_levels(mixed.index.levels[0] + pd.Timedelta(days=365), level="day")

    other = learned(mixed.set_axis(a_year_later), moved.set_axis(a_year_later), kind, scale=2.0)

    assert other.to_json() == models[kind].to_json()


@pytest.mark.parametrize("kind", KINDS)
def test_names_of_categories_do_not_matter(
    examples: tuple[pd.DataFrame, pd.Series], models: dict[Kind, ConversionModel], kind: Kind
) -> None:
    known, converted = examples
    names = {"retail": "Zebra", "steel": "ant", "schools": "Mule"}
    renamed = known.assign(industry=known["industry"].map(names).astype("str"))

    other = learned(renamed, converted, kind)

    assert other.logits(renamed) == pytest.approx(models[kind].logits(known), abs=1e-6)


@pytest.mark.parametrize("kind", KINDS)
def test_a_feature_told_twice_counts_hardly_more_than_once(
    examples: tuple[pd.DataFrame, pd.Series], models: dict[Kind, ConversionModel], kind: Kind
) -> None:
    known, converted = examples
    twice = known.assign(**{"custom.age_again": known["custom.age"]})

    other = learned(twice, converted, kind)

    difference = other.logits(twice) - models[kind].logits(known)
    assert np.abs(difference).mean() < 0.1 * models[kind].logits(known).std()


def test_what_two_features_say_only_together_is_learned_and_nothing_where_they_do_not(
    models: dict[Kind, ConversionModel],
) -> None:
    alone, converted = leads(4_000, seed=1)

    assert CROSS in {shape.name for shape in models["logistic"].shapes}
    assert not [shape for shape in learned(alone, converted, "logistic").shapes if "×" in shape.name]
    later, outcome = leads(4_000, seed=5, together=0.8)
    assert auc(outcome.to_numpy(), models["logistic"].logits(later)) > (
        auc(outcome.to_numpy(), models["boosted"].logits(later)) + 0.02
    )


def test_some_hundred_outcomes_do_not_talk_the_rules_down() -> None:
    known, converted = leads(8_000, seed=6)
    random = np.random.default_rng(0)
    noise = {f"custom.noise_{place}": random.normal(size=len(known)) for place in range(12)}
    known, outcome = known.drop(columns=["custom.age", "industry"]).assign(**noise), converted.to_numpy()
    ahead = []

    for start in range(0, 3_000, 300):
        few, rest = slice(start, start + 300), slice(3_000, None)
        model = learned(known.iloc[few], converted.iloc[few], "logistic")
        by_rules = auc(outcome[rest], known[RULE_SCORE].to_numpy()[rest])
        ahead.append(auc(outcome[rest], model.logits(known.iloc[rest])) - by_rules)

    assert np.mean(ahead) > -0.01  # nothing but noise beside the rules: without them as a prior it is -0.06


def test_the_rules_say_less_the_more_outcomes_there_are_and_which_kinds_are_worth_training() -> None:
    shares = [learned_share(count) for count in (0, 30, 100, RULES_COUNT_AS, 1_000, 100_000)]

    assert shares == sorted(shares)
    assert (shares[0], shares[3]) == (0, 0.5)
    assert candidates(500, 0) == candidates(500, 500) == ()
    assert candidates(500, 99) == ("rules",)
    assert candidates(500, 100) == ("logistic",)
    assert candidates(3_000, 2_900) == ("logistic", "boosted")
