"""Bodies of webhooks: read within a limit, and understood as leads.

What belongs here: what a body may be. What does not: who sent it, and what a column means.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.requests import ClientDisconnect

from leadflow_pipeline.harvest.nested import flattened
from leadflow_pipeline.service.problems import Problem

MOST_BYTES = 256 << 10
SECONDS_TO_ARRIVE = 30
MOST_LEADS = 1_000
MOST_COLUMNS = 500
MOST_NESTED = 32

Lead = Mapping[str, Any]


async def read_body(request: Request, most: int = MOST_BYTES) -> bytes:
    """The bytes of a request. Raises Problem for more than `most`, as soon as that many came, and for a sender that
    takes too long.
    """
    body = bytearray()
    try:
        async with asyncio.timeout(SECONDS_TO_ARRIVE):
            async for block in request.stream():
                body += block
                if len(body) > most:
                    raise Problem(
                        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                        f"the body is longer than {most >> 10} KiB: send less at once",
                        {"Connection": "close"},
                    )
    except (TimeoutError, ClientDisconnect):
        raise Problem(
            HTTPStatus.REQUEST_TIMEOUT,
            f"the body did not arrive within {SECONDS_TO_ARRIVE} s: send it again",
            {"Connection": "close"},
        ) from None
    return bytes(body)


def leads_in(body: bytes, encoding: str | None) -> Sequence[Lead]:
    """The JSON object of a body, or the objects of its list; numbers as they were written.

    `encoding` is the header Content-Encoding. Raises Problem, naming at most a place, for anything else.
    """
    if (encoding or "identity").strip().lower() != "identity":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is compressed: send it as plain JSON")
    value = _parsed(body)
    leads = value if isinstance(value, list) else [value]
    if len(leads) > MOST_LEADS:
        raise _refused(f"the body holds more than {MOST_LEADS:,} leads: send them in several requests")
    if not leads:
        raise _refused("the list is empty: send one lead or more")
    for number, lead in enumerate(leads, start=1):
        if not isinstance(lead, dict):
            raise _refused(f"item {number} is no JSON object: send one object for each lead")
    if not _is_flat_enough(leads):
        raise _refused(f"the body is nested more than {MOST_NESTED} deep: send a flatter one")
    # Each lead's own first: to find names for thousands that come to the same one would take minutes.
    if (
        max(map(_member_count, leads)) > MOST_COLUMNS
        or len({column for lead in leads for column in flattened(lead)}) > MOST_COLUMNS
    ):
        raise _refused(
            f"the leads have more than {MOST_COLUMNS} different members: leave out what nobody maps"
        )
    return leads


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body.decode("utf-8-sig"), parse_float=str, parse_int=str, parse_constant=str)
    except UnicodeDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not UTF-8 (byte {error.start + 1})") from None
    except json.JSONDecodeError as error:
        sentence = f"the body is not valid JSON (line {error.lineno}, character {error.colno})"
        raise Problem(HTTPStatus.BAD_REQUEST, sentence) from None
    except RecursionError:
        sentence = f"the body is nested more than {MOST_NESTED} deep: send a flatter one"
        raise _refused(sentence) from None


def _is_flat_enough(value: Any) -> bool:
    level = [value]
    for _ in range(MOST_NESTED + 2):
        level = [inner for outer in level if isinstance(outer, dict | list) for inner in _members(outer)]
        if not level:
            return True
    return False


def _member_count(lead: Lead) -> int:
    """How many members a lead has, those of its objects included."""
    count, pending = 0, [lead]
    while pending:
        for value in pending.pop().values():
            if isinstance(value, dict):
                pending.append(value)
            else:
                count += 1
    return count


def _members(value: dict[str, Any] | list[Any]) -> Sequence[Any]:
    return list(value.values()) if isinstance(value, dict) else value


def _refused(sentence: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
