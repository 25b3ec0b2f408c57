"""Alarms are put on record and told once each: a door to the database and the outbox.

What belongs here: beginning and ending alerts, and the messages about those that begin. What does not: what is
alarming (`conditions`), and leaving (`dispatch`).

Whoever watches at the same time waits for the other. A message is about all that began together under one condition,
so that a morning on which forty reps are full is one message. It leaves as every other does: once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, func, insert, select, update

from leadflow_pipeline.campaign import CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery import notices
from leadflow_pipeline.delivery.alerts.conditions import CONDITIONS, Alarm, Key, Reading, alarms_of
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import activity_log, alerts

ACTOR: Final = "alerts"
MOST_TOLD: Final = 10


@dataclass(frozen=True)
class Changes:
    """What a watch did."""

    begun: int
    ended: int
    standing: int
    """Alerts that are on now."""

    def to_dict(self) -> dict[str, int]:
        """For metadata and JSON."""
        return asdict(self)


def standing_alerts(connection: Connection) -> dict[Key, RowMapping]:
    """The alerts that are on, the latest first."""
    query = select(alerts).where(alerts.c.closed_at.is_(None)).order_by(alerts.c.alert_id.desc())
    return {(row["condition"], row["subject"]): row for row in connection.execute(query).mappings()}


def would_change(engine: Engine, readings: Iterable[Reading]) -> bool:
    """Whether a watch would begin or end an alert."""
    with engine.connect() as connection:
        standing = standing_alerts(connection)
    return {alarm.key for alarm in alarms_of(readings, standing)} != set(standing)


def watch(engine: Engine, settings: Settings, readings: Iterable[Reading], now: datetime) -> Changes:
    """Begins alerts that are new, tells of them, and ends those that are over.

    `readings` are all there are: an alert without one is over. Messages go to `LEADFLOW_ALERTS_TO`, else to the
    operators of the campaign; without an active campaign, in whose name they leave, alerts are only on record.
    """
    versions = {slug: load(engine, slug) for slug in active_campaigns(engine)}
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("alerts"))))
        standing = standing_alerts(connection)
        alarms = alarms_of(readings, standing)
        begun = [(_begin(connection, alarm, now), alarm) for alarm in alarms if alarm.key not in standing]
        for alarm in alarms:
            if alarm.key in standing:
                _see_again(connection, standing[alarm.key]["alert_id"], alarm, now)
        over = [row for key, row in standing.items() if key not in {alarm.key for alarm in alarms}]
        for row in over:
            _end(connection, row, now)
        put_in(connection, list(_messages(begun, versions, settings, now)))
    return Changes(len(begun), len(over), len(alarms))


def _begin(connection: Connection, alarm: Alarm, now: datetime) -> int:
    row = {
        "condition": alarm.condition,
        "subject": alarm.subject,
        "opened_at": now,
        "last_seen_at": now,
        "sentence": alarm.sentence,
        "remedy": alarm.remedy,
        "detail": dict(alarm.detail),
    }
    number: int = connection.execute(insert(alerts).values(row).returning(alerts.c.alert_id)).scalar_one()
    _note(connection, "alert.begun", number, alarm.condition)
    return number


def _see_again(connection: Connection, number: int, alarm: Alarm, now: datetime) -> None:
    present = {"last_seen_at": now, "sentence": alarm.sentence, "detail": dict(alarm.detail)}
    connection.execute(update(alerts).where(alerts.c.alert_id == number).values(present))


def _end(connection: Connection, row: RowMapping, now: datetime) -> None:
    connection.execute(update(alerts).where(alerts.c.alert_id == row["alert_id"]).values(closed_at=now))
    _note(connection, "alert.ended", row["alert_id"], row["condition"])


def _note(connection: Connection, action: str, number: int, condition: str) -> None:
    detail = {"alert_id": number, "condition": condition}
    connection.execute(insert(activity_log).values(actor=ACTOR, action=action, detail=detail))


def _messages(
    begun: Sequence[tuple[int, Alarm]],
    versions: Mapping[str, CampaignVersion],
    settings: Settings,
    now: datetime,
) -> Iterable[dict[str, Any]]:
    """One for each condition and whoever is told of it."""

    def carrier(alarm: Alarm) -> str | None:
        campaign = alarm.subject.partition("/")[0]
        if settings.alerts_to is None and campaign in versions:
            return campaign
        return next(iter(sorted(versions)), None)

    def group(numbered: tuple[int, Alarm]) -> tuple[str, str]:
        return numbered[1].condition, carrier(numbered[1]) or ""

    for (condition, campaign), found in groupby(sorted(begun, key=group), key=group):
        if campaign:
            yield _message(CONDITIONS[condition].title, list(found), versions[campaign], settings, now)


def _message(
    title: str,
    begun: Sequence[tuple[int, Alarm]],
    version: CampaignVersion,
    settings: Settings,
    now: datetime,
) -> dict[str, Any]:
    lines = [f"{alarm.sentence}." for _, alarm in begun[:MOST_TOLD]]
    if len(begun) > MOST_TOLD:
        lines.append(f"And {len(begun) - MOST_TOLD:,} more: leadflow alerts lists them.")
    lines += [
        f"What to do: {remedy}." for remedy in dict.fromkeys(alarm.remedy for _, alarm in begun[:MOST_TOLD])
    ]
    lines.append(
        "You hear of it again only when it has been well in between; leadflow alerts shows what is on."
    )
    key = f"alert:{begun[0][1].condition}:{begun[0][0]}"
    subject = f"{title[0].upper()}{title[1:]}" + (
        f": {begun[0][1].subject}" if len(begun) == 1 else f" ({len(begun)})"
    )
    return notices.row_to_operators(version, key, subject, lines, now, settings.alerts_to)
