"""Builds of similar accounts: a door, it reads leads and outcomes, keeps vectors of companies, and answers.

What belongs here: reading as of a day, writing a build whole, asking the latest. What does not: what is compared
(`companies`), and how (`vectors`).

Readers see whole builds alone: a build is written beside the others and is there when its transaction ends, and a
question reads one state of the database from beginning to end. So nobody waits for a build, and a build for nobody.

How neighbours are found, on 100,000 companies and 2 cores: comparing all of them in SQL takes 40 ms; an HNSW index
answers in 1.5 ms, but takes 20 s to make for every build, and would find too little where several builds of several
campaigns lie in it and one is asked. So companies lie in cells, and a question compares exactly those in the cells near
it: 4 ms of the 13 that a question takes in all, and 99.5 % of the true neighbours (`benchmarks.similar_accounts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from sqlalchemy import (
    ARRAY,
    Connection,
    Double,
    Engine,
    SmallInteger,
    and_,
    any_,
    cast,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    text,
)

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.lead_story import lead_rows
from leadflow_pipeline.insight.similar_accounts.companies import COMPARED, find_companies, shared_by, texts_of
from leadflow_pipeline.insight.similar_accounts.rules import SimilarityRules
from leadflow_pipeline.insight.similar_accounts.vectors import (
    MOST_COMPARED_WHOLE,
    Matrix,
    Vectoriser,
    learn,
    model_key,
)
from leadflow_pipeline.lead_fields import columns_holding
from leadflow_pipeline.store.copy import copy_in
from leadflow_pipeline.store.facts import read_outcomes
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.partitions import ANALYSE_FROM_ROWS, latest_before
from leadflow_pipeline.store.schema import (
    account_leads,
    accounts,
    enriched_leads,
    similar_account_builds,
    similar_account_vectors,
)
from leadflow_pipeline.store.schema import (
    similar_accounts as companies_table,
)
from leadflow_pipeline.store.vectors import Vector, as_text, copy_vectors_in, from_text

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


@dataclass(frozen=True)
class SimilarAccount:
    """A company like the one asked about, and how it ended as known before the day asked for."""

    account: str
    """Its registrable domain, else its folded name."""
    name: str
    likeness: float
    """0 to 1; 1: the same in all that is compared."""
    outcome: str
    """won, lost or open."""
    ended_on: date | None
    value: float | None
    """Of what was won, in the campaign's currency."""
    shares: tuple[str, ...]
    """In what it is the same: industry, size, city, country; nothing where it is alike in words and names alone."""


def build_similar_accounts(engine: Engine, campaign: str, day: date) -> BuildReport:
    """Makes the build of a day from what was known before it, in the place of one that is there. Safe to repeat.

    Raises PermanentError for a campaign that is not known.
    """
    version = load(engine, campaign)
    rules = version.rules.similar_accounts
    leads = latest_before(engine, enriched_leads, campaign, day, columns=_columns(rules))
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


def similar_accounts(
    engine: Engine,
    campaign: str,
    *,
    as_of: date,
    lead_id: str | None = None,
    company: Mapping[str, Any] | None = None,
    k: int = 5,
    ended: bool = False,
) -> list[SimilarAccount]:
    """The k companies of the campaign most like a lead's, or like one that is described; the most alike first.

    Known is what was known before `as_of`, by the latest build of that day or before; without one the list is empty,
    as it is of a lead whose company is not known. `company` has fields of leads: company, industry, company_size,
    country, region, city, job_title and others of `companies.COMPARED`, or the campaign's own words. A company is never
    its own likeness: neither its domain, nor its name, nor an account that it was found to belong to. With `ended`
    only those that were won or lost.

    Raises PermanentError where neither or both of lead and company are given.
    """
    if (lead_id is None) == (company is None):
        raise PermanentError("name a lead or describe a company, one of the two")
    with _one_state(engine) as connection:
        asked = _Question.of(engine, connection, campaign, as_of, k, ended=ended)
        return [] if asked is None else asked.answer(connection, lead_id, company)


