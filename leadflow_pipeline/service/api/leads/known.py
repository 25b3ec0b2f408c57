"""Which lead a request means, and values as answers have them.

What belongs here: what several routes about leads share. What does not: any route.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import Path
from pydantic import BaseModel, ConfigDict, StringConstraints
from sqlalchemy import Connection

from leadflow_pipeline.insight.lead_stages import canonical_lead
from leadflow_pipeline.service.problems import Problem

LEAD_ID: Final = r"^[A-Za-z0-9_.:-]{1,100}$"
LAST_DAY: Final = date(2099, 12, 31)
"""As of the end of all days."""
TEXT: Final = r"^[^\x00-\x1f\x7f]+$"
WORD: Final = r"^[^\x00-\x20\x7f]([^\x00-\x1f\x7f]*[^\x00-\x20\x7f])?$"
MOST_LEADS: Final = 1_000

LeadId = Annotated[str, Path(pattern=LEAD_ID, description="as a search gives it")]
LeadIdText = Annotated[str, StringConstraints(pattern=LEAD_ID)]
DIGITS: Final[Mapping[str, int]] = {
    "icp_fit": 4, "conversion_probability": 4, "intent_score": 4, "match_probability": 4, "match_score": 4,
    "match": 4, "share": 4, "conversion": 4,
}  # fmt: skip
"""Places behind the point of probabilities and the like; of every other number two."""


class Answer(BaseModel):
    """What is answered: never changed once it is made."""

    model_config = ConfigDict(frozen=True)


class Asked(BaseModel):
    """What is asked for in a body: nothing that is not documented."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def lead_of(connection: Connection, campaign: str, lead_id: str, as_of: date = LAST_DAY) -> str:
    """The lead that an id means. Raises Problem (404) where the campaign has none."""
    found = canonical_lead(connection, campaign, lead_id, as_of)
    if found is None:
        raise no_lead()
    return found


def no_lead() -> Problem:
    """404. The id is not repeated."""
    return Problem(
        HTTPStatus.NOT_FOUND,
        "the campaign has no such lead: GET /api/v1/campaigns/{campaign}/leads lists them",
    )


def rounded(value: Any, name: str = "") -> Any:
    """A value as JSON has it: numbers rounded to what they mean, and no infinite ones."""
    if isinstance(value, Mapping):
        return {str(key): rounded(inner, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [rounded(inner, name) for inner in value]
    if isinstance(value, Decimal):
        value = float(value)
    if isinstance(value, float):
        return round(value, DIGITS.get(name, 2)) if math.isfinite(value) else None
    return value
