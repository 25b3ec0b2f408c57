"""What a campaign file may say about its sources. Only the models; reading and mapping live beside them.

What belongs here: what all sources share, and files. What does not: sources that are asked (`sources`, a file each).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

LEAD_FIELDS: tuple[str, ...] = (
    "email", "phone", "first_name", "last_name", "full_name", "company", "job_title", "industry",
    "company_size", "country", "region", "city", "postcode", "website", "linkedin_url", "budget",
    "time_zone", "language",
)  # fmt: skip
"""Fields a column may be mapped to, beside `custom.<name>` and `source_key`."""

EVENT_FIELDS: tuple[str, ...] = ("lead_id", "email", "phone", "behaviour", "event_id", "is_machine")
OUTCOME_FIELDS: tuple[str, ...] = ("lead_id", "email", "phone", "outcome", "value")
"""Fields of sources that tell what leads did, or what became of them, beside `source_key`."""
TOUCH_FIELDS: tuple[str, ...] = ("lead_id", "email", "phone", "rep", "touch", "touch_id")
"""Fields of sources that tell when reps were in touch with leads, beside `source_key`."""
SPEND_FIELDS: tuple[str, ...] = ("channel", "amount")
"""Fields of sources that tell what a channel cost on a day."""

Missing = tuple[str, ...]
DEFAULT_MISSING: Missing = (
    "",
    "select",
    "unknown",
    "n/a",
    "#n/a",
    "na",
    "none",
    "null",
    "nan",
    "-",
    "--",
    "?",
)
"""Words that mean nothing was known; compared in lower case, trimmed."""


class Contents(StrEnum):
    """What the rows of a source are."""

    LEADS = "leads"
    EVENTS = "events"
    OUTCOMES = "outcomes"
    TOUCHES = "touches"
    SPEND = "spend"


FIELDS_OF: dict[str, tuple[str, ...]] = {
    Contents.LEADS: LEAD_FIELDS,
    Contents.EVENTS: EVENT_FIELDS,
    Contents.OUTCOMES: OUTCOME_FIELDS,
    Contents.TOUCHES: TOUCH_FIELDS,
    Contents.SPEND: SPEND_FIELDS,
}
"""Contents -> what their columns may be mapped to, beside `source_key` where they are about leads."""


class DayColumn(BaseModel):
    """Which column says on which day a record came to be, and how it writes a date."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    format: Literal["iso", "day-first", "month-first", "unix-seconds"] = Field(
        "iso", description="iso: 2026-05-31 or with a time; day-first: 31-05-2026; month-first: 5/31/2026"
    )
    time_zone: str = Field("UTC", description="of dates and times written without one")


class OutcomeColumn(BaseModel):
    """A column that tells how it ended.

    Never seen by any rule: it is loaded as an outcome, dated after the record.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    column: str
    won: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    after_days: int = Field(1, ge=1, description="days between the record and its outcome")
    value_column: str | None = None


class SourceRules(BaseModel):
    """What every source of leads may say: which column is which field, what a missing value looks like."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    usual_mapping: ClassVar[Mapping[str, str]] = MappingProxyType({})
    """Field -> column, where the columns are known beforehand; a campaign file adds to it or puts others in place."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")
    channel: str = Field(
        "other", description="referral, ads, social, inbound, event, list, ...: what the source factor scores"
    )
    contents: Contents = Field(
        Contents.LEADS,
        description="leads: who they are; events: what they did; outcomes: what became of them; touches: "
        "when reps were in touch with them; spend: what a channel cost on a day",
    )
    of: str | None = Field(
        None,
        description="of events, outcomes and touches whose rows name leads by source_key: the source with those keys",
    )
    mapping: dict[str, str] = Field(
        default_factory=dict, description="field -> column; unmapped columns stay in the record"
    )
    constants: dict[str, str] = Field(default_factory=dict, description="field -> value for every record")
    defaults: dict[str, str] = Field(
        default_factory=dict, description="field -> value where the column is missing"
    )
    meanings: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="field -> {what is written: what it stands for}, upper and lower case alike, "
        "e.g. custom.origin: {google: Google}; what is not listed stays",
    )
    missing: tuple[str, ...] = DEFAULT_MISSING
    missing_by_field: dict[str, tuple[str, ...]] = Field(
        default_factory=dict,
        description="field -> further words that mean missing, e.g. custom.days_since: ['-1']",
    )
    day: DayColumn | None = Field(
        None, description="without it a record belongs to the day it was received on"
    )
    outcome: OutcomeColumn | None = None


class FileSource(SourceRules):
    """Leads that are handed in as files: which files, and how they are written where that cannot be guessed."""

    kind: Literal["file"] = "file"
    files: str = Field(
        "*", description="names in the landing folder that belong to this source, e.g. `bank-*.csv.gz`"
    )
    header: Literal["auto", "present", "absent"] = "auto"
    columns: tuple[str, ...] | None = Field(None, description="column names, where the file has no header")
    delimiter: str | None = Field(None, max_length=1, description="guessed where it is not given")
    encoding: str | None = Field(None, description="guessed where it is not given")
    sheet: str | None = Field(None, description="of an XLSX file; the first where it is not given")
