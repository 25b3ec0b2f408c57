"""The door to what is stored of reps: their records, and who was who on a day.

What belongs here: reading and adding `reps`, each change noted in the activity log; and who was who on a day, absences
included. What does not: what a file of reps may say (`rep_records.py`), noting absences (`absences.py`), and what is
decided with them.

Nothing is changed or removed: a change is a record that holds from a day on. No day before becomes due by it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any, Literal

from sqlalchemy import Connection, Engine, func, insert, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, RepRecord, Roster, Rosters, record_on
from leadflow_pipeline.route.owners.trial import Trial
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import activity_log, rep_absences, reps

Status = Literal["active", "paused", "left"]


class UnknownRep(PermanentError):
    """No record names this rep."""

    def __init__(self, rep: str) -> None:
        super().__init__(
            f"there is no rep {rep!r}: leadflow reps list names all, leadflow reps import adds one"
        )


@dataclass(frozen=True)
class RepsImported:
    """What an import of reps changed, by rep id; or would change."""

    from_day: date
    is_first: bool
    added: tuple[str, ...]
    changed: tuple[str, ...]
    unchanged: tuple[str, ...]
    left: tuple[str, ...]
    """Missing from the file: they have left from the day on."""
    overtaken: tuple[str, ...]
    """Changed, but a record of a later day holds from that day on."""


@dataclass(frozen=True)
class StoredRecord:
    """A record with who made it and when."""

    record: RepRecord
    actor: str
    recorded_at: datetime


def read_roster(engine: Engine, campaign: str, day: date) -> Roster:
    """All reps as of a day. `campaign` is whose plan it serves: reps are the same for all."""
    return read_rosters(engine, campaign, [day])[day]


def read_rosters(engine: Engine, campaign: str, days: Sequence[date], trial: Trial | None = None) -> Rosters:
    """All reps as of each of some days, read once; as they would have been, where something is tried."""
    with engine.connect() as connection:
        return rosters_in(connection, campaign, days, trial)


def rosters_in(
    connection: Connection, campaign: str, days: Sequence[date], trial: Trial | None = None
) -> Rosters:
    """As `read_rosters`, within a transaction."""
    last = max(days, default=date.min)
    records = select(reps.c.record_id, reps.c.from_day, reps.c.document)
    absences = select(rep_absences.c.rep, rep_absences.c.first_day, rep_absences.c.last_day)
    known = [_record(row) for row in connection.execute(records.where(reps.c.from_day <= last))]
    return Rosters(
        campaign,
        days,
        trial.records(known) if trial is not None else known,
        [Absence(*row) for row in connection.execute(absences.where(rep_absences.c.withdrawn_at.is_(None)))],
    )


def read_history(engine: Engine, rep: str) -> tuple[StoredRecord, ...]:
    """A rep's records in the order in which they come to hold. Raises UnknownRep."""
    with engine.connect() as connection:
        return history_in(connection, rep)


def history_in(connection: Connection, rep: str) -> tuple[StoredRecord, ...]:
    """`read_history` within a transaction."""
    query = select(reps).where(reps.c.rep == rep).order_by(reps.c.from_day, reps.c.record_id)
    rows = connection.execute(query).all()
    if not rows:
        raise UnknownRep(rep)
    return tuple(StoredRecord(_record(row), row.actor, row.recorded_at) for row in rows)


def import_reps(
    engine: Engine,
    told: Iterable[Rep],
    *,
    actor: str,
    origin: str,
    from_day: date | None = None,
    keep_missing: bool = False,
    dry_run: bool = False,
    today: date | None = None,
) -> RepsImported:
    """Makes a whole list of reps known from a day on; a record that says nothing new is not added.

    Without `from_day` the first list ever holds from the first day there is, a later one from today (UTC). A rep that
    is not in the list has left from that day on, unless `keep_missing`. `origin` names the file or table, for the log.
    Raises PermanentError for an empty list.
    """
    by_id = {rep.rep: rep for rep in told}
    if not by_id:
        raise PermanentError("there is no rep in the list, and an empty list would mean that all have left")
    with engine.begin() as connection:
        one_at_a_time(connection)
        histories = _histories(connection)
        is_first = not histories
        day = from_day or (get_settings().first_day if is_first else today or datetime.now(UTC).date())
        missing = {} if keep_missing else _leavers(histories, by_id, day)
        added: list[str] = []
        changed: list[str] = []
        unchanged: list[str] = []
        overtaken: list[str] = []
        for rep_id in sorted(by_id):
            history = histories.get(rep_id, [])
            standing = record_on(history, day)
            if standing is not None and standing.rep == by_id[rep_id]:
                unchanged.append(rep_id)
                continue
            (added if standing is None else changed).append(rep_id)
            if any(record.from_day > day for record in history):
                overtaken.append(rep_id)
        summary = RepsImported(
            day,
            is_first,
            tuple(added),
            tuple(changed),
            tuple(unchanged),
            tuple(sorted(missing)),
            tuple(overtaken),
        )
        if dry_run:
            connection.rollback()
            return summary
        new = [by_id[rep_id] for rep_id in (*added, *changed)] + list(missing.values())
        _add(connection, new, day, actor)
        note(
            connection,
            actor,
            "reps.import",
            {
                "origin": origin,
                "from_day": day.isoformat(),
                "added": len(added),
                "changed": len(changed),
                "left": len(missing),
            },
        )
    return summary


