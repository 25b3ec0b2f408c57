"""The conversion model: additive to the last bit, indifferent to order and names, honest about what it cannot know."""

from __future__ import annotations

import hashlib
from datetime import date

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.score.conversion.curve import expected_conversions, score_curve
from leadflow_pipeline.score.conversion.drift import LARGE, NOTICEABLE, stability_index
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.leakage import feature_alarms, jump_alarm
from leadflow_pipeline.score.conversion.measures import auc, calibration_error, measure
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.promotion import judge
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.conversion.training import Trained, matured_examples, train

LEADS = 4_000


def leads(rows: int = LEADS, seed: int = 1) -> tuple[pd.DataFrame, pd.Series]:
    """Invented leads: what is known of them, and who converted."""
    random = np.random.default_rng(seed)
    age = random.integers(18, 90, rows).astype("float64")
    trade = random.choice(["retail", "steel", "schools"], rows)
    score = random.uniform(0, 100, rows)
    logit = -3 + score / 30 + (age > 60) + (trade == "steel") * 1.5
    converted = pd.Series((random.uniform(size=rows) < 1 / (1 + np.exp(-logit))).astype("int64"))
    age[random.uniform(size=rows) < 0.1] = np.nan
    known = pd.DataFrame({"custom.age": age, "industry": trade, RULE_SCORE: score}).astype(
        {"industry": "str"}
    )
    known.loc[random.uniform(size=rows) < 0.1, "industry"] = None
    return known, converted


def trained(known: pd.DataFrame, converted: pd.Series) -> Trained:
    found = train(known, converted, np.ones(len(known)), seed=7)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def model() -> ConversionModel:
    return trained(*leads()).model


def test_contributions_add_up_to_the_logit_for_leads_never_seen_too(model: ConversionModel) -> None:
    known, _ = leads(seed=2)
    strange = pd.DataFrame({"custom.age": [1e12, -5, None], "industry": ["never seen", None, ""]})

    for asked in (known, strange, known.iloc[:0]):
        total = model.base + model.contributions(asked).sum(axis=1).to_numpy()
        assert np.abs(total - model.logits(asked)).max(initial=0) < 1e-9
        assert np.isfinite(total).all()


def test_a_model_is_text_and_reads_back_as_itself(model: ConversionModel) -> None:
    known, _ = leads(seed=2)

    again = ConversionModel.from_json(model.to_json())

    assert again.version == model.version == hashlib.sha256(model.to_json().encode()).hexdigest()
    assert (again.logits(known) == model.logits(known)).all()
    with pytest.raises(ValueError, match="train it again"):
        ConversionModel.from_json('{"format": 0}')


def test_the_same_seed_gives_the_same_bytes_in_any_order_of_rows_and_columns(model: ConversionModel) -> None:
    known, converted = leads()
    shuffled = np.random.default_rng(3).permutation(len(known))

    other = trained(known[known.columns[::-1]].iloc[shuffled], converted.iloc[shuffled]).model

    assert other.to_json() == model.to_json()


def test_names_of_categories_do_not_matter_nor_does_how_they_are_written(model: ConversionModel) -> None:
    known, converted = leads()
    names = {"retail": " Zebra", "steel": "ANT ", "schools": "Mule"}
    renamed = known.assign(industry=known["industry"].map(names).astype("str"))

    other = trained(renamed, converted).model

    assert other.logits(renamed) == pytest.approx(model.logits(known), abs=1e-6)
    lower = renamed.assign(industry=renamed["industry"].str.strip().str.lower())
    assert (other.logits(lower) == other.logits(renamed)).all()


def test_what_is_predicted_for_a_lead_does_not_depend_on_who_else_is_asked_about(
    model: ConversionModel,
) -> None:
    known, _ = leads(500, seed=2)
    together = model.logits(known)
    shuffled = np.random.default_rng(3).permutation(len(known))

    assert (model.logits(known.iloc[shuffled]) == together[shuffled]).all()
    halves = [model.logits(known.iloc[:211]), model.logits(known.iloc[211:])]
    assert (np.concatenate(halves) == together).all()
    assert (model.logits(known[known.columns[::-1]].assign(irrelevant="x")) == together).all()


