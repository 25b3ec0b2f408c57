"""What builds of similar accounts hold, in counts: a door that only reads.

What belongs here: counting what is kept. What does not: making builds (`builds`), asking them (`likeness`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

from sqlalchemy import Column, Connection, Engine, func, select

from leadflow_pipeline.store.schema import similar_account_builds, similar_account_vectors, similar_accounts
from leadflow_pipeline.store.schema.similar_accounts import DIMENSIONS

MOST_NAMED: Final = 10


@dataclass(frozen=True)
class Counted:
    """How many companies have something in common."""

    name: str
    accounts: int


@dataclass(frozen=True)
class BuildStatistics:
    """A build that is kept."""

    day: date
    made_at: datetime
    campaign_version: int
    accounts: int
    won: int
    lost: int
    open: int
    comparable: int
    """Accounts of which something is known that others have too: they have a vector."""
    leads: int
    value_won: float
    dimensions: int
    model_key: str
    model_bytes: int
    industries: tuple[Counted, ...]
    """The most frequent."""
    countries: tuple[Counted, ...]


def read_statistics(engine: Engine, campaign: str) -> list[BuildStatistics]:
    """Every build of a campaign that is kept, the latest first."""
    builds, kept = similar_account_builds.c, similar_accounts.c
    query = (
        select(
            builds.build_id,
            builds.day,
            builds.made_at,
            builds.campaign_version,
            builds.accounts,
            builds.model_key,
            func.length(builds.model).label("model_bytes"),
        )
        .where(builds.campaign == campaign)
        .order_by(builds.day.desc())
    )
    with engine.connect() as connection:
        found = []
        for build in connection.execute(query).all():
            of_build = kept.build_id == build.build_id
            counted = select(kept.outcome, func.count()).where(of_build).group_by(kept.outcome)
            endings: dict[str, int] = dict(row._tuple() for row in connection.execute(counted))
            sums = connection.execute(
                select(
                    func.coalesce(func.sum(kept.leads), 0), func.coalesce(func.sum(kept.value), 0.0)
                ).where(of_build)
            ).one()
            vectors = select(func.count()).where(similar_account_vectors.c.build_id == build.build_id)
            found.append(
                BuildStatistics(
                    day=build.day,
                    made_at=build.made_at,
                    campaign_version=build.campaign_version,
                    accounts=build.accounts,
                    **{outcome: endings.get(outcome, 0) for outcome in ("won", "lost", "open")},
                    comparable=connection.scalar(vectors) or 0,
                    leads=int(sums[0]),
                    value_won=float(sums[1]),
                    dimensions=DIMENSIONS,
                    model_key=build.model_key,
                    model_bytes=build.model_bytes,
                    industries=_most_frequent(connection, build.build_id, kept.industry),
                    countries=_most_frequent(connection, build.build_id, kept.country),
                )
            )
    return found


def _most_frequent(connection: Connection, build: int, what: Column[Any]) -> tuple[Counted, ...]:
    query = (
        select(what, func.count())
        .where(similar_accounts.c.build_id == build, what.is_not(None))
        .group_by(what)
        .order_by(func.count().desc(), what)
        .limit(MOST_NAMED)
    )
    return tuple(Counted(name, count) for name, count in connection.execute(query).tuples())
