"""The door to absences of reps: noted, withdrawn, read.

What belongs here: adding to `rep_absences` and withdrawing from it, each change noted in the activity log. What does
not: reps' records (`roster.py`), and what an absence means for a day (`reps_of_day.py`).

Nothing is removed: an absence is withdrawn, and the days of it that are over stay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy import ColumnElement, Connection, Engine, func, insert, select, update

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence
from leadflow_pipeline.route.owners.reps.roster import note, one_at_a_time, require_rep
from leadflow_pipeline.store.schema import rep_absences


class NoSuchAbsence(PermanentError):
    """No absence stands that could be withdrawn."""


@dataclass(frozen=True)
class StoredAbsence:
    """An absence with its number, who noted it and whether it stands."""

    absence_id: int
    absence: Absence
    actor: str
    recorded_at: datetime
    withdrawn_at: datetime | None


def read_absences(engine: Engine, rep: str) -> tuple[StoredAbsence, ...]:
    """A rep's absences, withdrawn ones too, by their first day."""
    with engine.connect() as connection:
        return absences_in(connection, rep)


def absences_in(connection: Connection, rep: str) -> tuple[StoredAbsence, ...]:
    """`read_absences` within a transaction."""
    table = rep_absences
    query = select(table).where(table.c.rep == rep).order_by(table.c.first_day, table.c.absence_id)
    return tuple(
        StoredAbsence(
            row.absence_id,
            Absence(row.rep, row.first_day, row.last_day),
            row.actor,
            row.recorded_at,
            row.withdrawn_at,
        )
        for row in connection.execute(query)
    )


def add_absence(engine: Engine, rep: str, first_day: date, last_day: date, *, actor: str) -> int:
    """Notes that a rep is away, in a transaction of its own: see `add_absence_in`."""
    with engine.begin() as connection:
        return add_absence_in(connection, rep, first_day, last_day, actor=actor)


def add_absence_in(connection: Connection, rep: str, first_day: date, last_day: date, *, actor: str) -> int:
    """Notes that a rep is away, both days included; the number of the absence. One that stands already is not noted
    twice. Raises UnknownRep, and PermanentError for days in the wrong order.
    """
    if last_day < first_day:
        raise PermanentError(
            f"an absence from {first_day} cannot end on {last_day}, before it begins: swap the days"
        )
    table = rep_absences
    one_at_a_time(connection)
    require_rep(connection, rep)
    standing = select(table.c.absence_id).where(
        table.c.rep == rep,
        table.c.first_day == first_day,
        table.c.last_day == last_day,
        table.c.withdrawn_at.is_(None),
    )
    found: int | None = connection.scalar(standing)
    if found is not None:
        return found
    values = {"rep": rep, "first_day": first_day, "last_day": last_day, "actor": actor}
    number: int = connection.execute(insert(table).values(values).returning(table.c.absence_id)).scalar_one()
    detail = {"rep": rep, "first_day": first_day.isoformat(), "last_day": last_day.isoformat()}
    note(connection, actor, "reps.absent", detail)
    return number


def end_absence(engine: Engine, rep: str, *, actor: str, day: date | None = None) -> tuple[Absence, ...]:
    """Has a rep back, in a transaction of its own: see `end_absence_in`."""
    with engine.begin() as connection:
        return end_absence_in(connection, rep, actor=actor, day=day)


def end_absence_in(
    connection: Connection, rep: str, *, actor: str, day: date | None = None
) -> tuple[Absence, ...]:
    """Has a rep back from a day on (today, UTC, where none is named): withdraws every absence that ends on it or later.

    What was over before the day stands: of an absence that began earlier, the days up to the eve. The absences that
    were withdrawn are returned. Raises UnknownRep and NoSuchAbsence.
    """
    back = day or datetime.now(UTC).date()
    withdrawn = _withdraw(connection, rep, rep_absences.c.last_day >= back, back, actor)
    if not withdrawn:
        raise NoSuchAbsence(f"{rep} is not away on {back} or later, so there is nothing to withdraw")
    return withdrawn


def withdraw_absence_in(
    connection: Connection, rep: str, absence_id: int, *, actor: str, today: date
) -> Absence:
    """Withdraws one absence; its days before `today` stand. Raises UnknownRep, and NoSuchAbsence where none of that
    number stands, or it is over.
    """
    is_it = (rep_absences.c.absence_id == absence_id) & (rep_absences.c.last_day >= today)
    withdrawn = _withdraw(connection, rep, is_it, today, actor)
    if not withdrawn:
        raise NoSuchAbsence(
            f"{rep} has no such absence that stands and is not over: leadflow reps show {rep} has all"
        )
    return withdrawn[0]


def _withdraw(
    connection: Connection, rep: str, which: ColumnElement[bool], back: date, actor: str
) -> tuple[Absence, ...]:
    """Withdraws some absences that stand; what was over before a day is noted anew."""
    table = rep_absences
    one_at_a_time(connection)
    require_rep(connection, rep)
    rows = connection.execute(
        update(table)
        .where(table.c.rep == rep, table.c.withdrawn_at.is_(None), which)
        .values(withdrawn_at=func.now())
        .returning(table.c.first_day, table.c.last_day)
    ).all()
    if not rows:
        return ()
    eve = date.fromordinal(back.toordinal() - 1)
    kept = [
        {"rep": rep, "first_day": row.first_day, "last_day": eve, "actor": actor}
        for row in rows
        if row.first_day <= eve
    ]
    if kept:
        connection.execute(insert(table), kept)
    note(connection, actor, "reps.back", {"rep": rep, "day": back.isoformat(), "withdrawn": len(rows)})
    return tuple(Absence(rep, row.first_day, row.last_day) for row in rows)
