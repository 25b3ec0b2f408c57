"""What a campaign file may say about when emails leave. Only the model; the arithmetic lives beside it."""

from __future__ import annotations

from datetime import date, time
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

WEEKDAYS: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

Behaviours = Annotated[tuple[str, ...], Field(min_length=1)]


class SendWindow(BaseModel):
    """When an email may leave, in the lead's time zone where it is known, else the campaign's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    start: time = time(9, 0)
    end: time = time(17, 0)
    weekdays: tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
    )
    use_lead_time_zone: bool = True
    closed: tuple[date, ...] = Field((), max_length=1_000, description="days on which nothing leaves")
    holidays: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}(-[A-Z0-9]{1,6})?$")], ...] = Field(
        (),
        description="countries, or regions of them (DE, DE-BY, US-CA), whose public holidays are closed days for "
        "every lead",
    )
    keep_lead_holidays: bool = Field(
        False, description="public holidays of the lead's own country are closed days, where that is known"
    )

    @model_validator(mode="after")
    def window_is_open_at_some_time(self) -> SendWindow:
        """Refuses an empty window (no weekday, or a start that equals the end) and places that have no holidays."""
        if not self.weekdays:
            raise ValueError("weekdays must name at least one day")
        if self.start == self.end:
            raise ValueError("start and end are the same: write 00:00 to 23:59 for the whole day")
        if self.holidays:
            from leadflow_pipeline.nurture.timing.closed_days import is_known_place

            unknown = [place for place in self.holidays if not is_known_place(place)]
            if unknown:
                raise ValueError(f"no public holidays are known of {unknown[0]}: list the days under closed")
        return self


class Pace(BaseModel):
    """Delays that heed what a lead does: sooner for one that is there, later for one that is silent."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sooner_on: Behaviours = Field(
        ("click", "visit"),
        description="behaviours after which the next step comes sooner; opens alone prove nobody",
    )
    sooner: float = Field(
        0.5, gt=0, le=1, description="what is left of the wait for the next step after such a behaviour"
    )
    silent_after_days: float = Field(
        10, gt=0, le=365, description="so many days in a sequence without a sign of life make a lead silent"
    )
    later: float = Field(1.5, ge=1, le=5, description="by how much the delays of a silent lead are longer")
    least_days: float = Field(
        1, ge=0, le=30, description="after the day of such a behaviour the next step waits at least this long"
    )
    most_days: float = Field(
        30, gt=0, le=180, description="no delay of a silent lead is made longer than this"
    )

    @model_validator(mode="after")
    def opens_do_not_count(self) -> Pace:
        """Refuses opens: machines open emails too."""
        if "open" in self.sooner_on:
            raise ValueError(
                "sooner_on names open: machines open emails, so nothing rests on opens; use click"
            )
        return self


class PreferredHour(BaseModel):
    """Emails leave at the hour at which a lead tends to answer, within the window, once enough is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    behaviours: Behaviours = Field(
        ("click", "reply", "visit"), description="behaviours that tell a lead's hours"
    )
    least_behaviours: int = Field(
        3, ge=1, le=1_000, description="of a lead, before its own hours count; before that the window decides"
    )
    prior_weight: float = Field(
        2, ge=0, le=1_000, description="how many behaviours of its own the campaign's hours weigh as much as"
    )
    within_days: int = Field(180, ge=7, le=730, description="older behaviours are not looked at")
