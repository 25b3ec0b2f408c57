"""The shape of frames: which dtype each column of the schema has in pandas.

What belongs here: the one mapping from SQL types to pandas dtypes, empty frames, and the check that a frame
fits its table. What does not: the database; nothing here connects to anything.

| SQL         | pandas                                            | missing |
|-------------|---------------------------------------------------|---------|
| text        | `str`                                             | NaN     |
| jsonb       | `str` holding JSON text                           | NaN     |
| double      | `float64` (so a NaN *is* a missing value)         | NaN     |
| integer     | `Int64`                                           | NA      |
| boolean     | `boolean`                                         | NA      |
| timestamptz | `datetime64[us, UTC]`                             | NaT     |
| date        | `datetime64[us]`, midnight without a time zone    | NaT     |
| bytea       | `str`, as PostgreSQL writes it                    | NaN     |
| vector      | `str`, as PostgreSQL writes it                    | NaN     |
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, TypeAlias, cast

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import (
    ARRAY,
    Boolean,
    Column,
    Date,
    DateTime,
    Double,
    Float,
    Integer,
    LargeBinary,
    Numeric,
    String,
    Table,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeEngine

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.schema.vector import Vector

Series: TypeAlias = "pd.Series[Any]"

DTYPES: tuple[tuple[type[TypeEngine[Any]], str], ...] = (
    (JSONB, "str"),
    (ARRAY, "str"),
    (String, "str"),
    (Double, "float64"),
    (Float, "float64"),
    (Integer, "Int64"),
    (Numeric, "float64"),
    (Boolean, "boolean"),
    (DateTime, "datetime64[us, UTC]"),
    (Date, "datetime64[us]"),
    (LargeBinary, "str"),
    (Vector, "str"),
)


def dtype_of(kind: TypeEngine[Any]) -> str:
    """The pandas dtype of a SQL type. Raises TypeError for a type that frames have no place for."""
    for sql, dtype in DTYPES:
        if isinstance(kind, sql):
            return dtype
    raise TypeError(f"no pandas dtype stands for the SQL type {kind!r}: add it to DTYPES")


def dtypes_of(columns: Iterable[Column[Any]]) -> dict[str, str]:
    """Column name -> dtype."""
    return {column.name: dtype_of(column.type) for column in columns}


def is_filled_by_database(column: Column[Any]) -> bool:
    """Whether PostgreSQL alone writes this column (identity, generated)."""
    return column.identity is not None or column.computed is not None


def empty(table: Table) -> pd.DataFrame:
    """A frame without rows, with every column of `table` in its dtype."""
    return without_rows(dtypes_of(table.columns))


def without_rows(dtypes: Mapping[str, str]) -> pd.DataFrame:
    """A frame without rows, with these columns in these dtypes."""
    return _without_rows(tuple(dtypes.items())).copy()


@lru_cache(maxsize=256)
def _without_rows(dtypes: tuple[tuple[str, str], ...]) -> pd.DataFrame:
    """Made once: of fifty columns it takes 8 ms, and a copy a twentieth of that."""
    return pd.DataFrame({name: pd.Series(dtype=dtype) for name, dtype in dtypes})


@lru_cache(maxsize=64)
def pandas_dtype(name: str) -> Any:
    """The dtype of that name: to read it costs more than to compare a column with it."""
    return pd.api.types.pandas_dtype(name)


def conform(
    frame: pd.DataFrame,
    table: Table,
    *,
    campaign: str | None = None,
    campaign_version: int | None = None,
) -> pd.DataFrame:
    """`frame` with the columns of `table` that can be written, in order and in dtype; rows stay as they are.

    `campaign` and `campaign_version`, where given, fill their columns and are noted in `frame.attrs`, so that
    a frame without rows says which version computed it. A nullable column that is missing is added; one with
    a default in the database is left to it. Raises PermanentError for a column the table does not know, a
    column or value that is missing, and a value that does not fit its dtype: with counts, never with the
    values.
    """
    constants = {"campaign": campaign, "campaign_version": campaign_version}
    given = {name: value for name, value in constants.items() if value is not None}
    writable = {column.name: column for column in table.columns if not is_filled_by_database(column)}

    unknown = [str(name) for name in frame.columns if name not in writable]
    if unknown:
        raise PermanentError(f"{table.name} has no column {', '.join(unknown)} to write: drop or rename it")
    lacking = [
        name
        for name, column in writable.items()
        if name not in frame.columns
        and name not in given
        and not column.nullable
        and column.server_default is None
    ]
    if lacking:
        raise PermanentError(
            f"the frame for {table.name} lacks the column {', '.join(lacking)}: compute it first"
        )

    columns: dict[str, pd.Series] = {}
    for name, column in writable.items():
        if name in given:
            columns[name] = pd.Series(given[name], index=frame.index, dtype=dtype_of(column.type))
        elif name in frame.columns:
            columns[name] = _cast(frame[name], column)
        elif column.nullable and column.server_default is None:
            columns[name] = pd.Series(None, index=frame.index, dtype=dtype_of(column.type))
    # As arrays: columns that have an index each would be aligned to it, one by one.
    arrays = {name: column.array for name, column in columns.items()}
    conformed = pd.DataFrame(arrays, index=frame.index)
    conformed.attrs.update(given)
    return conformed


def sorted_by_key(frame: pd.DataFrame, table: Table) -> pd.DataFrame:
    """The rows in the order of the primary key, text by its bytes as PostgreSQL's collation "C" has it."""
    keys = [key.name for key in table.primary_key if key.name in frame.columns]
    order = pc.sort_indices(
        pa.Table.from_pandas(frame[keys], preserve_index=False),
        sort_keys=[(key, "ascending") for key in keys],
    )
    return frame.take(order.to_numpy()).reset_index(drop=True)


