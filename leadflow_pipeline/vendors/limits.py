"""What may be asked of a vendor now: its rate, its health, and what a campaign is ready to spend on it.

What belongs here: token buckets, circuit breakers and spending, each a row that all processes share and that changes
in one short transaction. What does not: the clock, which is an argument; and asking (see `session`, `lookups`).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal, TypeAlias

from sqlalchemy import Connection, Engine, case, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_update

from leadflow_pipeline.errors import Deferred, PermanentError
from leadflow_pipeline.store.schema import vendor_breakers, vendor_buckets, vendor_spending

Unit: TypeAlias = Literal["calls", "credits", "leads"]

FAILURES_THAT_OPEN: Final = 5
"""In a row: a vendor that restarts fails a few calls, one that is down fails all of them."""

FIRST_PAUSE: Final = timedelta(minutes=1)
LONGEST_PAUSE: Final = timedelta(minutes=15)
PROBE_LEASE: Final = timedelta(minutes=5)
"""How long one process alone may try whether a vendor is back: longer than any call takes."""


@dataclass(frozen=True)
class Rate:
    """At most `requests` in any `per_seconds`, counted over all processes that name the same `bucket`.

    The bucket is the vendor's account and group of endpoints that share a limit; the vendor's name where it is not
    given.
    """

    requests: int
    per_seconds: float
    bucket: str | None = None

    def __post_init__(self) -> None:
        if self.requests < 1 or self.per_seconds <= 0:
            raise PermanentError("a rate is at least 1 request in a time above 0 seconds: correct it")

    @property
    def burst(self) -> int:
        """Requests that may leave at once after a rest."""
        return max(1, self.requests // 5)

    @property
    def tokens_per_second(self) -> float:
        """Slower than `requests / per_seconds`, so that a burst and what follows it stay within the limit."""
        return (self.requests - self.burst + 1) / self.per_seconds


@dataclass(frozen=True)
class Budget:
    """What a spender (a source or a provider of a campaign) may use in a UTC day; None: neither limited nor counted."""

    calls: int | None
    credits: float | None
    leads: int | None = 100


# --- rate --------------------------------------------------------------------------------------------------------


def take_token(engine: Engine, bucket: str, rate: Rate | None, now: datetime) -> float:
    """Takes a token and returns 0, or takes none and returns the seconds after which to try again.

    Without a rate the bucket never runs dry, and only a block (see `block`) makes anybody wait.
    """
    buckets = vendor_buckets
    full = rate.burst if rate is not None else 1
    with engine.begin() as connection:
        fresh = insert_or_update(buckets).values(bucket=bucket, tokens=full, filled_at=now)
        connection.execute(fresh.on_conflict_do_nothing())
        row = connection.execute(select(buckets).where(buckets.c.bucket == bucket).with_for_update()).one()
        if row.blocked_until is not None and row.blocked_until > now:
            waiting: timedelta = row.blocked_until - now
            return waiting.total_seconds()
        if rate is None:
            return 0.0
        # Clocks of two machines differ: a bucket never fills backwards.
        gone = max(0.0, (now - row.filled_at).total_seconds())
        tokens = min(float(full), row.tokens + gone * rate.tokens_per_second)
        if tokens < 1:
            # In whole microseconds, upwards: a moment knows no shorter time, and nobody waits for none.
            return float(math.ceil((1 - tokens) / rate.tokens_per_second * 1e6) / 1e6)
        connection.execute(
            update(buckets)
            .where(buckets.c.bucket == bucket)
            .values(tokens=tokens - 1, filled_at=max(now, row.filled_at), blocked_until=None)
        )
        return 0.0


def block(engine: Engine, bucket: str, until: datetime) -> None:
    """Keeps every process from taking tokens until then, because the vendor said so; never shortens a block."""
    buckets = vendor_buckets
    statement = insert_or_update(buckets).values(bucket=bucket, tokens=0, blocked_until=until)
    with engine.begin() as connection:
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=[buckets.c.bucket],
                set_={"blocked_until": func.greatest(buckets.c.blocked_until, until)},
            )
        )


# --- health ------------------------------------------------------------------------------------------------------


class Breaker:
    """Stops asking a vendor that fails, and lets one caller at a time try whether it is back."""

    def __init__(self, engine: Engine, vendor: str) -> None:
        self._engine = engine
        self._vendor = vendor
        self._is_mine = vendor_breakers.c.vendor == vendor

    def check(self, now: datetime) -> None:
        """Returns where the vendor may be asked. Raises Deferred where it is down and another one probes."""
        breakers = vendor_breakers
        probe = (
            update(breakers)
            .where(self._is_mine, breakers.c.probe_at <= now)
            .values(probe_at=now + PROBE_LEASE)
            .returning(breakers.c.vendor)
        )
        with self._engine.begin() as connection:
            state = connection.execute(select(breakers).where(self._is_mine)).one_or_none()
            if state is None or state.opened_at is None or connection.scalar(probe) is not None:
                return
        raise Deferred(
            f"{self._vendor} has failed {state.failures} times in a row, lately because {state.problem}",
            max(state.probe_at, now + timedelta(seconds=1)),
        )

    def failed(self, now: datetime, problem: str) -> None:
        """Notes a failure; from the fifth in a row on, pauses that double up to a quarter of an hour."""
        breakers = vendor_breakers
        failures = breakers.c.failures + 1
        is_open = failures >= FAILURES_THAT_OPEN
        doublings = func.least(failures - FAILURES_THAT_OPEN, 10)
        pause = func.least(literal(FIRST_PAUSE) * func.power(2, doublings), literal(LONGEST_PAUSE))
        with self._engine.begin() as connection:
            connection.execute(
                insert_or_update(breakers)
                .values(vendor=self._vendor, failures=1, problem=problem)
                .on_conflict_do_update(
                    index_elements=[breakers.c.vendor],
                    set_={
                        "failures": failures,
                        "problem": problem,
                        "opened_at": case((is_open, func.coalesce(breakers.c.opened_at, now))),
                        "probe_at": case((is_open, literal(now) + pause)),
                    },
                )
            )

    def succeeded(self) -> None:
        """Notes that the vendor answers: the breaker closes."""
        with self._engine.begin() as connection:
            connection.execute(
                update(vendor_breakers)
                .where(self._is_mine, vendor_breakers.c.failures > 0)
                .values(failures=0, opened_at=None, probe_at=None, problem=None)
            )


# --- spending ----------------------------------------------------------------------------------------------------


def spend(
    database: Engine | Connection,
    campaign: str,
    spender: str,
    day: date,
    unit: Unit,
    amount: float,
    cap: float | None,
) -> bool:
    """Adds to what was spent on the day, unless that would exceed the cap: then False, and nothing is added.

    Given a connection, it is part of the caller's transaction.
    """
    if cap is not None and amount > cap:
        return False
    spending = vendor_spending
    total = spending.c.amount + amount
    statement = (
        insert_or_update(spending)
        .values(campaign=campaign, spender=spender, day=day, unit=unit, amount=amount)
        .on_conflict_do_update(
            index_elements=list(spending.primary_key),
            set_={"amount": total},
            where=total <= cap if cap is not None else None,
        )
        .returning(spending.c.amount)
    )
    with _within(database) as connection:
        return connection.scalar(statement) is not None


def refund(
    database: Engine | Connection, campaign: str, spender: str, day: date, unit: Unit, amount: float
) -> None:
    """Takes back what was set aside and not used."""
    spending = vendor_spending
    with _within(database) as connection:
        connection.execute(
            update(spending)
            .where(
                spending.c.campaign == campaign,
                spending.c.spender == spender,
                spending.c.day == day,
                spending.c.unit == unit,
            )
            .values(amount=func.greatest(spending.c.amount - amount, 0))
        )


def spent(database: Engine | Connection, campaign: str, spender: str, day: date, unit: Unit) -> float:
    """What was spent on the day, what is set aside for questions under way included."""
    spending = vendor_spending
    query = select(spending.c.amount).where(
        spending.c.campaign == campaign,
        spending.c.spender == spender,
        spending.c.day == day,
        spending.c.unit == unit,
    )
    with _within(database) as connection:
        return connection.scalar(query) or 0.0


@contextmanager
def _within(database: Engine | Connection) -> Iterator[Connection]:
    """The caller's transaction, or one of our own."""
    if isinstance(database, Connection):
        yield database
    else:
        with database.begin() as connection:
            yield connection
