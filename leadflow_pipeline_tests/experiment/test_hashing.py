"""The hash is GrowthBook's, everybody keeps a variant, and experiments have nothing to do with each other."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, chisquare

from leadflow_pipeline.experiment.hashing import (
    PLACES,
    Holdout,
    Slot,
    assign,
    bucket_ranges,
    in_slot,
    is_held_out,
    places,
    propensities,
    variants_at,
)

# From the test cases that GrowthBook publishes for authors of libraries (hash, version 2).
PUBLISHED = [
    ("seed", "a", 0.0505),
    ("seed", "b", 0.2696),
    ("foo", "ab", 0.2575),
    ("foo", "def", 0.2019),
    ("89123klj", "8952klfjas09ujkasdf", 0.124),
    ("90850943850283058242805", "123", 0.7516),
    ("()**(%$##$%#$#", '___)((*":&', 0.0128),
]
PEOPLE = pd.Series(np.arange(20_000).astype(str), dtype="str")


def plain_place(text: str, seed: str) -> float:
    """The specification, letter by letter."""

    def fnv1a(letters: str) -> int:
        value = 0x811C9DC5
        for unit in np.frombuffer(letters.encode("utf-16-le"), dtype="<u2").tolist():
            value = ((value ^ unit) * 0x01000193) % 2**32
        return value

    return fnv1a(str(fnv1a(seed + text))) % 10_000 / 10_000


@pytest.mark.parametrize(("seed", "text", "place"), PUBLISHED)
def test_published_places(seed: str, text: str, place: float) -> None:
    assert places([text], seed).tolist() == [place]


def test_published_places_side_by_side() -> None:
    """Texts of different lengths in one array, sliced: each is hashed as if it stood alone."""
    texts = pd.Series([text for _, text, _ in PUBLISHED], dtype="str")
    for number, (seed, _, place) in enumerate(PUBLISHED):
        assert places(texts, seed)[number] == place
        assert places(texts[number:], seed)[0] == place


@settings(max_examples=30)
@given(st.lists(st.text(max_size=12), max_size=8), st.text(max_size=6))
def test_any_text_as_specified(texts: list[str], seed: str) -> None:
    texts = [text for text in texts if text.isprintable()]
    seed = seed if seed.isprintable() else "seed"
    assert places(texts, seed).tolist() == [plain_place(text, seed) for text in texts]


def test_published_ranges() -> None:
    """The cases that GrowthBook publishes for bucket ranges, where the weights sum to 1."""
    published = [
        (1.0, [0.5, 0.5], [(0, 0.5), (0.5, 1)]),
        (0.5, [0.5, 0.5], [(0, 0.25), (0.5, 0.75)]),
        (0.0, [0.5, 0.5], [(0, 0), (0.5, 0.5)]),
        (1.0, [0.4, 0.6], [(0, 0.4), (0.4, 1)]),
        (1.0, [0.2, 0.3, 0.5], [(0, 0.2), (0.2, 0.5), (0.5, 1)]),
        (0.2, [0.2, 0.3, 0.5], [(0, 0.04), (0.2, 0.26), (0.5, 0.6)]),
    ]
    for coverage, weights, ranges in published:
        assert np.allclose(bucket_ranges(weights, coverage), ranges)


@pytest.mark.parametrize("weights", [[], [0.5, 0.6], [0.5, 0.4], [1.5, -0.5], [float("nan"), 0.5]])
def test_weights_that_are_none_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weights"):
        bucket_ranges(weights)


def test_a_missing_id_is_refused() -> None:
    with pytest.raises(ValueError, match="1 ids are missing"):
        places(pd.Series(["a", None], dtype="str"), "seed")


@settings(max_examples=25)
@given(
    st.lists(st.floats(0.05, 1), min_size=2, max_size=6),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_more_coverage_moves_nobody(raw: list[float], one: float, other: float) -> None:
    weights = (np.array(raw) / sum(raw)).tolist()
    small, large = sorted([one, other])
    before = assign(PEOPLE[:500], "sticky", weights, small).variant
    after = assign(PEOPLE[:500], "sticky", weights, large).variant
    assert (after[before >= 0] == before[before >= 0]).all()


def test_shares_are_as_the_weights_say_and_the_propensities_are_exact() -> None:
    weights = [0.5, 0.3, 0.2]
    assignment = assign(PEOPLE, "shares", weights)
    counts = np.bincount(assignment.variant)
    assert chisquare(counts, len(PEOPLE) * np.array(weights)).pvalue > 1e-4
    assert np.allclose(np.unique(assignment.propensity), sorted(weights), atol=1 / PLACES)
    halved = propensities(bucket_ranges(weights, 0.5))
    assert np.allclose(halved, weights, atol=3 / PLACES)
    assert halved.sum() == pytest.approx(1)


def test_two_experiments_are_independent() -> None:
    first = assign(PEOPLE, "first", [0.5, 0.5]).variant
    second = assign(PEOPLE, "second", [0.5, 0.5]).variant
    assert chi2_contingency(np.histogram2d(first, second, bins=2)[0]).pvalue > 1e-4


def test_experiments_of_one_exclusion_group_never_share_a_person() -> None:
    first = assign(PEOPLE, "first", [0.5, 0.5], slot=Slot("emails", 0.0, 0.4)).takes_part
    second = assign(PEOPLE, "second", [0.5, 0.5], slot=Slot("emails", 0.4, 1.0)).takes_part
    assert not (first & second).any()
    assert (first | second).all()
    assert first.mean() == pytest.approx(0.4, abs=0.02)
    both = Slot("emails", 0.0, 0.4), Slot("other", 0.0, 0.4)
    overlap = (in_slot(PEOPLE, both[0]) & in_slot(PEOPLE, both[1])).mean()
    assert overlap == pytest.approx(0.16, abs=0.02)


def test_a_holdout_is_in_no_experiment_and_only_grows() -> None:
    assignment = assign(PEOPLE, "first", [0.5, 0.5], holdout=Holdout("all", 0.1))
    assert not assignment.takes_part[assignment.is_holdout].any()
    assert np.isnan(assignment.propensity[assignment.is_holdout]).all()
    assert assignment.is_holdout.mean() == pytest.approx(0.1, abs=0.01)
    assert is_held_out(PEOPLE, Holdout("all", 0.2))[assignment.is_holdout].all()


def test_a_person_keeps_the_variant_whoever_else_is_there() -> None:
    alone = [assign([person], "seed", [0.5, 0.5]).variant[0] for person in PEOPLE[:20]]
    assert assign(PEOPLE, "seed", [0.5, 0.5]).variant[:20].tolist() == alone


def test_nobody_at_all() -> None:
    assignment = assign(pd.Series([], dtype="str"), "seed", [0.5, 0.5])
    assert len(assignment.variant) == len(assignment.propensity) == 0
    assert variants_at(np.array([]), bucket_ranges([1.0])).tolist() == []
