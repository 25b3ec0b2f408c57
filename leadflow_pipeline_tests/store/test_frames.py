"""Frames: the dtypes of the schema, and a plain refusal of what does not fit, without the values."""

from __future__ import annotations

import pandas as pd
import pytest
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Identity, MetaData, Table, Text

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.frames import conform, dtype_of, empty, sorted_by_key
from leadflow_pipeline.store.schema import Timestamp, metadata, scored_leads, source_records

LEADS = Table(
    "leads",
    MetaData(),
    Column("number", BigInteger, Identity(), primary_key=True),
    Column("campaign", Text),
    Column("name", Text, nullable=False),
    Column("day", Date),
    Column("seen_at", Timestamp),
    Column("is_new", Boolean),
    Column("score", Double),
)


def test_every_table_of_the_schema_has_an_empty_frame():
    for table in metadata.tables.values():
        assert {name: str(dtype) for name, dtype in empty(table).dtypes.items()} == {
            column.name: dtype_of(column.type) for column in table.columns
        }


def test_missing_columns_are_added_constants_filled_and_the_version_noted():
    frame = conform(pd.DataFrame({"name": ["Ann", "Bo"]}, index=[7, 9]), LEADS, campaign="spring-sale")
    assert list(frame.columns) == ["campaign", "name", "day", "seen_at", "is_new", "score"]
    assert frame["campaign"].tolist() == ["spring-sale"] * 2
    assert frame.index.tolist() == [7, 9]
    assert frame.attrs == {"campaign": "spring-sale"}


def test_an_empty_plan_conforms():
    frame = conform(empty(scored_leads), scored_leads, campaign="spring-sale", campaign_version=3)
    assert frame.attrs["campaign_version"] == 3
    assert frame.dtypes.equals(empty(scored_leads).dtypes)


def test_defaults_of_the_database_are_left_to_it():
    given = {"campaign": "c", "source": "s", "content_key": "k", "origin": "o", "row_number": 1}
    frame = conform(
        pd.DataFrame([given | {"occurred_at": pd.Timestamp("2026-05-01", tz="UTC")}]), source_records
    )
    assert not {"record_id", "day", "received_at"} & set(frame.columns)


def test_moments_of_any_zone_become_utc():
    frame = conform(
        pd.DataFrame({"name": "Ann", "seen_at": [pd.Timestamp("2026-05-01 02:00", tz="Europe/Paris")]}), LEADS
    )
    assert frame["seen_at"].tolist() == [pd.Timestamp("2026-05-01", tz="UTC")]


@pytest.mark.parametrize(
    ("column", "values", "complaint"),
    [
        ("nickname", ["Annie"], "leads has no column nickname"),
        ("number", [1], "leads has no column number"),
        ("name", [None], "leads.name may not be empty, and 1 of 1 rows have no value"),
        ("name", [12345.678], "leads.name takes str, and the frame holds float64"),
        ("day", [pd.Timestamp("2026-05-01 12:00")], "leads.day takes datetime64"),
        ("day", ["2026-05-01"], "leads.day takes datetime64"),
        ("seen_at", [pd.Timestamp("2026-05-01")], "leads.seen_at takes datetime64"),
        ("score", ["12345.678 canary"], "leads.score takes float64"),
        ("is_new", ["canary"], "leads.is_new takes boolean"),
    ],
)
def test_what_does_not_fit_is_refused_without_its_value(column, values, complaint):
    with pytest.raises(PermanentError, match=complaint) as refusal:
        conform(pd.DataFrame({"name": ["Ann"]}).assign(**{column: values}), LEADS)
    assert not any(value in str(refusal.value) for value in ("canary", "12345.678", "Annie"))


def test_a_missing_column_is_named():
    with pytest.raises(PermanentError, match="the frame for leads lacks the column name"):
        conform(pd.DataFrame({"score": [1.0]}), LEADS)


def test_rows_sort_as_the_database_sorts_bytes():
    frame = pd.DataFrame({"day": pd.to_datetime(["2026-05-02", *["2026-05-01"] * 5])})
    frame["lead_id"] = pd.Series(["a", "é", "z", "Z", "🦔", "\ue000"], dtype="str")
    assert sorted_by_key(frame, scored_leads)["lead_id"].tolist() == ["Z", "z", "é", "\ue000", "🦔", "a"]
