"""Builds of similar accounts: a door, it reads leads and outcomes and keeps vectors of companies.

What belongs here: reading as of a day, writing a build whole. What does not: asking (`likeness`), what is compared
(`companies`), and how (`vectors`).

Readers see whole builds alone: a build is written beside the others and is there when its transaction ends. So nobody
waits for a build, and a build for nobody.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Engine, delete, func, insert, select, text

from leadflow_pipeline.campaign import load
from leadflow_pipeline.insight.similar_accounts.companies import columns_compared, find_companies
from leadflow_pipeline.insight.similar_accounts.vectors import Matrix, Vectoriser, learn, model_key
from leadflow_pipeline.store.copy import copy_in
from leadflow_pipeline.store.facts import read_outcomes
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.partitions import ANALYSE_FROM_ROWS, latest_before
from leadflow_pipeline.store.schema import enriched_leads, similar_account_builds, similar_account_vectors
from leadflow_pipeline.store.schema import (
    similar_accounts as companies_table,
)
from leadflow_pipeline.store.vectors import copy_vectors_in

KEPT: Final = 3
"""Builds of a campaign. Of days before the earliest of them nothing is known."""


@dataclass(frozen=True)
class BuildReport:
    """What a build holds, in counts."""

    day: date
    accounts: int
    won: int
    lost: int
    open: int
    comparable: int
    """Accounts of which something is known that others have too."""
    model_key: str

    def to_dict(self) -> dict[str, Any]:
        """For scripts and metadata."""
        return asdict(self)


def build_similar_accounts(engine: Engine, campaign: str, day: date) -> BuildReport:
    """Makes the build of a day from what was known before it, in the place of one that is there. Safe to repeat.

    Raises PermanentError for a campaign that is not known.
    """
    version = load(engine, campaign)
    rules = version.rules.similar_accounts
    leads = latest_before(engine, enriched_leads, campaign, day, columns=columns_compared(rules.words))
    found = find_companies(leads, read_outcomes(engine, campaign, before=_midnight(day)), rules.words)
    model, vectors = learn(found.texts, len(found.accounts), rules.weights)
    stored = model.to_bytes()
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("similar accounts", campaign))))
        _make_room(connection, campaign, day)
        build = connection.scalar(
            insert(similar_account_builds)
            .values(
                campaign=campaign,
                day=day,
                campaign_version=version.version,
                accounts=len(found.accounts),
                ended=int(found.accounts["outcome"].ne("open").sum()),
                model=stored,
                model_key=model_key(stored),
            )
            .returning(similar_account_builds.c.build_id)
        )
        assert build is not None  # noqa: S101 (an insert that returns no id raises)
        rows = found.accounts.assign(build_id=build, account_number=found.accounts.index)
        copy_in(connection, conform(rows, companies_table), companies_table)
        is_open = found.accounts["outcome"].eq("open").to_numpy(dtype=bool)
        _write_vectors(connection, build, model, vectors, is_open)
    if len(vectors) >= ANALYSE_FROM_ROWS:
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            for table in (companies_table, similar_account_vectors):
                connection.execute(text(f"ANALYZE {table.fullname}"))
    endings = found.accounts["outcome"].value_counts()
    return BuildReport(
        day=day,
        accounts=len(found.accounts),
        **{outcome: int(endings.get(outcome, 0)) for outcome in ("won", "lost", "open")},
        comparable=int(vectors.any(axis=1).sum()),
        model_key=model_key(stored),
    )


def _make_room(connection: Connection, campaign: str, day: date) -> None:
    """Removes the build of the same day, and what is older than those that are kept."""
    builds = similar_account_builds.c
    others = connection.scalars(
        select(builds.build_id)
        .where(builds.campaign == campaign, builds.day != day)
        .order_by(builds.day.desc())
        .limit(KEPT - 1)
    ).all()
    connection.execute(
        delete(similar_account_builds).where(builds.campaign == campaign, builds.build_id.not_in(others))
    )


def _write_vectors(
    connection: Connection, build: int, model: Vectoriser, vectors: Matrix, is_open: npt.NDArray[np.bool_]
) -> None:
    """In the order of the key, so that a question reads few pages."""
    numbers = np.flatnonzero(vectors.any(axis=1))
    cells = model.cell_of(vectors[numbers])
    order = np.lexsort([cells, is_open[numbers]])
    copy_vectors_in(
        connection,
        similar_account_vectors,
        {
            "build_id": build,
            "is_open": is_open[numbers[order]],
            "cell": cells[order],
            "account_number": numbers[order],
        },
        "embedding",
        vectors[numbers[order]],
    )


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
