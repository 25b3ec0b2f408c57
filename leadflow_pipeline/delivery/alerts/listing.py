"""Alerts as they are read: by the command and by the service. A door that changes nothing."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, select

from leadflow_pipeline.delivery.alerts.conditions import CONDITIONS
from leadflow_pipeline.store.schema import alerts

COLUMNS = (
    alerts.c.alert_id, alerts.c.condition, alerts.c.subject, alerts.c.opened_at, alerts.c.last_seen_at,
    alerts.c.closed_at, alerts.c.sentence, alerts.c.remedy, alerts.c.detail,
)  # fmt: skip
NAMES = tuple(CONDITIONS)


def read_alerts(
    connection: Connection,
    *,
    is_open: bool | None = None,
    condition: str | None = None,
    before: int | None = None,
    limit: int,
) -> list[dict[str, Any]]:
    """Alerts, the latest first; `before` an alert_id."""
    query = select(*COLUMNS).order_by(alerts.c.alert_id.desc()).limit(limit)
    if is_open is not None:
        query = query.where(alerts.c.closed_at.is_(None) if is_open else alerts.c.closed_at.is_not(None))
    if condition is not None:
        query = query.where(alerts.c.condition == condition)
    if before is not None:
        query = query.where(alerts.c.alert_id < before)
    return [dict(row) for row in connection.execute(query).mappings()]
