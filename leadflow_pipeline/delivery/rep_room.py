"""How much room each rep has now, over all campaigns, and what takes it: for people who look.

What belongs here: putting limits and counts side by side, read without a lock: a view of a moment. What does not:
giving leads away by it (`claiming`), which counts again under locks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine

from leadflow_pipeline.delivery.present_reps import given_in_weeks, open_leads, present_reps
from leadflow_pipeline.route.owners.reps.capacity import (
    NO_LIMIT,
    limit_of_day,
    limit_of_week,
    room_in_total,
)


@dataclass(frozen=True)
class RepRoom:
    """A rep's room today (UTC), of leads of all campaigns."""

    rep: str
    status: str
    is_away: bool
    given_today: int
    limit_today: int | None
    """What the rates of a day and a month allow; None: no limit."""
    given_this_week: int
    limit_this_week: int | None
    open_leads: int
    limit_open: int | None
    room: int | None
    """Leads that it can still take today; None: as many as come. 0 for who is away or not active."""
    load: float
    """The largest share of a limit that is taken; 0 where nothing is limited."""


def rooms_now(engine: Engine, rep_ids: Sequence[str], now: datetime) -> list[RepRoom]:
    """The room of these reps, in their order; without those of whom there is no record."""
    today = now.astimezone(UTC).date()
    monday = today - timedelta(days=today.weekday())
    with engine.connect() as connection:
        present = present_reps(connection, rep_ids, now)
        given = given_in_weeks(connection, list(present), [today]) if present else {}
        opened = open_leads(connection, list(present), now)
    rooms = []
    for name in rep_ids:
        if name not in present:
            continue
        rep, is_away = present[name].rep, present[name].is_away(now)
        this_week = sum(given.get((name, monday + timedelta(days=number)), 0) for number in range(7))
        counts = (given.get((name, today), 0), this_week, opened[name])
        limits = (
            _limit(limit_of_day(rep, today)),
            _limit(limit_of_week(rep, today)),
            rep.capacity.open_leads,
        )
        works = rep.status == "active" and not is_away
        room = room_in_total(rep, today, *counts) if works else 0
        rooms.append(
            RepRoom(
                rep=name,
                status=rep.status,
                is_away=is_away,
                given_today=counts[0],
                limit_today=limits[0],
                given_this_week=counts[1],
                limit_this_week=limits[1],
                open_leads=counts[2],
                limit_open=limits[2],
                room=None if works and limits == (None, None, None) else room,
                load=max(map(_share, counts, limits)),
            )
        )
    return rooms


def _limit(limit: int) -> int | None:
    return None if limit >= NO_LIMIT else limit


def _share(count: int, limit: int | None) -> float:
    """0 to 1, and above it where more was given than there is room for; a limit of 0 is always taken."""
    if limit is None:
        return 0.0
    return count / limit if limit else 1.0
