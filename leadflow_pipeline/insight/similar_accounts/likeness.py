"""Asking for companies like one: a door to the database that only reads, by the latest build as of a day.

What belongs here: what is known of the company asked about, and finding its neighbours. What does not: making builds
(`builds`), what is compared (`companies`), and how (`vectors`).

A question reads one state of the database from beginning to end, whatever is built meanwhile.

How neighbours are found, on 100,000 companies and 2 cores: comparing all of them in SQL takes 40 ms; an HNSW index
answers in 1.5 ms, but takes 20 s to make for every build, and would find too little where several builds of several
campaigns lie in it and one is asked. So companies lie in cells, and a question compares exactly those in the cells near
it: 4 ms of the 13 that a question takes in all, and 99.5 % of the true neighbours (`benchmarks.similar_accounts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import ARRAY, Connection, Double, Engine, SmallInteger, and_, any_, cast, literal, or_, select

from leadflow_pipeline.company_names import tidied
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.lead_rows import lead_rows
from leadflow_pipeline.insight.similar_accounts.companies import (
    COMPARED,
    columns_compared,
    shared_by,
    texts_of,
)
from leadflow_pipeline.insight.similar_accounts.kept_models import latest_build, model_of, rules_of
from leadflow_pipeline.insight.similar_accounts.rules import SimilarityRules
from leadflow_pipeline.insight.similar_accounts.vectors import MOST_COMPARED_WHOLE, Vectoriser
from leadflow_pipeline.store.schema import account_leads, accounts, enriched_leads, similar_account_vectors
from leadflow_pipeline.store.schema import (
    similar_accounts as companies_table,
)
from leadflow_pipeline.store.vectors import Vector, as_text, from_text


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


def described(**fields: Any) -> dict[str, Any]:
    """A company as `similar_accounts` is asked about it, from fields of leads; known by its domain and folded name."""
    said = {name: value for name, value in fields.items() if value is not None}
    if said.get("company_domain"):
        said["company_domain"] = str(said["company_domain"]).strip().casefold()
    if said.get("company"):
        key = tidied(pd.Series([said["company"]], dtype="str"))["company_key"].iloc[0]
        said |= {} if pd.isna(key) else {"company_key": key}
    return said


def described_in_words(text: str) -> dict[str, Any]:
    """A company of which somebody says in free words what it does, is called, or what people there are called."""
    return dict.fromkeys(("industry", "company", "job_title"), text)


def is_known(engine: Engine, campaign: str, lead_id: str) -> bool:
    """Whether a campaign has a lead."""
    leads = enriched_leads.c
    query = select(leads.lead_id).where(leads.campaign == campaign, leads.lead_id == lead_id).limit(1)
    with engine.connect() as connection:
        return connection.scalar(query) is not None


def day_of_build(engine: Engine, campaign: str, as_of: date) -> date | None:
    """The day of the build that is asked, as of a day; None where there is none."""
    with engine.connect() as connection:
        build = latest_build(connection, campaign, as_of)
    return None if build is None else build.day


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
        build = latest_build(connection, campaign, as_of)
        if build is None:
            return None
        return cls(
            campaign,
            as_of,
            build.build_id,
            model_of(connection, build.build_id, build.model_key),
            rules_of(engine, campaign, build.campaign_version),
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


def _said_of(
    connection: Connection, campaign: str, lead_id: str, as_of: date, rules: SimilarityRules
) -> dict[str, Any]:
    """The lead's latest row of a day before; nothing where there is none, or no company in it."""
    columns = [name for name in columns_compared(rules.words) if name not in ("lead_id", "received_at")]
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
