"""What changes nothing in attribution, or changes it in a known way: other names, other dates, everything twice."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.insight.attribution.journeys import cut_into_journeys
from leadflow_pipeline.insight.attribution.models import all_credits
from leadflow_pipeline.insight.attribution.rules import AttributionRules, Model

BEGIN = pd.Timestamp("2025-01-06", tz="UTC")
CHANNELS = ["ads", "direct", "email", "website"]
OTHER_NAMES = {"ads": "zebra", "direct": "yak", "email": "ant", "website": "bee"}
RULES = AttributionRules(markov_order=2)
Frames = dict[str, pd.DataFrame]


def told(rows: list[tuple[str, int, Any]], what: str) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["person", "occurred_at", what])
    return frame.assign(
        person=frame["person"].astype("str"),
        occurred_at=pd.to_datetime(
            BEGIN + pd.to_timedelta(frame["occurred_at"].astype("int64"), unit="h"), utc=True
        ),
    )


# No two touches of a person at one moment: of those the earlier in the alphabet counts as the earlier.
touches = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 1000), st.sampled_from(CHANNELS)),
    max_size=20,
    unique_by=lambda row: row[:2],
)
conversions = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 1000), st.integers(0, 500).map(float)), max_size=6
)
milestones = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 1000), st.none()), max_size=4)
worlds = st.tuples(touches, conversions, milestones, milestones).map(
    lambda drawn: {
        "touches": told(drawn[0], "channel").astype({"channel": "str"}),
        "conversions": told(drawn[1], "value").astype({"value": "float64"}),
        "made_leads": told(drawn[2], "nothing"),
        "meetings": told(drawn[3], "nothing"),
    }
)
law = settings(max_examples=12)


def credits(world: Frames, rules: AttributionRules = RULES) -> pd.DataFrame:
    journeys = cut_into_journeys(
        world["touches"],
        world["conversions"],
        20,
        made_leads=world["made_leads"],
        meetings=world["meetings"],
    )
    return all_credits(journeys, rules).set_index(["model", "channel"]).sort_index()


def with_all(world: Frames, **changes: Any) -> Frames:
    return {name: frame.assign(**changes) for name, frame in world.items()}


def assert_same(found: pd.DataFrame, expected: pd.DataFrame) -> None:
    columns = ["conversions", "value"]
    pd.testing.assert_frame_equal(found[columns], expected[columns], rtol=0, atol=1e-9)


@law
@given(worlds)
def test_names_of_channels_mean_nothing(world: Frames) -> None:
    channel = world["touches"]["channel"].map(OTHER_NAMES).astype("str")
    renamed = {**world, "touches": world["touches"].assign(channel=channel)}
    rules = RULES.model_copy(update={"direct": (OTHER_NAMES["direct"],)})
    expected = credits(world).rename(index=OTHER_NAMES, level="channel").sort_index()
    assert_same(credits(renamed, rules), expected)


@law
@given(worlds)
def test_names_of_people_and_the_calendar_mean_nothing(world: Frames) -> None:
    other = {
        name: frame.assign(
            person=frame["person"].map(dict(zip("abcd", ["9", "x y", "", "A"], strict=True))).astype("str"),
            occurred_at=frame["occurred_at"] + pd.Timedelta(days=365),
        )
        for name, frame in world.items()
    }
    assert_same(credits(other), credits(world))


@law
@given(worlds)
def test_everybody_twice_is_all_credit_twice(world: Frames) -> None:
    doubles = with_all(world)
    for name, frame in world.items():
        doubles[name] = pd.concat(
            [frame, frame.assign(person="the other " + frame["person"])], ignore_index=True
        )
    assert_same(credits(doubles), 2 * credits(world))


@law
@given(worlds)
def test_twice_the_value_moves_no_conversion(world: Frames) -> None:
    richer = {**world, "conversions": world["conversions"].assign(value=2 * world["conversions"]["value"])}
    expected = credits(world)
    assert_same(credits(richer), expected.assign(value=2 * expected["value"]))


@law
@given(worlds, st.sets(st.sampled_from("abcd")))
def test_two_halves_of_the_people_have_the_credit_of_all(world: Frames, half: set[str]) -> None:
    """Of all but the chain, which learns from everybody what a step is worth to one."""

    def of(is_in: bool) -> pd.DataFrame:
        return credits({name: frame[frame["person"].isin(half) == is_in] for name, frame in world.items()})

    together = of(is_in=True).add(of(is_in=False), fill_value=0.0)
    expected = credits(world)
    in_both = expected.index.union(together.index)
    assert_same(
        together.reindex(in_both, fill_value=0.0).drop(Model.MARKOV.value, errors="ignore"),
        expected.reindex(in_both, fill_value=0.0).drop(Model.MARKOV.value, errors="ignore"),
    )


@pytest.mark.parametrize("model", list(Model))
def test_a_channel_that_nobody_met_changes_nothing(model: Model) -> None:
    world = {
        "touches": told([("a", 1, "ads"), ("a", 5, "email"), ("b", 2, "email")], "channel"),
        "conversions": told([("a", 9, 10.0)], "value"),
        "made_leads": told([], "nothing"),
        "meetings": told([], "nothing"),
    }
    late = told([("a", 2000, "tv")], "channel")
    with_tv = {**world, "touches": pd.concat([world["touches"], late], ignore_index=True)}
    found = credits(with_tv).loc[model.value]
    assert found.loc["tv", "conversions"] == pytest.approx(0, abs=1e-12)
    if model is not Model.MARKOV:
        assert_same(found.drop("tv"), credits(world).loc[model.value])
