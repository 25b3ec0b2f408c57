"""An opinion in the plan of the score: exact lines, bounded by its share, as of the day, and no trace without one."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from leadflow_pipeline.score.learned import Champions
from leadflow_pipeline.score.opinion.voice import Opinions
from leadflow_pipeline.score.plan import RULES_ALONE, Terms, plan_scored
from leadflow_pipeline_tests.score.frames import (
    CHANNELS,
    DEFAULTS,
    NO_PROFILE,
    events,
    no_leads,
    previous,
    profile_of,
)
from leadflow_pipeline_tests.score.test_learned import DAYS, champions, due_leads, histories, lead_rows

PROFILE = profile_of({"name": "known", "field": "company", "is_missing": False})
MODELS = {
    "no model": RULES_ALONE,
    "a model": champions(0.5),
    "a model on some days": champions(0.5, days=DAYS[2:]),
}

said = st.lists(
    st.tuples(
        st.sampled_from("abcx"),
        st.sampled_from(DAYS),
        st.one_of(st.sampled_from([0.0, 100.0]), st.floats(0, 100)),
    ),
    max_size=6,
).map(lambda rows: opinions_of(*sorted(rows, key=lambda row: row[1])))


def opinions_of(*rows: tuple[str, pd.Timestamp, float]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=["lead_id", "day", "opinion"]).astype(
        {"lead_id": "str", "day": "datetime64[us]", "opinion": "float64"}
    )


def scored(
    due: pd.DataFrame,
    happened: pd.DataFrame,
    model: Champions,
    opinions: Opinions,
    before: pd.DataFrame | None = None,
) -> pd.DataFrame:
    levels = previous() if before is None else before
    return plan_scored(
        due, happened, levels, Terms(PROFILE, DEFAULTS, CHANNELS, champions=model, opinions=opinions)
    )


def lines(found: pd.DataFrame) -> list[dict[str, Decimal]]:
    return [json.loads(text, parse_float=Decimal, parse_int=Decimal) for text in found["score_breakdown"]]


@settings(max_examples=25)
@given(
    st.lists(lead_rows, min_size=1, max_size=3), histories, said, st.sampled_from([0.01, 0.1, 0.3]),
    st.sampled_from(sorted(MODELS)),
)  # fmt: skip
def test_lines_sum_to_a_score_that_moved_by_no_more_than_the_share(
    rows: list[dict[str, Any]], happened: pd.DataFrame, opinions: pd.DataFrame, share: float, model: str
) -> None:
    due = due_leads(*rows)
    without = scored(due, happened, MODELS[model], Opinions())
    found = scored(due, happened, MODELS[model], Opinions(opinions, share))
    for breakdown, total in zip(lines(found), found["score"], strict=True):
        assert sum(breakdown.values(), Decimal(0)) == Decimal(str(total))
    assert found["score"].between(0, 100).all()
    assert (found["score"] - without["score"]).abs().max() <= share * 100 + 0.011
    told = found.merge(opinions, on="lead_id", suffixes=("", "_said"))
    has_opinion = found.index.isin(
        found.reset_index().merge(
            told[told["day_said"] <= told["day"]][["lead_id", "day"]], on=["lead_id", "day"]
        )["index"]
    )
    assert [any("Language model" in reason for reason in json.loads(text)) for text in found["reasons"]] == (
        has_opinion.tolist()
    )
    assert_frame_equal(found[~has_opinion], without[~has_opinion], check_exact=True)
    unmoved = ["lead_id", "day", "icp_fit", "engagement", "temperature", "cools_on", "conversion_probability",
               "model_version"]  # fmt: skip
    assert_frame_equal(found[unmoved], without[unmoved], check_exact=True)


@settings(max_examples=12)
@given(st.lists(lead_rows, min_size=1, max_size=3), histories, said, st.integers(1, 3))
def test_a_range_is_its_parts_one_after_the_other(
    rows: list[dict[str, Any]], happened: pd.DataFrame, opinions: pd.DataFrame, first_days: int
) -> None:
    due, model = due_leads(*rows), MODELS["a model on some days"]
    together = scored(due, happened, model, Opinions(opinions, 0.2))
    is_early = due["day"] < DAYS[first_days]
    known = opinions[opinions["day"] < DAYS[first_days]]
    early = scored(due[is_early], happened, model, Opinions(known, 0.2))
    levels = early.drop_duplicates("lead_id", keep="last")[["lead_id", "temperature"]]
    late = scored(due[~is_early], happened, model, Opinions(opinions, 0.2), levels)
    parts = pd.concat([early, late]).sort_values(["lead_id", "day"], ignore_index=True)
    assert_frame_equal(together, parts, check_exact=True)


def test_the_blend_is_what_it_says() -> None:
    due = due_leads({"source": "website", "company": "Acme", "phone": None, "phone_status": "missing"})
    nothing = events()
    rules = scored(due, nothing, RULES_ALONE, Opinions())["score"].to_numpy()
    model = scored(due, nothing, champions(1.0), Opinions())["score"].to_numpy()
    opinions = Opinions(opinions_of(("a", DAYS[0], 72.0)), 0.1)
    found = scored(due, nothing, champions(0.4), opinions)
    assert found["score"].to_numpy() == pytest.approx(0.5 * rules + 0.4 * model + 7.2, abs=0.02)
    assert {breakdown["opinion"] for breakdown in lines(found)} == {Decimal("7.2")}
    assert "Language model: 72 of 100 (+7.2)" in json.loads(found["reasons"].iloc[0])


@pytest.mark.parametrize("model", sorted(MODELS))
def test_an_empty_day_with_opinions_is_empty(model: str) -> None:
    opinions = Opinions(opinions_of(("a", DAYS[0], 72.0)), 0.1)
    empty = plan_scored(
        no_leads(),
        events(),
        previous(),
        Terms(NO_PROFILE, DEFAULTS, CHANNELS, champions=MODELS[model], opinions=opinions),
    )
    assert empty.empty
