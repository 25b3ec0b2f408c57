"""What a campaign file may say about nurture as a whole: its sequences (`steps`), the send window. Only the model."""

from __future__ import annotations

from datetime import time
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow_pipeline.nurture.steps import EmailStep, SequenceEmails

WEEKDAYS: tuple[str, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


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

    @model_validator(mode="after")
    def window_is_open_at_some_time(self) -> SendWindow:
        """Refuses an empty window: no weekday, or a start that equals the end."""
        if not self.weekdays:
            raise ValueError("weekdays must name at least one day")
        if self.start == self.end:
            raise ValueError("start and end are the same: write 00:00 to 23:59 for the whole day")
        return self


class NurtureRules(BaseModel):
    """How enrolled leads are written to. A sequence that is not declared has the shipped emails."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sequences: dict[str, SequenceEmails] = Field(
        default_factory=dict, description="sequence type -> its emails"
    )
    words: dict[str, str] = Field(
        default_factory=dict,
        description="token -> text: your own words for the emails. The shipped ones use `product` (what you "
        "offer: 'Planwell', 'scheduling software') and `benefit` (what it lets a customer do: 'plan a week "
        "in an hour')",
    )
    send_window: SendWindow = SendWindow()
    stale_after_hours: float = Field(
        72, gt=0, le=720, description="a touch that could not leave in this time is never sent"
    )
    stop_on: tuple[str, ...] = Field(
        ("reply", "meeting", "unsubscribe", "bounce", "complaint"),
        description="behaviours that end a sequence",
    )
    stop_on_outcome: bool = Field(
        True, description="a lead that is won, lost or has a meeting leaves its sequence"
    )
    stop_on_colleague_reply: bool = Field(
        True,
        description="a reply from the same company (by company_domain, never a free mail provider's) since the "
        "enrolment stops the sequence",
    )
    stop_on_owner_touch: bool = Field(
        True,
        description="a call, email or meeting of a rep with the lead since the enrolment stops the sequence; a note "
        "does not",
    )
    graduate_at_engagement: float | None = Field(
        None, ge=0, le=100, description="engagement that hands a lead to sales"
    )

    def emails_of(self, sequence: str) -> tuple[EmailStep, ...]:
        """The emails of a sequence, in order. Raises KeyError for one neither declared nor shipped."""
        from leadflow_pipeline.nurture.shipped import shipped_sequences

        declared = self.sequences.get(sequence)
        return (declared or shipped_sequences()[sequence]).emails
