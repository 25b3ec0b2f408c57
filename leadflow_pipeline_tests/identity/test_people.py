"""Fields of people in one spelling."""

from __future__ import annotations

import pandas as pd
import pytest

from leadflow_pipeline.identity.people import MATCH_COLUMNS, match_fields


def field(column: str, **given: str | None) -> str | None:
    value = match_fields(pd.DataFrame([given], dtype="str"))[column].iloc[0]
    return None if pd.isna(value) else value


@pytest.mark.parametrize(
    ("column", "given", "expected"),
    [
        ("first_name", {"first_name": "Dr. Zoë-Marie"}, "zoemarie"),
        ("last_name", {"last_name": "van der Berg"}, "vanderberg"),
        ("last_name", {"full_name": "Prof. Ada Maria van der Berg"}, "vanderberg"),
        ("first_name", {"full_name": "Berg, Ada"}, "ada"),
        ("last_name", {"full_name": "Cher"}, "cher"),
        ("mailbox", {"email": "Ada.Berg+news@Acme.example"}, "ada.berg"),
        ("mailbox", {"email": "a.d.a@gmail.com"}, "ada"),
        ("mailbox", {"email": "info@acme.example"}, None),
        ("mail_domain", {"email": "info@acme.example"}, None),
        ("domain", {"email": "info@acme.example"}, "acme.example"),
        ("domain", {"email": "ada@gmail.com"}, None),
        ("domain", {"email": "ada@gmail.com", "website": "https://www.Acme.example/about"}, "acme.example"),
        ("phone", {"phone": "+49 (0)30 23125-100"}, "023125100"),
        ("phone", {"phone": "0000000"}, None),
        ("phone", {"phone": "12345"}, None),
        ("company", {"company": "The Acme Trading Co. Ltd"}, "acmetrading"),
        ("company", {"company": "GmbH"}, "gmbh"),
        ("birth_date", {"birth_date": "24.6.1971"}, "19710624"),
        ("birth_date", {"birth_date": "1971-06-24T00:00:00"}, "19710624"),
        ("birth_date", {"birth_date": "June"}, None),
        ("profile", {"linkedin_url": "https://de.linkedin.com/in/Ada-Berg/?x=1"}, "ada-berg"),
        ("profile", {"linkedin_url": "https://www.linkedin.com/company/acme"}, None),
        ("street", {"street": "12 Elm Street"}, "12elmst"),
        ("state", {"region": "New York"}, "newyork"),
    ],
)
def test_one_spelling(column, given, expected) -> None:
    assert field(column, **given) == expected


def test_rows_keep_their_index_and_missing_columns_are_missing() -> None:
    fields = match_fields(pd.DataFrame({"email": ["a@b.example", None]}, index=[7, 3]))
    assert list(fields.columns) == list(MATCH_COLUMNS)
    assert fields.index.tolist() == [7, 3]
    assert fields.loc[3].isna().all()
