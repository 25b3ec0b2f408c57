"""One lead's story as of a day: what its score is made of, what became of it, and what changed since the last score.

What belongs here: reading all that concerns one lead, and putting the reasons of a change beside it. What does not:
printing (`cli.explain`), which lead is meant (`cli.known_leads`), the arithmetic of a change (`score.changes`).
A door to the database that only reads. Nothing of a story names the person: ids, points, counts, words of rules.

Derived tables are keyed by campaign, day, lead. A lead's rows are therefore looked up day by day through the index,
one probe for each computed day, so that a million leads cost no more than a thousand.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, Date, Engine, Select, Table, Text, cast, func, or_, select, true

from leadflow_pipeline.campaign import Campaign, Difference, differences, load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.owner_story import OwnerStory, tell_owners
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.score.changes import (
    Change,
    for_and_against,
    line_words,
    read_breakdown,
    said,
    total_of,
    what_changed,
)
from leadflow_pipeline.score.model_registry import scorer
from leadflow_pipeline.store import schema

SCORED_BY = ("ideal_customer_profile", "scoring", "conversion", "sources", "opinion")
"""Sections of a campaign file that a score depends on."""


@dataclass(frozen=True)
class Line:
    """One line of the breakdown."""

    name: str
    words: str
    points: Decimal


@dataclass(frozen=True)
class Scored:
    """A score, and all that it is made of."""

    day: date
    score: Decimal
    icp_fit: float
    engagement: float
    temperature: str
    conversion_probability: float | None
    campaign_version: int
    model_version: str | None
    lines: tuple[Line, ...]
    reasons_for: tuple[str, ...]
    reasons_against: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """What qualification made of the score."""

    day: date
    status: str
    is_override: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Routed:
    """Where the lead was sent."""

    day: date
    status: str
    tier: str | None
    sequence: str | None
    owner: str | None
    reasoning: str


@dataclass(frozen=True)
class ByHand:
    """A person's decision that stands."""

    field: str
    value: str
    actor: str
    reason: str
    since: datetime
    until: datetime | None
    is_in_row: bool
    """Whether the rows told of here know of it: one that was taken later counts from the row of its day on."""


@dataclass(frozen=True)
class Cause:
    """Something that happened between two scores, in words."""

    kind: str
    words: str


@dataclass(frozen=True)
class SinceLast:
    """What changed between the last score and this one. The points of the changes sum to that of the score."""

    day: date
    score: Decimal
    changes: tuple[Change, ...]
    causes: tuple[Cause, ...]
    rules: tuple[Difference, ...]
    """What the campaign's versions say differently about scoring."""


@dataclass(frozen=True)
class PastScore:
    """One entry of the history."""

    day: date
    score: float
    icp_fit: float
    engagement: float
    temperature: str
    campaign_version: int
    model_version: str | None


@dataclass(frozen=True)
class Story:
    """All of it."""

    campaign: str
    lead_id: str
    alias: str | None
    """The id that was asked for, where it is another's alias."""
    as_of: date
    first_day: date | None
    """The day on which the campaign first received the lead, if by then."""
    scored: Scored | None
    qualified: Judged | None
    routed: Routed | None
    by_hand: tuple[ByHand, ...]
    owners: OwnerStory | None
    since_last: SinceLast | None
    history: tuple[PastScore, ...]
    aliases: int
    other_campaigns: int
    leads_in_other_campaigns: int


