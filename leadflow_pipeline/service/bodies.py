"""Bodies: read within limits of size and time, and those of webhooks understood as leads.

What belongs here: how a body arrives, and what one of a webhook may be. What does not: who sent it, what a column
means, and what JSON of the API may be (`strict_json`).

A sender that goes on sending while we refuse would often find its connection reset, and never see why. So what is
refused is read to its end and thrown away, within limits, before it is answered; not where the sender asks first
(`Expect: 100-continue`).
"""

from __future__ import annotations

import asyncio
import time
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from fastapi import Request
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import Message, Receive

from leadflow_pipeline.harvest.nested import flattened
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.service.strict_json import parsed

MOST_BYTES = 256 << 10
MOST_DISCARDED = 256 << 20
MOST_DIGITS = 20
SECONDS_TO_ARRIVE = 30
SLOWEST = 4 << 10
"""Bytes a second of a long body, after that: a byte now and then would hold a connection for days."""

MOST_LEADS = 1_000
MOST_COLUMNS = 500

Lead = Mapping[str, Any]


async def read_body(request: Request, most: int = MOST_BYTES) -> bytes:
    """The bytes of a request. Raises Problem for more than `most`, and for a sender that takes too long."""
    return await whole_body(request.headers, request.receive, most)


async def whole_body(headers: Headers, receive: Receive, most: int) -> bytes:
    """The same, below the routes: a body of `most` bytes or fewer, within `SECONDS_TO_ARRIVE`. Afterwards nothing of it
    is left to `discard`.
    """
    if _declared(headers) > most:
        await discard(headers, receive)
        raise _too_long(most)
    body, length = bytearray(), 0
    try:
        async with asyncio.timeout(SECONDS_TO_ARRIVE):
            async for block in _blocks(
                receive
            ):  # to the end: what comes after it would be waited for in vain
                length += len(block)
                if length > MOST_DISCARDED:
                    break
                if length <= most:
                    body += block
                else:
                    body.clear()
    except (TimeoutError, ClientDisconnect):
        if length <= most:
            raise _too_slow() from None
    if length > most:
        raise _too_long(most)
    return bytes(body)


def bounded_blocks(receive: Receive, most: int) -> Receive:
    """The same blocks, for who reads a long body by itself. Raises Problem for more than `most` bytes in all, where no
    block comes for `SECONDS_TO_ARRIVE`, and where it comes slower than `SLOWEST`.
    """
    length, begun = 0, time.monotonic()

    async def next_block() -> Message:
        nonlocal length
        is_late_at = begun + SECONDS_TO_ARRIVE + length / SLOWEST
        try:
            async with asyncio.timeout(min(SECONDS_TO_ARRIVE, is_late_at - time.monotonic())):
                message = await receive()
        except TimeoutError:
            raise _too_slow() from None
        length += len(message.get("body", b""))
        if length > most:
            raise _too_long(most)
        return message

    return next_block


async def discard(headers: Headers, receive: Receive) -> None:
    """Reads what is left of a body and keeps nothing of it, so that its sender reads the answer; within limits."""
    if not has_body(headers) or headers.get("expect", "").lower() == "100-continue":
        return
    length = 0
    with suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(SECONDS_TO_ARRIVE):
            async for block in _blocks(receive):
                length += len(block)
                if length > MOST_DISCARDED:
                    return


def has_body(headers: Headers) -> bool:
    """Whether a request has one."""
    return "transfer-encoding" in headers or _declared(headers) > 0


async def _blocks(receive: Receive) -> AsyncIterator[bytes]:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        yield message.get("body", b"")
        if not message.get("more_body", False):
            return


def _declared(headers: Headers) -> int:
    """Bytes that a body will have, as its sender says; 0 where that is not said."""
    written = headers.get("content-length", "")
    return int(written) if written.isascii() and written.isdigit() and len(written) < MOST_DIGITS else 0


def _too_long(most: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"the body is longer than {most >> 10:,} KiB: send less at once",
        {"Connection": "close"},
    )


def _too_slow() -> Problem:
    return Problem(
        HTTPStatus.REQUEST_TIMEOUT,
        f"the body did not arrive within {SECONDS_TO_ARRIVE} s: send it again",
        {"Connection": "close"},
    )


def leads_in(body: bytes, encoding: str | None) -> Sequence[Lead]:
    """The JSON object of a body, or the objects of its list; numbers as they were written.

    `encoding` is the header Content-Encoding. Raises Problem, naming at most a place, for anything else.
    """
    if (encoding or "identity").strip().lower() != "identity":
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body is compressed: send it as plain JSON")
    value = parsed(body.removeprefix(BOM_UTF8), numbers_as_written=True)
    leads = value if isinstance(value, list) else [value]
    if len(leads) > MOST_LEADS:
        raise _refused(f"the body holds more than {MOST_LEADS:,} leads: send them in several requests")
    if not leads:
        raise _refused("the list is empty: send one lead or more")
    for number, lead in enumerate(leads, start=1):
        if not isinstance(lead, dict):
            raise _refused(f"item {number} is no JSON object: send one object for each lead")
    # Each lead's own first: to find names for thousands that come to the same one would take minutes.
    if (
        max(map(_member_count, leads)) > MOST_COLUMNS
        or len({column for lead in leads for column in flattened(lead)}) > MOST_COLUMNS
    ):
        raise _refused(
            f"the leads have more than {MOST_COLUMNS} different members: leave out what nobody maps"
        )
    return leads


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


def _refused(sentence: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
