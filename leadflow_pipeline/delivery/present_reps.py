"""Reps as they are now: who is there, and how much room each has over all campaigns.

What belongs here: reading records, absences and leads of many reps at once, and counting on as leads are given. What
does not: locks, and whose a lead becomes (`claiming`). What is read under a rep's lock stays true until the
transaction ends; without one it is a view of a moment.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import cached_property, lru_cache
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from sqlalchemy import ARRAY, ColumnElement, Connection, Date, Text, bindparam, exists, func, select, text

from leadflow_pipeline.route.owners.reps.capacity import Limits
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence
from leadflow_pipeline.route.owners.reps.working_time import Calendar, add_working_time
from leadflow_pipeline.store.schema import Timestamp, handoffs, outcomes, rep_absences, reps
from leadflow_pipeline.store.together import Sent, together

ENDED: Final = ("won", "lost")
"""Outcomes after which a lead takes no room any more."""


@dataclass(frozen=True)
class PresentRep:
    """A rep as it is now, with the absences that are not over."""

    rep: Rep
    absences: tuple[Absence, ...]

    def is_away(self, now: datetime) -> bool:
        """Whether it is away today, by its own calendar."""
        if not self.absences:
            return False
        today = now.astimezone(ZoneInfo(self.rep.time_zone)).date()
        return any(absence.covers(today) for absence in self.absences)

    @cached_property
    def calendar(self) -> Calendar:
        """When it works."""
        return Calendar.of(self.rep, self.absences)


@dataclass
class Room:
    """How many leads each of some reps has been given for which day, and has open, over all campaigns."""

    given: Counter[tuple[str, date]] = field(default_factory=Counter)
    open: Counter[str] = field(default_factory=Counter)
    _limits: dict[tuple[str, date], Limits] = field(default_factory=dict)
    """Which are reckoned once for all leads of a group."""

    def has(self, rep: Rep, day: date) -> bool:
        """Whether one more lead fits into the rep's day, week and open leads."""
        if not is_limited(rep):
            return True
        monday = day - timedelta(days=day.weekday())
        given = self.given.get
        this_week = sum(given((rep.rep, monday + timedelta(days=number)), 0) for number in range(7))
        limits = self._limits.get((rep.rep, day))
        if limits is None:
            limits = self._limits[rep.rep, day] = Limits.of(rep, day)
        return limits.left(given((rep.rep, day), 0), this_week, self.open[rep.rep]) >= 1


def is_limited(rep: Rep) -> bool:
    """Whether the rep's record limits its leads at all."""
    capacity = rep.capacity
    return (capacity.per_day, capacity.per_week, capacity.per_month, capacity.open_leads) != (None,) * 4


def present_reps(connection: Connection, rep_ids: Collection[str], now: datetime) -> dict[str, PresentRep]:
    """Each of these reps as its latest record says; without those of whom there is none."""
    if not rep_ids:
        return {}
    today = now.astimezone(UTC).date()
    latest = (
        select(reps.c.rep, reps.c.document)
        .where(reps.c.rep.in_(sorted(rep_ids)), reps.c.from_day <= today)
        .order_by(reps.c.rep, reps.c.from_day.desc(), reps.c.record_id.desc())
        .distinct(reps.c.rep)
    )
    records = {row.rep: Rep.model_validate(row.document) for row in connection.execute(latest)}
    standing = standing_absences(connection, records, today - timedelta(days=1))
    return {rep: PresentRep(record, standing.get(rep, ())) for rep, record in records.items()}


def standing_absences(
    connection: Connection, rep_ids: Iterable[str], not_over_before: date = date.min
) -> dict[str, tuple[Absence, ...]]:
    """Each rep's absences that were not withdrawn, in order; with a day, only those that were not over before it."""
    query = (
        select(rep_absences.c.rep, rep_absences.c.first_day, rep_absences.c.last_day)
        .where(
            rep_absences.c.rep.in_(sorted(rep_ids)),
            rep_absences.c.withdrawn_at.is_(None),
            rep_absences.c.last_day >= not_over_before,
        )
        .order_by(rep_absences.c.rep, rep_absences.c.first_day, rep_absences.c.last_day)
    )
    found: dict[str, tuple[Absence, ...]] = {}
    for rep, first, last in connection.execute(query).tuples():
        found[rep] = (*found.get(rep, ()), Absence(rep, first, last))
    return found


def room_of(connection: Connection, present: Iterable[Rep], days: Collection[date], now: datetime) -> Room:
    """What these reps were given in the weeks of these days, and have open now."""
    limited = [rep for rep in present if is_limited(rep)]
    if not limited or not days:
        return Room()
    by_open_leads = [rep.rep for rep in limited if rep.capacity.open_leads is not None]
    return Room(
        given_in_weeks(connection, [rep.rep for rep in limited], days),
        open_leads(connection, by_open_leads, now),
    )


