"""What callers changed, written down. A door to one table.

What belongs here: the line of the activity log that goes with a change. What does not: the change, and reading the log
(`store.activity`).
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, insert

from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.store.schema import activity_log


def note(
    connection: Connection,
    caller: Caller,
    action: str,
    *,
    campaign: str | None = None,
    lead_id: str | None = None,
    **detail: Any,
) -> None:
    """Notes a change in its own transaction. `detail` holds counts, ids and names of settings: no personal data."""
    row = {
        "actor": caller.actor,
        "action": action,
        "campaign": campaign,
        "lead_id": lead_id,
        "detail": {**detail, "token_id": caller.token_id},
    }
    connection.execute(insert(activity_log).values(row))
