"""What a campaign file may say about nurture as a whole: its sequences (`steps`), the send window. Only the model."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.nurture.consent import ConsentRules
from leadflow_pipeline.nurture.limits import Limits
from leadflow_pipeline.nurture.step_conditions import fields_asked
from leadflow_pipeline.nurture.steps import NurtureSequence, SequenceName, SequenceStep
from leadflow_pipeline.nurture.timing.rules import Pace, PreferredHour, SendWindow
from leadflow_pipeline.nurture.words import Language, LanguageWords, SnippetName, TrackingRules

REMOVED_SEQUENCE = NurtureSequence.model_construct(emails=(), steps=None, exits=(), goal=None, after=None)
"""What leads come to the end of at once."""


class NurtureRules(BaseModel):
    """How enrolled leads are written to. A sequence that is not declared has the shipped emails."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sequences: dict[SequenceName, NurtureSequence] = Field(
        default_factory=dict, description="sequence -> its steps; a shipped one is replaced as a whole"
    )
    words: dict[str, str] = Field(
        default_factory=dict,
        description="token -> text: your own words for the emails. The shipped ones use `product` (what you "
        "offer: 'Planwell', 'scheduling software') and `benefit` (what it lets a customer do: 'plan a week "
        "in an hour')",
    )
    language: Language = Field("en", description="of the emails, where a lead speaks none of the others")
    snippets: dict[SnippetName, str] = Field(
        default_factory=dict,
        description="name -> text used in several emails as {{ snippets.<name> }}; a template itself",
    )
    languages: dict[Language, LanguageWords] = Field(
        default_factory=dict, description="language -> words, snippets and reason in it"
    )
    reason: str | None = Field(
        None,
        description="why the lead is written to, as the footer says it; a template. Anti-spam laws want it true",
    )
    tracking: TrackingRules = TrackingRules()
    send_window: SendWindow = SendWindow()
    limits: Limits = Field(Limits(), description="how many emails may leave")
    consent: ConsentRules = Field(
        ConsentRules(), description="whether leads must have agreed to be written to"
    )
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
    low_score_sequence: SequenceName | None = Field(
        None,
        description="the sequence of leads that routing nurtures though their score is low "
        "(`routing.nurture_low_score`), an education perhaps, with a task for the owner; the COLD one without it",
    )
    graduate_at_engagement: float | None = Field(
        None, ge=0, le=100, description="engagement that hands a lead to sales"
    )

    @property
    def sequence_names(self) -> tuple[str, ...]:
        """Every sequence a lead can be in, shipped or declared."""
        from leadflow_pipeline.nurture.shipped import SHIPPED_SEQUENCES

        return tuple(dict.fromkeys([*SHIPPED_SEQUENCES, *self.sequences]))

    @property
    def fields_asked(self) -> tuple[str, ...]:
        """The fields that conditions of declared sequences ask for, scores and tier among them."""
        conditions = [each for sequence in self.sequences.values() for each in sequence.conditions]
        return fields_asked(conditions)

    def sequence_of(self, name: str) -> NurtureSequence:
        """A sequence, declared or shipped; one without steps where it is neither: its lines were removed."""
        from leadflow_pipeline.nurture.shipped import shipped_sequences

        return self.sequences.get(name) or shipped_sequences().get(name) or REMOVED_SEQUENCE

    def steps_of(self, sequence: str) -> tuple[SequenceStep, ...]:
        """The steps of a sequence, in order: the first has place 1."""
        return self.sequence_of(sequence).way