def similar_to_leads(
    engine: Engine, campaign: str, lead_ids: Iterable[str], *, as_of: date, k: int = 3, ended: bool = True
) -> dict[str, list[SimilarAccount]]:
    """`similar_accounts` of many leads by one state of the database, for briefs: lead_id -> the most alike first."""
    with _one_state(engine) as connection:
        asked = _Question.of(engine, connection, campaign, as_of, k, ended=ended)
        if asked is None:
            return {}
        return {lead_id: asked.answer(connection, lead_id, None) for lead_id in dict.fromkeys(lead_ids)}


@dataclass(frozen=True)
class _Question:
    """What is the same for every company that is asked about."""

    campaign: str
    as_of: date
    build: int
    model: Vectoriser
    rules: SimilarityRules
    k: int
    are_open: tuple[bool, ...]
    """Of the companies that are asked for."""
    looks_at_all: bool

    @classmethod
    def of(
        cls, engine: Engine, connection: Connection, campaign: str, as_of: date, k: int, *, ended: bool
    ) -> _Question | None:
        """Nothing where no build is known."""
        build = _latest_build(connection, campaign, as_of)
        if build is None:
            return None
        return cls(
            campaign,
            as_of,
            build.build_id,
            _model(connection, build.build_id, build.model_key),
            _rules_of(engine, campaign, build.campaign_version),
            k,
            (False,) if ended else (False, True),
            # Where few have ended, cells near may hold none of them.
            ended and build.ended <= MOST_COMPARED_WHOLE,
        )

    def answer(
        self, connection: Connection, lead_id: str | None, company: Mapping[str, Any] | None
    ) -> list[SimilarAccount]:
        """The companies most like one."""
        if company is not None:
            said = dict(company)
        else:
            said = _said_of(connection, self.campaign, str(lead_id), self.as_of, self.rules)
        if not said:
            return []
        vector = _stored_vector(connection, self.build, said)
        if vector is None:
            vector = self.model.vectors(_texts(said, self.rules), 1, self.rules.weights)[0]
        if not vector.any():
            return []
        own = _own(connection, self.build, self.campaign, lead_id, said)
        return _nearest(connection, self, vector, own, said)


