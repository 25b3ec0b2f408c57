"""How a client meets a stand-in in a test: a session that waits for nothing, and what every failure must be like."""

from __future__ import annotations

from collections.abc import Mapping
from types import ModuleType

from sqlalchemy import Engine

from leadflow_pipeline.errors import FateUnknown, TransientError
from leadflow_pipeline.vendors.session import VendorSession
from leadflow_pipeline_tests.fakes.http import REFUSED, FakeServer

NOT_SENT = (REFUSED, "unavailable, come back soon", "unavailable for long")
"""Refused before anything was carried out: asking again costs nothing."""

FATE_UNKNOWN = (
    "reset before answer", "lost answer", "reset midway", "read timeout", "empty body", "truncated json",
    "gateway timeout", "html instead of json", "server error", "bad gateway", "unavailable",
)  # fmt: skip
"""After any of these nobody can say from outside whether the request was carried out."""


def session_to(server: FakeServer, engine: Engine, client: ModuleType) -> VendorSession:
    """A session of `client` with a stand-in in the vendor's place. Its waits take no time."""
    waited: list[float] = []
    return VendorSession(
        engine,
        client.VENDOR,
        server.url,
        headers=client.headers(server.key),
        timeout=(1, 0.2),
        wait=waited.append,
    )


def repeatable(documented: Mapping[str, type[Exception]]) -> dict[str, type[Exception]]:
    """What each failure is for a request that may be repeated, with those that only this vendor has."""
    return {**dict.fromkeys((*NOT_SENT, *FATE_UNKNOWN), TransientError), **documented}


def bought(documented: Mapping[str, type[Exception]]) -> dict[str, type[Exception]]:
    """What each failure is for a request that costs something, with those that only this vendor has."""
    return {
        **dict.fromkeys(NOT_SENT, TransientError),
        **dict.fromkeys(FATE_UNKNOWN, FateUnknown),
        **documented,
    }


def is_plain(error: BaseException, *private: str) -> bool:
    """Whether a message is one line, not long, and without what was asked or answered."""
    text = str(error)
    is_short = 0 < len(text) <= 300 and "\n" not in text
    return is_short and not any(word.casefold() in text.casefold() for word in (*private, "test-key"))
