"""What a campaign file may say about nurture as a whole: its sequences (`steps`), the send window. Only the model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.nurture.steps import EmailStep, SequenceEmails
from leadflow_pipeline.nurture.timing.rules import Pace, PreferredHour, SendWindow


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
    pace: Pace | None = Field(
        None, description="delays that heed what a lead does; without it all leads are alike"
    )
    preferred_hour: PreferredHour | None = Field(
        None, description="send at the hour at which a lead tends to answer; without it when the window opens"
    )
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
    graduate_at_engagement: float | None = Field(
        None, ge=0, le=100, description="engagement that hands a lead to sales"
    )

    def emails_of(self, sequence: str) -> tuple[EmailStep, ...]:
        """The emails of a sequence, in order. Raises KeyError for one neither declared nor shipped."""
        from leadflow_pipeline.nurture.shipped import shipped_sequences

        declared = self.sequences.get(sequence)
        return (declared or shipped_sequences()[sequence]).emails
