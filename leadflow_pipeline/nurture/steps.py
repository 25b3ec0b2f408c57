"""What a campaign file may say about one step of a sequence. Only the model.

What does not belong here: the rules that hold for all of a campaign (`rules`), and when a step falls due (`timetable`).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.nurture.words import Language, Wording

StepName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]


class Step(BaseModel):
    """What all steps have."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: StepName | None = Field(
        None, description="what other steps and people call it; unique in its sequence"
    )
    delay_days: float = Field(
        ge=0, description="after the planned time of the step before (the first: after the start)"
    )


class EmailStep(Step, Wording):
    """One email of a sequence, in the campaign's language and in others."""

    channel: Literal["email"] = "email"
    languages: dict[Language, Wording] = Field(
        default_factory=dict, description="language -> the same email in it, for leads who speak it"
    )
    thread: bool = Field(
        False,
        description="an answer to the email sent before it: mailboxes show both as one conversation, under the "
        "subject of the first. Its own subject counts where nothing was sent before",
    )


class TaskStep(Step):
    """A task for the lead's owner: in the CRM where the campaign's hand-over has one, else a message to the owner."""

    channel: Literal["task"]
    title: str = Field(min_length=1, max_length=200, description="a template over the tokens of a lead")
    text: str = Field("", description="a template over the tokens of a lead")
    due_hours: float = Field(
        24, gt=0, le=720, description="until when it should be done, after it is planned"
    )


class WebhookStep(Step):
    """A signed request to a system of yours (https://www.standardwebhooks.com)."""

    channel: Literal["webhook"]
    url: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s#]*$")] = Field(
        description="https; http for this machine only"
    )
    secret_from: Annotated[str, Field(pattern=r"^LEADFLOW_[A-Z0-9_]+$")] = Field(
        description="environment variable that holds the signing secret"
    )


class BranchStep(Step):
    """No message: a fork in the way."""

    channel: Literal["branch"]


SequenceStep = EmailStep | TaskStep | WebhookStep | BranchStep
"""One step of a sequence; without `channel` an email."""


class SequenceEmails(BaseModel):
    """The steps of one sequence, in order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    emails: tuple[EmailStep, ...] = Field(min_length=1)
