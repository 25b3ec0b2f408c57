"""What was asked of vendors and what they said, read for enrichment; and who comes back because of it.

What belongs here: reading the facts of a campaign under the leads that today's rows know them by. What does not: asking
(`ordering`), and what an answer means (`answers`, `providers`). A door to the database that only reads.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Date,
    Engine,
    Select,
    Text,
    and_,
    any_,
    cast,
    func,
    literal,
    or_,
    select,
    union,
)

from leadflow_pipeline.enrich.domain_facts import KIND_OF_FACT
from leadflow_pipeline.enrich.providers import DOMAIN_COLUMNS, LOOKUP_COLUMNS, Facts
from leadflow_pipeline.enrich.rules import EnrichRules
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.facts import OPINION_PROVIDER
from leadflow_pipeline.store.partitions import as_of
from leadflow_pipeline.store.schema import domain_lookups, harvested_leads, lead_aliases, vendor_lookups

LEADS_WORTH_NAMING = 50_000
"""From so many leads on, reading a campaign's whole history is quicker than naming them all."""


def read_facts(
    engine: Engine, campaign: str, lead_ids: pd.Series, before: datetime, rules: EnrichRules
) -> Facts:
    """Everything that vendors and the network were asked about these leads before a moment, answered or not.

    Nothing is read for a campaign that declares nobody to ask.
    """
    if not rules.needs_facts:
        return Facts.none()
    lookups = _lookups(campaign, vendor_lookups.c.requested_at < before)
    if len(lead_ids) < LEADS_WORTH_NAMING:
        names = sorted(lead_ids.unique().tolist())
        lookups = lookups.where(_lead_id() == any_(literal(names, ARRAY(Text))))
    kinds = _kinds(rules)
    columns = [domain_lookups.c[name] for name in DOMAIN_COLUMNS]
    domains = select(*columns).where(
        domain_lookups.c.kind.in_(kinds),
        domain_lookups.c.finished_at < before,
        domain_lookups.c.answer.is_not(None),
    )
    with engine.connect() as connection:
        return Facts(read(connection, lookups), read(connection, domains) if kinds else Facts.none().domains)


def returning_leads(
    engine: Engine, partitions: PartitionRange, harvested: pd.DataFrame, rules: EnrichRules
) -> pd.DataFrame:
    """Leads without a record on a day of the range of whom there was an answer on it, as rows of `harvested_leads`:
    the latest by then, with the day of the answer, `is_new` false.

    An answer is one of a vendor about the lead, found or not; or a changed one of the network about the domain of an
    address that came in within `order_within_days`.
    """
    if not rules.needs_facts:
        return harvested.head(0)
    with engine.connect() as connection:
        news = read(connection, _news(partitions, rules))
    known = harvested[["lead_id", "day"]].assign(is_known=True)
    news = news.merge(known, on=["lead_id", "day"], how="left")
    keys = news.loc[news["is_known"].isna(), ["lead_id", "day"]]
    rows = as_of(engine, harvested_leads, partitions.campaign, keys)
    is_new = pd.Series(False, index=rows.index, dtype="boolean")
    return rows.assign(is_new=is_new).reindex(columns=harvested.columns)


def _lookups(campaign: str, *conditions: ColumnElement[bool]) -> Select[Any]:
    columns = [
        _lead_id().label(name) if name == "lead_id" else vendor_lookups.c[name] for name in LOOKUP_COLUMNS
    ]
    return _of_leads(select(*columns), campaign).where(*conditions).order_by(vendor_lookups.c.lookup_id)


def _of_leads(query: Select[Any], campaign: str) -> Select[Any]:
    """What was asked about leads, for values and not opinions; of an alias, from the day on which it became one, under
    its canonical lead."""
    is_alias = and_(
        lead_aliases.c.campaign == vendor_lookups.c.campaign,
        lead_aliases.c.lead_id == vendor_lookups.c.lead_id,
        or_(vendor_lookups.c.day.is_(None), lead_aliases.c.day <= vendor_lookups.c.day),
    )
    return (
        query.select_from(vendor_lookups)
        .outerjoin(lead_aliases, is_alias)
        .where(
            vendor_lookups.c.campaign == campaign,
            vendor_lookups.c.lead_id.is_not(None),
            vendor_lookups.c.provider != OPINION_PROVIDER,
        )
    )


def _lead_id() -> ColumnElement[str]:
    return func.coalesce(lead_aliases.c.alias_of, vendor_lookups.c.lead_id)


def _kinds(rules: EnrichRules) -> list[str]:
    return [KIND_OF_FACT[party.kind] for party in rules.providers if party.kind in KIND_OF_FACT]


def _news(partitions: PartitionRange, rules: EnrichRules) -> Select[Any]:
    """`(lead_id, day)` of every answer that finished on a day of the range, each once."""
    days = any_(literal(list(partitions.days), ARRAY(Date)))
    answered = _of_leads(
        select(_lead_id().label("lead_id"), vendor_lookups.c.day.label("day")), partitions.campaign
    ).where(vendor_lookups.c.day == days)
    kinds = _kinds(rules)
    parts = (
        [answered, _with_changed_domains(partitions, kinds, rules.order_within_days)] if kinds else [answered]
    )
    news = union(*parts).subquery()
    return select(news.c.lead_id, news.c.day).order_by(news.c.day, news.c.lead_id.collate("C"))


def _with_changed_domains(partitions: PartitionRange, kinds: list[str], within_days: int) -> Select[Any]:
    """Leads of the days before whose address is at a domain of which something else is known since that day."""
    facts = domain_lookups.c
    before = func.lag(cast(facts.answer, Text)).over(
        partition_by=(facts.domain, facts.kind), order_by=facts.finished_at
    )
    day = cast(func.timezone("UTC", facts.finished_at), Date)
    history = (
        select(
            facts.domain, day.label("day"), cast(facts.answer, Text).label("answer"), before.label("before")
        )
        .where(
            facts.kind.in_(kinds),
            facts.answer.is_not(None),
            facts.finished_at < partitions.as_of,
        )
        .subquery()
    )
    changed = (
        select(history.c.domain, history.c.day)
        .where(
            history.c.answer.is_distinct_from(history.c.before),
            history.c.day == any_(literal(list(partitions.days), ARRAY(Date))),
        )
        .subquery()
    )
    leads = harvested_leads.c
    domain = func.lower(func.split_part(leads.email, "@", 2))
    return select(leads.lead_id, changed.c.day.label("day")).where(
        leads.campaign == partitions.campaign,
        leads.day.between(partitions.first_day - timedelta(days=within_days), partitions.last_day),
        leads.day.between(changed.c.day - within_days, changed.c.day - 1),
        domain == changed.c.domain,
    )
