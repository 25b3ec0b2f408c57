"""Somebody who is not to be written to."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Engine

from leadflow_pipeline.store.suppressions import suppress


def add_suppression(
    engine: Engine,
    *,
    scope: str,
    subject: str,
    reason: str,
    campaign: str = "",
    origin: str = "",
    occurred_at: datetime | None = None,
) -> bool:
    """Keeps an address key (see `store.keys`), a domain or everybody from it; False where it was so already."""
    row = {
        "scope": scope,
        "subject": subject,
        "campaign": campaign,
        "reason": reason,
        "origin": origin,
        "occurred_at": occurred_at or datetime.now(UTC),
    }
    with engine.begin() as connection:
        return bool(suppress(connection, [row]))
