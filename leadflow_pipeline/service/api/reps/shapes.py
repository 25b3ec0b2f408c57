"""What is asked of reps, and what is answered: shapes alone.

What belongs here: the models of requests and answers. What does not: filling them (`routes`, `performance`). Whoever
may read the API reads reps' records, names and addresses included: they are who leads are given to.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.service.api.parameters import Amount, Day, Fine, Share

Status = Literal["active", "paused", "left"]


class AbsenceBody(BaseModel):
    """Days on which a rep is away, both included, of its own calendar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_day: Day
    last_day: Day


class BackBody(BaseModel):
    """Since when a rep is back."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: Day | None = Field(None, description="first day back; left out: today (UTC)")


class RepRow(BaseModel):
    """A rep of a list, as on a day."""

    rep: str
    name: str
    team: str
    status: Status
    is_absent: bool
    record: Rep


class RecordAnswer(BaseModel):
    """What was known of a rep from a day on."""

    record_id: int
    from_day: date
    actor: str
    recorded_at: datetime
    record: Rep


class AbsenceAnswer(BaseModel):
    """An absence."""

    absence_id: int
    rep: str
    first_day: date
    last_day: date
    actor: str
    recorded_at: datetime
    withdrawn_at: datetime | None


class RepAnswer(BaseModel):
    """All that is known of a rep."""

    rep: str
    record: Rep | None = Field(description="as it holds today; null: it holds from a later day on only")
    history: list[RecordAnswer] = Field(description="in the order in which they come to hold")
    absences: list[AbsenceAnswer]


class RepRecorded(BaseModel):
    """What came of a change of a record."""

    rep: str
    from_day: date
    changed: bool = Field(description="false: it was known so already")


class AbsenceNoted(BaseModel):
    """An absence that stands."""

    absence_id: int
    rep: str
    first_day: date
    last_day: date


class AbsencesWithdrawn(BaseModel):
    """Absences that stand no more; their days that are over do."""

    rep: str
    day: date
    withdrawn: list[AbsenceDays]


class AbsenceDays(BaseModel):
    """Days away."""

    first_day: date
    last_day: date


class RoomAnswer(BaseModel):
    """A rep's room today (UTC), of leads of all campaigns."""

    rep: str
    status: Status
    is_away: bool
    given_today: int
    limit_today: int | None = Field(description="what the rates of a day and a month allow; null: no limit")
    given_this_week: int
    limit_this_week: int | None
    open_leads: int
    limit_open: int | None
    room: int | None = Field(description="leads that it can still take today; null: no limit")
    load: Share = Field(description="the largest share of a limit that is taken")


class BoardRow(BaseModel):
    """How a rep does."""

    rep: str
    team: str
    status: Status
    place: int | None = Field(description="null: it has left, or was given no lead")
    place_from: int | None = Field(description="where it is in 90 of 100 draws of what its conversion may be")
    place_to: int | None
    leads: int
    decided: int
    wins: int
    conversion: Share | None
    conversion_low: Share | None
    conversion_high: Share | None
    value_won: Amount
    value: Amount | None = Field(description="of a won lead, as is to be expected")
    minutes: Amount | None = Field(description="working minutes to the first touch, as is to be expected")
    minutes_measured: Amount | None
    sla_due: int
    sla_kept: int
    first_touch_in_time: Share | None
    performance: Fine | None
    comparable: Share | None = Field(description="performance, as 0 to 1")
    conversion_against_team: str
    conversion_against_all: str
    first_touch_against_all: str
    trend: str


class WeekRow(BaseModel):
    """A rep's week."""

    week: date = Field(description="its first day")
    rep: str
    leads: int
    wins: int
    value_won: Amount
    sla_due: int
    sla_kept: int
    minutes: Amount | None


class LoadRow(BaseModel):
    """What a rep carries, by the campaign's plan of the latest day."""

    rep: str
    day: date
    load: Share
    open_leads: int
    capacity: int = Field(description="of the last 28 days")
    assigned: int
    price: Amount = Field(description="what one more lead of the rep would have been worth")
    floors: int
    floors_missed: int


class Head(BaseModel):
    """What a report is about."""

    campaign: str
    as_of: date
    window_days: int = Field(description="leads given in so many days count")
    currency: str
    first_touches_in_time: Share | None


class Leaderboard(Head):
    """The reps of a campaign, the best first."""

    reps: list[BoardRow]


class RepPerformance(Head):
    """How reps do: beside their peers, week by week, and what they carry."""

    reps: list[BoardRow]
    weeks: list[WeekRow]
    load: list[LoadRow]
