"""Addresses that a pattern of others would match too: `/leads/enrich` is no lead called enrich.

What belongs here: which they are, and keeping each to what it takes itself. What does not: any route of use.

The OpenAPI document says that what is written out comes first, whatever the method. A router goes on to the next route
where the method is another, and a PUT to `/reps/capacity` would make a rep of that name.
"""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final, NoReturn

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.requests import Request

TAKEN_BY_THE_PATTERN: Final[Mapping[str, tuple[str, ...]]] = {
    "/campaigns/schema": ("PUT",),
    "/campaigns/validate": ("GET", "PUT"),
    "/campaigns/{campaign}/leads/enrich": ("GET",),
    "/campaigns/{campaign}/leads/score": ("GET",),
    "/campaigns/{campaign}/leads/uploads": ("GET",),
    "/reps/capacity": ("PUT",),
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
