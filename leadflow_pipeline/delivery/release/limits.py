"""How many emails of a sender may leave now: limits, warm-up, an even pace, and whom they leave behind. Pure.

What belongs here: arithmetic over counts of what has left. What does not: reading them (`sent`), and limits of one
person (`present`).

Who is left behind is asked again at every release and leaves as soon as there is room. What a release lets out at
once is what an even pace would have let out since the last email, or since the window opened: so emails trickle
where the door is opened every few minutes, and nothing is lost where it is opened every hour.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

import numpy as np

from leadflow_pipeline.nurture.limits import Limits, SenderLimits, WarmUp
from leadflow_pipeline.nurture.timing.rules import WEEKDAYS

HOUR: Final = timedelta(hours=1)

OF_MAILBOX: Final = "the sender has sent what it may for now"
OF_DOMAIN: Final = "the recipient's domain has got what it may for now"
NOT_YET: Final = "the sender's warm-up has not begun"

UNLIMITED: Final = SenderLimits()


@dataclass(frozen=True)
class Used:
    """What has left already, or may at any moment."""

    in_hour: int = 0
    today: int = 0
    last_at: datetime | None = None

    def __add__(self, other: Used) -> Used:
        latest = [at for at in (self.last_at, other.last_at) if at is not None]
        return Used(self.in_hour + other.in_hour, self.today + other.today, max(latest, default=None))


@dataclass(frozen=True)
class Hours:
    """The sender's present: now, its date, and the open hours of today (None where it sends on none)."""

    now: datetime
    today: date
    opening: datetime | None = None
    closing: datetime | None = None


@dataclass(frozen=True)
class SenderRules:
    """The limits of one sender, whichever of its campaigns named them."""

    mailbox: SenderLimits = UNLIMITED
    domain: SenderLimits = UNLIMITED
    warm_up: WarmUp | None = None
    weekdays: tuple[str, ...] = WEEKDAYS
    spread: bool = True

    @property
    def is_limited(self) -> bool:
        """Whether anything is limited at all."""
        return self.warm_up is not None or any(
            limit is not None for limits in (self.mailbox, self.domain) for limit in (limits.hour, limits.day)
        )

    def of_day(self, day: date) -> SenderLimits:
        """What the mailbox may send on a day, its warm-up included."""
        return _within(self.mailbox, warm_up_of_day(self.warm_up, day, self.weekdays))


def strictest(rules: Iterable[tuple[Limits, Sequence[str]]]) -> SenderRules:
    """The rules of a sender, of the limits and sending days of every campaign that it sends for."""
    given = list(rules)
    warm_ups = [(limits.warm_up, tuple(days)) for limits, days in given if limits.warm_up is not None]
    warm_up, weekdays = max(
        warm_ups,
        key=lambda each: (each[0].first_day, [-most for most in each[0].per_day]),
        default=(None, WEEKDAYS),
    )
    return SenderRules(
        _least([limits.mailbox for limits, _ in given]),
        _least([limits.domain for limits, _ in given]),
        warm_up,
        weekdays,
        any(limits.spread for limits, _ in given if limits != Limits()),
    )


def warm_up_of_day(warm_up: WarmUp | None, day: date, weekdays: Sequence[str]) -> int | None:
    """How many may leave on a day; None without a warm-up and after it. Sending days are counted, others are not."""
    if warm_up is None:
        return None
    if day < warm_up.first_day:
        return 0
    mask = [name in weekdays for name in WEEKDAYS]
    number = int(np.busday_count(warm_up.first_day, day, weekmask=mask))
    return warm_up.per_day[number] if number < len(warm_up.per_day) else None


def room(limits: SenderLimits, used: Used, hours: Hours, *, spread: bool) -> int | None:
    """How many more may leave now; None for as many as like."""
    rooms = []
    if limits.hour is not None:
        rooms.append(limits.hour - used.in_hour)
    if limits.day is not None:
        rooms.append(limits.day - used.today)
    if not rooms:
        return None
    least = max(min(rooms), 0)
    return min(least, _by_pace(limits, used, hours)) if spread else least


def first_free(limits: SenderLimits, used: Used, hours: Hours, *, spread: bool) -> datetime:
    """About when the next one may leave where none may now: with the pace, when the hour moves on, or tomorrow."""
    if limits.day is not None and used.today >= limits.day:
        tomorrow = (hours.opening or hours.now) + timedelta(days=1)
        return max(tomorrow, hours.now)
    if spread:
        return hours.now + HOUR / max(_an_hour(limits, used, hours), 1 / 24)
    return hours.now + HOUR


@dataclass
class Allotment:
    """Room that is left, counted down as touches take it."""

    mailbox: dict[str, int | None]
    domain: dict[tuple[str, str], int | None] = field(default_factory=dict)

    def reasons(self, senders: Sequence[str], domains: Sequence[str]) -> list[str | None]:
        """Why each touch has to wait, in the order in which they may leave; None for those that leave.

        One at a time, because a touch that waits for its domain must not take the room of the next one.
        """
        return [self._take(sender, (sender, domain)) for sender, domain in zip(senders, domains, strict=True)]

    def _take(self, sender: str, pair: tuple[str, str]) -> str | None:
        of_mailbox, of_domain = self.mailbox.get(sender), self.domain.get(pair)
        if of_mailbox == 0:
            return OF_MAILBOX
        if of_domain == 0:
            return OF_DOMAIN
        if of_mailbox is not None:
            self.mailbox[sender] = of_mailbox - 1
        if of_domain is not None:
            self.domain[pair] = of_domain - 1
        return None


def _within(limits: SenderLimits, most: int | None) -> SenderLimits:
    """The limits with no more a day than `most`."""
    if most is None:
        return limits
    day = most if limits.day is None else min(most, limits.day)
    return limits.model_copy(update={"day": day})


def _least(limits: Sequence[SenderLimits]) -> SenderLimits:
    hours = [each.hour for each in limits if each.hour is not None]
    days = [each.day for each in limits if each.day is not None]
    return SenderLimits(hour=min(hours, default=None), day=min(days, default=None))


def _by_pace(limits: SenderLimits, used: Used, hours: Hours) -> int:
    """What an even pace has let out since the last email or the opening, whichever came later; an hour's at most."""
    marks = [mark for mark in (used.last_at, hours.opening) if mark is not None and mark <= hours.now]
    passed = min(hours.now - max(marks), HOUR) if marks else HOUR
    return math.ceil(_an_hour(limits, used, hours) * (passed / HOUR))


def _an_hour(limits: SenderLimits, used: Used, hours: Hours) -> float:
    """How many an hour make an even pace: the day's rest over the rest of the day, within the limit of an hour."""
    paces = [] if limits.hour is None else [float(limits.hour)]
    if limits.day is not None:
        rest = timedelta(hours=8)
        if hours.opening is not None and hours.closing is not None and hours.now < hours.closing:
            rest = hours.closing - max(hours.now, hours.opening)
        paces.append(max(limits.day - used.today, 0) / max(rest / HOUR, 1.0))
    return min(paces)