def given_in_weeks(
    connection: Connection, rep_ids: Collection[str], days: Collection[date]
) -> Counter[tuple[str, date]]:
    """How many leads each of these was given for each day of the weeks of some days, over all campaigns."""
    mondays = [day - timedelta(days=day.weekday()) for day in days]
    # Whose day a lead counts for is never later than the day on which it was told.
    of_weeks = (
        select(handoffs.c.rep, handoffs.c.decision_day, func.count())
        .where(
            handoffs.c.rep.in_(sorted(rep_ids)),
            handoffs.c.decided_at >= datetime.combine(min(mondays), datetime.min.time(), UTC),
            handoffs.c.decision_day.between(min(mondays), max(mondays) + timedelta(days=6)),
        )
        .group_by(handoffs.c.rep, handoffs.c.decision_day)
    )
    return Counter({(rep, day): count for rep, day, count in connection.execute(of_weeks).tuples()})


def open_leads(connection: Connection, rep_ids: Collection[str], now: datetime) -> Counter[str]:
    """How many leads each of these has that are neither won nor lost, over all campaigns."""
    if not rep_ids:
        return Counter()
    later = handoffs.alias("later")
    is_passed_on = exists().where(
        later.c.campaign == handoffs.c.campaign,
        later.c.lead_id == handoffs.c.lead_id,
        later.c.assignment_number > handoffs.c.assignment_number,
    )
    query = (
        select(handoffs.c.rep, func.count())
        .where(handoffs.c.rep.in_(sorted(rep_ids)), ~is_passed_on, ~has_ended(now))
        .group_by(handoffs.c.rep)
    )
    return Counter(dict(connection.execute(query).tuples().all()))


TYPES: Final = (
    bindparam("reps", type_=ARRAY(Text)),
    bindparam("today", type_=Date),
    bindparam("yesterday", type_=Date),
    bindparam("since", type_=Timestamp),
)

READ_TOGETHER: Final = text(
    """
    SELECT asked.rep,
        (SELECT document::text FROM leadflow.reps AS record
         WHERE record.rep = asked.rep AND from_day <= :today
         ORDER BY from_day DESC, record_id DESC LIMIT 1) AS document,
        (SELECT array_agg(ARRAY[first_day, last_day] ORDER BY first_day, last_day) FROM leadflow.rep_absences AS away
         WHERE away.rep = asked.rep AND withdrawn_at IS NULL AND last_day >= :yesterday) AS absences,
        (SELECT jsonb_object_agg(decision_day, leads) FROM (
             SELECT decision_day, count(*) AS leads FROM leadflow.handoffs AS given
             WHERE given.rep = asked.rep AND decided_at >= :since AND decision_day BETWEEN :first_day AND :last_day
             GROUP BY decision_day) AS days) AS given,
        (SELECT count(*) FROM leadflow.handoffs AS given
         WHERE given.rep = asked.rep AND asked.counts_open
             AND NOT EXISTS (SELECT FROM leadflow.handoffs AS later WHERE later.campaign = given.campaign
                 AND later.lead_id = given.lead_id AND later.assignment_number > given.assignment_number)
             AND NOT EXISTS (SELECT FROM leadflow.outcomes AS told WHERE told.campaign = given.campaign
                 AND told.lead_id = given.lead_id AND outcome = ANY(:ended) AND occurred_at <= :now)) AS open_leads,
        (SELECT count(*) FROM leadflow.handoffs AS given
         WHERE given.rep = asked.rep AND decided_at >= :since) AS total
    FROM (SELECT rep, EXISTS (SELECT FROM leadflow.reps AS record WHERE record.rep = named.rep
              AND document -> 'capacity' ->> 'open_leads' IS NOT NULL) AS counts_open
          FROM unnest(:reps) AS named(rep)) AS asked
    """
).bindparams(
    *TYPES,
    bindparam("ended", type_=ARRAY(Text)),
    bindparam("first_day", type_=Date),
    bindparam("last_day", type_=Date),
    bindparam("now", type_=Timestamp),
)
"""What `present_reps` and `room_of` read, in one statement: whoever decides holds locks meanwhile."""


READ_WITHOUT_ROOM: Final = text(
    """
    SELECT asked.rep,
        (SELECT document::text FROM leadflow.reps AS record
         WHERE record.rep = asked.rep AND from_day <= :today
         ORDER BY from_day DESC, record_id DESC LIMIT 1) AS document,
        (SELECT array_agg(ARRAY[first_day, last_day] ORDER BY first_day, last_day) FROM leadflow.rep_absences AS away
         WHERE away.rep = asked.rep AND withdrawn_at IS NULL AND last_day >= :yesterday) AS absences,
        (SELECT count(*) FROM leadflow.handoffs AS given
         WHERE given.rep = asked.rep AND decided_at >= :since) AS total
    FROM unnest(:reps) AS asked(rep)
    """
).bindparams(*TYPES)


@dataclass
class _Counts:
    """What one rep was given since a Monday and has open, as it was read, or by us since."""

    since: datetime
    until: float
    """By the monotonic clock: from then on it is read again, so that leads that ended give room back."""
    total: int
    given: dict[date, int]
    open: int | None
    """None: not counted, because the rep's record did not limit it."""


