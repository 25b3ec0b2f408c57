"""What is known of leads whose owners are told now: the facts that briefs are made of.

What belongs here: reading them, many leads at once. What does not: words (`brief`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, cast

import pandas as pd
from sqlalchemy import Engine, and_, select

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.brief import BriefFacts, SimilarAccount
from leadflow_pipeline.delivery.decided_at_once import answers_decided
from leadflow_pipeline.delivery.newcomers import newcomers
from leadflow_pipeline.delivery.tokens import clean
from leadflow_pipeline.route.rules import Tier
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.schema import (
    engagement_events,
    enriched_leads,
    outcomes,
    routed_leads,
    scored_leads,
    suppressions,
)
from leadflow_pipeline.store.suppressions import stands

DAYS_LOOKED_BACK: Final = 30
MOST_OUTCOMES: Final = 500
"""The latest so many, among which similar accounts are looked for."""

LEAD_COLUMNS: Final = [
    "lead_id", "email", "phone", "first_name", "last_name", "full_name", "company", "company_key", "company_size",
    "size_band", "job_title", "seniority", "department", "is_decision_maker", "industry", "city", "region",
    "country", "language", "budget", "source", "recent_job_change", "company_funded_recently", "company_hiring",
    "custom",
]  # fmt: skip
SCORE_COLUMNS: Final = [
    "lead_id", "icp_fit", "engagement", "temperature", "conversion_probability", "score", "reasons",
]  # fmt: skip
ROUTE_COLUMNS: Final = ["lead_id", "tier", "sequence"]

SimilarAccounts = Callable[[Engine, Campaign, pd.DataFrame, datetime], Mapping[str, Sequence[SimilarAccount]]]
"""Accounts like those of some enriched leads that have an end: lead_id -> the most alike first."""


def facts_of_leads(
    engine: Engine,
    campaign: Campaign,
    lead_ids: Sequence[str],
    now: datetime,
    similar: SimilarAccounts | None = None,
) -> dict[str, BriefFacts]:
    """The facts of each of these leads that the campaign knows, as of now: by its days, and of those that no day has
    computed yet by their records.
    """
    wanted = pd.Series(sorted(set(lead_ids)), dtype="str")
    tomorrow = (now + timedelta(days=1)).date()

    def latest(table: Any, columns: list[str]) -> pd.DataFrame:
        return latest_before(engine, table, campaign.campaign, tomorrow, lead_ids=wanted, columns=columns)

    enriched, scored = latest(enriched_leads, LEAD_COLUMNS), latest(scored_leads, SCORE_COLUMNS)
    routes = _by_lead(latest(routed_leads, ROUTE_COLUMNS))
    if missing := set(wanted) - set(enriched["lead_id"]):
        for new in newcomers(engine, campaign, missing, now):
            enriched = pd.concat([enriched, new.enriched[LEAD_COLUMNS]], ignore_index=True)
            scored = pd.concat([scored, new.scored[SCORE_COLUMNS]], ignore_index=True)
    if unrouted := {lead for lead in wanted if lead not in routes or routes[lead]["tier"] is None}:
        with engine.connect() as connection:
            routes |= answers_decided(connection, campaign.campaign, unrouted)
    leads, scores = _by_lead(enriched), _by_lead(scored)
    events = _events(engine, campaign.campaign, wanted, now)
    unwilling = _unwilling(engine, campaign.campaign, enriched, now)
    alike = (similar or same_industry_and_size)(engine, campaign, enriched, now)
    return {
        lead_id: BriefFacts(
            lead,
            _with_list(scores.get(lead_id)),
            routes.get(lead_id),
            _goal(campaign, routes.get(lead_id)),
            campaign.currency,
            now,
            events.get(lead_id, ()),
            DAYS_LOOKED_BACK,
            lead_id not in unwilling,
            alike.get(lead_id, ()),
            _custom(lead["custom"]),
        )
        for lead_id, lead in leads.items()
    }


def _by_lead(rows: pd.DataFrame) -> dict[str, dict[str, Any]]:
    plain = rows.astype(object).where(rows.notna(), None)
    found = cast("list[dict[str, Any]]", plain.to_dict("records"))
    return {row["lead_id"]: row for row in found}


def same_industry_and_size(
    engine: Engine, campaign: Campaign, leads: pd.DataFrame, now: datetime
) -> dict[str, list[SimilarAccount]]:
    """Companies of the same industry and size band among the campaign's latest outcomes, the latest first."""
    kinds = leads[leads["industry"].notna() & leads["size_band"].notna()]
    if kinds.empty:
        return {}
    ended = (
        select(outcomes.c.lead_id, outcomes.c.outcome, outcomes.c.occurred_at)
        .where(
            outcomes.c.campaign == campaign.campaign,
            outcomes.c.outcome.in_(("won", "lost")),
            outcomes.c.occurred_at <= now,
        )
        .order_by(outcomes.c.occurred_at.desc(), outcomes.c.lead_id)
        .limit(MOST_OUTCOMES)
    )
    with engine.connect() as connection:
        ends = read(connection, ended)
    if ends.empty:
        return {}
    tomorrow = (now + timedelta(days=1)).date()
    columns = ["lead_id", "company", "company_key", "industry", "size_band"]
    known = latest_before(
        engine, enriched_leads, campaign.campaign, tomorrow, lead_ids=ends["lead_id"], columns=columns
    )
    accounts = ends.merge(known[known["company"].notna()], on="lead_id")
    accounts = accounts.drop_duplicates("company_key")
    pairs = kinds[["lead_id", "industry", "size_band", "company_key"]].merge(
        accounts, on=["industry", "size_band"], suffixes=("", "_of_other")
    )
    pairs = pairs[pairs["company_key"].ne(pairs["company_key_of_other"]).fillna(value=True)]
    alike: dict[str, list[SimilarAccount]] = {}
    for row in pairs.groupby("lead_id").head(3).to_dict("records"):
        account = SimilarAccount(
            row["company"], row["outcome"], row["occurred_at"].date(), "same industry and size"
        )
        alike.setdefault(row["lead_id"], []).append(account)
    return alike


