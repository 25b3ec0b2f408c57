"""What a campaign file may say about how many emails leave: `nurture.limits`. Only the models.

What does not belong here: counting what has left, and who has to wait (the release door).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Most = Annotated[int, Field(ge=1)]


class PersonLimits(BaseModel):
    """Emails to one person, of all campaigns together, by the person's own calendar."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    day: Most | None = Field(None, description="from midnight to midnight where the person lives")
    week: Most | None = Field(None, description="from Monday to Sunday")


class SenderLimits(BaseModel):
    """Emails of one sender."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hour: Most | None = Field(None, description="in any sixty minutes")
    day: Most | None = Field(None, description="from midnight to midnight of the campaign's time zone")


class WarmUp(BaseModel):
    """A sender that nobody knows yet begins with few emails a day; mailbox providers distrust a sudden many."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    first_day: date = Field(description="nothing leaves before it")
    per_day: tuple[Most, ...] = Field(
        (20, 30, 45, 70, 100, 150, 220, 330, 500, 750),
        min_length=1,
        description="how many leave at most on each sending day from the first on; then the warm-up is over",
    )


class Limits(BaseModel):
    """How many emails may leave. Who has to wait leaves as soon as there is room, or never once it is stale.

    Campaigns that share a sender share its limits: the strictest counts.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    person: PersonLimits = Field(
        PersonLimits(), description="stricter than the installation's own; never looser"
    )
    mailbox: SenderLimits = Field(SenderLimits(), description="all that the campaign's sender sends")
    domain: SenderLimits = Field(SenderLimits(), description="what it sends to one domain of recipients")
    warm_up: WarmUp | None = None
    spread: bool = Field(
        True, description="evenly over the hour and the rest of the day; false: as soon as there is room"
    )
