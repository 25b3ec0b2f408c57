"""The breaker: emails of a sender stand still where too many are complained of or come back, or where a person says so.

What belongs here: counting, opening and closing stops, and telling operators. What does not: sending (`dispatcher`,
which asks `standing_still`), and what a complaint means for its lead (`standing`).

A stop is a sender's domain's, or everybody's. It holds emails to leads; what owners and operators are told leaves. Only
a person closes it, and then counting begins anew, so that the same complaints do not open it again. What was planned
before an older copy of the database was restored never leaves, whatever the person says: it may have left already.

Sources of the limits: Google's "Email sender guidelines" (support.google.com/a/answer/81126) want the rate of spam
complaints below 0.1 % and never at 0.3 %; Amazon's "Reputation metrics" of SES put an account under review at 5 % of
hard bounces. Complaints come days later, so they are counted over a week; a spike of bounces shows in a day.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, RowMapping, and_, exists, func, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import active_campaigns, load
from leadflow_pipeline.delivery import notices
from leadflow_pipeline.delivery.mail import domain_of
from leadflow_pipeline.delivery.memory import Memory
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.schema import (
    activity_log,
    engagement_events,
    message_attempts,
    messages,
    sending_stops,
)
from leadflow_pipeline.store.senders import domain_of_from, sender_domain
from leadflow_pipeline.store.sequences import TO_ONE_OF_US, is_to_lead

EVERYBODY: Final = ""
"""The domain of a stop that holds the emails of all senders."""

COMPLAINTS, BOUNCES, BY_HAND, OLDER_COPY = "complaints", "bounces", "by hand", "older copy of the database"

REFUSED_PHASES: Final = ("rcpt", "data", "dot")
"""Where a refusal for good is about the recipient or the message: as good as a bounce."""


@dataclass(frozen=True)
class Limit:
    """A share of what was sent in a window, that opens the breaker once there are enough cases to speak of."""

    reason: str
    rate: float
    window: timedelta
    least: int


LIMITS: Final = (
    Limit(COMPLAINTS, 0.003, timedelta(days=7), 3),
    Limit(BOUNCES, 0.05, timedelta(days=1), 10),
)


@dataclass(frozen=True)
class Counts:
    """What a sender's emails came to since a limit's window, or the last stop, began."""

    sender_domain: str
    reason: str
    sent: int
    cases: int
    rate: float
    limit: float
    least: int

    @property
    def is_too_many(self) -> bool:
        """Whether the breaker opens."""
        return self.cases >= self.least and self.rate >= self.limit


@dataclass(frozen=True)
class Standstill:
    """What must not leave: emails to leads of the senders in `domains`, and what `may_have_left`."""

    domains: frozenset[str]
    left_until: datetime | None = None
    """What was planned up to then may have left before the database was restored."""

    def holds(self, message: RowMapping) -> bool:
        """Whether a message waits for a person to let its sender go on."""
        if not self.domains or message["channel"] != "email" or message["recipient_key"] == TO_ONE_OF_US:
            return False
        return EVERYBODY in self.domains or domain_of_from(message["headers"]["From"]) in self.domains

    def may_have_left(self, message: RowMapping) -> bool:
        """Whether nobody knows that a message to a lead did not leave already."""
        if self.left_until is None or message["recipient_key"] == TO_ONE_OF_US:
            return False
        return bool(message["planned_at"] <= self.left_until)


def standstill(connection: Connection) -> Standstill:
    """What stands still now."""
    stop = sending_stops.c
    is_of_copy = stop.reason == OLDER_COPY
    query = select(stop.sender_domain, stop.closed_at, is_of_copy, stop.detail["left_until"].astext).where(
        or_(stop.closed_at.is_(None), is_of_copy)
    )
    rows = connection.execute(query).all()
    left = [datetime.fromisoformat(until) for *_, of_copy, until in rows if of_copy and until is not None]
    return Standstill(frozenset(row[0] for row in rows if row[1] is None), max(left, default=None))


def watch(engine: Engine, memory: Memory, now: datetime) -> None:
    """Opens a stop for every sender over a limit, and for all where the database is an older copy. Tells operators,
    each once.
    """
    with engine.begin() as connection:
        standing = standstill(connection)
        for counts in count(connection, now):
            if counts.is_too_many and counts.sender_domain not in standing.domains:
                detail: dict[str, Any] = {
                    "sent": counts.sent,
                    "cases": counts.cases,
                    "rate": round(counts.rate, 5),
                }
                open_stop(connection, counts.sender_domain, counts.reason, detail, actor="breaker", now=now)
        memory.recognise(connection)
        left_until = memory.forgotten_by(connection)
        if left_until is not None and (standing.left_until is None or standing.left_until < left_until):
            detail = {"left_until": left_until.isoformat()}
            if EVERYBODY in standing.domains:
                close_stop(connection, EVERYBODY, actor="breaker", now=now)
            open_stop(connection, EVERYBODY, OLDER_COPY, detail, actor="breaker", now=now)


def count(connection: Connection, now: datetime) -> list[Counts]:
    """What every sender's emails to leads came to, by limit."""
    found = []
    for limit in LIMITS:
        sent = _sent_since(connection, limit, now)
        cases = _cases(connection, limit, now)
        for domain in sorted(sent | cases):
            number = max(sent.get(domain, 0), cases.get(domain, 0))
            many = cases.get(domain, 0)
            found.append(Counts(domain, limit.reason, number, many, many / number, limit.rate, limit.least))
    return found


