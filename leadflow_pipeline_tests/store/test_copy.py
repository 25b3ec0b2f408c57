"""What goes into the database comes out of it: every value, and the difference between nothing and empty."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Boolean, Column, Date, Double, Engine, Integer, MetaData, Table, Text, select
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.schema import Timestamp

KINDS = Table(
    "kinds",
    MetaData(),
    Column("place", Integer),
    Column("text", Text),
    Column("double", Double),
    Column("integer", Integer),
    Column("boolean", Boolean),
    Column("moment", Timestamp),
    Column("day", Date),
    Column("json", JSONB),
    prefixes=["TEMPORARY"],
)

EARLIEST, LATEST = datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2200-01-01")
AWKWARD = [
    "",
    " ",
    '"',
    '""',
    "\\",
    "\\.",
    "\\N",
    "NULL",
    "a,b",
    "a\nb",
    "a\r\nb",
    "\r",
    "'",
    "\t",
    "🦔",
    "é",
    "\ufeffx",
]
texts = st.one_of(
    st.sampled_from(AWKWARD),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20),
)
rows = st.tuples(
    st.none() | texts,
    st.none() | st.floats(allow_nan=False),
    st.none() | st.integers(-(2**31), 2**31 - 1),
    st.none() | st.booleans(),
    st.none() | st.datetimes(EARLIEST, LATEST, timezones=st.just(UTC)),
    st.none() | st.dates(date(1900, 1, 1), date(2200, 1, 1)),
    st.none() | st.sampled_from(['"a\\nb"', "[]", '{"a": "\\"🦔\\""}', "null", "1.5"]),
)


def frame_of(values: list[tuple[object, ...]]) -> pd.DataFrame:
    names = [column.name for column in KINDS.columns]
    columns = list(zip(*((place, *row) for place, row in enumerate(values)), strict=True)) or [()] * len(
        names
    )
    return conform(
        pd.DataFrame(
            {name: pd.Series(column, dtype=object) for name, column in zip(names, columns, strict=True)}
        ),
        KINDS,
    )


def there_and_back(engine: Engine, frame: pd.DataFrame) -> pd.DataFrame:
    with engine.begin() as connection:
        KINDS.create(connection)
        assert copy_in(connection, frame, KINDS) == len(frame)
        back = read(connection, select(KINDS).order_by(KINDS.c.place))
        KINDS.drop(connection)
    return back


@given(st.lists(rows, max_size=30))
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_value_comes_back_as_it_went_in(engine, values):
    frame = frame_of(values)
    pd.testing.assert_frame_equal(there_and_back(engine, frame), frame)


def test_nothing_and_empty_are_two_things(engine):
    back = there_and_back(engine, frame_of([("", *[None] * 6), (None, *[None] * 6)]))
    assert back["text"].isna().tolist() == [False, True]
    assert back["text"].iloc[0] == ""


def test_infinity_stays_and_not_a_number_is_missing(engine):
    frame = frame_of([(None, value, *[None] * 5) for value in (np.inf, -np.inf, np.nan, -0.0)])
    back = there_and_back(engine, frame)["double"]
    assert back.tolist()[:2] == [np.inf, -np.inf]
    assert np.isnan(back[2])
    assert np.signbit(back[3])


def test_a_cell_of_megabytes(engine):
    frame = frame_of([("x\n" * 6_000_000, *[None] * 6), ("after", *[None] * 6)])
    pd.testing.assert_frame_equal(there_and_back(engine, frame), frame)


def test_no_rows_keep_their_dtypes(engine):
    pd.testing.assert_frame_equal(there_and_back(engine, empty(KINDS)), empty(KINDS))


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("text", "secret\0canary"),
        ("json", '{"secret": "canary\\u0000"}'),
        ("json", "{secret canary"),
        ("integer", 2**40),
    ],
)
def test_a_value_the_database_refuses_is_not_repeated(engine, column, value):
    frame = frame_of([(None,) * 7])
    frame[column] = pd.Series([value], dtype=frame[column].dtype)
    with pytest.raises(
        PermanentError, match="kinds refuses the rows: a value does not fit its column"
    ) as refusal:
        there_and_back(engine, frame)
    assert "secret" not in str(refusal.value)
    assert refusal.value.__cause__ is None
    assert refusal.value.__suppress_context__
