"""The figures of a report: right for leads, and well formed for none."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.insight import summaries
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import empty

NO_OUTCOMES = empty(schema.outcomes)


def frame(**columns: list[object]) -> pd.DataFrame:
    return pd.DataFrame(columns)


def won(*lead_ids: str) -> pd.DataFrame:
    return frame(lead_id=list(lead_ids), outcome=["won"] * len(lead_ids))


def test_the_funnel_counts_each_lead_once_and_never_widens() -> None:
    table = summaries.funnel(
        frame(lead_id=["a", "b", "c", "d"], email_status=["valid", "risky", "valid", "missing"]),
        frame(lead_id=["a", "b", "c", "d"], status=["QUALIFIED", "MANUAL_REVIEW", "REJECTED", "PENDING"]),
        frame(lead_id=["a", "b"], status=["ALREADY_ROUTED", "ROUTED"]),
        frame(lead_id=["a", "a"]),
        won("a"),
    )
    assert table["leads"].tolist() == [4, 3, 2, 2, 1, 1]
    assert table["share"].tolist() == [1, 0.75, 0.5, 0.5, 0.25, 0.25]


def test_a_campaign_without_a_lead_has_a_funnel_of_zeros() -> None:
    table = summaries.funnel(
        empty(schema.enriched_leads),
        empty(schema.qualified_leads),
        empty(schema.routed_leads),
        empty(schema.nurtured_leads),
        NO_OUTCOMES,
    )
    assert table["leads"].sum() == 0
    assert table["share"].sum() == 0


@given(st.lists(st.floats(0, 100), max_size=60))
@settings(max_examples=50)
def test_every_score_falls_in_one_bar(scores: list[float]) -> None:
    table = summaries.score_distribution(frame(score=scores))
    assert table["leads"].sum() == len(scores)
    assert (table["score_from"].iloc[0], table["score_to"].iloc[-1]) == (0, 100)


def test_days_without_anything_are_shown_as_zero() -> None:
    days = pd.to_datetime(["2026-03-01", "2026-03-04"])
    table = summaries.daily_volume(
        pd.DataFrame({"day": days, "rows": [3, 4]}), pd.DataFrame({"day": days[1:], "rows": [2]})
    )
    assert table["new_leads"].tolist() == [3, 0, 0, 4]
    assert table["touches"].tolist() == [0, 0, 0, 2]


def test_every_tier_is_listed_with_its_conversion() -> None:
    routed = frame(lead_id=["a", "b", "c", "d"], tier=["HOT", "HOT", "COLD", None])
    table = summaries.tier_table(routed, won("a", "d"))
    assert table["tier"].tolist() == ["HOT", "WARM", "COOL", "COLD"]
    assert table["leads"].tolist() == [2, 0, 0, 1]
    assert table["conversion"].tolist() == [0.5, 0, 0, 0]
    assert table["share"].tolist() == pytest.approx([2 / 3, 0, 0, 1 / 3])


@given(st.lists(st.floats(0, 100), min_size=10, max_size=200))
@settings(max_examples=50)
def test_deciles_are_equal_and_in_order(scores: list[float]) -> None:
    leads = [str(number) for number in range(len(scores))]
    table = summaries.conversion_by_decile(frame(lead_id=leads, score=scores), won(*leads[::2]))
    assert table["decile"].tolist() == list(range(1, 11))
    assert table["leads"].max() - table["leads"].min() <= 1
    assert table["leads"].sum() == len(scores)
    assert table["won"].sum() == len(leads[::2])
    assert (table["score_from"].iloc[:-1].to_numpy() >= table["score_to"].iloc[1:].to_numpy()).all()


def test_deciles_do_not_depend_on_the_order_of_the_rows() -> None:
    scored = frame(lead_id=[f"{number:02}" for number in range(40)], score=[50.0] * 40)
    outcomes = won("03", "17")
    shuffled = scored.sample(frac=1, random_state=7)
    pd.testing.assert_frame_equal(
        summaries.conversion_by_decile(scored, outcomes), summaries.conversion_by_decile(shuffled, outcomes)
    )


def test_the_grid_has_every_cell_and_says_where_conversion_is_known() -> None:
    scored = frame(
        lead_id=["a", "b", "c", "d", "e"],
        icp_fit=[0.85, 0.8499, 1.0, 0.0, 0.1],
        engagement=[60.0, 59.9, 100.0, 0.0, 25.0],
    )
    outcomes = pd.concat([won("a"), frame(lead_id=["c", "d"], outcome=["lost", "meeting"])])
    table = summaries.fit_engagement_grid(scored, outcomes, [0.5, 0.7, 0.85], [25, 60])
    assert len(table) == 12
    assert table["leads"].sum() == 5
    best = table.iloc[0]
    assert (best["fit"], best["engagement"], best["leads"], best["won"]) == ("0.85 to 1", "60 to 100", 2, 1)
    assert best["conversion"] == 0.5
    assert table["conversion"].notna().sum() == 1, "a meeting is no end, and the others are open"
    assert table.set_index(["fit", "engagement"])["leads"].to_dict()["0.7 to 0.85", "25 to 60"] == 1
    assert table["fit"].tolist()[-1] == "0 to 0.5"


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 100)), max_size=40))
@settings(max_examples=50)
def test_every_lead_is_in_one_cell_of_the_grid(leads: list[tuple[float, float]]) -> None:
    scored = pd.DataFrame(leads, columns=["icp_fit", "engagement"], dtype="float64")
    scored["lead_id"] = [str(number) for number in range(len(scored))]
    table = summaries.fit_engagement_grid(scored, won(*scored["lead_id"][::3]), [0, 0.7, 1], [25, 60])
    assert (table["leads"].sum(), table["won"].sum()) == (len(leads), len(leads[::3]))
    assert len(table) == 6, "a line at an end parts nothing"
