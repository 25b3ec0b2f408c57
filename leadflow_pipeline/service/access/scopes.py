"""What a caller may do. Pure.

What belongs here: scopes, and whether they are enough. What does not: recognising a caller (`door`).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from http import HTTPStatus

from leadflow_pipeline.service.problems import Problem


class Scope(IntEnum):
    """Each includes those before it."""

    READ = 1
    """See everything but secrets."""
    OPERATE = 2
    """Run, decide, override, import: the daily work."""
    ADMIN = 3
    """Change campaigns, models, experiments, webhooks and reps."""

    @property
    def word(self) -> str:
        """As it is stored and told."""
        return self.name.lower()


@dataclass(frozen=True)
class Caller:
    """Whoever holds the token of a request."""

    token_id: str
    name: str
    scope: Scope
    campaigns: frozenset[str] | None
    """None: all."""

    @property
    def actor(self) -> str:
        """As changes are signed with."""
        return f"api {self.name}"

    def sees(self, campaign: str) -> bool:
        """Whether the token is good for a campaign."""
        return self.campaigns is None or campaign in self.campaigns

    def require(self, campaign: str) -> None:
        """Raises Problem (404, as for what there is not) for a campaign that the token is not good for."""
        if not self.sees(campaign):
            raise no_campaign()

    def require_all_campaigns(self) -> None:
        """Raises Problem (403) for a token of some campaigns: what is asked for concerns all."""
        if self.campaigns is not None:
            raise Problem(HTTPStatus.FORBIDDEN, "the token is good for some campaigns only: use one for all")


def no_campaign() -> Problem:
    """404: there is none, or none for this token. The name is not repeated."""
    return Problem(HTTPStatus.NOT_FOUND, "there is no such campaign: GET /api/v1/campaigns lists them")
