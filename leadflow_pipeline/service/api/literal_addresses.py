"""Addresses that a pattern of others would match too: `/leads/enrich` is no lead called enrich.

What belongs here: which they are, and keeping each to what it takes itself. What does not: any route of use.

Only where a pattern stands for an id of our own making, which is never such a word: names that people give (campaigns,
reps, experiments) never stand where a word of ours does, for whatever is called so could not be asked for.

The OpenAPI document says that what is written out comes first, whatever the method. A router goes on to the next route
where the method is another.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NoReturn

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request

TAKEN_BY_THE_PATTERN: Final[Mapping[str, tuple[str, ...]]] = {
    "/campaigns/{campaign}/leads/enrich": ("GET",),
    "/campaigns/{campaign}/leads/score": ("GET",),
    "/campaigns/{campaign}/leads/uploads": ("GET",),
}
"""Address -> the methods that only a pattern beside it takes."""


def literal_addresses_router() -> APIRouter:
    """Refuses (405) them. To be included before the patterns."""
    router = APIRouter()
    for path, methods in TAKEN_BY_THE_PATTERN.items():
        router.add_route(path, _refuse, methods=[*methods], include_in_schema=False)
    return router


async def _refuse(_: Request) -> NoReturn:
    raise HTTPException(HTTPStatus.METHOD_NOT_ALLOWED)