def _cast(series: Series, column: Column[Any]) -> Series:
    dtype = dtype_of(column.type)
    where = f"{column.table.name}.{column.name}"
    try:
        fitting = _fit(series, dtype)
    except (TypeError, ValueError, OverflowError) as error:
        # The cause is dropped: pandas quotes the value in it.
        raise PermanentError(
            f"{where} takes {dtype}, and the frame holds {series.dtype} that does not fit: "
            f"convert it before it is stored ({type(error).__name__})"
        ) from None
    if not column.nullable:
        missing = int(np.count_nonzero(fitting.isna()))
        if missing:
            raise PermanentError(
                f"{where} may not be empty, and {missing} of {len(series)} rows have no value"
            )
    return fitting


def _fit(series: Series, dtype: str) -> Series:
    # A day in the right dtype may still have an hour, so it is looked at in any case.
    if series.dtype == pandas_dtype(dtype) and dtype != "datetime64[us]":
        return series
    if dtype in _CASTS:
        return _CASTS[dtype](series)
    return series.astype(pandas_dtype(dtype))


def _as_text(series: Series) -> Series:
    """Text stays text; a number would be written as whatever pandas prints, so it is refused."""
    if not series.notna().any():
        return pd.Series(None, index=series.index, dtype="str")
    values = series.astype(object)
    if not values[values.notna()].map(lambda value: isinstance(value, str)).all():
        raise TypeError("this is not text")
    return values.where(values.notna(), None).astype("str")


def _as_moment(series: Series) -> Series:
    times = _as_times(series)
    if times.dt.tz is None:
        if times.notna().any():
            raise TypeError("a moment needs a time zone")
        times = times.dt.tz_localize("UTC")
    return cast("Series", times.dt.tz_convert("UTC").dt.as_unit("us"))


def _as_day(series: Series) -> Series:
    times = _as_times(series)
    if times.dt.tz is not None:
        raise TypeError("a day has no time zone")
    moments = times.to_numpy()
    if not ((moments == moments.astype("datetime64[D]")) | np.isnat(moments)).all():
        raise ValueError("a day is a midnight")
    return times.dt.as_unit("us")


def _as_times(series: Series) -> Series:
    if isinstance(series.dtype, pd.DatetimeTZDtype) or series.dtype.kind == "M":
        return series
    if series.dtype != object and series.notna().any():
        raise TypeError("numbers and text are not times")
    return pd.to_datetime(series.astype(object))


_CASTS: dict[str, Callable[[Series], Series]] = {
    "str": _as_text,
    "datetime64[us, UTC]": _as_moment,
    "datetime64[us]": _as_day,
}