def _events(
    engine: Engine, campaign: str, lead_ids: pd.Series, now: datetime
) -> dict[str, list[tuple[str, datetime]]]:
    table = engagement_events.c
    query = (
        select(table.lead_id, table.behaviour, table.occurred_at)
        .where(
            table.campaign == campaign,
            table.lead_id.in_(lead_ids.tolist()),
            ~table.is_machine,
            table.occurred_at.between(now - timedelta(days=DAYS_LOOKED_BACK), now),
        )
        .order_by(table.occurred_at, table.event_id)
    )
    found: dict[str, list[tuple[str, datetime]]] = {}
    with engine.connect() as connection:
        for lead_id, behaviour, at in connection.execute(query).tuples():
            found.setdefault(lead_id, []).append((behaviour, at.astimezone(UTC)))
    return found


def _unwilling(engine: Engine, campaign: str, leads: pd.DataFrame, now: datetime) -> set[str]:
    """Leads whose address is not to be written to."""
    keys = address_keys(leads["email"])
    query = select(suppressions.c.subject).where(
        and_(
            suppressions.c.scope == "address",
            suppressions.c.campaign.in_(("", campaign)),
            stands(now),
            suppressions.c.subject.in_(keys.dropna().tolist()),
        )
    )
    with engine.connect() as connection:
        suppressed = set(connection.scalars(query))
    return set(leads.loc[keys.isin(suppressed), "lead_id"])


def _goal(campaign: Campaign, route: Mapping[str, Any] | None) -> str:
    tier = route["tier"] if route is not None else None
    return campaign.routing.sequence_of(Tier(tier)).goal if tier else "find out what they need"


def _with_list(score: dict[str, Any] | None) -> dict[str, Any] | None:
    """A row whose reasons are a list, not JSON text."""
    if score is None or not isinstance(score["reasons"], str):
        return score
    return {**score, "reasons": json.loads(score["reasons"])}


def _custom(custom: Any) -> dict[str, str]:
    fields = json.loads(custom) if isinstance(custom, str) else dict(custom or {})
    cleaned = {name: clean(value) for name, value in fields.items()}
    return {name: value or "" for name, value in cleaned.items()}
