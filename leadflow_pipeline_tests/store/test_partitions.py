"""Partitions: replaced whole, read in one order, looked up as of a day."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store import partitions
from leadflow_pipeline.store.partitions import as_of, latest_before, read_partitions, replace_partitions
from leadflow_pipeline.store.schema import qualified_leads

DAYS = [date(2026, 5, day) for day in range(1, 5)]


def decisions(*rows: tuple[str, int, str]) -> pd.DataFrame:
    """Qualified leads from (lead_id, day of May, status)."""
    return pd.DataFrame(
        {
            "lead_id": [lead_id for lead_id, _, _ in rows],
            "day": pd.to_datetime([date(2026, 5, day) for _, day, _ in rows]),
            "source": "fair",
            "icp_fit": 0.5,
            "score": 60.0,
            "status": [status for _, _, status in rows],
            "reasons": "[]",
            "is_override": False,
        }
    )


def replace(engine, days, frame, campaign="spring-sale", campaign_version=1):
    replace_partitions(
        engine, qualified_leads, campaign, days, frame, campaign_version=campaign_version, run_id="run"
    )


def test_rows_come_back_by_key_whatever_order_they_went_in(engine, campaign):
    campaign()
    replace(
        engine,
        DAYS,
        decisions(("b", 2, "PENDING"), ("é", 1, "PENDING"), ("Z", 1, "PENDING"), ("a", 1, "PENDING")),
    )
    rows = read_partitions(engine, qualified_leads, "spring-sale", DAYS)
    assert rows["lead_id"].tolist() == ["Z", "a", "é", "b"]


def test_lookups_as_of_a_day(engine, campaign):
    campaign()
    replace(engine, DAYS, decisions(("a", 1, "PENDING"), ("a", 3, "QUALIFIED"), ("b", 2, "REJECTED")))
    latest = latest_before(
        engine, qualified_leads, "spring-sale", date(2026, 5, 3), columns=["lead_id", "status"]
    )
    assert latest.to_numpy().tolist() == [["a", "PENDING"], ["b", "REJECTED"]]
    some = latest_before(
        engine,
        qualified_leads,
        "spring-sale",
        date(2026, 5, 9),
        lead_ids=pd.Series(["a", "a", "x"]),
        columns=["status"],
    )
    assert some["status"].tolist() == ["QUALIFIED"]
    keys = pd.DataFrame(
        {"lead_id": ["a", "a", "b", "b"], "day": pd.to_datetime(["2026-05-02", "2026-05-03"] * 2)}
    )
    keys = pd.concat([keys, keys.assign(day=pd.Timestamp("2026-05-01"))])
    found = as_of(engine, qualified_leads, "spring-sale", keys, columns=["lead_id", "status"])
    assert found.assign(day=found["day"].dt.day, as_of_day=found["as_of_day"].dt.day).to_numpy().tolist() == [
        [1, 1, "a", "PENDING"],
        [2, 1, "a", "PENDING"],
        [2, 2, "b", "REJECTED"],
        [3, 3, "a", "QUALIFIED"],
        [3, 2, "b", "REJECTED"],
    ]
    assert as_of(engine, qualified_leads, "spring-sale", keys.head(0)).empty


def test_few_leads_are_looked_up_as_many_are(engine, campaign, monkeypatch):
    campaign()
    replace(engine, DAYS, decisions(("a", 1, "PENDING"), ("a", 3, "QUALIFIED"), ("b", 2, "REJECTED")))
    for names in (["b", "a", "b", "nobody", "it's"], ["nobody"]):
        leads = pd.Series(names, dtype="str")
        asked = (engine, qualified_leads, "spring-sale", date(2026, 5, 4))
        few = latest_before(*asked, lead_ids=leads)
        with monkeypatch.context() as patch:
            patch.setattr(partitions, "FEW_LEADS", 0)
            many = latest_before(*asked, lead_ids=leads)
        assert few["lead_id"].tolist() == ["a", "b"][: len(names) - 1]
        pd.testing.assert_frame_equal(few, many)


def test_rows_of_other_days_are_refused(engine, campaign):
    campaign()
    with pytest.raises(
        PermanentError, match="1 rows for qualified_leads are of days outside the 1 being replaced"
    ):
        replace(engine, DAYS[:1], decisions(("a", 1, "PENDING"), ("a", 2, "PENDING")))
