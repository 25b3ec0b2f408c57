"""Unsubscribing: the mail program's button and the page for people, both at `/unsubscribe/{token}`.

What belongs here: from a request to a choice, kept on the disk before it is answered. What does not: what follows from
a choice (`inbound.preferences`), and how a page looks.

`GET` and `HEAD` change nothing, however often a scanner asks: only a press of a button does. `POST` without a choice is
the one-click of RFC 8058: it ends all emails of ours to the address, for whoever asks a sender to stop means the
sender, and knows nothing of campaigns. The page offers to end one campaign's alone.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from fastapi.responses import Response
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.delivery.unsubscribe import Unsubscription, read_token
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.inbound.preferences import (
    ONE_CLICK,
    PAGE,
    Choice,
    Standing,
    choice_line,
    standing_choice,
)
from leadflow_pipeline.service.bodies import read_body
from leadflow_pipeline.service.pages import Button, page
from leadflow_pipeline.service.preferences_words import LANGUAGES, Words, language_for
from leadflow_pipeline.service.problems import NOT_NOW, SECONDS_TO_RETRY_AFTER
from leadflow_pipeline.service.tracking_journal import Journal, JournalFull

log = logging.getLogger(__name__)

CHOICES: tuple[Choice, ...] = ("all", "campaign", "none")
MOST_BYTES = 16 << 10
WITHOUT_NAMES: tuple[type[Exception], ...] = (*NOT_NOW, PermanentError, TimeoutError)

SECONDS_FOR_THE_DATABASE = 2.0
"""A person is not kept waiting for it: without it the page shows its buttons and no names."""

TRUSTED_FOR = 60.0
"""Seconds for which the names of a campaign are remembered."""

A_PAGE = {"text/html": {"schema": {"type": "string"}}}
ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {"description": "It is done. To a mail program no page is shown."},
    404: {"description": "The address is none of ours, or not whole.", "content": A_PAGE},
    503: {"description": "Not now: send it again later.", "content": A_PAGE},
}
UNREAD: dict[int | str, dict[str, Any]] = {
    408: {"description": "The body did not arrive in time."},
    413: {"description": "The body is longer than that of any form of ours."},
}


@dataclass(frozen=True)
class Names:
    """How a campaign and its sender are called."""

    campaign: str
    sender: str


def preferences_router(
    journal: Journal, engine_of: Callable[[], Engine], now: Callable[[], datetime]
) -> APIRouter:
    """The routes, over a journal, an engine and a clock."""
    router = APIRouter(tags=["tracking"], responses=ANSWERS)
    known: dict[str, tuple[float, Names]] = {}

    def look_up(who: Unsubscription) -> tuple[Names, Standing]:
        engine = engine_of()
        remembered = known.get(who.campaign)
        if remembered is None or time.monotonic() - remembered[0] > TRUSTED_FOR:
            rules = load(engine, who.campaign).rules
            known[who.campaign] = (time.monotonic(), Names(rules.name, rules.sender.name))
        with engine.connect() as connection:
            return known[who.campaign][1], standing_choice(connection, who, now())

    async def asked(who: Unsubscription) -> tuple[Names, Standing | None]:
        try:
            async with asyncio.timeout(SECONDS_FOR_THE_DATABASE):
                return await asyncio.to_thread(look_up, who)
        except WITHOUT_NAMES as error:
            log.warning("a page of preferences was shown without names (%s)", type(error).__name__)
            remembered = known.get(who.campaign)
            return (remembered[1] if remembered else Names(who.campaign, who.campaign)), None

    @router.head("/unsubscribe/{token}", response_class=Response, include_in_schema=False)
    @router.get("/unsubscribe/{token}", response_class=Response)
    async def show(request: Request, token: str) -> Response:
        """The page on which a person says what emails it wants. Asking for it changes nothing."""
        language = language_for(request.headers.get("accept-language", ""))
        words = LANGUAGES[language]
        who = _read(token)
        if who is None:
            return _not_ours(language, words)
        names, standing = await asked(who)
        return _page(language, words, names, standing or "none", done="")

    @router.post("/unsubscribe/{token}", response_class=Response, responses=UNREAD)
    async def choose(request: Request, token: str) -> Response:
        """One click of a mail program (RFC 8058), or a button of the page. The same twice changes nothing more."""
        language = language_for(request.headers.get("accept-language", ""))
        words = LANGUAGES[language]
        who = _read(token)
        if who is None:
            return _not_ours(language, words)
        choice = _choice_in(await read_body(request, MOST_BYTES))
        origin = ONE_CLICK if choice is None else PAGE
        try:
            await journal.keep(choice_line(secrets.token_hex(12), who, choice or "all", origin, now()))
        except JournalFull:
            return page(
                words.moment_title, [words.moment], language=language,
                status=HTTPStatus.SERVICE_UNAVAILABLE, headers={"Retry-After": SECONDS_TO_RETRY_AFTER},
            )  # fmt: skip
        if choice is None:
            return Response(status_code=HTTPStatus.OK)
        names, standing = await asked(who)
        if choice == "none" and standing == "other":
            return _page(language, words, names, "other", done="")
        done = {
            "all": words.none_from_anyone, "campaign": words.none_from_campaign, "none": words.subscribed
        }[choice]  # fmt: skip
        # What was chosen just now, whether or not the database has it yet.
        shown: Standing = "all" if choice == "campaign" and standing == "all" else choice
        return _page(language, words, names, shown, done=f"{words.done} {_filled(done, names)}")

    return router


def _read(token: str) -> Unsubscription | None:
    try:
        return read_token(token)
    except (PermanentError, UnicodeError):
        return None


def _choice_in(body: bytes) -> Choice | None:
    """The button that was pressed; None for anything else, which is a mail program's one click."""
    chosen = parse_qs(body.decode("latin-1"), max_num_fields=10_000).get("choice", [""])[0]
    return next((choice for choice in CHOICES if choice == chosen), None)


def _page(language: str, words: Words, names: Names, standing: Standing, *, done: str) -> Response:
    again = Button("none", words.again)
    stop_all = Button("all", words.stop_all, is_main=True)
    match standing:
        case "none":
            lines = [] if done else [_filled(words.ask, names)]
            buttons = [stop_all, Button("campaign", _filled(words.stop_campaign, names))]
        case "campaign":
            lines = [] if done else [_filled(words.none_from_campaign, names)]
            buttons = [stop_all, again]
        case "all":
            lines, buttons = [] if done else [words.none_from_anyone], [again]
        case "other":
            lines, buttons = [words.not_written_to], []
    foot = words.nothing_changes if buttons and not done else ""
    return page(words.title, lines, done=done, buttons=buttons, foot=foot, language=language)


def _filled(sentence: str, names: Names) -> str:
    return sentence.replace("{sender}", names.sender).replace("{campaign}", names.campaign)


def _not_ours(language: str, words: Words) -> Response:
    return page(words.not_ours_title, [words.not_ours], language=language, status=HTTPStatus.NOT_FOUND)