class KeptRoom:
    """Counts of reps between the transactions of one process, because counting costs more than deciding.

    A lead is given under its rep's lock, so whoever holds the lock and finds as many hand-overs as it knew of knows
    that nobody else gave the rep any. What may have changed beside is that leads ended or went to others: then there is
    more room than is known here, never less, until it is read again.
    """

    def __init__(self) -> None:
        self._counts: dict[str, _Counts] = {}

    def of(self, rep: str, since: datetime, total: int) -> _Counts | None:
        """The counts, where they are still right."""
        counts = self._counts.get(rep)
        if (
            counts is None
            or counts.since != since
            or counts.total != total
            or counts.until < time.monotonic()
        ):
            return None
        return counts

    def keep(
        self, rep: str, since: datetime, total: int, given: dict[date, int], open_leads: int | None
    ) -> None:
        """Takes in what was read under the rep's lock."""
        # Not all at once: each reading makes whoever waits wait.
        until = time.monotonic() + KEPT_SECONDS * random.uniform(0.5, 1.5)  # noqa: S311 - nothing to guess
        self._counts[rep] = _Counts(since, until, total, dict(given), open_leads)

    def give(self, rep: str, day: date) -> None:
        """Takes in what we gave and committed."""
        counts = self._counts.get(rep)
        if counts is not None:
            counts.total += 1
            counts.given[day] = counts.given.get(day, 0) + 1
            if counts.open is not None:
                counts.open += 1


KEPT_SECONDS: Final = 30.0


def reps_with_room(
    connection: Connection,
    rep_ids: Collection[str],
    days: Collection[date],
    now: datetime,
    kept: KeptRoom | None = None,
    locks: Sent | None = None,
) -> tuple[dict[str, PresentRep], Room]:
    """`present_reps`, and `room_of` them all; of whom nothing changed by what is `kept`. Under the locks of all, which
    are taken by `locks` where the caller has not taken them.
    """
    if not rep_ids or not days:
        return {}, Room()
    today = now.astimezone(UTC).date()
    mondays = [day - timedelta(days=day.weekday()) for day in days]
    values: dict[str, Any] = {
        "reps": sorted(rep_ids),
        "today": today,
        "yesterday": today - timedelta(days=1),
        "since": datetime.combine(min(mondays), datetime.min.time(), UTC),
        "first_day": min(mondays),
        "last_day": max(mondays) + timedelta(days=6),
        "ended": list(ENDED),
        "now": now,
    }
    present: dict[str, PresentRep] = {}
    room = Room()
    since = values["since"]
    first = [] if locks is None else [locks]
    if kept is not None:
        without = {name: values[name] for name in ("reps", "today", "yesterday", "since")}
        unknown = []
        *_, rows = together(connection, *first, (READ_WITHOUT_ROOM, without))
        first = []
        for rep, document, absences, total in rows:
            counts = kept.of(rep, since, total)
            if counts is None or document is None:
                unknown.append(rep)
                continue
            present[rep] = _present(rep, document, absences)
            if counts.open is None and present[rep].rep.capacity.open_leads is not None:
                unknown.append(rep)
                continue
            room.open[rep] = counts.open or 0
            for day, leads in counts.given.items():
                room.given[rep, day] = leads
        values["reps"] = unknown
    if values["reps"]:
        *_, rows = together(connection, *first, (READ_TOGETHER, values))
        for rep, document, absences, given, open_leads, total in rows:
            if document is None:
                continue
            present[rep] = _present(rep, document, absences)
            by_day = {date.fromisoformat(day): leads for day, leads in (given or {}).items()}
            room.open[rep] = open_leads
            for day, leads in by_day.items():
                room.given[rep, day] = leads
            if kept is not None:
                is_counted = present[rep].rep.capacity.open_leads is not None
                kept.keep(rep, since, total, by_day, open_leads if is_counted else None)
    return present, room


def _present(rep: str, document: str, absences: Any) -> PresentRep:
    return PresentRep(_record(document), tuple(Absence(rep, first, last) for first, last in absences or ()))


@lru_cache(maxsize=4096)
def _record(document: str) -> Rep:
    """A record is read again and again, and never changes."""
    return Rep.model_validate_json(document)


def has_ended(now: datetime) -> ColumnElement[bool]:
    """Whether the lead of a row of `handoffs` is won or lost."""
    return exists().where(
        outcomes.c.campaign == handoffs.c.campaign,
        outcomes.c.lead_id == handoffs.c.lead_id,
        outcomes.c.outcome.in_(ENDED),
        outcomes.c.occurred_at <= now,
    )


def after_working_hours(present: PresentRep, since: datetime, hours: float) -> datetime | None:
    """When so many working hours of a rep are over; None where they never are."""
    return _after(present.calendar, since, hours)


@lru_cache(maxsize=4096)
def _after(calendar: Calendar, since: datetime, hours: float) -> datetime | None:
    start = np.array([since.astimezone(UTC).replace(tzinfo=None)], dtype="datetime64[us]")
    moment = add_working_time(start, hours, calendar)[0]
    return None if np.isnat(moment) else moment.astype(datetime).replace(tzinfo=UTC)