def open_stop(
    connection: Connection,
    domain: str,
    reason: str,
    detail: dict[str, Any],
    *,
    actor: str,
    now: datetime,
) -> int | None:
    """Stops a sender's emails and tells the operators of its campaigns; None where they stand still already."""
    values = {"sender_domain": domain, "reason": reason, "detail": detail, "opened_at": now}
    added = insert(sending_stops).values(values).on_conflict_do_nothing().returning(sending_stops.c.stop_id)
    number: int | None = connection.scalar(added)
    if number is not None:
        _note(connection, actor, "sending.stopped", number, domain, reason)
        put_in(connection, _alerts(connection.engine, number, domain, reason, detail, now))
    return number


def close_stop(connection: Connection, domain: str, *, actor: str, now: datetime) -> None:
    """Lets a sender's emails go on. Raises PermanentError where they do not stand still."""
    closed = (
        update(sending_stops)
        .where(sending_stops.c.sender_domain == domain, sending_stops.c.closed_at.is_(None))
        .values(closed_at=now, closed_by=actor)
        .returning(sending_stops.c.stop_id, sending_stops.c.reason)
    )
    row = connection.execute(closed).one_or_none()
    if row is None:
        raise PermanentError(
            f"emails of {domain or 'all senders'} do not stand still: leadflow sending show tells which do"
        )
    _note(connection, actor, "sending.resumed", row.stop_id, domain, row.reason)


def stops(connection: Connection, limit: int) -> list[RowMapping]:
    """The latest stops, those that stand first."""
    query = select(sending_stops).order_by(
        sending_stops.c.closed_at.is_not(None), sending_stops.c.opened_at.desc()
    )
    return list(connection.execute(query.limit(limit)).mappings())


def _sent_since(connection: Connection, limit: Limit, now: datetime) -> dict[str, int]:
    domain = sender_domain()
    query = (
        select(domain, func.count())
        .where(
            messages.c.channel == "email",
            is_to_lead(),
            messages.c.sent_at.between(now - limit.window, now),
            _is_after_last_stop(messages.c.sent_at),
        )
        .group_by(domain)
    )
    return dict(connection.execute(query).tuples().all())


def _cases(connection: Connection, limit: Limit, now: datetime) -> dict[str, int]:
    """Emails that were complained of, or that came back for good or were refused, by sender."""
    behaviour = "complaint" if limit.reason == COMPLAINTS else "bounce"
    event, domain = engagement_events, sender_domain()
    begin = now - limit.window
    of_lead = and_(messages.c.campaign == event.c.campaign, messages.c.lead_id == event.c.lead_id)
    latest = (
        select(domain.label("domain"))
        .where(
            of_lead,
            messages.c.channel == "email",
            is_to_lead(),
            messages.c.state == "sent",
            messages.c.sent_at <= event.c.occurred_at,
        )
        .order_by(messages.c.sent_at.desc())
        .limit(1)
        .correlate(event)
        .lateral("latest")
    )
    last_closed = _last_closed(latest.c.domain)
    told = (
        select(latest.c.domain, func.count())
        .select_from(event)
        .join(latest, onclause=text("true"))
        .where(
            event.c.behaviour == behaviour,
            ~event.c.is_machine,
            event.c.day >= begin.date(),
            event.c.occurred_at.between(begin, now),
            event.c.occurred_at > func.coalesce(last_closed, begin),
        )
        .group_by(latest.c.domain)
    )
    counted: dict[str, int] = dict(connection.execute(told).tuples().all())
    if limit.reason == BOUNCES:
        was_refused = exists().where(
            message_attempts.c.message_id == messages.c.message_id,
            message_attempts.c.attempt == messages.c.attempts,
            message_attempts.c.reply_code >= 500,
            message_attempts.c.phase.in_(REFUSED_PHASES),
            message_attempts.c.finished_at.between(begin, now),
            _is_after_last_stop(message_attempts.c.finished_at),
        )
        refused = (
            select(domain, func.count())
            .where(
                messages.c.channel == "email",
                is_to_lead(),
                messages.c.state == "failed",
                messages.c.updated_at >= begin,
                was_refused,
            )
            .group_by(domain)
        )
        for name, number in connection.execute(refused).tuples():
            counted[name] = counted.get(name, 0) + number
    return counted


def _is_after_last_stop(moment: Any) -> Any:
    return or_(_last_closed(sender_domain()).is_(None), moment > _last_closed(sender_domain()))


def _last_closed(domain: Any) -> Any:
    """When a person last let emails of a domain go on, or those of all."""
    return (
        select(func.max(sending_stops.c.closed_at))
        .where(sending_stops.c.sender_domain.in_([domain, EVERYBODY]))
        .scalar_subquery()
    )


def _alerts(
    engine: Engine, number: int, domain: str, reason: str, detail: dict[str, Any], now: datetime
) -> list[dict[str, Any]]:
    """An email for each address that looks after a campaign of the sender."""
    whose = f"from {domain}" if domain else "from all senders"
    lines = [
        f"Emails to leads {whose} stand still since {now:%Y-%m-%d %H:%M} (UTC): {reason}.",
        *(f"{name}: {value}" for name, value in detail.items()),
        "leadflow sending show tells what was counted. What is due waits, and grows stale as its campaign says.",
        f"Once the cause is mended: leadflow sending resume {domain}".strip(),
    ]
    rows: dict[str, dict[str, Any]] = {}
    for campaign in sorted(active_campaigns(engine)):
        version = load(engine, campaign)
        if domain in (EVERYBODY, domain_of(version.rules.sender.email)):
            key = f"alert:sending:{number}:{campaign}"
            row = notices.row_to_operators(version, key, f"Emails {whose} stand still: {reason}", lines, now)
            rows.setdefault(row["recipient"], row)
    return list(rows.values())


def _note(connection: Connection, actor: str, action: str, number: int, domain: str, reason: str) -> None:
    detail = {"stop_id": number, "sender_domain": domain, "reason": reason}
    connection.execute(activity_log.insert().values(actor=actor, action=action, detail=detail))
