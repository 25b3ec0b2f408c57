"""Two real data sets load through their campaign files alone. They may not be shipped, so most of these rows are
invented: the same columns, and the same traps. The data themselves are read where `--data FOLDER` has them.
"""

from __future__ import annotations

import csv
import json
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline import samples
from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.harvest.plan import plan_harvested, read_records
from leadflow_pipeline.harvest.stored_records import records_of_days
from leadflow_pipeline.partitions import days_between
from leadflow_pipeline.store.facts import read_outcomes
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.schema import harvested_leads, source_records

END_OF_TIME = datetime(2100, 1, 1, tzinfo=UTC)

X_EDUCATION = (
    "Prospect ID,Lead Number,Lead Origin,Lead Source,Do Not Email,Do Not Call,Converted,TotalVisits,Total Time Spent "
    "on Website,Page Views Per Visit,Last Activity,Country,Specialization,How did you hear about X Education,What is "
    "your current occupation,What matters most to you in choosing a course,Tags,Lead Quality,Lead Profile,City,"
    "Asymmetrique Activity Index,A free copy of Mastering The Interview,Last Notable Activity\n"
    "p-1,1,API,google,No,No,1,2,800,2,Email Opened,India,Select,Select,Student,,Will revert,High,Select,Select,01.High,"
    "No,Modified\n"
    "p-2,2,API,Google,Yes,No,0,,,,Unreachable,unknown,Marketing,,,,Ringing,Worst,,Mumbai,,Yes,Modified\n"
    "p-3,3,API,,No,No,0,0,0,0,,,,,,,,,,,,No,\n"
)
QUALIFIED_LEADS = """\
mql_id,first_contact_date,landing_page_id,origin
m-1,2018-01-10,22c29808c4f815213303f8933030604c,unknown
m-2,2018-01-11,page,
m-3,2018-01-12,page,social
m-4,2018-01-12,page,email
"""
CLOSED_DEALS = """\
mql_id,seller_id,sdr_id,sr_id,won_date,business_segment,lead_type,has_company,declared_monthly_revenue
m-1,s-1,sdr,sr,2018-02-05 22:30:00,pet,online_big,True,100000.0
m-2,s-2,sdr,sr,2018-01-11 01:00:00,pet,,,0.0
m-3,s-3,sdr,sr,2018-01-09 18:00:00,toys,,,0.0
m-9,s-9,sdr,sr,2018-02-01 10:00:00,toys,,,0.0
"""


def brought(
    engine: Engine, sample: str, path: Path, text: str, *, at: datetime | None = None
) -> dict[str, int]:
    """Registers a sample's campaign and imports a file; the counts."""
    campaign = register(
        engine, (samples.FOLDER / sample / "campaign.yaml").read_text(encoding="utf-8"), "x"
    ).campaign
    path.write_text(text, encoding="utf-8")
    report = import_file(engine, campaign, path, received_at=at)
    return {"new": report.new, "quarantined": report.quarantined}


def harvested(engine: Engine, campaign: str, first: date, last: date) -> pd.DataFrame:
    """The leads of a range, with their own fields as columns."""
    sources = load(engine, campaign).rules.sources
    records = records_of_days(engine, campaign, days_between(first, last))
    mapped, quarantined = read_records(campaign, records, sources)
    assert quarantined["source"].isin(["closed-deals"]).all()
    leads = plan_harvested(mapped, empty(harvested_leads), sources)
    return leads.join(pd.DataFrame(leads["custom"].map(json.loads).tolist(), index=leads.index))


def test_x_education_knows_a_choice_not_made_from_a_choice_and_sees_no_outcome(
    engine: Engine, tmp_path: Path
) -> None:
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    counts = brought(engine, "xeducation", tmp_path / "Leads.csv", X_EDUCATION, at=at)
    assert counts == {"new": 3, "quarantined": 0}
    leads = harvested(engine, "x-education-courses", at.date(), at.date()).sort_values(
        "received_at", kind="stable"
    )
    assert len(leads) == 3
    assert sorted(leads["lead_source"].dropna()) == ["Google", "Google"]
    assert sorted(leads["city"].dropna()) == ["Mumbai"]
    assert sorted(leads["country"].dropna()) == ["India"]
    assert sorted(leads["specialization"].dropna()) == ["Marketing"]
    assert sorted(leads["visits"].dropna()) == [0, 2]
    told = read_outcomes(engine, "x-education-courses", before=END_OF_TIME)
    assert sorted(told["outcome"]) == ["lost", "lost", "won"]
    assert (told["day"] > pd.Timestamp(at.date())).all()
    for given_away in ("Ringing", "Worst", "Unreachable", "01.High", "Will revert"):
        assert not leads["custom"].str.contains(given_away, regex=False).any()


