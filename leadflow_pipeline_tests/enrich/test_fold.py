"""People who came as several leads: whose value counts, and that nobody is enriched twice."""

from __future__ import annotations

import json
from datetime import date

import pandas as pd

from leadflow_pipeline.enrich.fold import fold_aliases
from leadflow_pipeline.enrich.joined_leads import joined_leads
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline.store.schema import harvested_leads, lead_aliases

FIRST_DAY = date(2026, 3, 2)
DAYS = days_between(FIRST_DAY, date(2026, 3, 6))


def row(lead_id: str, day: int, hour: int = 9, **fields) -> dict:
    """A harvested row of a lead: what it has said up to that day."""
    return {
        "day": pd.Timestamp(DAYS[day]),
        "lead_id": lead_id,
        "is_new": False,
        "record_count": 1,
        "source": f"source of {lead_id}",
        "received_at": pd.Timestamp(DAYS[day], tz="UTC") + pd.Timedelta(hours=hour),
        "custom": "{}",
        **fields,
    }


def harvested(*rows: dict) -> pd.DataFrame:
    frame = pd.DataFrame(
        [dict.fromkeys(column.name for column in harvested_leads.columns) | each for each in rows]
    )
    return conform(frame, harvested_leads, campaign="spring-sale", campaign_version=1)


def joined(day: int, *rows: dict) -> pd.Series:
    """The one row of lead `a`, whose alias is `b`, on a day."""
    keys = pd.DataFrame({"day": pd.to_datetime([DAYS[day]]).as_unit("us"), "lead_id": ["a"]})
    return joined_leads(keys, harvested(*rows).assign(canonical="a")).iloc[0]


def test_the_latest_thing_said_counts_and_nothing_is_lost() -> None:
    lead = joined(
        1,
        row("a", 0, phone="1", city="Bonn", is_new=True),
        row("b", 1, phone="2", company="Acme", is_new=True),
    )
    assert (lead["phone"], lead["city"], lead["company"]) == ("2", "Bonn", "Acme")
    assert (lead["source"], bool(lead["is_new"]), lead["record_count"]) == ("source of a", False, 1)


def test_what_a_lead_repeats_is_no_news() -> None:
    """On day 2 the lead says where it lives; that its row still holds the old phone says nothing."""
    said = (row("a", 0, phone="1", is_new=True), row("b", 1, phone="2"), row("a", 2, phone="1", city="Bonn"))
    assert joined(2, *said)["phone"] == "2"
    assert joined(3, *said, row("a", 3, phone="3", city="Bonn"))["phone"] == "3"


def test_the_first_address_stays() -> None:
    said = (row("a", 0, email=None, is_new=True), row("b", 1, email="b@leads.example"))
    assert joined(1, *said)["email"] == "b@leads.example"
    assert joined(2, *said, row("b", 2, email="other@leads.example"))["email"] == "b@leads.example"
    own = row("a", 0, email="a@leads.example", is_new=True)
    assert joined(1, own, row("b", 1, email="b@leads.example"))["email"] == "a@leads.example"


def test_a_campaigns_own_fields_are_joined_one_by_one() -> None:
    lead = joined(
        1,
        row("a", 0, custom='{"plan": "pro", "seats": 3.10}', is_new=True),
        row("b", 1, custom='{"seats": 12, "note": "ä \\"quoted\\""}'),
    )
    assert json.loads(lead["custom"]) == {"plan": "pro", "seats": 12, "note": 'ä "quoted"'}
    assert "3.10" in joined(0, row("a", 0, custom='{"seats": 3.10}', is_new=True))["custom"]


def test_on_the_day_of_both_the_lead_is_new_and_one(engine, campaign) -> None:
    slug = campaign()
    rows = harvested(
        row("a", 0, 9, phone="1", is_new=True),
        row("b", 0, 10, company="Acme", is_new=True),
        row("c", 0, 11, is_new=True),
        row("b", 3, 9, phone="2", company="Acme"),
    )
    alias = {"lead_id": "b", "alias_of": "a", "match_probability": 0.99, "evidence": "[]"}
    aliases = pd.DataFrame([{"day": pd.Timestamp(FIRST_DAY)} | alias])
    for table, frame in ((harvested_leads, rows), (lead_aliases, aliases)):
        conformed = conform(frame, table, campaign=slug, campaign_version=1)
        replace_partitions(engine, table, slug, DAYS, conformed, campaign_version=1, run_id="a test")

    stored = read_partitions(engine, harvested_leads, slug, DAYS)
    folded = fold_aliases(engine, PartitionRange(slug, DAYS), stored).sort_values(["day", "lead_id"])
    assert folded["lead_id"].tolist() == ["a", "c", "a"]
    assert folded["is_new"].tolist() == [True, True, False]
    assert folded["phone"].tolist()[::2] == ["1", "2"]
    assert folded["company"].tolist()[::2] == ["Acme", "Acme"]
    assert conform(folded, harvested_leads, campaign=slug, campaign_version=1).columns.equals(stored.columns)

    alone = fold_aliases(
        engine, PartitionRange(slug, DAYS[3:4]), stored[stored["day"] == pd.Timestamp(DAYS[3])]
    )
    assert alone[["lead_id", "phone", "company"]].to_numpy().tolist() == [["a", "2", "Acme"]]


def test_without_aliases_rows_stay_as_they_are(engine, campaign) -> None:
    leads = empty(harvested_leads)
    assert fold_aliases(engine, PartitionRange(campaign(), DAYS), leads) is leads
