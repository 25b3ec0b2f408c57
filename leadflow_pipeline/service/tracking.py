"""Pixels and links of emails: `GET /o/{token}` and `GET /c/{token}`.

What belongs here: from a request to a line of the journal and an answer. What does not: whether it was a person
(`inbound.tracking`, later), and the database.

A request is kept on the disk before it is answered. Whoever made up a token is told that there is nothing: that needs
no database. A link leads where its email said it would, by what was stored then: no address is ever taken from a
request.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.responses import RedirectResponse, Response
from starlette.routing import Route

from leadflow_pipeline.delivery.tracking import PIXEL, Tracked, read_token
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.inbound.tracking.askers import family_of
from leadflow_pipeline.inbound.tracking.storing import hit_line
from leadflow_pipeline.service.pages import page
from leadflow_pipeline.service.problems import NOT_NOW, SECONDS_TO_RETRY_AFTER
from leadflow_pipeline.service.tracking_journal import Journal, JournalFull
from leadflow_pipeline.service.tracking_targets import Targets
from leadflow_pipeline.store.keys import subject_key

GIF = bytes.fromhex("47494638396101000100800000ffffff00000021f90401000000002c00000000010001000002024401003b")
"""One transparent dot."""

FRESH = {
    "Cache-Control": "no-store, private, max-age=0",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
VISITOR_DIGITS = 16
SECONDS_TO_WAIT, BETWEEN_TRIES = 8.0, 0.05
"""For a database that restarts, before a person who clicked is asked to come again."""


class Tracking:
    """Answers requests of pixels and links, over a journal, stored targets and a clock."""

    def __init__(self, journal: Journal, targets: Targets, now: Callable[[], datetime]) -> None:
        self._journal = journal
        self._targets = targets
        self._now = now

    async def open_pixel(self, request: Request) -> Response:
        """The picture of an email that says that it was opened. Proxies and scanners ask for it too."""
        tracked = _read(request.path_params["token"])
        if tracked is None or tracked.number != PIXEL:
            return _nothing()
        await self._note(request, tracked)
        return Response(GIF, media_type="image/gif", headers=FRESH)

    async def follow_link(self, request: Request) -> Response:
        """A link of an email leads where the email said it would."""
        tracked = _read(request.path_params["token"])
        if tracked is None or tracked.number == PIXEL:
            return _nothing()
        try:
            _, target = await asyncio.gather(self._note(request, tracked), self._found(tracked))
        except NOT_NOW:
            return _come_again()
        return _nothing() if target is None else RedirectResponse(target, HTTPStatus.FOUND, FRESH)

    async def _note(self, request: Request, tracked: Tracked) -> None:
        at = self._now()
        address = request.client.host if request.client else ""
        agent = family_of(request.method, request.headers, address)
        line = hit_line(secrets.token_hex(12), tracked, at, visitor_key(address, at), agent)
        with suppress(JournalFull):  # noted in the log; whoever asked is not to suffer for it
            await self._journal.keep(line)

    async def _found(self, tracked: Tracked) -> str | None:
        clock = asyncio.get_running_loop().time
        last_try = clock() + SECONDS_TO_WAIT
        while True:
            try:
                return await self._targets.find(tracked)
            except NOT_NOW:
                if clock() > last_try:
                    raise
                await asyncio.sleep(BETWEEN_TRIES)


def add_tracking(app: FastAPI, journal: Journal, targets: Targets, now: Callable[[], datetime]) -> None:
    """Serves both. As plain routes: FastAPI's own would take a third of the time, and have nothing to check here."""
    tracking = Tracking(journal, targets, now)
    for path, endpoint in (("/o/{token}", tracking.open_pixel), ("/c/{token}", tracking.follow_link)):
        app.router.routes.append(Route(path, endpoint, methods=["GET", "HEAD"], include_in_schema=False))


def visitor_key(address: str, at: datetime) -> str:
    """Tells visitors of one day apart, and nothing else: nobody can follow one from day to day."""
    if not address:
        return ""
    return subject_key(f"visitor {at.date().isoformat()} {address}")[:VISITOR_DIGITS]


def _read(token: str) -> Tracked | None:
    try:
        return read_token(token)
    except (PermanentError, UnicodeError):
        return None


def _nothing() -> Response:
    return page(
        "This link is not complete",
        ["It is not one of ours as it stands. Copy it whole from the email and try again."],
        status=HTTPStatus.NOT_FOUND,
    )


def _come_again() -> Response:
    """A page that asks again by itself, where the database does not answer."""
    return page(
        "One moment, please",
        ["The page you asked for is not there yet. This page tries again by itself."],
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        headers={"Retry-After": SECONDS_TO_RETRY_AFTER, "Refresh": SECONDS_TO_RETRY_AFTER},
    )