def tell_story(engine: Engine, campaign: str, lead_id: str, day: date | None = None) -> Story:
    """The story of a lead as of the end of `day`; of the latest day that was scored, where none is given.

    Raises PermanentError for a stored breakdown that does not sum to its score.
    """
    with engine.connect() as connection:
        as_of = day or _latest_scored_day(connection, campaign) or date.max
        canonical = _canonical(connection, campaign, lead_id, as_of)
        lead = canonical or lead_id
        history = _history(connection, campaign, lead, as_of)
        known_as = _known_as(connection, campaign, lead, as_of)
        others = _others(connection, campaign, lead)
        present = history[-1] if history else None
        last = history[-2] if len(history) > 1 else None
        breakdowns = {row.day: row for row in _breakdowns(connection, campaign, lead, history[-2:])}
        judged = _judged(connection, campaign, lead, present.day) if present else None
        routed = _routed(connection, campaign, lead, as_of)
        by_hand = _by_hand(connection, campaign, known_as, as_of, is_latest=day is None)
        records = _records(connection, campaign, list(known_as), as_of)
        causes = (
            _causes(connection, campaign, known_as, records, last.day, present.day)
            if present and last
            else ()
        )
    scored = since = None
    if present:
        rules = load(engine, campaign, present.campaign_version).rules
        words = line_words(rules.ideal_customer_profile, rules.scoring)
        scored = _scored(present, breakdowns[present.day], words)
        if last:
            since = _since(engine, campaign, (last, present), breakdowns, rules, words, causes)
    return Story(
        campaign=campaign,
        lead_id=lead,
        alias=lead_id if canonical else None,
        as_of=as_of,
        first_day=min((record.day for record in records), default=None),
        scored=scored,
        qualified=judged,
        routed=routed,
        by_hand=by_hand,
        owners=tell_owners(engine, campaign, lead, as_of),
        since_last=since,
        history=tuple(history),
        aliases=len(known_as) - 1,
        other_campaigns=others[0],
        leads_in_other_campaigns=others[1],
    )


def _scored(present: PastScore, row: Any, words: dict[str, str]) -> Scored:
    breakdown = read_breakdown(row.breakdown)
    score = _hundredths(present.score)
    if total_of(breakdown) != score:
        raise PermanentError(
            f"the breakdown of {present.day} sums to {total_of(breakdown)} and the score is {score}: "
            "compute that day again (leadflow materialize --stage score)"
        )
    lines = [Line(name, said(name, words), points) for name, points in breakdown.items()]
    speaks_for, against = for_and_against(json.loads(row.reasons))
    return Scored(
        day=present.day,
        score=score,
        icp_fit=present.icp_fit,
        engagement=present.engagement,
        temperature=present.temperature,
        conversion_probability=row.conversion_probability,
        campaign_version=present.campaign_version,
        model_version=present.model_version,
        lines=tuple(sorted(lines, key=lambda line: -line.points)),
        reasons_for=tuple(speaks_for),
        reasons_against=tuple(against),
    )


def _since(
    engine: Engine,
    campaign: str,
    scores: tuple[PastScore, PastScore],
    breakdowns: dict[date, Any],
    rules: Campaign,
    words: dict[str, str],
    causes: Sequence[Cause],
) -> SinceLast:
    last, present = scores
    told: list[Cause] = list(causes)
    changed_rules: tuple[Difference, ...] = ()
    if last.campaign_version != present.campaign_version:
        earlier = load(engine, campaign, last.campaign_version).rules
        words = line_words(earlier.ideal_customer_profile, earlier.scoring) | words
        changed_rules = tuple(
            difference for difference in differences(earlier, rules) if difference.path.startswith(SCORED_BY)
        )
        told.append(
            Cause(
                "version",
                f"scored under campaign version {present.campaign_version} instead of {last.campaign_version}",
            )
        )
    if last.model_version != present.model_version:
        told.append(
            Cause(
                "model",
                f"scored with {_model(present.model_version)} instead of {_model(last.model_version)}",
            )
        )
    told.append(Cause("time", f"{_count((present.day - last.day).days, 'day')} passed"))
    before, after = (read_breakdown(breakdowns[score.day].breakdown) for score in scores)
    return SinceLast(
        last.day, _hundredths(last.score), what_changed(before, after, words), tuple(told), changed_rules
    )


def _model(version: str | None) -> str:
    return scorer(version) if version is None else f"model {scorer(version)}"


def _latest_scored_day(connection: Connection, campaign: str) -> date | None:
    lineage = schema.partition_lineage.c
    query = select(func.max(lineage.day)).where(
        lineage.table_name == schema.scored_leads.name, lineage.campaign == campaign
    )
    latest: date | None = connection.scalar(query)
    return latest


def _canonical(connection: Connection, campaign: str, lead_id: str, as_of: date) -> str | None:
    """The lead that this one is an alias of by then."""
    row = connection.execute(lead_rows(schema.lead_aliases, ["alias_of"], campaign, lead_id, as_of)).first()
    return str(row.alias_of) if row else None


