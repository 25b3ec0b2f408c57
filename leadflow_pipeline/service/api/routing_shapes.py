"""What is asked and answered about owners over HTTP, as it stands in the document of the API.

What belongs here: the shapes of bodies, answers and refusals. What does not: any route (`routing`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow_pipeline.service.bodies import MOST_COLUMNS

MOST_IN_A_BATCH: Final = 500

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100, description="a campaign")]
LeadId = Annotated[
    str, Field(pattern=r"^[\x21-\x7e]+$", max_length=200, description="a lead of the campaign")
]
Status = Literal["ROUTED", "ALREADY_ROUTED", "HELD", "QUALIFICATION_PENDING", "REJECTED_LEAD"]


ONE_OF_TWO: Final[list[Any]] = [
    {"required": ["lead_id"], "properties": {"lead_id": {"type": "string"}, "lead": {"type": "null"}}},
    {"required": ["lead"], "properties": {"lead": {"type": "object"}, "lead_id": {"type": "null"}}},
]
"""As JSON Schema: a lead is named or sent, not both."""


class OneLead(BaseModel):
    """A lead of whom an owner is asked: by its id, or as a record of one of the campaign's sources."""

    model_config = ConfigDict(extra="forbid", frozen=True, json_schema_extra={"oneOf": ONE_OF_TWO})

    campaign: Slug
    lead_id: LeadId | None = None
    lead: dict[str, Any] | None = Field(
        None,
        min_length=1,
        max_length=MOST_COLUMNS,
        description='a record as the source sends it, e.g. {"email": "ida@leads.example"}: it is taken in, and '
        "scored, qualified and routed at once",
    )
    source: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=100)] | None = Field(
        None, description="whose record it is, where the campaign has several sources of leads"
    )

    @model_validator(mode="after")
    def is_one(self) -> OneLead:
        """Refuses none and both."""
        if (self.lead_id is None) == (self.lead is None):
            raise ValueError("name a lead by lead_id, or send its record as lead")
        return self


class ManyLeads(BaseModel):
    """Leads of whom owners are asked, each decided about for itself, in their order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    campaign: Slug
    lead_ids: list[LeadId] = Field(min_length=1, max_length=MOST_IN_A_BATCH)


class Candidate(BaseModel):
    """A rep who may have the lead."""

    rep: str
    match: float = Field(description="0 to 1")
    value: float = Field(description="chance x what it brings x match, in the campaign's currency")
    price: float = Field(description="what a place with the rep is worth for other leads, in the same money")
    has_room: bool
    why: str = Field(description="what makes it this place in the order")


class Decision(BaseModel):
    """Whose lead it is and why, or why nobody's."""

    campaign: str
    lead_id: str
    status: Status = Field(
        description="ROUTED: given to the owner by this decision; ALREADY_ROUTED: it had the owner; HELD: nobody may "
        "or can have it now, and it is tried again; the others: it is to have no owner, see the reasons"
    )
    owner: str | None
    previous_owner: str | None
    assignment_number: int | None = Field(description="1 for a lead's first owner, 2 for its second, ...")
    tier: str | None
    sequence: str | None
    score: float | None
    conversion_probability: float | None
    method: str | None = Field(description="what decided: optimal, account, round_robin, handoff, ...")
    match: float | None
    value: float | None
    price: float | None
    reasons: list[str]
    candidates: list[Candidate] = Field(description="the best few, the best first")
    may: int | None = Field(description="how many may have it")
    struck: dict[str, int] = Field(description="constraint -> how many reps it strikes out")
    remedy: str | None = Field(description="of a lead that is held: what helps")
    first_touch_due_at: datetime | None
    campaign_version: int
    model_version: str | None
    decided_at: datetime


class Refused(BaseModel):
    """A lead of a batch about which nothing was decided."""

    lead_id: str
    problem: str


class Decisions(BaseModel):
    """What became of each lead of a batch, in their order."""

    items: list[Decision | Refused]


class StoredDecision(BaseModel):
    """A decision as it was answered."""

    decision_id: int
    decided_at: datetime
    decision: Decision


def problems_of(**said: str) -> dict[int | str, dict[str, Any]]:
    return {int(status[1:]): {"description": text} for status, text in said.items()}


COMMON: Final = {
    "_400": "The body is no JSON, or the address cannot be read.",
    "_401": "No valid token.",
    "_403": "The token may not decide.",
    "_404": "There is no such campaign or lead, or none for this token.",
    "_408": "The body did not arrive in time.",
    "_413": "The body is too long.",
    "_415": "The body is not said to be JSON, or is compressed.",
    "_422": "The body is not as documented.",
    "_429": "The token asks too often: come again after Retry-After seconds.",
    "_503": "Not now: send it again, with the same key, after Retry-After seconds.",
}
