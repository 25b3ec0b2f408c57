"""A model card as a person gets it: it says what holds, shows no empty picture, and names nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.insight import pages
from leadflow_pipeline.insight.conversion import plots
from leadflow_pipeline.insight.conversion.card import draw_card
from leadflow_pipeline.insight.conversion.values import values_in_words
from leadflow_pipeline.score.conversion.curve import score_curve
from leadflow_pipeline.score.conversion.curves import curves_of
from leadflow_pipeline.score.conversion.features import feature_words
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.shapes import CategoryShape, CrossShape, NumberShape, StepShape
from leadflow_pipeline.score.model_registry import Promotion
from leadflow_pipeline_tests.invented_models import (
    CARD,
    OUTCOME,
    PROBABILITY,
    as_trained,
    invented_model,
)

PNG = b"\x89PNG\r\n\x1a\n"
NO_CURVES = curves_of(OUTCOME[:0], PROBABILITY[:0], PROBABILITY[:0])
MODEL = invented_model()
TRAINED = as_trained(MODEL, date(2026, 5, 4))
COLD = replace(
    TRAINED,
    kind="rules",
    is_pooled=True,
    examples=80,
    wins=7,
    card={
        "measures": {"challenger": None, "champion": None, "rules": None},
        "champion": None,
        "judgement": {"is_promoted": False, "reasons": ["7 wins are too few to judge by, 100 are needed"]},
        "alarms": [{"features": ["custom.plan"], "message": "custom.plan alone tells won from lost"}],
        "curves": NO_CURVES,
        "importance": [{"feature": "rule_score", "spread": 0.4}],
        "pool": ["autumn", "spring"],
        "drift": {},
    },
)
HEADINGS = [
    "In short",
    "What it is for",
    "What it learned from",
    "How good it is",
    "Whether it is good enough",
    "Alarms",
]
LAST_HEADINGS = [
    "What it looks at",
    "What it gives for the strongest",
    "Which days it scores",
    "Limits, and the way back",
]


def decided(*decisions: tuple[str | None, date]) -> list[Promotion]:
    return [
        Promotion(number, "spring", version, day, "ida", "because", datetime(2026, 6, 1, tzinfo=UTC))
        for number, (version, day) in enumerate(decisions)
    ]


def test_a_judged_model_shows_how_good_it_is() -> None:
    title, sections, drawn = draw_card(TRAINED, MODEL, decided((MODEL.version, date(2026, 5, 4))))
    assert title == f"Conversion model {MODEL.version[:12]} of spring"
    assert pages.headings(sections, drawn) == [*HEADINGS, "Calibration", "ROC", "Lift", *LAST_HEADINGS]
    assert all(picture.startswith(PNG) for picture in drawn.values())
    html = pages.html_page(title, sections, drawn)
    for said in ("6,000", "540", "0.710", "0.620", "the rules alone", "campaign version 1", "champion"):
        assert said in html
    assert "the champion then" not in html


def test_a_model_of_few_outcomes_says_why_it_is_not_judged_and_draws_no_empty_picture() -> None:
    title, sections, drawn = draw_card(COLD, MODEL, [])
    assert list(drawn) == ["What it looks at"]
    assert pages.headings(sections, drawn) == [*HEADINGS, *LAST_HEADINGS]
    page = pages.markdown_page(title, sections, drawn)
    for said in (
        "no lead later than 2026-03-05",
        "7 wins are too few to judge by",
        "custom.plan alone tells won from lost",
        "pooled with autumn",
        "never promoted",
    ):
        assert said in page


def test_a_card_that_holds_nothing_is_a_page_too() -> None:
    empty = replace(TRAINED, card={}, examples=0, wins=0)
    title, sections, drawn = draw_card(empty, ConversionModel(-2.0, (), ()), [])
    assert drawn == {}
    assert "the same probability" in pages.html_page(title, sections, drawn)


def test_a_card_reads_the_same_in_whatever_order_the_database_keeps_it() -> None:
    kept = json.loads(json.dumps(CARD), object_pairs_hook=lambda pairs: dict(reversed(pairs)))
    _, sections, drawn = draw_card(TRAINED, MODEL, [])
    _, of_kept, drawn_of_kept = draw_card(replace(TRAINED, card=kept), MODEL, [])
    assert pages.html_page("", of_kept, drawn_of_kept) == pages.html_page("", sections, drawn)


def test_the_days_it_scores_end_with_the_next_champion() -> None:
    promotions = decided((MODEL.version, date(2026, 5, 4)), (None, date(2026, 6, 1)))
    _, sections, _ = draw_card(TRAINED, MODEL, promotions)
    days = sections["Which days it scores"]
    assert isinstance(days, pd.DataFrame)
    assert days[["from", "to"]].to_numpy().tolist() == [["2026-05-04", "2026-05-31"]]


def test_the_values_are_those_of_the_artifact_in_points() -> None:
    def said(model: ConversionModel, feature: str) -> str:
        return values_in_words(model, feature).replace("\u00a0", " ")

    number = NumberShape("rule_score", np.array([0.0, 50.0, 100.0]))
    category = CategoryShape("custom.plan", ("gold", "tin|foil"))
    of_number, of_category = np.array([-1.0, 0.0, 1.5, -0.2]), np.array([0.4, -0.6, 0.0, 0.1])
    model = ConversionModel(-2.0, (number, category), (of_number, of_category))
    assert said(model, number.name) == "0: -10.0 · 50: +0.0 · 100: +15.0 · not known: -2.0"
    assert said(model, category.name) == "gold: +4.0 · tin|foil: -6.0 · any other: +0.0 · not known: +1.0"
    twice = ConversionModel(-2.0, (number, category, number), (of_number, of_category, of_number))
    assert said(twice, number.name).startswith("0: -20.0 · 50: +0.0")
    steps = StepShape("seats", np.array([5.0]))
    cross = CrossShape(category, steps)
    pairs = np.zeros((category.size, steps.size))
    pairs[0, 1], pairs[-1, 2] = 0.7, -0.3
    crossed = ConversionModel(
        -2.0, (steps, cross), (np.array([-0.1, 0.2, 0.0]), pairs.ravel()), points_per_logit=10.0
    )
    assert said(crossed, "seats") == "5: +2.0 · not known: +0.0"
    assert said(crossed, cross.name).startswith(
        f"{feature_words(category.name)} gold and seats from 5: +7.0 · "
    )
    assert f"{feature_words(category.name)} not known and seats not known: -3.0" in said(crossed, cross.name)


def test_a_value_with_a_bar_does_not_break_the_table() -> None:
    title, sections, drawn = draw_card(TRAINED, MODEL, [])
    assert "tin\\|foil" in pages.markdown_page(title, sections, drawn)


def pictures(curves: dict[str, Any], importance: list[dict[str, Any]]) -> list[bytes]:
    return [
        plots.plot_calibration(curves["calibration"]),
        plots.plot_roc(curves["roc"], {"challenger": 0.7}),
        plots.plot_lift(curves["lift"]),
        plots.plot_importance(importance),
        plots.plot_score_curve(
            score_curve(PROBABILITY * 100, OUTCOME) if importance else None, len(OUTCOME), "none is ripe"
        ),
    ]


@pytest.mark.parametrize(
    ("curves", "importance"), [(CARD["curves"], CARD["importance"]), (NO_CURVES, [])], ids=["some", "none"]
)
def test_every_plot_is_a_picture_and_the_same_each_time(
    curves: dict[str, Any], importance: list[dict[str, Any]]
) -> None:
    first = pictures(curves, importance)
    assert all(picture.startswith(PNG) for picture in first)
    assert pictures(curves, importance) == first
