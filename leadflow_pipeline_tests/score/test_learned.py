"""A conversion model in the score: exact lines, the campaign's blend, each day its own champion."""

import json
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from leadflow_pipeline.score.changes import for_and_against
from leadflow_pipeline.score.conversion.features import RULE_SCORE, feature_words
from leadflow_pipeline.score.conversion.model import ConversionModel, probability
from leadflow_pipeline.score.conversion.shapes import CategoryShape, NumberShape
from leadflow_pipeline.score.learned import Champions
from leadflow_pipeline.score.plan import Terms, plan_features, plan_scored
from leadflow_pipeline_tests.score.frames import (
    CHANNELS,
    DAY,
    DEFAULTS,
    NO_PROFILE,
    events,
    leads,
    previous,
    rules_of,
    score,
)

MODEL = ConversionModel(
    base=-1.5,
    shapes=(
        CategoryShape("custom.plan", ("free", "trial")),
        NumberShape("did.visit", np.array([0.0, 1.0, 3.0])),
        NumberShape("has.phone", np.array([0.0, 1.0])),
        NumberShape(RULE_SCORE, np.array([0.0, 100.0])),
    ),
    values=(
        np.array([-0.4, 1.1, 0.05, -0.2]),
        np.array([-0.3, 0.4, 1.6, 0.0]),
        np.array([-0.001, 0.002, 0.0]),
        np.array([-0.8, 2.4, 0.0]),
    ),
    points_at_base=31.0,
    points_per_logit=12.0,
)
ONLY_RULES = ConversionModel(
    -2.0, (NumberShape(RULE_SCORE, np.array([0.0, 100.0])),), (np.array([-1.0, 3.0, 0.0]),), 25.0, 25.0
)
DAYS = [DAY + pd.Timedelta(days=number) for number in range(4)]

lead_rows = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["website", "partner", "search", "list"]),
        "company": st.sampled_from(["Acme", None]),
        "phone": st.sampled_from(["+15550100", None]),
        "phone_status": st.sampled_from(["valid", "missing"]),
        "custom.plan": st.sampled_from(["Trial", "free", "gone", None]),
    }
)
histories = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.sampled_from(["open", "click", "visit", "form", "meeting"]),
        st.integers(0, 5000).map(lambda minutes: DAY + pd.Timedelta(minutes=minutes)),
    ),
    max_size=20,
).map(lambda rows: events(*rows))


def champions(weight: float = 0.5, model: ConversionModel = MODEL, days: Any = DAYS) -> Champions:
    return Champions(weight, {model.version: model}, {day.date(): model.version for day in days})


def scored(due: pd.DataFrame, happened: pd.DataFrame, learned: Champions) -> pd.DataFrame:
    return plan_scored(due, happened, previous(), Terms(NO_PROFILE, DEFAULTS, CHANNELS, champions=learned))


def features(due: pd.DataFrame, happened: pd.DataFrame) -> pd.DataFrame:
    return plan_features(due, happened, previous(), Terms(NO_PROFILE, DEFAULTS, CHANNELS)).sort_index(
        level=["lead_id", "day"], sort_remaining=False
    )


def due_leads(*rows: dict[str, Any]) -> pd.DataFrame:
    return leads(
        *({**row, "lead_id": "abc"[number], "day": day} for number, row in enumerate(rows) for day in DAYS)
    )


@settings(max_examples=40)
@given(st.lists(lead_rows, min_size=1, max_size=3), histories, st.sampled_from([0.0, 0.25, 0.5, 1.0]))
def test_the_lines_sum_to_the_score_and_the_score_is_the_blend(
    rows: list[dict[str, Any]], happened: pd.DataFrame, weight: float
) -> None:
    due = due_leads(*rows)
    found = scored(due, happened, champions(weight))
    rules = score(due, happened)["score"].to_numpy()

    logits = MODEL.logits(features(due, happened))
    contributions = MODEL.contributions(features(due, happened))
    assert np.abs(MODEL.base + contributions.sum(axis="columns").to_numpy() - logits).max() < 1e-9
    assert found["conversion_probability"].to_numpy() == pytest.approx(probability(logits), abs=1e-6)
    blend = (1 - weight) * rules + weight * np.clip(MODEL.points(logits), 0, 100)
    assert found["score"].to_numpy() == pytest.approx(blend, abs=0.011)
    for text, total in zip(found["score_breakdown"], found["score"], strict=True):
        lines = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        assert sum(lines.values(), Decimal(0)) == Decimal(str(total))
    assert (found["model_version"] == MODEL.version).all()