def set_status(
    engine: Engine, rep: str, status: Status, *, actor: str, from_day: date | None = None
) -> RepRecord | None:
    """Records that a rep is active, paused or has left, from a day on (today, UTC, where none is named); the new
    record, or None where it said so already. Raises UnknownRep.
    """
    day = from_day or datetime.now(UTC).date()
    with engine.begin() as connection:
        one_at_a_time(connection)
        history = _histories(connection, rep).get(rep)
        if not history:
            raise UnknownRep(rep)
        standing = record_on(history, day)
        if standing is None:
            raise PermanentError(
                f"{rep} is known from {history[0].from_day} on only: name that day or a later one"
            )
        if standing.rep.status == status:
            return None
        changed = standing.rep.model_copy(update={"status": status})
        numbers = _add(connection, [changed], day, actor)
        note(connection, actor, "reps.status", {"rep": rep, "status": status, "from_day": day.isoformat()})
    return RepRecord(numbers[0], day, changed)


def put_record_in(connection: Connection, rep: Rep, from_day: date, *, actor: str) -> bool:
    """Makes a rep known as a record says, from a day on; False where that was known already."""
    one_at_a_time(connection)
    standing = record_on(_histories(connection, rep.rep).get(rep.rep, []), from_day)
    if standing is not None and standing.rep == rep:
        return False
    _add(connection, [rep], from_day, actor)
    note(
        connection,
        actor,
        "reps.record",
        {"rep": rep.rep, "from_day": from_day.isoformat(), "is_new": standing is None},
    )
    return True


def content_key_of(rep: Rep) -> str:
    """SHA-256 of a record: the same for every way of writing it."""
    return hashlib.sha256(_canonical(rep.model_dump(mode="json")).encode()).hexdigest()


def _leavers(
    histories: Mapping[str, Sequence[RepRecord]], told: Mapping[str, Rep], day: date
) -> dict[str, Rep]:
    """Reps who are known on the day, have not left, and are not told of."""
    leavers = {}
    for rep_id, history in histories.items():
        standing = record_on(history, day)
        if rep_id not in told and standing is not None and standing.rep.status != "left":
            leavers[rep_id] = standing.rep.model_copy(update={"status": "left"})
    return leavers


def _histories(connection: Connection, rep: str | None = None) -> dict[str, list[RepRecord]]:
    query = select(reps).order_by(reps.c.from_day, reps.c.record_id)
    if rep is not None:
        query = query.where(reps.c.rep == rep)
    histories: dict[str, list[RepRecord]] = {}
    for row in connection.execute(query):
        histories.setdefault(row.rep, []).append(_record(row))
    return histories


def require_rep(connection: Connection, rep: str) -> None:
    """Raises UnknownRep where there is none."""
    if connection.scalar(select(reps.c.rep).where(reps.c.rep == rep).limit(1)) is None:
        raise UnknownRep(rep)


def _add(connection: Connection, new: Sequence[Rep], day: date, actor: str) -> list[int]:
    if not new:
        return []
    rows = [
        {
            "rep": rep.rep,
            "from_day": day,
            "document": rep.model_dump(mode="json"),
            "content_key": content_key_of(rep),
            "actor": actor,
        }
        for rep in new
    ]
    numbered = insert(reps).returning(reps.c.record_id, sort_by_parameter_order=True)
    return list(connection.scalars(numbered, rows))


def one_at_a_time(connection: Connection) -> None:
    """Two imports at once would each judge by what the other is about to change."""
    connection.execute(select(func.pg_advisory_xact_lock(lock_number("reps"))))


def _record(row: Any) -> RepRecord:
    return RepRecord(row.record_id, row.from_day, _rep(_canonical(row.document)))


@lru_cache(maxsize=65_536)
def _rep(document: str) -> Rep:
    """A record's rep. Most records are read again and again, and never change."""
    return Rep.model_validate_json(document)


def _canonical(document: Mapping[str, Any]) -> str:
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def note(connection: Connection, actor: str, action: str, detail: dict[str, Any]) -> None:
    """Writes a change down in the activity log."""
    connection.execute(insert(activity_log).values(actor=actor, action=action, detail=detail))