@contextmanager
def _one_state(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one state of the database, whatever is built meanwhile."""
    with (
        engine.connect().execution_options(isolation_level="REPEATABLE READ") as connection,
        connection.begin(),
    ):
        yield connection


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


def _latest_build(connection: Connection, campaign: str, as_of: date) -> Any:
    builds = similar_account_builds.c
    return connection.execute(
        select(builds.build_id, builds.campaign_version, builds.model_key, builds.ended)
        .where(builds.campaign == campaign, builds.day <= as_of)
        .order_by(builds.day.desc())
        .limit(1)
    ).one_or_none()


@lru_cache(maxsize=64)
def _rules_of(engine: Engine, campaign: str, version: int) -> SimilarityRules:
    """Of a version, which never changes."""
    return load(engine, campaign, version).rules.similar_accounts


_models: dict[str, Vectoriser] = {}
MOST_MODELS: Final = 8
"""That a process keeps, of a few megabytes each."""


def _model(connection: Connection, build: int, key: str) -> Vectoriser:
    """The model of a build, kept by its content. Raises PermanentError where it is not what was stored."""
    if key not in _models:
        builds = similar_account_builds.c
        stored = connection.scalar(select(builds.model).where(builds.build_id == build))
        if stored is None or model_key(stored) != key:
            raise PermanentError(
                "the model of similar accounts is not the one that was stored: materialize similar_accounts again"
            )
        if len(_models) >= MOST_MODELS:
            _models.pop(next(iter(_models)))
        _models[key] = Vectoriser.from_bytes(stored)
    return _models[key]


def _columns(rules: SimilarityRules) -> list[str]:
    return list(dict.fromkeys([*columns_holding(rules.words), "received_at", *COMPARED]))


def _said_of(
    connection: Connection, campaign: str, lead_id: str, as_of: date, rules: SimilarityRules
) -> dict[str, Any]:
    """The lead's latest row of a day before; nothing where there is none, or no company in it."""
    columns = [name for name in _columns(rules) if name not in ("lead_id", "received_at")]
    rows = connection.execute(
        lead_rows(enriched_leads, columns, campaign, lead_id, as_of - timedelta(days=1))
    ).all()
    row = rows[-1] if rows else None
    if row is None or (row.company_domain is None and row.company_key is None):
        return {}
    return dict(row._mapping)


def _texts(said: Mapping[str, Any], rules: SimilarityRules) -> pd.DataFrame:
    row = pd.DataFrame([{name: said.get(name) for name in (*COMPARED, *said)}])
    texts = row.drop(columns="company_size").astype("str").where(row.notna())
    size = pd.to_numeric(row["company_size"], errors="coerce")
    if isinstance(said.get("custom"), dict):
        texts["custom"] = pd.Series([json.dumps(said["custom"])], dtype="str")
    return texts_of(texts.assign(company_size=size), pd.Series([0]), rules.words)


def _stored_vector(connection: Connection, build: int, said: Mapping[str, Any]) -> Vector | None:
    """The company's own, where the build has it: it rests on all its leads, and is there already."""
    table, vectors = companies_table.c, similar_account_vectors.c
    if said.get("company_domain"):
        is_it = table.domain == said["company_domain"]
    else:
        is_it = and_(table.domain.is_(None), table.name_key == said.get("company_key"))
    stored = connection.scalar(
        select(vectors.embedding)
        .join(
            companies_table,
            and_(table.build_id == vectors.build_id, table.account_number == vectors.account_number),
        )
        .where(table.build_id == build, is_it)
    )
    return None if stored is None else from_text(stored)


def _own(
    connection: Connection, build: int, campaign: str, lead_id: str | None, said: Mapping[str, Any]
) -> list[int]:
    """The numbers of the company itself, by domain, by name, and by the account that the lead belongs to now."""
    table = companies_table.c
    names, domains = {said.get("company_key")}, {said.get("company_domain")}
    if lead_id is not None:
        known = connection.execute(
            select(accounts.c.name_key, accounts.c.domain).join(
                account_leads,
                and_(
                    account_leads.c.account_id == accounts.c.account_id,
                    account_leads.c.campaign == campaign,
                    account_leads.c.lead_id == lead_id,
                ),
            )
        ).all()
        names |= {row.name_key for row in known}
        domains |= {row.domain for row in known}
    found = select(table.account_number).where(
        table.build_id == build,
        or_(table.domain.in_(_known(domains)), table.name_key.in_(_known(names))),
    )
    return list(connection.scalars(found))


def _known(values: set[Any]) -> list[str]:
    return sorted(str(value) for value in values if value)


def _nearest(
    connection: Connection, asked: _Question, vector: Vector, own: Sequence[int], said: Mapping[str, Any]
) -> list[SimilarAccount]:
    vectors, table = similar_account_vectors.c, companies_table.c
    # Bound as a vector: a cast of text would be worked out again for every row.
    distance = cast(vectors.embedding.op("<=>")(literal(as_text(vector), vectors.embedding.type)), Double)
    where = [
        vectors.build_id == asked.build,
        vectors.is_open.in_(asked.are_open),
        vectors.account_number.not_in(own),
    ]
    if not asked.looks_at_all:
        where.append(vectors.cell == any_(literal(asked.model.cells_near(vector), ARRAY(SmallInteger))))
    near = (
        select(vectors.account_number, distance.label("distance"))
        .where(*where)
        .order_by("distance", vectors.account_number)
        .limit(asked.k)
        .subquery()
    )
    rows = connection.execute(
        select(near.c.distance, companies_table)
        .join_from(near, companies_table, table.account_number == near.c.account_number)
        .where(table.build_id == asked.build)
        .order_by(near.c.distance, near.c.account_number)
    )
    return [
        SimilarAccount(
            account=row.domain or row.name_key,
            name=row.name,
            likeness=round(min(max(1 - row.distance, 0.0), 1.0), 4),
            outcome=row.outcome,
            ended_on=row.ended_on,
            value=row.value,
            shares=shared_by(said, row._asdict()),
        )
        for row in rows
    ]


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=UTC)
