"""The door to vendors: who is asked about which lead next, within the budget, and what came of it.

What belongs here: deciding whom a lead's waterfall comes to next, ordering those questions, and carrying them out.
What does not: how a vendor is asked (`askers`), buying only once (`vendors.lookups`), and what an answer makes of a
lead, which the asset computes from the facts this door leaves behind.

A lead's waterfall goes on to a provider where everybody before it has answered (found or not) or failed, a field that
it gives is still missing, and its own conditions hold. Who is asked and silent is waited for. An answer older than its
TTL counts as none here, though the lead keeps it. Only recent leads are asked about (`order_within_days`), so a
backfill, which brings old ones, buys nothing; and nobody who asked not to be written to.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import dns.resolver
import pandas as pd
from sqlalchemy import Connection, Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.conditions import evaluate
from leadflow_pipeline.enrich.askers import asker_of, questions_of, vendor_of
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.providers import Facts
from leadflow_pipeline.enrich.recipes import recipes_of, steps_of
from leadflow_pipeline.enrich.rules import (
    ASKED_KINDS,
    CUSTOM,
    DOMAIN_KINDS,
    EnrichRules,
    Party,
    ProviderRules,
)
from leadflow_pipeline.enrich.vendor_facts import read_facts
from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.lead_fields import with_custom_fields
from leadflow_pipeline.partitions import days_between, end_of
from leadflow_pipeline.store.facts import are_not_asked_about
from leadflow_pipeline.store.partitions import read_partitions
from leadflow_pipeline.store.schema import harvested_leads
from leadflow_pipeline.vendors import domains
from leadflow_pipeline.vendors.lookups import Budget, Ordered, Question, order
from leadflow_pipeline.vendors.reporting import ProviderReport, ask_and_report, with_waiting
from leadflow_pipeline.vendors.session import VendorSession, utc_now
from leadflow_pipeline.vendors.whois import Whois

ASKED_STATES = ("planned", "on_wire", "pending")
"""States of a lookup whose answer is waited for. One of unknown fate waits for a person, and not for an answer."""


def order_and_ask(
    engine: Engine,
    campaign: str,
    leads: pd.DataFrame | None = None,
    now: Callable[[], datetime] = utc_now,
    *,
    wait: Callable[[float], None] = time.sleep,
    resolver: dns.resolver.Resolver | None = None,
) -> list[ProviderReport]:
    """Asks about the campaign's recent leads whatever is due now, and polls what is pending: a report a provider.

    `leads` are rows of `harvested_leads` that no partition holds yet (the open day's); those of the days before are
    read here. Whatever a vendor does is in the reports. Raises PermanentError for an unknown campaign.
    """
    rules = load(engine, campaign).rules.enrichment
    parties = [party for party in rules.asked if party.kind in (*ASKED_KINDS, "http")]
    if not rules.needs_facts:
        return []
    today = now().astimezone(UTC).date()
    recent = recent_leads(engine, campaign, leads, today, rules)
    of_domains = [
        _look_up_domains(engine, provider, recent, rules, now, wait, resolver)
        for provider in rules.providers
        if isinstance(provider, ProviderRules) and provider.kind in DOMAIN_KINDS
    ]
    reports = {party.name: ProviderReport(party.name) for party in parties}
    due = set(reports)  # at first everybody, because answers may be pending
    # A round for each place in the waterfall, and one for what answered at once in the last.
    for _ in range(len(parties) + 1):
        questions = next_questions(engine, campaign, recent, rules, now())
        with engine.begin() as connection:
            ordered = order(connection, questions, now())
        due |= {question.provider for question in questions}
        told = {
            party.name: _carry_out(engine, campaign, party, now, wait)
            for party in parties
            if party.name in due
        }
        reports |= {name: _joined(reports[name], report) for name, report in told.items()}
        if not ordered.copied and not any(report.has_news for report in told.values()):
            break
        due = set()
    asked_about_leads = [with_waiting(engine, campaign, report) for report in reports.values()]
    return [*of_domains, *asked_about_leads]


def recent_leads(
    engine: Engine, campaign: str, open_day: pd.DataFrame | None, today: date, rules: EnrichRules
) -> pd.DataFrame:
    """The latest row of each lead of the last `order_within_days` days, as of today; no aliases, and nobody who asked
    not to be written to."""
    first = today - timedelta(days=rules.order_within_days)
    rows = [read_partitions(engine, harvested_leads, campaign, days_between(first, today))]
    if open_day is not None and len(open_day):
        rows.append(open_day.loc[open_day["day"] >= pd.Timestamp(first)].reindex(columns=rows[0].columns))
    leads = pd.concat([part for part in rows if len(part)] or rows[:1], ignore_index=True)
    return askable_leads(engine, campaign, leads, today)


def askable_leads(engine: Engine, campaign: str, rows: pd.DataFrame, today: date) -> pd.DataFrame:
    """The latest of the rows (of `harvested_leads`) of each lead, as of today: no aliases, and nobody who asked not to
    be written to."""
    leads = rows.sort_values(["day", "received_at"], kind="stable")
    leads = leads.drop_duplicates("lead_id", keep="last", ignore_index=True)
    is_out = are_not_asked_about(engine, campaign, leads)
    # As of today: what was answered since the lead's own day counts for what is asked next.
    return leads[~is_out].assign(day=pd.Timestamp(today).as_unit("us")).reset_index(drop=True)


def order_about(
    connection: Connection, engine: Engine, campaign: str, leads: pd.DataFrame, now: datetime
) -> tuple[Ordered, dict[str, str]]:
    """Orders, in the caller's transaction, the next question about each of some leads (`askable_leads`), whenever they
    came: what came of it, and who is asked about which lead.

    Asking itself is `order_and_ask`'s, at the next round, within the budgets. A lead of more than `order_within_days`
    goes on to the next provider of its waterfall only when it is ordered again.
    """
    rules = load(engine, campaign).rules.enrichment
    if not rules.needs_facts:
        return Ordered(), {}
    questions = next_questions(engine, campaign, leads, rules, now)
    asked = {str(question.lead_id): question.provider for question in questions}
    return order(connection, questions, now), asked


def next_questions(
    engine: Engine, campaign: str, leads: pd.DataFrame, rules: EnrichRules, now: datetime
) -> list[Question]:
    """For each lead the question to the provider whose turn it is, if it is anybody's."""
    if leads.empty:
        return []
    facts = read_facts(engine, campaign, leads["lead_id"], end_of(now.astimezone(UTC).date()), rules)
    # What only an old answer tells is asked for again; the lead keeps the old answer until there is a new one.
    is_old = facts.lookups["expires_at"] <= now
    enriched = plan_enriched(leads, rules, replace(facts, lookups=facts.lookups[~is_old]))
    recipes = recipes_of(enriched, rules)
    questions = []
    for recipe in recipes.drop_duplicates():
        is_under = recipes.isna() if pd.isna(recipe) else recipes == recipe
        undecided = enriched[is_under]
        for party in steps_of(None if pd.isna(recipe) else recipe, rules):
            if party.kind in (*ASKED_KINDS, "http"):
                asked, undecided = _turn_of(party, undecided, facts, campaign, now)
                questions += asked
    return questions


def _turn_of(
    party: Party, leads: pd.DataFrame, facts: Facts, campaign: str, now: datetime
) -> tuple[list[Question], pd.DataFrame]:
    """The questions to one provider about leads whose waterfall has come to it, and the leads that go on to another."""
    lookups = facts.lookups[facts.lookups["provider"] == party.name]
    waits = set(lookups.loc[lookups["state"].isin(ASKED_STATES), "lead_id"])
    is_good = lookups["finished_at"].notna() & ~(lookups["expires_at"] <= now)
    spoken = set(lookups.loc[is_good | (lookups["state"] == "unknown"), "lead_id"])
    is_waiting = leads["lead_id"].isin(waits)
    candidates = leads[~is_waiting & ~leads["lead_id"].isin(spoken)]
    candidates = candidates[_wants(party, candidates)]
    asked = questions_of(party, candidates)
    is_asked = asked.question.notna()
    questions = [
        Question(campaign, party.name, vendor_of(party), subject, json.loads(question), lead_id=lead_id)
        for lead_id, subject, question in zip(
            candidates.loc[is_asked, "lead_id"],
            asked.subject[is_asked],
            asked.question[is_asked],
            strict=True,
        )
    ]
    is_settled = is_waiting | leads.index.isin(candidates.index[is_asked])
    return questions, leads[~is_settled]


def _wants(party: Party, leads: pd.DataFrame) -> pd.Series:
    """Whether a field that the party gives is missing, and its conditions hold."""
    known = with_custom_fields(leads, [*party.gives, *(condition.field for condition in party.ask_when)])
    wants = pd.Series(False, index=leads.index)
    for field in party.gives:
        wants |= _is_missing(known, field)
    for condition in party.ask_when:
        wants &= evaluate(condition, known).fillna(False).astype(bool)
    return wants


def _is_missing(leads: pd.DataFrame, field: str) -> pd.Series:
    if field == "email_verdict":
        return leads["email"].notna() & leads["email_is_catch_all"].isna()
    if field.startswith(CUSTOM) and field not in leads.columns:
        return pd.Series(True, index=leads.index)
    return leads[field].isna()


def _carry_out(
    engine: Engine,
    campaign: str,
    party: Party,
    now: Callable[[], datetime],
    wait: Callable[[float], None],
) -> ProviderReport:
    return ask_and_report(
        engine,
        lambda: asker_of(engine, party, now, wait),
        campaign=campaign,
        provider=party.name,
        budget=Budget(party.budget.calls, party.budget.credits, party.budget.leads),
        now=now,
        answer_ttl=timedelta(days=party.answer_ttl_days),
        not_found_ttl=timedelta(days=party.not_found_ttl_days),
    )


def _joined(before: ProviderReport, after: ProviderReport) -> ProviderReport:
    """Two rounds of one provider: counts add up, the later problem counts."""
    added = ("asked", "answered", "not_found", "failed", "credits")
    return replace(
        after,
        **{name: getattr(before, name) + getattr(after, name) for name in added},
        problem=after.problem or before.problem,
        deferred_until=after.deferred_until or before.deferred_until,
    )


def _look_up_domains(
    engine: Engine,
    provider: ProviderRules,
    leads: pd.DataFrame,
    rules: EnrichRules,
    now: Callable[[], datetime],
    wait: Callable[[float], None],
    resolver: dns.resolver.Resolver | None,
) -> ProviderReport:
    """Asks the network about the domains of the leads, as far as they are not known."""
    enriched = plan_enriched(leads, rules)
    try:
        if provider.kind == "mail_servers":
            source = resolver if resolver is not None else domains.system_resolver()
            done = domains.look_up_domains(engine, "mx", _distinct(enriched["email_domain"]), source, now)
        else:
            base_url = provider.base_url or domains.RDAP_URL
            session = VendorSession(
                engine, domains.RDAP_VENDOR, base_url, rate=domains.RDAP_RATE, now=now, wait=wait
            )
            directory = provider.whois_server
            whois = Whois(engine, directory, now=now, wait=wait) if directory is not None else None
            done = domains.look_up_domains(
                engine, "registration", _distinct(enriched["company_domain"]), session, now, whois=whois
            )
    except LeadflowError as error:
        return ProviderReport(provider.name, problem=str(error))
    problem = (
        f"{done.failed} domains could not be looked up: they are asked again later" if done.failed else None
    )
    return ProviderReport(
        provider.name,
        asked=done.answered + done.failed,
        answered=done.answered,
        failed=done.failed,
        waiting=done.left,
        deferred_until=done.deferred_until,
        problem=problem,
    )


def _distinct(names: pd.Series) -> Iterable[str]:
    known: list[str] = names.dropna().unique().tolist()
    return known
