"""Which webhooks there are, and the keys that open them.

What belongs here: from an address to a webhook source of a campaign file and its secrets. What does not: judging a
signature.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from leadflow_pipeline.campaign import campaign_status, load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.door import source_with_keys
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.harvest.sources.webhook import WebhookSource
from leadflow_pipeline.settings import secret
from leadflow_pipeline.signatures import key_of

log = logging.getLogger(__name__)

SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

TRUSTED_FOR = timedelta(seconds=2)
"""How soon a changed campaign file counts. Asking the database for every delivery would double what one costs."""


@dataclass(frozen=True)
class Entrance:
    """A webhook source of a campaign, and the keys that open it."""

    source: WebhookSource
    keys: tuple[bytes, ...]
    """Of the secrets that are there: while one takes the other's place, either may be missing."""
    lacks_keys: bool
    is_closed: bool
    """The campaign is archived."""
    keys_of: SourceRules | None
    """The source in whose keys events or outcomes name their leads."""


class Entrances:
    """The entrances that were asked for lately, and the database for the others."""

    def __init__(self, engine_of: Callable[[], Engine], now: Callable[[], datetime]) -> None:
        self._engine_of = engine_of
        self._now = now
        self._known: dict[tuple[str, str | None], tuple[datetime, Entrance]] = {}

    async def find(self, campaign: str, source: str | None) -> Entrance | None:
        """The webhook source meant: the one named, or the campaign's only one. None where there is none."""
        address = (campaign, source)
        if address in self._known and self._now() - self._known[address][0] < TRUSTED_FOR:
            return self._known[address][1]
        self._known.pop(address, None)
        found = await run_in_threadpool(self._look_up, campaign, source)
        if found is not None:  # only what there is: nobody can fill the memory with what there is not
            self._known[address] = (self._now(), found)
        return found

    def _look_up(self, campaign: str, source: str | None) -> Entrance | None:
        if not SLUG.fullmatch(campaign):
            return None
        engine = self._engine_of()
        try:
            sources = load(engine, campaign).rules.sources
            is_closed = campaign_status(engine, campaign) == "archived"
        except PermanentError:
            return None
        webhooks = [
            each for each in sources if isinstance(each, WebhookSource) and source in (None, each.name)
        ]
        if len(webhooks) != 1:
            return None
        keys = []
        for name in webhooks[0].secrets_from:
            try:
                keys.append(key_of(secret(name)))
            except PermanentError as error:
                log.error("some webhooks of campaign %s cannot be verified: %s", campaign, error)
        lacks_keys = len(keys) < len(webhooks[0].secrets_from)
        return Entrance(
            webhooks[0], tuple(keys), lacks_keys, is_closed, source_with_keys(webhooks[0], sources)
        )
