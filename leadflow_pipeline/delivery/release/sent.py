"""What senders have sent of late, and who has to wait for room. Reads only.

What belongs here: counting messages by sender and by domain of recipients, and asking `limits`. What does not: the
arithmetic (`limits`).

A sender is an address, whichever campaigns share it; its day is that of the campaign whose slug comes first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import pandas as pd
from sqlalchemy import Connection, Text, Values, column, func, literal, or_, select, values

from leadflow_pipeline.campaign import Campaign, CampaignVersion
from leadflow_pipeline.delivery.release.limits import (
    HOUR,
    NOT_YET,
    OF_MAILBOX,
    Allotment,
    Hours,
    SenderRules,
    Used,
    first_free,
    room,
    strictest,
)
from leadflow_pipeline.nurture.timing.rules import SendWindow
from leadflow_pipeline.store.schema import Timestamp, messages
from leadflow_pipeline.store.sequences import is_to_lead

IN_FLIGHT: Final = ("planned", "claimed", "on_wire")
"""States of messages that may leave at any moment."""


@dataclass(frozen=True)
class Sender:
    """One address that emails come from: its limits, and its present."""

    address: str
    rules: SenderRules
    hours: Hours
    day_began: datetime


def senders_of(versions: Iterable[CampaignVersion], now: datetime) -> dict[str, Sender]:
    """Address -> the sender, of all active campaigns; only those that are limited."""
    sharing: dict[str, list[Campaign]] = defaultdict(list)
    for version in sorted(versions, key=lambda version: version.campaign):
        sharing[address_of(version.rules)].append(version.rules)
    senders = {}
    for address, campaigns in sharing.items():
        rules = strictest((each.nurture.limits, each.nurture.send_window.weekdays) for each in campaigns)
        if rules.is_limited:
            first = campaigns[0]
            local = now.astimezone(ZoneInfo(first.time_zone))
            midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
            hours = Hours(now, local.date(), *_open_hours(local, first.nurture.send_window))
            senders[address] = Sender(address, rules, hours, midnight.astimezone(UTC))
    return senders


def address_of(campaign: Campaign) -> str:
    """The sender's address as it is compared."""
    return campaign.sender.email.strip().lower()


def who_waits(connection: Connection, touches: pd.DataFrame, senders: Mapping[str, Sender]) -> pd.DataFrame:
    """`reason` why an email has to wait for its sender (missing: it need not) and `free_at`, on the index of `touches`.

    `touches` has `sender` and `recipient`, in the order in which they may leave.
    """
    answer = pd.DataFrame({"reason": pd.Series(None, index=touches.index, dtype="str")})
    answer["free_at"] = pd.Series(pd.NaT, index=touches.index, dtype="datetime64[us, UTC]")
    limited = touches[touches["sender"].isin(list(senders))]
    if limited.empty:
        return answer
    domains = limited["recipient"].str.rpartition("@")[2].str.lower()
    used = _used(connection, senders)
    allotment, of_sender = Allotment({}), _summed(used)
    for address in limited["sender"].unique():
        sender = senders[address]
        limits = sender.rules.of_day(sender.hours.today)
        allotment.mailbox[address] = room(
            limits, of_sender[address], sender.hours, spread=sender.rules.spread
        )
    for pair in dict.fromkeys(zip(limited["sender"], domains, strict=True)):
        sender = senders[pair[0]]
        allotment.domain[pair] = room(
            sender.rules.domain, used.get(pair, Used()), sender.hours, spread=sender.rules.spread
        )
    reasons = allotment.reasons(limited["sender"].tolist(), domains.tolist())
    answer.loc[limited.index, "reason"] = pd.Series(reasons, index=limited.index, dtype="str")
    for address, of_one in limited.groupby("sender"):
        sender = senders[str(address)]
        limits = sender.rules.of_day(sender.hours.today)
        waits = answer.loc[of_one.index, "reason"].eq(OF_MAILBOX)
        if waits.any():
            free_at = first_free(limits, of_sender[str(address)], sender.hours, spread=sender.rules.spread)
            answer.loc[waits[waits].index, "free_at"] = pd.Timestamp(free_at)
            if limits.day == 0:
                answer.loc[waits[waits].index, "reason"] = NOT_YET
    return answer


def _used(connection: Connection, senders: Mapping[str, Sender]) -> dict[tuple[str, str], Used]:
    """Sender and domain of recipients -> what has left today and in the last hour."""
    now = next(iter(senders.values())).hours.now
    given = _values(senders)
    domain = func.lower(func.split_part(messages.c.recipient, "@", 2))
    moment = func.coalesce(messages.c.sent_at, literal(now, Timestamp))
    earliest = min(now - HOUR, *(sender.day_began for sender in senders.values()))
    left_lately = messages.c.sent_at >= earliest
    may_leave = messages.c.state.in_(IN_FLIGHT)
    query = (
        select(
            given.c.sender,
            domain.label("domain"),
            func.count().filter(moment > now - HOUR).label("in_hour"),
            func.count().filter(moment >= given.c.day_began).label("today"),
            func.max(moment).label("last_at"),
        )
        .join(given, given.c.sender == _sender())
        .where(
            messages.c.channel == "email",
            is_to_lead(),
            or_(left_lately, may_leave),
        )
        .group_by(given.c.sender, domain)
    )
    return {
        (row.sender, row.domain): Used(row.in_hour, row.today, row.last_at)
        for row in connection.execute(query)
    }


def _values(senders: Mapping[str, Sender]) -> Values:
    rows = [(sender.address, sender.day_began) for sender in senders.values()]
    return values(column("sender", Text), column("day_began", Timestamp), name="given").data(rows)


def _sender() -> Any:
    """The address that a message comes from, without the name beside it."""
    given = messages.c.headers["From"].astext
    return func.lower(func.coalesce(func.substring(given, "<([^<>]+)>"), given))


def _summed(used: Mapping[tuple[str, str], Used]) -> defaultdict[str, Used]:
    total: defaultdict[str, Used] = defaultdict(Used)
    for (sender, _), counts in used.items():
        total[sender] += counts
    return total


def _open_hours(local: datetime, window: SendWindow) -> tuple[datetime, datetime]:
    """Where the sender's working day begins and ends: today's, or yesterday's that runs over midnight."""
    day = local
    if window.start > window.end and local.timetz().replace(tzinfo=None) < window.end:
        day = local - timedelta(days=1)
    opening = day.replace(
        hour=window.start.hour, minute=window.start.minute, second=window.start.second, microsecond=0
    )
    closing = opening.replace(hour=window.end.hour, minute=window.end.minute, second=window.end.second)
    if closing <= opening:
        closing += timedelta(days=1)
    return opening.astimezone(UTC), closing.astimezone(UTC)