@settings(max_examples=25)
@given(st.lists(lead_rows, min_size=1, max_size=3), histories, st.integers(1, 3))
def test_a_range_with_two_champions_is_its_parts_one_after_the_other(
    rows: list[dict[str, Any]], happened: pd.DataFrame, first_days: int
) -> None:
    due = due_leads(*rows)
    other = replace(MODEL, base=-1.0)
    by_day = {DAYS[1].date(): MODEL.version, DAYS[2].date(): other.version, DAYS[3].date(): other.version}
    learned = Champions(0.3, {MODEL.version: MODEL, other.version: other}, by_day)

    together = scored(due, happened, learned)
    is_early = due["day"] < DAYS[first_days]
    early = scored(due[is_early], happened, learned)
    levels = early.drop_duplicates("lead_id", keep="last")[["lead_id", "temperature"]]
    late = plan_scored(
        due[~is_early], happened, levels, Terms(NO_PROFILE, DEFAULTS, CHANNELS, champions=learned)
    )
    parts = pd.concat([early, late]).sort_values(["lead_id", "day"], ignore_index=True)
    assert_frame_equal(together, parts)
    shuffled = scored(due.sample(frac=1, random_state=1), happened.sample(frac=1, random_state=2), learned)
    assert_frame_equal(together, shuffled)
    by_rules = score(due, happened)
    first_day = together["day"] == DAYS[0]
    assert_frame_equal(together[first_day], by_rules[first_day])


def test_a_model_that_knows_only_the_rule_score_changes_no_score() -> None:
    due = due_leads({"source": "website", "company": "Acme"}, {"source": "list"})
    rules = score(due, events())
    found = scored(due, events(), champions(model=ONLY_RULES))
    assert_frame_equal(
        found.drop(columns=["conversion_probability", "model_version"]),
        rules.drop(columns=["conversion_probability", "model_version"]),
    )
    assert found["conversion_probability"].rank().tolist() == rules["score"].rank().tolist()


def test_the_reasons_say_how_likely_and_what_speaks_for_it() -> None:
    due = leads({"source": "website", "custom.plan": "Trial", "phone": "+15550100"})
    found = scored(due, events(("a", "visit", "2026-03-10 10:00")), champions())
    lines = json.loads(found["score_breakdown"].iloc[0])
    assert lines["model.base"] == 15.5
    assert lines["model.custom.plan"] == 6.6
    assert "model.has.phone" not in lines  # a hundredth of a point is one of the smaller facts
    assert lines["model.smaller_facts"] == 0.01
    speaks_for, against = for_and_against(json.loads(found["reasons"].iloc[0]))
    likely = found["conversion_probability"].iloc[0]
    assert f"Model: {100 * likely:.1f} % likely to convert, the average is 18.2 % (+" in " ".join(speaks_for)
    assert "Model: plan (+6.6)" in speaks_for
    assert any(reason.startswith("Model: score by the rules (-") for reason in against)


def test_a_lead_out_of_bounds_is_held_and_the_line_says_so() -> None:
    sure = ConversionModel(0.0, MODEL.shapes[:1], (np.array([-9.0, 9.0, 0.0, 0.0]),), 50.0, 20.0)
    due = leads({"lead_id": "a", "custom.plan": "trial"}, {"lead_id": "b", "custom.plan": "free"})
    found = scored(due, events(), champions(1.0, sure))
    assert found["score"].tolist() == [100.0, 0.0]
    assert [json.loads(text)["cap.model"] for text in found["score_breakdown"]] == [-130.0, 130.0]


def test_features_are_of_the_day_and_leave_out_who_it_is_and_what_is_excluded() -> None:
    due = leads(
        {"lead_id": "b", "email": "b@leads.example", "phone": None},
        {"lead_id": "a", "email": "a@leads.example", "phone": "+15550100", "custom.plan": "pro"},
    ).assign(**{"custom.call_seconds": pd.Series(["300", None], dtype="str")})
    happened = events(
        ("a", "visit", DAY + pd.Timedelta(hours=24 * 1 - 24 * 2)),
        ("a", "visit", DAY + pd.Timedelta(days=2)),
        ("a", "visit", DAY + pd.Timedelta(hours=12), True),
    )
    known = plan_features(
        due,
        happened,
        previous(),
        Terms(NO_PROFILE, rules_of(behaviours={"visit": {"points": 10, "half_life_days": 2}}), CHANNELS),
        excluded=["custom.call_seconds"],
    )
    assert known.index.tolist() == [(DAY, "a"), (DAY, "b")]
    assert known["did.visit"].tolist() == [0.5, 0.0]
    assert known["has.phone"].tolist() == [1.0, 0.0]
    assert not {"email", "phone", "lead_id", "custom.call_seconds"} & set(known.columns)
    assert {"custom.plan", "icp_fit", RULE_SCORE, "source"} <= set(known.columns)


@pytest.mark.parametrize(
    ("feature", "words"),
    [
        (RULE_SCORE, "score by the rules"),
        ("has.linkedin_url", "linkedin url is known"),
        ("custom.previous_outcome", "previous outcome"),
        ("did.trial_login", "trial login lately"),
        ("source × country", "source with country"),
    ],
)
def test_features_are_named_in_words(feature: str, words: str) -> None:
    assert feature_words(feature) == words


def test_a_day_without_a_champion_has_none() -> None:
    assert Champions(0.5, {}, {date(2026, 3, 10): None}).versions == ()