def test_olist_wins_find_their_leads_and_none_comes_before_its_lead(engine: Engine, tmp_path: Path) -> None:
    leads_file, deals_file = (
        tmp_path / f"olist_{name}_dataset.csv" for name in ("marketing_qualified_leads", "closed_deals")
    )
    assert brought(engine, "olist", leads_file, QUALIFIED_LEADS) == {"new": 4, "quarantined": 0}
    assert brought(engine, "olist", deals_file, CLOSED_DEALS) == {"new": 2, "quarantined": 2}
    leads = harvested(engine, "olist-sellers", date(2018, 1, 10), date(2018, 1, 12)).set_index("day")
    assert leads.loc["2018-01-10", "origin"] == "unknown"
    assert pd.isna(leads.loc["2018-01-11", "origin"])
    assert set(leads["country"]) == {"BR"}
    told = read_outcomes(engine, "olist-sellers", before=END_OF_TIME)
    assert told["occurred_at"].tolist() == [
        pd.Timestamp("2018-01-11T03:00Z"),
        pd.Timestamp("2018-02-06T00:30Z"),
    ]
    assert told["value"].isna().tolist() == [True, False]
    assert told["lead_id"].tolist() == [
        leads.loc["2018-01-11", "lead_id"],
        leads.loc["2018-01-10", "lead_id"],
    ]
    refused = select(source_records.c.row_number, source_records.c.unreadable_reason).where(
        source_records.c.source == "closed-deals"
    )
    with engine.connect() as connection:
        assert connection.execute(refused.order_by(source_records.c.row_number)).all() == [
            (4, "it is dated before the day its lead was first known"),
            (5, "it names no lead that came from qualified-leads: import the leads first"),
        ]
    for given_away in ("pet", "online_big", "sdr"):
        assert not leads["custom"].str.contains(given_away, regex=False).any()


@pytest.mark.parametrize("sample", ["xeducation", "olist"])
def test_only_the_campaign_files_are_shipped(sample: str) -> None:
    assert [path.name for path in (samples.FOLDER / sample).iterdir()] == ["campaign.yaml"]


# --- the data themselves ------------------------------------------------------------------------------------------


def real(folder: Path, *columns: str) -> Path:
    """The CSV file in a folder that has these columns, whatever its name."""
    for path in sorted(folder.rglob("*.csv")):
        with path.open(encoding="utf-8", errors="replace") as stream:
            if set(columns) <= set(next(csv.reader(stream), [])):
                return path
    pytest.skip(f"no file has {', '.join(columns)}")


def test_the_real_leads_of_x_education_load(engine: Engine, data: Path) -> None:
    path = real(data, "Prospect ID", "Lead Source", "Converted")
    told = pd.read_csv(path, dtype="str", keep_default_na=False)
    at = datetime(2026, 6, 1, 12, tzinfo=UTC)
    campaign = register(
        engine, (samples.FOLDER / "xeducation/campaign.yaml").read_text("utf-8"), "x"
    ).campaign
    assert import_file(engine, campaign, path, source="leads", received_at=at).new == len(told)
    leads = harvested(engine, campaign, at.date(), at.date())
    assert len(leads) == len(told)
    texts = leads.select_dtypes("str").drop(columns="custom")
    assert not texts.apply(lambda column: column.str.lower().isin(["select", "unknown"]).any()).any()
    assert leads["city"].notna().sum() == (~told["City"].str.lower().isin(["", "select"])).sum()
    spellings = leads["lead_source"].dropna().drop_duplicates()
    assert not spellings.str.lower().duplicated().any()
    outcomes = read_outcomes(engine, campaign, before=END_OF_TIME)["outcome"].value_counts()
    assert outcomes.to_dict() == {
        "won": (told["Converted"] == "1").sum(),
        "lost": (told["Converted"] == "0").sum(),
    }


def test_the_real_leads_and_deals_of_olist_load(engine: Engine, data: Path) -> None:
    leads_file = real(data, "mql_id", "first_contact_date", "origin")
    deals_file = real(data, "mql_id", "won_date")
    contacts, deals = (
        pd.read_csv(path, dtype="str", keep_default_na=False) for path in (leads_file, deals_file)
    )
    campaign = register(engine, (samples.FOLDER / "olist/campaign.yaml").read_text("utf-8"), "x").campaign
    assert import_file(engine, campaign, leads_file, source="qualified-leads").new == len(contacts)
    report = import_file(engine, campaign, deals_file, source="closed-deals")
    first = contacts.set_index("mql_id")["first_contact_date"].reindex(deals["mql_id"])
    is_known = (first <= deals["won_date"].to_numpy()).to_numpy()
    assert report.new + report.quarantined == len(deals)
    assert report.quarantined <= (~is_known).sum()
    days = [date.fromisoformat(text) for text in contacts["first_contact_date"].agg(["min", "max"])]
    leads = harvested(engine, campaign, *days)
    assert len(leads) == contacts["mql_id"].nunique()
    assert (leads["origin"] == "unknown").sum() == (contacts["origin"] == "unknown").sum()
    assert leads["origin"].isna().sum() == (contacts["origin"] == "").sum()
    told = read_outcomes(engine, campaign, before=END_OF_TIME).merge(
        leads[["lead_id", "day"]], on="lead_id", suffixes=("", "_of_lead")
    )
    assert len(told) == report.new
    assert (told["day"] >= told["day_of_lead"]).all()
