"""Each model against its definition, and against what another program computed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations, pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow_pipeline.insight.attribution import credit
from leadflow_pipeline.insight.attribution.coalitions import shapley_credit
from leadflow_pipeline.insight.attribution.journeys import Journeys
from leadflow_pipeline.insight.attribution.models import all_credits, credits_of
from leadflow_pipeline.insight.attribution.removal import removal_credit
from leadflow_pipeline.insight.attribution.rules import AttributionRules, Model
from leadflow_pipeline_tests.insight.attribution.paths import journeys_of

some_paths = st.lists(
    st.lists(st.sampled_from("abcd"), min_size=1, max_size=6).map(" > ".join), min_size=1, max_size=12
)


@pytest.mark.parametrize("model", ["first", "last", "linear"])
def test_another_program_comes_to_the_same(model: str, data: Path) -> None:
    """Results of ChannelAttribution 2.2.5, whose licence does not let us ship them."""
    paths = pd.read_csv(data / "attribution" / "path_data.csv")
    expected = pd.read_csv(data / "attribution" / "reference_first_last_linear.csv")
    expected = expected.set_index("channel_name").sort_index()
    journeys = journeys_of(
        paths["path"].tolist(),
        paths["total_conversions"].tolist(),
        paths["total_conversion_value"].tolist(),
        paths["total_null"].tolist(),
    )
    found = credits_of(journeys, Model(model), AttributionRules()).set_index("channel")
    assert found.index.tolist() == expected.index.tolist()
    for column, its in (("conversions", "conversions"), ("value", "value")):
        assert np.abs(found[column] - expected[f"{model}_touch_{its}"]).max() < 1e-6


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (Model.FIRST, {"ads": 1, "direct": 1, "email": 0, "social": 1}),
        (Model.LAST, {"ads": 0, "direct": 2, "email": 1, "social": 0}),
        (Model.LAST_NON_DIRECT, {"ads": 0, "direct": 1, "email": 2, "social": 0}),
        (Model.LINEAR, {"ads": 0.25, "direct": 1.25, "email": 1, "social": 0.5}),
        (Model.POSITION, {"ads": 0.4, "direct": 1.4, "email": 0.7, "social": 0.5}),
        (Model.SHAPLEY, {"ads": 1 / 3, "direct": 4 / 3, "email": 5 / 6, "social": 0.5}),
    ],
)
def test_a_small_set_by_hand(model: Model, expected: dict[str, float]) -> None:
    journeys = journeys_of(["ads > email > email > direct", "direct", "social > email"])
    found = credits_of(journeys, model, AttributionRules()).set_index("channel")["conversions"]
    assert found.to_dict() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("path", "shares"),
    [
        ("a", [1]),
        ("a > b", [0.3 / 0.5, 0.2 / 0.5]),
        ("a > b > c", [0.3, 0.5, 0.2]),
        ("a > b > c > d", [0.3, 0.25, 0.25, 0.2]),
    ],
)
def test_position(path: str, shares: list[float]) -> None:
    assert credit.position_based(journeys_of([path]), 0.3, 0.2).tolist() == pytest.approx(shares)


@pytest.mark.parametrize(
    ("length", "lead", "opportunity", "shares"),
    [
        (5, 1, 3, [0.3, 0.3, 0.05, 0.3, 0.05]),
        (4, 0, 2, [0.6, 0.05, 0.3, 0.05]),
        (3, 0, 0, [0.9, 0.05, 0.05]),
        (3, 1, 2, [1 / 3, 1 / 3, 1 / 3]),
        (4, 1, None, [3 / 7, 3 / 7, 0.5 / 7, 0.5 / 7]),
        (1, None, None, [1]),
    ],
)
def test_w_shape(length: int, lead: int | None, opportunity: int | None, shares: list[float]) -> None:
    def only(place: int | None) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.arange(length) == (-1 if place is None else place)

    journeys = replace(
        journeys_of([" > ".join("a" * length)]), made_lead=only(lead), made_opportunity=only(opportunity)
    )
    assert credit.w_shaped(journeys).tolist() == pytest.approx(shares)


def test_the_first_of_several_meetings_made_the_opportunity() -> None:
    journeys = replace(
        journeys_of(["a > b > c", "a > b > c"]), made_opportunity=np.array([0, 1, 1, 0, 0, 1], dtype=bool)
    )
    assert credit.w_shaped(journeys).tolist() == pytest.approx([3 / 7, 3 / 7, 1 / 7, 3 / 7, 1 / 7, 3 / 7])


def test_time_decay_halves_with_each_half_life_and_survives_old_touches() -> None:
    journeys = replace(journeys_of(["a > b > c"]), ages=np.array([14.0, 7.0, 0.0]))
    assert credit.time_decay(journeys, 7).tolist() == pytest.approx([1 / 7, 2 / 7, 4 / 7])
    old = replace(journeys, ages=journeys.ages + 1e6)
    assert credit.time_decay(old, 7).tolist() == pytest.approx([1 / 7, 2 / 7, 4 / 7])


@given(some_paths)
def test_every_touch_of_a_journey_has_a_share_and_they_sum_to_one(paths: list[str]) -> None:
    journeys = journeys_of(paths)
    for shares in (
        credit.first_touch(journeys),
        credit.last_touch(journeys),
        credit.last_non_direct_touch(journeys, ["a", "b"]),
        credit.linear(journeys),
        credit.position_based(journeys),
        credit.w_shaped(journeys),
        credit.time_decay(journeys),
    ):
        assert (shares >= 0).all()
        assert np.add.reduceat(shares, journeys.starts[:-1]) == pytest.approx(1)


@given(some_paths, st.data())
def test_shapley_is_its_definition_over_all_coalitions(paths: list[str], data: st.DataObject) -> None:
    conversions = data.draw(st.lists(st.integers(0, 9).map(float), min_size=len(paths), max_size=len(paths)))
    journeys = journeys_of(paths, conversions)
    found, _ = shapley_credit(journeys)
    assert found.tolist() == pytest.approx(shapley_by_definition(paths, conversions, journeys.channels))


def shapley_by_definition(
    paths: Sequence[str], conversions: Sequence[float], channels: Sequence[str]
) -> list[float]:
    """The sum over all 2^n coalitions."""

    def worth(coalition: set[str]) -> float:
        return sum(
            count
            for path, count in zip(paths, conversions, strict=True)
            if set(path.split(" > ")) <= coalition
        )

    number, values = len(channels), []
    for channel in channels:
        others = [other for other in channels if other != channel]
        values.append(
            sum(
                math.factorial(size) * math.factorial(number - size - 1) / math.factorial(number)
                * (worth({*coalition, channel}) - worth(set(coalition)))
                for size in range(number)
                for coalition in combinations(others, size)
            )
        )  # fmt: skip
    return values


def test_shapley_knows_more_channels_than_a_number_has_bits() -> None:
    journeys = journeys_of([f"c{number:03} > c{number + 1:03}" for number in range(0, 200, 2)])
    assert shapley_credit(journeys)[0].tolist() == pytest.approx([0.5] * 200)


@given(some_paths, st.data(), st.integers(1, 3))
def test_a_removal_effect_is_what_walking_the_chain_step_by_step_loses(
    paths: list[str], data: st.DataObject, order: int
) -> None:
    numbers = st.lists(st.integers(0, 3).map(float), min_size=len(paths), max_size=len(paths))
    conversions = data.draw(numbers)
    in_vain = [1.0 + more for more in data.draw(numbers)]
    journeys = journeys_of(paths, conversions, in_vain=in_vain)
    found, _ = removal_credit(journeys, order)
    expected = removal_by_walking(paths, conversions, in_vain, journeys.channels, order)
    assert found.tolist() == pytest.approx(expected, abs=1e-6)


def removal_by_walking(
    paths: Sequence[str],
    conversions: Sequence[float],
    in_vain: Sequence[float],
    channels: Sequence[str],
    order: int,
) -> list[float]:
    """Probability mass pushed along the chain, state by state, until hardly any is left on its way."""
    steps: dict[tuple[str, ...], dict[tuple[str, ...] | str, float]] = {}
    for path, sold, lost in zip(paths, conversions, in_vain, strict=True):
        names = path.split(" > ")
        states = [tuple(names[max(0, end - order) : end]) for end in range(len(names) + 1)]
        for before, after, often in [
            *((before, after, sold + lost) for before, after in pairwise(states)),
            (states[-1], "sold", sold),
            (states[-1], "lost", lost),
        ]:
            row = steps.setdefault(before, {})
            row[after] = row.get(after, 0.0) + often

    def converted(without: str | None) -> float:
        mass: dict[tuple[str, ...], float] = {(): 1.0}
        arrived = 0.0
        while sum(mass.values()) > 1e-12:
            moved: dict[tuple[str, ...], float] = {}
            for state, share in mass.items():
                total = sum(steps[state].values())
                for after, often in steps[state].items():
                    if isinstance(after, tuple):
                        if after[-1] != without:
                            moved[after] = moved.get(after, 0.0) + share * often / total
                    elif after == "sold":
                        arrived += share * often / total
            mass = moved
        return arrived

    effects = [converted(None) - converted(channel) for channel in channels]
    return [sum(conversions) * effect / (sum(effects) or 1) for effect in effects]


def test_the_credits_of_a_chain_by_hand() -> None:
    """a > b converts, a alone is in vain: without either nothing converts, so both are worth the same."""
    journeys = journeys_of(["a > b", "a"], [1, 0], in_vain=[0, 1])
    assert removal_credit(journeys)[0].tolist() == pytest.approx([0.5, 0.5])


def test_value_follows_conversions_where_refunds_outweigh_it() -> None:
    journeys = journeys_of(["a > b", "b"], value=[-10, 4])
    credits = credits_of(journeys, Model.MARKOV, AttributionRules())
    assert credits["value"].sum() == pytest.approx(-6, abs=1e-9)


def test_a_million_conversions_and_their_revenue_sum_to_a_billionth() -> None:
    draw = np.random.default_rng(7)
    lengths = draw.integers(1, 9, 200_000)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    count = int(starts[-1])
    journeys = Journeys(
        channels=tuple("abcdefghijkl"),
        starts=starts,
        touches=draw.integers(0, 12, count),
        ages=draw.random(count) * 30,
        made_lead=draw.random(count) < 0.2,
        made_opportunity=draw.random(count) < 0.2,
        conversions=draw.integers(0, 11, len(lengths)).astype(np.float64),
        value=draw.random(len(lengths)) * 9.99,
        in_vain=draw.integers(0, 9, len(lengths)).astype(np.float64),
    )
    sums = (
        all_credits(journeys, AttributionRules(markov_order=2))
        .groupby("model")[["conversions", "value"]]
        .sum()
    )
    assert len(sums) == len(Model)
    assert np.abs(sums["conversions"] - journeys.conversions.sum()).max() < 1e-9
    assert np.abs(sums["value"] - journeys.value.sum()).max() < 1e-9
