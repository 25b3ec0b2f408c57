"""The door to a language model: of which recent leads its opinion is asked, and having it asked within the budget.

What belongs here: whom to ask about, and the asker. What does not: what is shown (`question`), the wire
(`vendors.language_model`), buying once (`vendors.lookups`), and what an opinion is worth (`voice`).

Asked about are leads whose day has been computed, so that what providers said is shown too, and whose record came in
within `enrichment.order_within_days`: a backfill asks nothing. Each lead is asked about once until its answer expires,
whatever the answer was; leads of whom the same is shown share one question.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import Campaign, load
from leadflow_pipeline.conditions import evaluate
from leadflow_pipeline.lead_fields import with_custom_fields
from leadflow_pipeline.partitions import days_between
from leadflow_pipeline.score.opinion.question import campaign_message, shown, subject_of
from leadflow_pipeline.score.opinion.rules import OpinionRules
from leadflow_pipeline.settings import secret
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.facts import OPINION_PROVIDER, are_not_asked_about
from leadflow_pipeline.store.partitions import read_partitions
from leadflow_pipeline.store.schema import enriched_leads, vendor_lookups
from leadflow_pipeline.vendors import language_model
from leadflow_pipeline.vendors.limits import Budget
from leadflow_pipeline.vendors.lookups import Question, order
from leadflow_pipeline.vendors.questions import Answer
from leadflow_pipeline.vendors.reporting import MOST_AT_ONCE, ProviderReport, ask_and_report, with_waiting
from leadflow_pipeline.vendors.session import VendorSession, utc_now

CONNECT_SECONDS = 5.0
NOT_SHOWN_ALONE = ("source",)
"""Fields that every lead has, so that knowing them is knowing nothing of a lead."""


def ask_opinions(
    engine: Engine,
    campaign: str,
    now: Callable[[], datetime] = utc_now,
    *,
    wait: Callable[[float], None] = time.sleep,
) -> list[ProviderReport]:
    """Asks for opinions of recent leads, within the day's budget: one report, or none where the campaign asks nobody.

    Whatever the model does is in the report. Raises PermanentError for an unknown campaign.
    """
    rules = load(engine, campaign).rules
    opinion = rules.opinion
    if opinion is None:
        return []
    at = now()
    questions = next_questions(engine, rules, opinion, at)
    with engine.begin() as connection:
        order(connection, questions, at)
    lifetime = timedelta(days=opinion.valid_for_days)
    report = ask_and_report(
        engine,
        lambda: OpinionAsker(engine, opinion, now, wait),
        campaign=campaign,
        provider=OPINION_PROVIDER,
        budget=Budget(opinion.budget.calls, opinion.budget.credits, None),
        now=now,
        answer_ttl=lifetime,
        not_found_ttl=lifetime,
    )
    return [with_waiting(engine, campaign, report)]


def next_questions(engine: Engine, campaign: Campaign, rules: OpinionRules, now: datetime) -> list[Question]:
    """The questions about leads that may be asked about now, the newest leads first; no more than can wait at once."""
    lookups = _lookups(engine, campaign.campaign)
    is_open = lookups["finished_at"].isna()
    room = MOST_AT_ONCE - int((is_open & (lookups["state"] != "unknown")).sum())
    if room <= 0:
        return []
    is_good = ~is_open & ~(lookups["expires_at"] <= now)
    is_bound = is_open | is_good if rules.when_changed == "wait" else is_open
    leads = _recent_leads(engine, campaign, now.astimezone(UTC).date())
    leads = leads[~leads["lead_id"].isin(lookups.loc[is_bound, "lead_id"])]
    leads = leads[_wanted(leads, rules)]
    system = campaign_message(campaign.goal.description, campaign.ideal_customer_profile)
    questions = [
        Question(
            campaign.campaign,
            OPINION_PROVIDER,
            vendor_of(rules),
            subject_of(rules.model, system, lead),
            {"system": system, "lead": lead},
            lead_id=lead_id,
        )
        for lead_id, lead in zip(leads["lead_id"], shown(leads, rules.fields), strict=True)
        if set(lead) - set(NOT_SHOWN_ALONE)
    ]
    return questions[:room]


def vendor_of(rules: OpinionRules) -> str:
    """Under which name answers of this model's API are kept."""
    return f"language model of {rules.host}"


class OpinionAsker:
    """One lead in one request. An answer that is none was asked for and paid like any other."""

    most_at_once = 1

    def __init__(
        self,
        engine: Engine,
        rules: OpinionRules,
        now: Callable[[], datetime] = utc_now,
        wait: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises PermanentError where the environment lacks the key."""
        self.vendor = vendor_of(rules)
        self.is_repeatable = rules.is_repeatable
        self.credits_at_most = rules.credits_per_call
        key = secret(rules.key_from) if rules.key_from is not None else None
        session = VendorSession(
            engine,
            self.vendor,
            rules.endpoint,
            headers=language_model.headers(key),
            timeout=(CONNECT_SECONDS, rules.timeout_seconds),
            now=now,
            wait=wait,
        )
        self._model = language_model.LanguageModel(
            session, self.vendor, rules.model, is_repeatable=rules.is_repeatable
        )

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer]:
        """The opinion of one lead, or why there is none."""
        said = self._model.opinion(questions[0]["system"], questions[0]["lead"])
        if isinstance(said, language_model.NoOpinion):
            return [Answer(None, self.credits_at_most, said.problem)]
        return [Answer({"score": said.score, "why": said.why}, self.credits_at_most)]

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> None:
        """A model answers at once: there is nothing to collect."""


def _lookups(engine: Engine, campaign: str) -> pd.DataFrame:
    """What was asked for opinions in a campaign, ever."""
    table = vendor_lookups.c
    names = ("lead_id", "state", "finished_at", "expires_at")
    query = select(*(table[name] for name in names)).where(
        table.campaign == campaign, table.provider == OPINION_PROVIDER, table.lead_id.is_not(None)
    )
    with engine.connect() as connection:
        return read(connection, query)


def _recent_leads(engine: Engine, campaign: Campaign, today: date) -> pd.DataFrame:
    """The latest enriched row of each lead whose record came in within `order_within_days`, the newest record first."""
    first = today - timedelta(days=campaign.enrichment.order_within_days)
    leads = read_partitions(engine, enriched_leads, campaign.campaign, days_between(first, today))
    leads = leads[leads["received_at"] >= pd.Timestamp(first, tz="UTC")]
    leads = leads.sort_values(["day", "lead_id"], kind="stable")
    leads = leads.drop_duplicates("lead_id", keep="last", ignore_index=True)
    leads = leads[~are_not_asked_about(engine, campaign.campaign, leads)]
    return leads.sort_values("received_at", ascending=False, kind="stable", ignore_index=True)


def _wanted(leads: pd.DataFrame, rules: OpinionRules) -> pd.Series[bool]:
    known = with_custom_fields(leads, [condition.field for condition in rules.ask_when])
    wanted = pd.Series(True, index=leads.index)
    for condition in rules.ask_when:
        wanted &= evaluate(condition, known).fillna(False).astype(bool)
    return wanted
