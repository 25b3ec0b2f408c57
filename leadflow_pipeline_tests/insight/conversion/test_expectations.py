"""What open leads should bring: only promises that still hold are summed, and what is unknown is not guessed."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.insight.conversion.expectations import expectations, score_worth
from leadflow_pipeline.score.conversion.rules import ConversionRules

AS_OF = date(2026, 6, 1)
RULES = ConversionRules(matures_after_days=60)
SCORED = pd.DataFrame(
    {
        "lead_id": list("abcdefg"),
        "day": pd.to_datetime(["2026-05-30"] * 6 + ["2026-04-02"]),
        "conversion_probability": [0.5, 0.25, 0.125, 0.9, 0.8, np.nan, 0.7],
    }
)
ROUTED = pd.DataFrame({"lead_id": list("abdg"), "tier": ["HOT", "HOT", "COLD", "HOT"]})
OUTCOMES = pd.DataFrame(
    {
        "lead_id": ["d", "e", "a", "z"],
        "outcome": ["won", "lost", "meeting", "won"],
        "value": [100.0, np.nan, np.nan, 300.0],
        "day": pd.to_datetime(["2026-05-31"] * 4),
    }
)


def test_open_leads_are_summed_by_tier_and_in_all() -> None:
    table = expectations(SCORED, ROUTED, OUTCOMES, AS_OF, RULES)

    # d was won, e lost, f has no probability, and g has been silent so long that it counts as lost.
    assert table["tier"].tolist() == ["HOT", "in no tier", "all"]
    assert table["open_leads"].tolist() == [2, 1, 3]
    assert table["expected"].tolist() == [0.75, 0.125, 0.875]
    assert table["expected_value"].tolist() == [150.0, 25.0, 175.0]


def test_the_range_holds_the_expected_number_and_no_more_leads_than_there_are() -> None:
    table = expectations(SCORED, ROUTED, OUTCOMES, AS_OF, RULES)
    assert (table["at_least"] <= table["expected"]).all()
    assert (table["expected"] <= table["at_most"]).all()
    assert (table["at_most"] <= table["open_leads"]).all()


def test_chance_keeps_to_the_range() -> None:
    random = np.random.default_rng(1)
    probability = random.uniform(0.01, 0.3, 400)
    many = SCORED.loc[[0] * 400].assign(
        lead_id=[f"{number:03}" for number in range(400)], conversion_probability=probability
    )
    in_all = expectations(many, ROUTED, OUTCOMES, AS_OF, RULES).iloc[-1]
    won = (random.random((2_000, 400)) < probability).sum(axis=1)
    assert ((won >= in_all["at_least"]) & (won <= in_all["at_most"])).mean() >= 0.95


def test_without_a_known_value_none_is_promised() -> None:
    table = expectations(SCORED, ROUTED, OUTCOMES.assign(value=np.nan), AS_OF, RULES)
    assert table["expected_value"].isna().all()


@pytest.mark.parametrize("rows", [0, 7])
def test_without_an_open_lead_the_table_is_empty(rows: int) -> None:
    scored = SCORED.head(rows).assign(conversion_probability=np.nan)
    assert expectations(scored, ROUTED, OUTCOMES, AS_OF, RULES).empty


def test_the_order_of_the_leads_does_not_matter() -> None:
    table = expectations(SCORED, ROUTED, OUTCOMES, AS_OF, RULES)
    again = expectations(SCORED[::-1], ROUTED[::-1], OUTCOMES[::-1], AS_OF, RULES)
    pd.testing.assert_frame_equal(table, again)


def scores(days_old: int, number: int = 200) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "lead_id": [f"{lead:03}" for lead in range(number)],
            "day": pd.Timestamp(AS_OF) - pd.Timedelta(days=days_old),
            "score": np.linspace(0, 100, number),
        }
    )


def won(lead_ids: pd.Series, day: str) -> pd.DataFrame:
    return pd.DataFrame({"lead_id": lead_ids, "outcome": "won", "day": pd.Timestamp(day)})


def test_a_score_is_worth_what_ripe_leads_of_it_brought() -> None:
    leads = scores(days_old=70)
    worth = score_worth(leads, won(leads["lead_id"].iloc[150:], "2026-05-01"), AS_OF, RULES)
    assert worth.leads == 200
    assert worth.curve is not None
    read = worth.curve.read(np.array([10.0, 90.0]))
    assert read["probability"].tolist() == [0.0, 1.0]
    assert (read["low"] <= read["probability"]).all()
    assert (read["high"] >= read["probability"]).all()


def test_without_a_ripe_win_it_says_why_there_is_no_curve() -> None:
    leads = scores(days_old=70)
    nobody = won(leads["lead_id"].head(0), "2026-05-01")
    tomorrow = won(leads["lead_id"], "2026-06-01")
    assert "none of 200 leads was won" in score_worth(leads, nobody, AS_OF, RULES).without
    assert "none of 200 leads was won" in score_worth(leads, tomorrow, AS_OF, RULES).without
    young = scores(days_old=59)
    assert "there is none" in score_worth(young, won(young["lead_id"], "2026-05-01"), AS_OF, RULES).without