def test_a_year_later_the_same_history_teaches_the_same(model: ConversionModel) -> None:
    known, converted = leads(600)
    random = np.random.default_rng(8)
    day = pd.Timestamp("2025-01-01") + pd.to_timedelta(random.integers(0, 300, len(known)), unit="D")
    won_on = pd.Series(day + pd.to_timedelta(random.integers(1, 90, len(known)), unit="D")).where(
        converted == 1
    )
    history = known.assign(lead_id=[f"lead {number}" for number in range(len(known))], day=day, won_on=won_on)
    year = pd.Timedelta(days=365)
    later = history.assign(day=history["day"] + year, won_on=history["won_on"] + year)
    rules = ConversionRules(matures_after_days=60, half_life_days=180)

    def taught(told: pd.DataFrame, as_of: date) -> str:
        examples = matured_examples(told, as_of, rules).set_index(["day", "lead_id"])
        found = train(examples[known.columns], examples["converted"], examples["weight"].to_numpy(), seed=7)
        assert found is not None
        return found.model.to_json()

    assert taught(later, date(2027, 1, 1)) == taught(history, date(2026, 1, 1))


def test_the_model_beats_the_rules_where_there_is_more_to_know_and_keeps_its_promises(
    model: ConversionModel,
) -> None:
    known, converted = leads(20_000, seed=5)
    outcome = converted.to_numpy()

    found = measure(outcome, model.probabilities(known))

    assert found.auc > auc(outcome, known[RULE_SCORE].to_numpy()) + 0.02
    assert found.calibration_error < 0.03


def test_with_thirty_outcomes_leads_rank_as_by_the_rules_and_with_none_there_is_no_model() -> None:
    known, converted = leads(seed=4)
    rest = known.iloc[30:]

    few = trained(known.iloc[:30], converted.iloc[:30]).model
    against = trained(known.iloc[:30], (known[RULE_SCORE].iloc[:30] < 50).astype("int64")).model

    for each in (few, against):  # even where chance or a mistake has it that the rules are upside down
        ranked = each.logits(rest)[np.argsort(rest[RULE_SCORE].to_numpy())]
        assert (np.diff(ranked) > 0).all()
    assert train(known, converted * 0, np.ones(len(known)), seed=1) is None


def test_only_ripe_cohorts_teach_and_old_ones_less() -> None:
    day = pd.to_datetime(["2026-01-01", "2026-03-01", "2026-05-20", "2026-06-30"])
    won_on = pd.to_datetime(["2026-02-01", "2026-07-15", "2026-06-01", None])
    history = pd.DataFrame({"lead_id": list("abcd"), "day": day, "won_on": won_on})
    rules = ConversionRules(matures_after_days=60, half_life_days=91)

    examples = matured_examples(history, date(2026, 7, 1), rules)

    # c has won already, but others of its cohort may still; b wins in what is still the future.
    assert examples["lead_id"].tolist() == ["a", "b"]
    assert examples["converted"].tolist() == [1, 0]
    assert examples["weight"].tolist() == pytest.approx([2 ** -(181 / 91), 2 ** -(122 / 91)])