def _known_as(connection: Connection, campaign: str, lead_id: str, as_of: date) -> dict[str, date]:
    """The lead and its aliases, each with the day from which its facts are the lead's."""
    aliases = schema.lead_aliases.c
    query = select(aliases.lead_id, aliases.day).where(
        aliases.campaign == campaign, aliases.alias_of == lead_id, aliases.day <= as_of
    )
    return {lead_id: date.min} | {row.lead_id: row.day for row in connection.execute(query)}


def _others(connection: Connection, campaign: str, lead_id: str) -> tuple[int, int]:
    """In how many other campaigns the same person is now, and as how many leads."""
    own, other = schema.person_leads.alias("own_lead").c, schema.person_leads.alias("other_lead").c
    query = select(func.count(other.campaign.distinct()), func.count()).where(
        own.campaign == campaign,
        own.lead_id == lead_id,
        other.person_id == own.person_id,
        other.campaign != campaign,
    )
    campaigns, leads = connection.execute(query).one()
    return int(campaigns), int(leads)


def lead_rows(table: Table, columns: Sequence[Any], campaign: str, lead_id: str, until: date) -> Select[Any]:
    """A lead's rows up to a day, by day. `columns` are names or expressions over `table`."""
    days = schema.partition_lineage
    wanted = [table.c[column] if isinstance(column, str) else column for column in columns]
    # OFFSET 0 keeps the planner from joining the tables whole, as it would for a campaign it has no statistics of.
    of_day = (
        select(*wanted)
        .where(table.c.campaign == campaign, table.c.day == days.c.day, table.c.lead_id == lead_id)
        .correlate(days)
        .offset(0)
        .lateral("of_day")
    )
    return (
        select(of_day)
        .select_from(days.join(of_day, true()))
        .where(days.c.table_name == table.name, days.c.campaign == campaign, days.c.day <= until)
        .order_by(days.c.day)
    )


def _history(connection: Connection, campaign: str, lead_id: str, as_of: date) -> list[PastScore]:
    names = list(PastScore.__dataclass_fields__)
    query = lead_rows(schema.scored_leads, names, campaign, lead_id, as_of)
    return [PastScore(**row._mapping) for row in connection.execute(query)]


def _breakdowns(
    connection: Connection, campaign: str, lead_id: str, scores: Sequence[PastScore]
) -> Sequence[Any]:
    """Breakdown and reasons as text, because parsed by the driver they would be binary fractions."""
    scored = schema.scored_leads.c
    query = select(
        scored.day,
        scored.conversion_probability,
        cast(scored.score_breakdown, Text).label("breakdown"),
        cast(scored.reasons, Text).label("reasons"),
    ).where(
        scored.campaign == campaign,
        scored.lead_id == lead_id,
        scored.day.in_([score.day for score in scores]),
    )
    return connection.execute(query).all()


def _judged(connection: Connection, campaign: str, lead_id: str, day: date) -> Judged | None:
    qualified = schema.qualified_leads.c
    query = select(qualified.day, qualified.status, qualified.is_override, qualified.reasons).where(
        qualified.campaign == campaign, qualified.day == day, qualified.lead_id == lead_id
    )
    row = connection.execute(query).one_or_none()
    if row is None:
        return None
    return Judged(row.day, row.status, row.is_override, tuple(reason["text"] for reason in row.reasons))


