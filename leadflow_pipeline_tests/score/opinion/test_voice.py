"""What an opinion adds: its share, as of the day, and nothing where there is none."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.score.opinion.voice import (
    latest_opinions,
    opinion_points,
    opinion_sentences,
    shares_of,
)

NONE = float("nan")


def frame(*rows: tuple[object, ...], columns: list[str]) -> pd.DataFrame:
    made = pd.DataFrame(list(rows), columns=columns)
    return made.assign(day=pd.to_datetime(made["day"]).astype("datetime64[us]"))


def test_the_latest_opinion_by_the_end_of_the_day_counts() -> None:
    due = frame(
        ("a", "2026-05-01"),
        ("b", "2026-05-03"),
        ("a", "2026-05-03"),
        ("a", "2026-05-02"),
        columns=["lead_id", "day"],
    )
    said = frame(
        ("a", "2026-05-02", 30.0), ("c", "2026-05-02", 9.0), ("a", "2026-05-03", 60.0), ("a", "2026-05-03", 70.0),
        columns=["lead_id", "day", "opinion"],
    )  # fmt: skip
    np.testing.assert_array_equal(latest_opinions(due, said), [NONE, NONE, 70, 30])
    np.testing.assert_array_equal(latest_opinions(due, said.head(0)), [NONE] * 4)


def test_a_lead_without_an_opinion_loses_and_gets_nothing() -> None:
    opinions = np.array([NONE, 0.0, 72.0])
    np.testing.assert_array_equal(shares_of(opinions, 0.1), [0, 0.1, 0.1])
    np.testing.assert_allclose(opinion_points(opinions, 0.1), [0, 0, 7.2])


@pytest.mark.parametrize("share", [0.01, 0.1, 0.3])
def test_an_opinion_moves_a_score_by_its_share_at_most(share: float) -> None:
    rules, opinions = np.meshgrid(np.linspace(0, 100, 41), np.linspace(0, 100, 41))
    moved = rules * (1 - shares_of(opinions, share)) + opinion_points(opinions, share) - rules
    assert np.abs(moved).max() <= share * 100 + 1e-9


def test_it_is_said_in_numbers_alone() -> None:
    said = opinion_sentences(np.array([72.0, NONE, 12.5, 72.0, 0.0]), 0.1)
    assert [None if text is None else json.loads(text) for text in said] == [
        "Language model: 72 of 100 (+7.2)",
        None,
        "Language model: 12.5 of 100 (+1.25)",
        "Language model: 72 of 100 (+7.2)",
        "Language model: 0 of 100 (+0)",
    ]
