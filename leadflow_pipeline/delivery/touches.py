"""A rep says that it was in touch with a lead.

What belongs here: keeping that one fact. What does not: files of them (`harvest`), and what follows (`first_touch`).
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.delivery.claiming import handoffs_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.schema import rep_touches


def add_touch(
    engine: Engine, campaign: str, lead_id: str, rep: str | None, kind: str, at: datetime, *, origin: str
) -> dict[str, Any]:
    """Keeps a touch, by the lead's present owner where nobody is named; the same again changes nothing.

    Raises PermanentError where nobody is named and the lead has no owner.
    """
    with engine.begin() as connection:
        if rep is None:
            owners = handoffs_of(connection, campaign, lead_id)
            if not owners:
                raise PermanentError("the lead has no owner yet: say with --rep who was in touch")
            rep = owners[-1].rep
        row = {
            "campaign": campaign,
            "touch_id": f"{lead_id} {rep} {kind} {at.isoformat()}",
            "lead_id": lead_id,
            "rep": rep,
            "kind": kind.strip().lower(),
            "occurred_at": at,
            "origin": origin,
        }
        fresh = insert(rep_touches).values(row).on_conflict_do_nothing().returning(rep_touches.c.touch_id)
        is_new = connection.scalar(fresh) is not None
    return {"campaign": campaign, "lead_id": lead_id, "rep": rep, "kind": kind, "at": at, "is_new": is_new}
