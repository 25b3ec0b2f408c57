"""What a campaign file may say about handing leads over to their owners. Only the model."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field


class BriefModel(BaseModel):
    """A language model that words the brief. It is shown no name, address or phone, and held to what it is shown."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/?#]+[^\s?#]*$")] = Field(
        description="base of an OpenAI-compatible API, such as https://host/v1; http for this machine only"
    )
    model: str = Field(min_length=1, max_length=200, description="name of the model, as its API knows it")
    key_from: Annotated[str, Field(pattern=r"^LEADFLOW_[A-Z0-9_]+$")] | None = Field(
        None, description="environment variable that holds the key; left out where none is needed"
    )
    most_a_day: int = Field(
        200, ge=0, description="briefs of the campaign on one UTC day; the others are written by template"
    )
    timeout_seconds: float = Field(30, gt=0, le=300)

    @property
    def host(self) -> str:
        """Host, with its port where the endpoint names one."""
        return urlsplit(self.endpoint).netloc.rpartition("@")[2].lower()


class HandoverRules(BaseModel):
    """How an owner is told of a lead, and until when."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: bool = Field(True, description="an email to the owner")
    slack_channel: Annotated[str, Field(pattern=r"^(owner|[#@]?[A-Za-z0-9._-]{1,80})$")] | None = Field(
        None, description="id or name of the channel to post to; `owner`: to each owner's own slack_user"
    )
    hubspot: bool = Field(
        False, description="put the contact into HubSpot, with its owner and a task for the first touch"
    )
    graduations: bool = Field(
        True,
        description="tell the owner, with the thread, once an enrolled lead replies, is engaged enough or reaches the "
        "goal of its sequence",
    )
    not_after_hours: float = Field(
        48.0,
        gt=0,
        le=720,
        description="hours after the end of the decision's day in which its owner may be told: a backfill tells nobody",
    )
    operators: Annotated[str, Field(pattern=r"^[^\s@]+@[^\s@]+$")] | None = Field(
        None,
        description="address that is told of leads that wait for an owner; the sender's where it is not given",
    )
    brief: str | None = Field(
        None,
        min_length=1,
        max_length=5_000,
        description="template of the brief, a line that begins with `- ` for each point; the shipped one without it",
    )
    language_model: BriefModel | None = Field(
        None, description="words the brief; without it, and where its answer does not hold, the template does"
    )
