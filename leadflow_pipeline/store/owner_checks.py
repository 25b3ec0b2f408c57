"""Checks of who owns what: no rep beyond its room, no routed lead without an owner or a reason.

What belongs here: what must hold between `routed_leads`, `owner_decisions` and `rep_days`. What does not: what holds
of any table (`checks`). Each check is a count over the days of a run.
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg
from sqlalchemy import Connection, and_, func, select

from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.store import schema

WITHIN_CAPACITY = "within_capacity"
EVERY_ROUTED_LEAD = "every_routed_lead_is_owned_or_held"
NOBODY_HELD = "no_lead_is_held"

DESCRIPTIONS = {
    WITHIN_CAPACITY: "No plan gives a rep more leads of a day than there was room for.",
    EVERY_ROUTED_LEAD: "Every routed lead has an owner, or is held with a reason.",
    NOBODY_HELD: "No lead waits for an owner. Where some do, the reasons are counted: leadflow explain LEAD says more.",
}
BLOCKING = {WITHIN_CAPACITY: True, EVERY_ROUTED_LEAD: True, NOBODY_HELD: False}

BY_PEOPLE_AND_FACTS = ("override", "override_ended", "handoff")
"""Methods that ask for no room: what a person said or what was told stands."""


def check_owners(connection: Connection, partitions: PartitionRange) -> Iterator[dg.AssetCheckResult]:
    """The verdicts on the owners of a run's days."""
    overfull = _overfull(connection, partitions)
    yield _verdict(WITHIN_CAPACITY, passed=overfull == 0, metadata={"rep_days_beyond_capacity": overfull})
    forgotten = _forgotten(connection, partitions)
    yield _verdict(EVERY_ROUTED_LEAD, passed=forgotten == 0, metadata={"forgotten": forgotten})
    held = _held(connection, partitions)
    yield dg.AssetCheckResult(
        passed=not held,
        severity=dg.AssetCheckSeverity.WARN,
        asset_key=schema.owner_decisions.name,
        check_name=NOBODY_HELD,
        metadata={f"held/{cause}": leads for cause, leads in held.items()},
    )


def _overfull(connection: Connection, partitions: PartitionRange) -> int:
    decided, reps = schema.owner_decisions.c, schema.rep_days.c
    given = (
        select(decided.day, decided.owner, func.count().label("given"))
        .where(
            decided.campaign == partitions.campaign,
            decided.day.between(partitions.first_day, partitions.last_day),
            decided.owner.is_not(None),
            decided.method.not_in(BY_PEOPLE_AND_FACTS),
        )
        .group_by(decided.day, decided.owner)
        .subquery()
    )
    is_of_rep = and_(reps.campaign == partitions.campaign, reps.day == given.c.day, reps.rep == given.c.owner)
    query = (
        select(func.count())
        .select_from(given.outerjoin(schema.rep_days, is_of_rep))
        .where(given.c.given > func.coalesce(reps.capacity, 0))
    )
    return connection.scalar(query) or 0


def _forgotten(connection: Connection, partitions: PartitionRange) -> int:
    """Routed on a day of a campaign that gives owners, without one, and without a word about why."""
    routed, decided, reps = schema.routed_leads.c, schema.owner_decisions.c, schema.rep_days.c
    has_word = (
        select(decided.lead_id)
        .where(
            decided.campaign == routed.campaign,
            decided.lead_id == routed.lead_id,
            decided.day <= routed.day,
            decided.status == "HELD",
        )
        .exists()
    )
    gives_owners = select(reps.rep).where(reps.campaign == routed.campaign, reps.day == routed.day).exists()
    query = select(func.count()).where(
        routed.campaign == partitions.campaign,
        routed.day.between(partitions.first_day, partitions.last_day),
        routed.status == "ROUTED",
        routed.owner.is_(None),
        gives_owners,
        ~has_word,
    )
    return connection.scalar(query) or 0


def _held(connection: Connection, partitions: PartitionRange) -> dict[str, int]:
    """Open leads that are held at the end of the run's days, by cause."""
    decided, outcomes = schema.owner_decisions.c, schema.outcomes.c
    latest = (
        select(decided.lead_id, decided.status, decided.method)
        .where(decided.campaign == partitions.campaign, decided.day <= partitions.last_day)
        .order_by(decided.lead_id, decided.day.desc())
        .distinct(decided.lead_id)
        .subquery()
    )
    has_ended = (
        select(outcomes.lead_id)
        .where(
            outcomes.campaign == partitions.campaign,
            outcomes.lead_id == latest.c.lead_id,
            outcomes.outcome.in_(("won", "lost")),
            outcomes.occurred_at < partitions.as_of,
        )
        .exists()
    )
    query = (
        select(latest.c.method, func.count())
        .where(latest.c.status == "HELD", ~has_ended)
        .group_by(latest.c.method)
        .order_by(latest.c.method)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _verdict(name: str, *, passed: bool, metadata: dict[str, int]) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        passed=passed, asset_key=schema.owner_decisions.name, check_name=name, metadata=metadata
    )
