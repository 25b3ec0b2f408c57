"""The leads that a person has to look at, what people decide about them, and every judgement there ever was of one.

What belongs here: who waits, since when and why; taking a decision; reading the log. What does not: what is doubtful
(`plan`), what a decision means to the stages (`overrides`). A door to the database: it reads derived tables, and writes
`overrides`. Nothing it tells names a person: ids, points, words of rules.

Who waits is read from the tables and kept nowhere: a lead whose latest row says MANUAL_REVIEW, that is no other lead's
alias and has neither been won nor lost. It leaves the queue when a later row says otherwise, or when a person decides.
A decision is an override, so it wins over every later computation until it expires; it stands in the row of the day on
which it is taken, and until that day is computed the queue says that the lead is decided.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Subquery,
    Text,
    and_,
    any_,
    exists,
    func,
    literal,
    or_,
    select,
    true,
)

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.store.facts import insert_override
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import (
    campaigns,
    lead_aliases,
    outcomes,
    overrides,
    partition_lineage,
    qualification_log,
    qualified_leads,
    routed_leads,
)

IN_REVIEW = "MANUAL_REVIEW"
ROUTED = ("ROUTED", "ALREADY_ROUTED")


@dataclass(frozen=True)
class Waiting:
    """A lead in review."""

    campaign: str
    lead_id: str
    since: date
    """The first day of those without a break on which it was in review."""
    as_of: date
    """The day of its latest row."""
    score: float
    why: tuple[str, ...]
    """What a person should look at."""
    routed: str | None
    """Tier and sequence, where it has been routed: emails are planned while a person looks at it."""
    decided: str | None
    """What has been decided since its latest row: it waits for that day to be computed."""


@dataclass(frozen=True)
class Judgement:
    """One line of the log."""

    day: date
    decided_at: datetime
    status: str
    is_override: bool
    score: float
    reasons: tuple[str, ...]
    campaign_version: int
    model_version: str | None
    run_id: str


@dataclass(frozen=True)
class Decision:
    """What a person has decided about one field of a lead."""

    override_id: int
    field: str
    value: str
    actor: str
    reason: str
    occurred_at: datetime
    expires_at: datetime | None


def waiting_leads(
    connection: Connection,
    campaign: str | None = None,
    lead_id: str | None = None,
    *,
    limit: int | None = None,
    with_decided: bool = True,
) -> list[Waiting]:
    """Who waits, the longest first; of a campaign, or of all that are not archived. With those that are decided and
    whose day is not computed yet, unless `with_decided` is false.
    """
    queue, qualified = _queue(campaign, lead_id), qualified_leads
    asked = select(queue).order_by(queue.c.since, queue.c.campaign, queue.c.lead_id).limit(limit)
    if not with_decided:
        asked = asked.where(queue.c.decided.is_(None))
    first = asked.subquery("first")
    query = (
        select(first, qualified.c.score, qualified.c.reasons)
        .join(
            qualified,
            and_(
                qualified.c.campaign == first.c.campaign,
                qualified.c.day == first.c.as_of,
                qualified.c.lead_id == first.c.lead_id,
            ),
        )
        .order_by(first.c.since, first.c.campaign, first.c.lead_id)
    )
    rows = connection.execute(query).all()
    places = _places(connection, [(row.campaign, row.lead_id) for row in rows])
    return [
        Waiting(
            campaign=row.campaign,
            lead_id=row.lead_id,
            since=row.since,
            as_of=row.as_of,
            score=row.score,
            why=tuple(reason["text"] for reason in row.reasons if reason["status"] == IN_REVIEW),
            routed=places.get((row.campaign, row.lead_id)),
            decided=row.decided,
        )
        for row in rows
    ]


def count_waiting(connection: Connection, campaign: str | None = None) -> tuple[int, int]:
    """How many wait for a decision, and how many are decided whose day is not computed yet."""
    decided = _queue(campaign, None).c.decided
    waiting = func.count().filter(decided.is_(None))
    row = connection.execute(select(waiting, func.count(decided))).one()
    return int(row[0]), int(row[1])


def decide(
    connection: Connection,
    campaign: str,
    lead_id: str,
    status: str,
    *,
    actor: str,
    reason: str,
    expires_at: datetime | None = None,
) -> tuple[Waiting, int]:
    """Takes a lead out of review with a status, from now on: how it waited, and the id of the override.

    Two people who decide about one lead at once do so one after the other. Raises PermanentError for a lead that is not
    in review, or no longer.
    """
    connection.execute(select(func.pg_advisory_xact_lock(lock_number("review", campaign, lead_id))))
    found = waiting_leads(connection, campaign, lead_id)
    instead = f"leadflow override {campaign} {lead_id} status VALUE decides about any lead"
    if not found:
        raise PermanentError(f"lead {lead_id} of {campaign} is not in review: {instead}")
    if found[0].decided:
        raise PermanentError(
            f"it has been decided already that lead {lead_id} is {found[0].decided}: {instead}"
        )
    number = insert_override(
        connection,
        campaign=campaign,
        lead_id=lead_id,
        field="status",
        value=status,
        actor=actor,
        reason=reason,
        expires_at=expires_at,
    )
    return found[0], number


def judgements(connection: Connection, campaign: str, lead_id: str) -> list[Judgement]:
    """Every judgement of a lead there ever was, the latest day first, and of a day the latest first."""
    log, days = qualification_log, partition_lineage
    names = [name for name in Judgement.__dataclass_fields__ if name != "reasons"]
    # Day by day through the key, as in `store.lead_rows`: a million leads cost no more than one.
    of_day = (
        select(log.c.decision_id, log.c.reasons, *(log.c[name] for name in names))
        .where(log.c.campaign == campaign, log.c.day == days.c.day, log.c.lead_id == lead_id)
        .correlate(days)
        .offset(0)
        .lateral("of_day")
    )
    query = (
        select(of_day)
        .select_from(days.join(of_day, true()))
        .where(days.c.table_name == qualified_leads.name, days.c.campaign == campaign)
        .order_by(of_day.c.day.desc(), of_day.c.decision_id.desc())
    )
    return [
        Judgement(
            reasons=tuple(reason["text"] for reason in row.reasons),
            **{name: getattr(row, name) for name in names},
        )
        for row in connection.execute(query)
    ]


def decisions(connection: Connection, campaign: str, lead_id: str) -> list[Decision]:
    """All that people ever decided about a lead, the latest first; expired and lifted decisions too."""
    table = overrides.c
    query = (
        select(*(table[name] for name in Decision.__dataclass_fields__))
        .where(table.campaign == campaign, table.lead_id == lead_id)
        .order_by(table.occurred_at.desc(), table.override_id.desc())
    )
    return [Decision(**row._mapping) for row in connection.execute(query)]


def _asked(columns: Any, campaign: str | None, lead_id: str | None) -> ColumnElement[bool]:
    """Rows of the campaign and lead that are asked for."""
    archived = select(campaigns.c.campaign).where(campaigns.c.status == "archived")
    of_campaign = columns.campaign == campaign if campaign else columns.campaign.not_in(archived)
    return and_(of_campaign, columns.lead_id == lead_id) if lead_id else of_campaign


def _runs_in_review(campaign: str | None, lead_id: str | None) -> Subquery:
    """Leads whose latest row is in review: its day, and since which day without a break."""
    rows = qualified_leads.c
    last_other = func.max(rows.day).filter(rows.status != IN_REVIEW)
    latest = (
        select(rows.campaign, rows.lead_id, func.max(rows.day).label("as_of"), last_other.label("last_other"))
        .where(_asked(rows, campaign, lead_id))
        .group_by(rows.campaign, rows.lead_id)
        .having(or_(last_other.is_(None), last_other < func.max(rows.day)))
        .subquery("latest")
    )
    since = func.min(rows.day)
    return (
        select(latest.c.campaign, latest.c.lead_id, latest.c.as_of, since.label("since"))
        .join(
            qualified_leads,
            and_(
                rows.campaign == latest.c.campaign,
                rows.lead_id == latest.c.lead_id,
                or_(latest.c.last_other.is_(None), rows.day > latest.c.last_other),
            ),
        )
        .group_by(latest.c.campaign, latest.c.lead_id, latest.c.as_of)
        .subquery("runs")
    )


def _places(connection: Connection, leads: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Tier and sequence of those of the leads that have been routed."""
    rows = routed_leads.c
    places: dict[tuple[str, str], str] = {}
    for campaign in sorted({campaign for campaign, _ in leads}):
        theirs = [lead_id for slug, lead_id in leads if slug == campaign]
        query = (
            select(rows.lead_id, rows.status, rows.tier, rows.sequence)
            .where(rows.campaign == campaign, rows.lead_id == any_(literal(theirs, ARRAY(Text))))
            .order_by(rows.lead_id, rows.day.desc())
            .distinct(rows.lead_id)
        )
        for row in connection.execute(query):
            if row.status in ROUTED:
                places[campaign, row.lead_id] = f"{row.tier}, {row.sequence}"
    return places


