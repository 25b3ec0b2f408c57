"""Idempotency keys: a request that changes something and is sent again gets the same answer, and changes nothing more.

What belongs here: remembering answers by key, in the transaction of the change. What does not: the change.

A key is its token's own. What was answered is kept for as long as the service keeps requests. A problem is not kept: it
changed nothing, and the same key may try again.
"""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Depends, Header, Request
from fastapi.encoders import jsonable_encoder
from fastapi.responses import JSONResponse
from sqlalchemy import Connection, Engine, select, text, update
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.store.schema import api_requests

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="yours, new for each change: the same request with the same key is carried out once",
    ),
]

WAITING_FOR_THE_FIRST = text("SET LOCAL lock_timeout = '20s'")
"""Whoever sends a key twice at once. Beyond, the second is told to come again."""


def request_key(request: Request, body: bytes) -> str:
    """What tells two requests apart. Keyed, because a body may hold personal data."""
    return subject_key(f"{request.method} {request.url.path}?{request.url.query}\x1f{body.hex()}")


async def _asked(request: Request) -> str:
    return request_key(request, await request.body())


Asked = Annotated[str, Depends(_asked)]
"""The `request_key` of the request, for a route that calls `once`."""


def once(
    engine: Engine,
    caller: Caller,
    idempotency_key: str | None,
    asked: str,
    act: Callable[[Connection], Any],
    status: HTTPStatus = HTTPStatus.OK,
) -> JSONResponse:
    """The answer of `act`, carried out in one transaction with the note that it was; or the answer it had before.

    `asked` is the `request_key`. Whoever sends the same key at the same time waits for the first. Raises Problem (409)
    for a key that came before with another request, and whatever `act` raises: then nothing was noted or changed.
    """
    with engine.begin() as connection:
        if idempotency_key is not None:
            earlier = _earlier(connection, caller, idempotency_key, asked)
            if earlier is not None:
                return earlier
        answer = jsonable_encoder(act(connection))
        if idempotency_key is not None:
            connection.execute(
                update(api_requests)
                .where(
                    api_requests.c.token_id == caller.token_id,
                    api_requests.c.idempotency_key == idempotency_key,
                )
                .values(status=int(status), answer=answer)
            )
    return JSONResponse(answer, status)


def _earlier(connection: Connection, caller: Caller, idempotency_key: str, asked: str) -> JSONResponse | None:
    """The answer that the key had before; None where it is new, and then it is noted."""
    connection.execute(WAITING_FOR_THE_FIRST)
    row = {"token_id": caller.token_id, "idempotency_key": idempotency_key, "request_key": asked}
    noted = insert(api_requests).values(row).on_conflict_do_nothing().returning(api_requests.c.token_id)
    if connection.scalar(noted) is not None:
        return None
    stored = connection.execute(
        select(api_requests).where(
            api_requests.c.token_id == caller.token_id, api_requests.c.idempotency_key == idempotency_key
        )
    ).one()
    if stored.request_key != asked:
        raise Problem(
            HTTPStatus.CONFLICT, "the idempotency key came before with another request: use a new key"
        )
    return JSONResponse(stored.answer, stored.status, {"Idempotent-Replayed": "true"})
