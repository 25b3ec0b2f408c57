"""Records to leads: every record in one place, later words win, and a range is the same as its days."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.harvest.keys import content_keys
from leadflow_pipeline.harvest.plan import LEAD_COLUMNS, plan_harvested, read_records
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.schema import harvested_leads, quarantined_records, source_records

FAIR = SourceRules(
    name="fair",
    mapping={
        "email": "Email",
        "phone": "Phone",
        "full_name": "Name",
        "company_size": "Staff",
        "custom.plan": "Plan",
    },
    missing_by_field={"custom.plan": ("-1",)},
    defaults={"country": "DE"},
)
LIST = SourceRules(
    name="list",
    mapping={"email": "E", "country": "C", "source_key": "Id", "budget": "B", "custom.seats": "Seats"},
    constants={"language": "en"},
    defaults={"country": "FR"},
)
SOURCES = (FAIR, LIST)


def records(*rows: tuple[int, str, dict[str, str] | None]) -> pd.DataFrame:
    """Records from (day of May, source, payload); without a payload it could not be read."""
    payloads = pd.Series(
        [json.dumps(payload) if payload is not None else None for _, _, payload in rows], dtype="str"
    )
    frame = pd.DataFrame(
        {
            "record_id": range(1, len(rows) + 1),
            "source": [source for _, source, _ in rows],
            "content_key": content_keys(payloads.fillna("") + pd.Series(range(len(rows))).astype("str")),
            "occurred_at": pd.to_datetime([f"2026-05-{day:02d}T10:00:00Z" for day, _, _ in rows], utc=True),
            "origin": "people.csv",
            "row_number": range(2, len(rows) + 2),
            "payload": payloads,
            "raw": payloads.isna().map({True: "a,b,c", False: None}),
            "unreadable_reason": payloads.isna().map({True: "row 2 has 3 fields", False: None}),
        }
    )
    columns = empty(source_records).columns.intersection(frame.columns)
    frame = frame[columns].astype(empty(source_records)[columns].dtypes.to_dict())
    days = frame["occurred_at"].dt.tz_localize(None).dt.normalize().astype("datetime64[us]")
    return frame.assign(day=days).sort_values(["occurred_at", "record_id"], ignore_index=True)


def nobody() -> pd.DataFrame:
    return empty(harvested_leads)


def harvest(
    rows: pd.DataFrame, previous: pd.DataFrame | None = None, sources: Sequence[SourceRules] = SOURCES
) -> tuple[pd.DataFrame, pd.DataFrame]:
    mapped, quarantined = read_records("spring", rows, sources)
    return plan_harvested(mapped, nobody() if previous is None else previous, sources), quarantined


def test_columns_become_clean_fields() -> None:
    payload = {
        "Email": " ANA@Leads.example",
        "Name": "ANA PÉREZ",
        "Staff": "51-200",
        "Plan": "Select",
        "x": "kept",
    }
    leads, quarantined = harvest(records((1, "fair", payload)))
    lead = leads.iloc[0]
    assert (lead["email"], lead["full_name"], lead["company_size"]) == ("ana@leads.example", "Ana Pérez", 51)
    assert (lead["custom"], lead["country"], bool(lead["is_new"]), lead["record_count"]) == (
        "{}",
        "DE",
        True,
        1,
    )
    assert quarantined.empty
    assert leads.columns.tolist() == LEAD_COLUMNS
    conform(leads, harvested_leads, campaign="spring", campaign_version=1)


def test_missing_value_words_hold_where_the_mapping_says_so() -> None:
    leads, _ = harvest(
        records((1, "fair", {"Email": "a@leads.example", "Name": "n/a", "Plan": "-1", "Staff": "-1"}))
    )
    assert leads[["full_name", "company_size"]].isna().all(axis=None)
    assert leads["custom"][0] == "{}"


def test_later_words_win_and_silence_takes_nothing_away() -> None:
    leads, _ = harvest(
        records(
            (1, "fair", {"Email": "a@leads.example", "Name": "Ana", "Staff": "10", "Plan": "1.50"}),
            (1, "fair", {"Email": "A@leads.example", "Name": "Ana Maria", "Staff": "many"}),
            (3, "list", {"E": "a@leads.example", "Seats": "007", "B": "2k"}),
        )
    )
    assert leads["record_count"].tolist() == [2, 1]
    assert leads["is_new"].tolist() == [True, False]
    assert leads["full_name"].tolist() == ["Ana Maria", "Ana Maria"]
    assert leads["company_size"].tolist() == [10, 10]
    assert leads["custom"].tolist() == ['{"plan":1.50}', '{"plan":1.50,"seats":"007"}']
    assert leads["source"].tolist() == ["fair", "fair"]
    assert leads["language"].isna().tolist() == [True, False]


def test_a_default_fills_only_what_nobody_said_and_never_looks_like_news() -> None:
    leads, _ = harvest(
        records(
            (1, "list", {"E": "a@leads.example", "C": "PT"}),
            (2, "fair", {"Email": "a@leads.example"}),
            (1, "fair", {"Email": "b@leads.example"}),
            (2, "list", {"E": "b@leads.example"}),
            (3, "list", {"E": "b@leads.example", "C": "ES"}),
        )
    )
    assert leads.groupby("email")["country"].agg(list).to_dict() == {
        "a@leads.example": ["PT", "PT"],
        "b@leads.example": ["DE", "DE", "ES"],
    }


def test_what_names_nobody_is_quarantined_whole() -> None:
    rows = records(
        (1, "fair", {"Name": "Nobody"}),
        (1, "fair", {"Email": "noaddress", "Phone": "123"}),
        (1, "fair", None),
        (1, "gone", {"Email": "a@leads.example"}),
        (1, "fair", {"Email": "b@leads.example", "Name": "x" * 10_001}),
        (1, "list", {"Id": "7"}),
        (1, "fair", {"Phone": "+49 30 1234567"}),
        (1, "fair", {"Phone": "0049 (30) 123-4567"}),
    )
    leads, quarantined = harvest(rows)
    assert leads["record_count"].sum() + len(quarantined) == len(rows)
    assert sorted(leads["record_count"]) == [1, 2]
    assert sorted(quarantined["reason"].str[:30]) == sorted(
        ["has no usable email, phone or ", "has no usable email, phone or ", "row 2 has 3 fields",
         "its source is not in the campa", "its full_name is longer than 1"]
    )  # fmt: skip
    assert "Nobody" in quarantined["raw"].str.cat()
    conform(quarantined, quarantined_records, campaign="spring", campaign_version=1)


def test_days_without_records_give_well_formed_frames() -> None:
    leads, quarantined = harvest(records())
    assert conform(leads, harvested_leads, campaign="spring", campaign_version=1).empty
    assert conform(quarantined, quarantined_records, campaign="spring", campaign_version=1).empty


cells = st.sampled_from(["", "Ana", "unknown", "12", "1.50", "x\ny"])
payloads = st.one_of(
    st.tuples(
        st.just("fair"),
        st.fixed_dictionaries(
            {"Email": st.sampled_from(["a@leads.example", "b@leads.example", "", "bad"])},
            optional={"Name": cells, "Staff": cells, "Plan": cells, "Phone": st.just("030 123456")},
        ),
    ),
    st.tuples(
        st.just("list"),
        st.fixed_dictionaries(
            {"E": st.sampled_from(["a@leads.example", "c@leads.example"])},
            optional={"C": cells, "Seats": cells, "B": cells},
        ),
    ),
    st.tuples(st.just("fair"), st.none()),
)


@settings(max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 4), payloads), max_size=10))
def test_a_range_is_the_same_as_its_days_and_loses_nothing(
    drawn: list[tuple[int, tuple[str, dict[str, str] | None]]],
) -> None:
    rows = records(*((day, source, payload) for day, (source, payload) in drawn))
    together, quarantined = harvest(rows)
    assert together["record_count"].sum() + len(quarantined) == len(rows)
    by_day, known = [], nobody()
    for _, of_day in rows.groupby("day"):
        leads, _ = harvest(of_day.reset_index(drop=True), known)
        by_day.append(leads)
        known = (
            pd.concat([known[leads.columns], leads])
            .drop_duplicates("lead_id", keep="last")
            .reset_index(drop=True)
        )
    separately = pd.concat(by_day, ignore_index=True) if by_day else together
    pd.testing.assert_frame_equal(together, separately)
