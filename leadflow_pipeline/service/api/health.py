"""`GET /health`: what is well, what to look at and what is broken now, each with what to do."""

from __future__ import annotations

import threading
import time
from datetime import datetime
from typing import Final, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.insight.health.diagnosis import diagnose
from leadflow_pipeline.insight.health.finding import State
from leadflow_pipeline.service.access.door import Reader
from leadflow_pipeline.service.context import ServiceContext

Word = Literal["well", "look", "broken"]
WORST_FIRST: Final = (State.BROKEN, State.LOOK, State.WELL)
FRESH_FOR: Final = 15.0
AWAY_FOR: Final = 1.0
"""A database that was away is looked at again sooner."""


class FindingAnswer(BaseModel):
    """One thing that was looked at."""

    model_config = ConfigDict(frozen=True)

    subject: str
    state: Word
    sentence: str
    remedy: str = Field(description="what to do, where there is something to do")


class Health(BaseModel):
    """How everything is."""

    model_config = ConfigDict(frozen=True)

    state: Word = Field(description="the worst of all findings")
    looked_at: datetime
    findings: list[FindingAnswer]


def health_of_all_router(context: ServiceContext) -> APIRouter:
    """The route. It looks at most every 15 seconds, however many ask."""
    router = APIRouter(tags=["health"])
    lock = threading.Lock()
    last: list[tuple[float, Health]] = []
    """What was found last, and until when it is told."""

    def look() -> Health:
        found = diagnose(lambda: context.engine, with_network=False)
        states = {finding.state for finding in found}
        return Health(
            state=next((state for state in WORST_FIRST if state in states), State.WELL).value,
            looked_at=context.now(),
            findings=[FindingAnswer.model_validate(finding.to_dict()) for finding in found],
        )

    @router.get("/health", response_description="The worst comes with `state`; 200 whatever it is.")
    def health(caller: Reader) -> Health:
        """What is well, what to look at and what is broken now: as `leadflow doctor`, without asking the network."""
        caller.require_all_campaigns()
        with lock:
            if not last or time.monotonic() >= last[0][0]:
                found = look()
                is_away = any(
                    each.subject == "database" and each.state == "broken" for each in found.findings
                )
                last[:] = [(time.monotonic() + (AWAY_FOR if is_away else FRESH_FOR), found)]
            return last[0][1]

    return router