def _queue(campaign: str | None, lead_id: str | None) -> Subquery:
    """Leads in review: `campaign, lead_id, since, as_of, decided`."""
    runs, decision = _runs_in_review(campaign, lead_id), _latest_decision()
    return (
        select(runs, decision.c.value.label("decided"))
        .outerjoin(
            decision,
            and_(
                decision.c.campaign == runs.c.campaign,
                decision.c.lead_id == runs.c.lead_id,
                # One that the row knows of would be its status, unless it says what the row says.
                decision.c.value.not_in((LIFTED, IN_REVIEW)),
            ),
        )
        .where(~_is_over(runs))
        .subquery("queue")
    )


def _latest_decision() -> Subquery:
    """Of each lead the decision about its status that stands now."""
    table = overrides.c
    return (
        select(table.campaign, table.lead_id, table.value)
        .where(table.field == "status", or_(table.expires_at.is_(None), table.expires_at > func.now()))
        .order_by(table.campaign, table.lead_id, table.occurred_at.desc(), table.override_id.desc())
        .distinct(table.campaign, table.lead_id)
        .subquery("decision")
    )


def _is_over(runs: Subquery) -> ColumnElement[bool]:
    """Whether a lead is another's alias, or has been won or lost."""

    def has(columns: Any, *conditions: ColumnElement[bool]) -> ColumnElement[bool]:
        return exists().where(
            columns.campaign == runs.c.campaign, columns.lead_id == runs.c.lead_id, *conditions
        )

    return or_(has(lead_aliases.c), has(outcomes.c, outcomes.c.outcome.in_(("won", "lost"))))
