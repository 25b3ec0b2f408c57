"""A rep as its record says: who, where, for whom, when and how much. Only the model.

What belongs here: the fields of a record and what makes one impossible. What does not: where records are stored
(`roster.py`), and who may have which lead (`eligibility.py`).

`attributes` are for audits of fairness alone: no rule of this house reads them when a lead is given away.
"""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
RepId = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@-]*$", max_length=200)]
"""An email address or a slug. Never changed: what was given to a rep stays with this id."""

WORKDAYS: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri")


class Territory(BaseModel):
    """A place, as exact as it is said: every field given must agree. Nothing given: everywhere.

    `country` is ISO 3166-1 alpha-2, `state` a region's name or code, `postcode` the beginning of postcodes.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    region: str | None = Field(
        None, description="a region of the world, e.g. EMEA, DACH, Nordics, or of the campaign's own"
    )
    country: str | None = None
    state: str | None = None
    city: str | None = None
    postcode: str | None = None


class WorkingHours(BaseModel):
    """When a rep works on its working days, in its own time zone. An end before the start is overnight; one that is the
    start is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: time = time(9)
    end: time = time(17)
    weekdays: tuple[Weekday, ...] = Field(WORKDAYS, min_length=1)
    holidays: tuple[date, ...] = ()

    @model_validator(mode="after")
    def lasts(self) -> WorkingHours:
        """Refuses working hours that have no length."""
        if self.start == self.end:
            raise ValueError("working hours must not end when they begin")
        return self


class Capacity(BaseModel):
    """How many leads a rep can take, over all campaigns. Fractions carry over: 0.5 a day is one every other day."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    per_day: float | None = Field(None, ge=0)
    per_week: float | None = Field(None, ge=0)
    per_month: float | None = Field(None, ge=0)
    open_leads: int | None = Field(None, ge=0, description="not won, not lost, at the same time")


def _name_zones(schema: dict[str, Any]) -> None:
    schema["enum"] = sorted(available_timezones())


class Rep(BaseModel):
    """One rep."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rep: RepId
    name: str = ""
    email: str | None = None
    slack_user: str | None = None
    hubspot_owner: str | None = None
    team: str = ""
    manager: RepId | None = Field(None, description="rep id of whoever is told when a lead waits too long")
    status: Literal["active", "paused", "left"] = "active"
    weight: float = Field(1.0, ge=0, description="share in a rotation; 0: takes no part in it")
    territories: tuple[Territory, ...] = Field(
        (), description="none: everywhere, as the least specific of all"
    )
    industries: tuple[str, ...] = ()
    specialties: tuple[str, ...] = ()
    languages: tuple[str, ...] = Field((), description="ISO 639-1; none: not known")
    named_accounts: tuple[str, ...] = Field(
        (), description="company names or domains whose leads are this rep's"
    )
    capacity: Capacity = Capacity()
    allotments: dict[str, float] = Field(
        default_factory=dict,
        description="campaign -> share (0 to 1) of the capacity that its plan may use; else all of it",
        json_schema_extra={"additionalProperties": {"type": "number", "minimum": 0, "maximum": 1}},
    )
    time_zone: str = Field("UTC", json_schema_extra=_name_zones)
    working_hours: WorkingHours = WorkingHours()
    attributes: dict[str, str] = Field(default_factory=dict, description="for audits of fairness alone")

    @field_validator("time_zone")
    @classmethod
    def time_zone_exists(cls, name: str) -> str:
        """Refuses a time zone that nobody knows."""
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{name} is no time zone: use an IANA name, e.g. Europe/Lisbon") from None
        return name

    @field_validator("allotments")
    @classmethod
    def allotments_are_shares(cls, allotments: dict[str, float]) -> dict[str, float]:
        """Refuses a share that is none."""
        for campaign, share in allotments.items():
            if not 0 <= share <= 1:
                raise ValueError(f"the share of {campaign} must lie in 0 to 1, but is {share:g}")
        return allotments