def _routed(connection: Connection, campaign: str, lead_id: str, as_of: date) -> Routed | None:
    names = list(Routed.__dataclass_fields__)
    query = lead_rows(schema.routed_leads, names, campaign, lead_id, as_of)
    newest = query.order_by(None).order_by(schema.partition_lineage.c.day.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return Routed(**row._mapping) if row else None


def _by_hand(
    connection: Connection, campaign: str, known_as: dict[str, date], as_of: date, *, is_latest: bool
) -> tuple[ByHand, ...]:
    """Of each field the decision that stands at the end of the day; of the latest day, those taken since then too."""
    overrides = schema.overrides.c
    query = (
        select(schema.overrides)
        .where(overrides.campaign == campaign, overrides.lead_id.in_(list(known_as)))
        .order_by(overrides.occurred_at, overrides.override_id)
    )
    standing: dict[str, ByHand] = {}
    for row in connection.execute(query):
        taken_on = _utc_day(row.occurred_at)
        is_in_row = taken_on <= as_of
        # Before the midnight that ends the day, as in `overrides`.
        has_expired = row.expires_at is not None and _utc_day(row.expires_at) <= as_of
        if taken_on < known_as[row.lead_id] or has_expired or not (is_in_row or is_latest):
            continue
        standing[row.field] = ByHand(
            row.field, row.value, row.actor, row.reason, row.occurred_at, row.expires_at, is_in_row
        )
    return tuple(decision for decision in standing.values() if decision.value != LIFTED)


def _records(connection: Connection, campaign: str, lead_ids: Sequence[str], as_of: date) -> list[Any]:
    """The days on which records of the lead or its aliases came in: `lead_id`, `day`, `record_count`."""
    names = ["lead_id", "day", "record_count"]
    return [
        row
        for lead_id in lead_ids
        for row in connection.execute(lead_rows(schema.harvested_leads, names, campaign, lead_id, as_of))
    ]


def _causes(
    connection: Connection,
    campaign: str,
    known_as: dict[str, date],
    records: Sequence[Any],
    last: date,
    present: date,
) -> tuple[Cause, ...]:
    """What happened after the day of the last score, up to that of this one."""
    first = last + timedelta(days=1)
    ids = list(known_as)
    causes = []

    def counted(table: Table, *by: Any) -> list[Any]:
        query = select(table.c.lead_id, table.c.day, *by).where(
            table.c.campaign == campaign, table.c.lead_id.in_(ids), table.c.day.between(first, present)
        )
        rows = connection.execute(query.order_by(table.c.day)).all()
        return [row for row in rows if row.day >= known_as[row.lead_id]]

    events = schema.engagement_events.c
    tallies: dict[tuple[str, bool], int] = {}
    for row in counted(schema.engagement_events, events.behaviour, events.is_machine):
        tallies[row.behaviour, row.is_machine] = tallies.get((row.behaviour, row.is_machine), 0) + 1
    for (behaviour, is_machine), number in sorted(tallies.items()):
        by_whom = "by a machine, which counts nothing" if is_machine else "by the lead"
        causes.append(Cause("event", f"{_count(number, behaviour)} {by_whom}"))
    for row in counted(schema.outcomes, schema.outcomes.c.outcome):
        causes.append(Cause("outcome", f"{row.outcome} on {row.day}"))
    came_in = sum(
        row.record_count
        for row in records
        if first <= row.day <= present and row.day >= known_as[row.lead_id]
    )
    if came_in:
        causes.append(Cause("record", f"{_count(came_in, 'new record')} of the lead came in"))
    lookups = schema.vendor_lookups
    answered = [
        row for row in counted(lookups, lookups.c.provider, lookups.c.state) if row.state == "answered"
    ]
    for provider in sorted({str(row.provider) for row in answered}):
        causes.append(Cause("enrichment", f"{provider} answered"))
    return (*causes, *_decisions(connection, campaign, ids, first, present))


def _decisions(
    connection: Connection, campaign: str, ids: Sequence[str], first: date, last: date
) -> list[Cause]:
    """A person's decisions that were taken or expired in these days."""
    overrides = schema.overrides.c
    taken, expired = (
        cast(func.timezone("UTC", moment), Date) for moment in (overrides.occurred_at, overrides.expires_at)
    )
    query = select(
        overrides.field, overrides.value, overrides.actor, overrides.occurred_at, expired.label("expired")
    )
    found = connection.execute(
        query.where(
            overrides.campaign == campaign,
            overrides.lead_id.in_(ids),
            or_(taken.between(first, last), expired.between(first, last)),
        ).order_by(overrides.occurred_at, overrides.override_id)
    )
    causes = []
    for row in found:
        decision = f"{row.actor}'s decision that {row.field} is {row.value}"
        if first <= _utc_day(row.occurred_at) <= last:
            causes.append(Cause("override", f"{decision}, of {_utc_day(row.occurred_at)}"))
        if row.expired is not None and first <= row.expired <= last:
            causes.append(Cause("override", f"{decision} expired on {row.expired}"))
    return causes


def _utc_day(moment: datetime) -> date:
    return moment.astimezone(UTC).date()


def _hundredths(score: float) -> Decimal:
    return Decimal(str(round(score, 2)))


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