def test_a_fact_known_only_afterwards_raises_the_alarm() -> None:
    known, converted = leads()
    number = pd.Series(np.arange(len(known)), dtype="str")
    filled_in = known.assign(
        **{
            "custom.won_because": pd.Series("price", index=known.index, dtype="str").where(converted == 1),
            "custom.number": "lead " + number,
        }
    )

    assert feature_alarms(known, converted, seed=1) == []
    (alarm,) = feature_alarms(filled_in, converted, seed=1)
    assert alarm.features == ("custom.won_because",)

    seldom = (converted == 1) & (np.arange(len(known)) % 50 < 2)
    lost = known.assign(
        **{
            "custom.shop_size": pd.Series(7.0, index=known.index).where(seldom),
            "custom.deal": ("deal " + number).where(converted == 1),
        }
    )
    assert [alarm.features for alarm in feature_alarms(lost, converted, seed=1)] == [
        ("custom.deal",),
        ("custom.shop_size",),
    ]

    outcome = converted.to_numpy()
    honest = trained(known, converted).model.probabilities(known)
    told = trained(filled_in, converted).model.probabilities(filled_in)
    jump = jump_alarm(outcome, honest, told, ("custom.won_because",))
    assert jump is not None
    assert "custom.won_because" in jump.message
    assert jump_alarm(outcome, honest, honest, ("custom.number",)) is None


def test_a_challenger_is_promoted_for_being_better_and_for_nothing_else() -> None:
    known, converted = leads(seed=6)
    outcome = converted.to_numpy()
    model = trained(*leads()).model
    base_rate, better = np.full(len(outcome), outcome.mean()), model.probabilities(known)
    noise = np.random.default_rng(0).normal(0, 0.01, len(outcome))

    won = judge(outcome, np.clip(better * 0.6, 0, 1), better, seed=1)
    assert won.is_promoted
    assert won == judge(outcome, np.clip(better * 0.6, 0, 1), better, seed=1)
    assert not judge(outcome, better, base_rate, seed=1).is_promoted
    assert not judge(outcome, better, np.clip(better + noise, 0.001, 0.999), seed=1).is_promoted
    few = judge(outcome[:50], base_rate[:50], better[:50], seed=1)
    assert not few.is_promoted
    assert "too few" in few.reasons[0]


def test_measures_are_those_of_the_textbook() -> None:
    outcome = np.array([0, 0, 1, 1])

    assert auc(outcome, np.array([0.1, 0.4, 0.35, 0.8])) == 0.75
    assert auc(outcome, np.zeros(4)) == 0.5
    assert np.isnan(auc(np.ones(3, dtype=np.int64), np.arange(3.0)))
    assert measure(outcome, np.array([0.0, 0.5, 0.5, 1.0])).brier == 0.125
    assert calibration_error(outcome, np.array([0.2, 0.2, 0.9, 0.9]), bins=2) == pytest.approx(0.15)


def test_drift_is_none_for_the_same_and_large_for_other_leads() -> None:
    known, _ = leads()
    later, _ = leads(seed=9)

    for name in known:
        assert stability_index(known[name], known[name]) == 0
        assert stability_index(known[name], later[name]) < NOTICEABLE
    assert stability_index(known["custom.age"], known["custom.age"] + 20) > LARGE
    gone = known["industry"].where(known["industry"] != "steel")
    assert stability_index(known["industry"], gone) > LARGE


def test_the_curve_never_falls_and_its_interval_holds_it() -> None:
    known, converted = leads()
    score, outcome = known[RULE_SCORE].to_numpy(), converted.to_numpy()

    curve = score_curve(score, outcome).read(np.linspace(-10, 120, 500))

    assert (curve.diff().iloc[1:] >= 0).all(axis=None)
    assert (curve["low"] <= curve["probability"]).all()
    assert (curve["probability"] <= curve["high"]).all()
    expected = score_curve(score, outcome).read(score)["probability"].to_numpy()
    tiers = pd.Series(np.where(score > 50, "HOT", "COLD"))
    table = expected_conversions(tiers, expected, np.full(len(score), 100.0))
    assert table["expected_conversions"].sum() == pytest.approx(outcome.sum())
    assert table["expected_value"].sum() == pytest.approx(100 * outcome.sum())
    with pytest.raises(ValueError, match="at least one lead"):
        score_curve(score[:0], outcome[:0])
