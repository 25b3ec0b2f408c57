"""The moment a record came to be, from the text of its day column.

What belongs here: the date formats a campaign file may declare. What does not: guessing. A value that does
not fit the declared format is no date, because a date read wrongly puts a lead on the wrong day for ever.
"""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from leadflow_pipeline.harvest.rules import DayColumn

_TIME = (
    r"(?:[T ,]+(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:\.\d+)?)?"
    r"\s*(?P<half>[AaPp])?\.?(?:[Mm]\.?)?)?"
)
_ISO = (
    r"^(?P<year>\d{4})[-/.](?P<month>\d{1,2})[-/.](?P<day>\d{1,2})"
    + _TIME
    + r"\s*(?P<offset>Z|UTC|[+-]\d{2}:?\d{2})?$"
)
_DAY_FIRST = r"^(?P<day>\d{1,2})[-/. ](?P<month>\d{1,2})[-/. ](?P<year>\d{4}|\d{2})" + _TIME + "$"
_MONTH_FIRST = r"^(?P<month>\d{1,2})[-/. ](?P<day>\d{1,2})[-/. ](?P<year>\d{4}|\d{2})" + _TIME + "$"
_COMPACT = r"^(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})$"
_UNIX_SECONDS = r"^(?P<seconds>\d{9,10})(?:\.\d+)?$"

INSTANT: Final = "datetime64[us, UTC]"

_PATTERNS = {
    "iso": (_COMPACT,),
    "day-first": (_DAY_FIRST,),
    "month-first": (_MONTH_FIRST,),
    "unix-seconds": (),
}


def parse_moments(texts: pd.Series, column: DayColumn) -> pd.Series:
    """The moment (UTC) each text names; missing where the text is not written as the column declares.

    A date that begins with a four-digit year is understood under every format, because it cannot be mistaken
    (and workbooks and Parquet files hold real dates, which are read as such text). A date without a time is
    the UTC day of that name. A time without an offset is a time in the column's time zone; one that a clock
    change skipped is moved forward, one that it repeated is the first of the two.
    """
    codes, distinct = pd.factorize(texts.astype("str").str.strip())
    parsed = _parse(pd.Series(distinct, dtype="str"), column)
    if parsed.empty:
        return pd.Series(pd.NaT, index=texts.index, dtype=INSTANT)
    moments: pd.Series = parsed.take(codes).where(codes >= 0).set_axis(texts.index).astype(INSTANT)
    return moments


def _parse(texts: pd.Series, column: DayColumn) -> pd.Series:
    moments: pd.Series
    if column.format == "unix-seconds":
        seconds = texts.str.extract(_UNIX_SECONDS)["seconds"].astype("float64")
        moments = pd.to_datetime(seconds, unit="s", utc=True).astype(INSTANT)
    else:
        moments = pd.Series(pd.NaT, index=texts.index, dtype=INSTANT)
    for pattern in (_ISO, *_PATTERNS[column.format]):
        moments = moments.fillna(_assemble(texts.str.extract(pattern), column.time_zone))
    return moments


def _assemble(parts: pd.DataFrame, time_zone: str) -> pd.Series:
    """Moments from the parts of a date, all text; missing where they are no date of the calendar."""
    parts = parts.reindex(
        columns=["year", "month", "day", "hour", "minute", "second", "half", "offset"]
    ).astype("str")
    has_time = parts["hour"].notna()
    year = parts["year"].where(parts["year"].str.len() != 2, _century(parts["year"]) + parts["year"])
    clock = parts[["hour", "minute", "second"]].fillna("0")
    hour = _hour(clock["hour"].astype("Int64"), parts["half"].str.lower())
    text = year + "-" + parts["month"].str.zfill(2) + "-" + parts["day"].str.zfill(2) + "T"
    text += (
        hour.astype("str").str.zfill(2)
        + ":"
        + clock["minute"].str.zfill(2)
        + ":"
        + clock["second"].str.zfill(2)
    )
    local = pd.to_datetime(text, format="%Y-%m-%dT%H:%M:%S", errors="coerce").astype("datetime64[us]")
    ambiguous = pd.Series(True, index=local.index).to_numpy()
    in_zone = local.dt.tz_localize(ZoneInfo(time_zone), ambiguous=ambiguous, nonexistent="shift_forward")
    in_utc = local.dt.tz_localize("UTC")
    moments = in_utc.where(~has_time | parts["offset"].notna(), in_zone.dt.tz_convert("UTC"))
    return (moments - _offset(parts["offset"])).astype(INSTANT)


def _century(year: pd.Series) -> pd.Series:
    """19 or 20 before two digits: 69 and later are of the last century, as POSIX has it."""
    return pd.Series("20", index=year.index, dtype="str").where(~(year >= "69"), "19")


def _hour(hour: pd.Series, half: pd.Series) -> pd.Series:
    """The hour of the day from an hour of 12 and a (before noon) or p (after noon), where there is one."""
    of_twelve = (hour % 12) + (half == "p").astype("int64") * 12
    return hour.where(half.isna(), of_twelve.where(hour.between(1, 12), 99))


def _offset(offset: pd.Series) -> pd.Series:
    """How far local time is ahead of UTC; nothing where no offset is written."""
    parts = offset.str.extract(r"^(?P<sign>[+-])(?P<hours>\d{2}):?(?P<minutes>\d{2})$")
    minutes = parts["hours"].astype("float64") * 60 + parts["minutes"].astype("float64")
    signed = minutes.where(parts["sign"] != "-", -minutes).fillna(0)
    return pd.to_timedelta(signed, unit="m")
