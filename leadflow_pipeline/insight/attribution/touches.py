"""The door of attribution: what touched whom, what was sold and what was spent, as of a day.

What belongs here: reading, and who is one person. What does not: cutting journeys and any model.

A touch is a lead's first appearance, in its source's channel, and what it then did, in the channel that the campaign
file gives the behaviour; what a machine did is none. Leads of one campaign that are the same person, as known now,
share their touches; what the person did in other campaigns is theirs. A lead's first appearance has the moment of its
first day's last record.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import Campaign, load
from leadflow_pipeline.insight.attribution.costs import cost_table
from leadflow_pipeline.insight.attribution.journeys import Journeys, cut_into_journeys
from leadflow_pipeline.insight.attribution.models import UNATTRIBUTED, all_credits, credits_of
from leadflow_pipeline.insight.attribution.rules import AttributionRules, Model
from leadflow_pipeline.partitions import end_of
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.facts import read_events, read_outcomes
from leadflow_pipeline.store.schema import channel_spend, enriched_leads, person_leads

TOUCH = ["lead_id", "channel", "occurred_at"]


@dataclass(frozen=True)
class Attribution:
    """Who gets the credit of a campaign's conversions up to the end of a day."""

    name: str
    currency: str
    as_of: date
    rules: AttributionRules
    journeys: Journeys
    credits: pd.DataFrame
    """As `models.all_credits`."""
    leads: pd.Series
    """How many leads each channel brought."""
    spend: pd.Series
    """What each channel cost, where it is known."""

    @property
    def conversions(self) -> float:
        """All of them, those without a touch included."""
        return float(self.journeys.conversions.sum()) + self.journeys.unattributed_conversions

    @property
    def value(self) -> float:
        """What all conversions are worth."""
        return float(self.journeys.value.sum()) + self.journeys.unattributed_value

    def costs(self, model: Model | None = None) -> pd.DataFrame:
        """`costs.cost_table` under a model, the campaign's own where none is named."""
        is_of_model = self.credits["model"] == (model or self.rules.model).value
        return cost_table(self.credits[is_of_model], self.leads, self.spend)


def attribute(engine: Engine, campaign: str, as_of: date) -> Attribution:
    """Every model of a campaign. Raises PermanentError for an unknown campaign."""
    campaign_rules = load(engine, campaign).rules
    rules = campaign_rules.attribution
    first = _first_appearances(engine, campaign, as_of, campaign_rules)
    behaviours = _behaviours(engine, campaign, as_of, rules)
    journeys = _journeys(engine, campaign, as_of, rules, first, behaviours, _persons(engine, campaign))
    return Attribution(
        name=campaign_rules.name,
        currency=campaign_rules.currency,
        as_of=as_of,
        rules=rules,
        journeys=journeys,
        credits=all_credits(journeys, rules),
        leads=first.groupby("channel").size(),
        spend=_spend(engine, campaign, as_of),
    )


def source_credits(engine: Engine, campaign: str, as_of: date) -> pd.DataFrame:
    """What the score may know of sources: `channel`, `leads` and `conversions` by the campaign's own model.

    Two things differ from `attribute`, so that a day's score rests on nothing but its own campaign's past. Every lead
    is a person of its own: who is the same person is known at present only, and over all campaigns. And where a
    source's channel is a behaviour's too, what leads of all sources did in it is credited to `<channel> (later)`: it
    says nothing of the leads that the source brought. Raises PermanentError for an unknown campaign.
    """
    campaign_rules = load(engine, campaign).rules
    rules = campaign_rules.attribution
    first = _first_appearances(engine, campaign, as_of, campaign_rules)
    behaviours = _behaviours(engine, campaign, as_of, rules)
    is_shared = behaviours["channel"].isin(first["channel"].unique())
    later = behaviours.assign(
        channel=behaviours["channel"].mask(is_shared, behaviours["channel"] + " (later)").astype("str")
    )
    nobody_is_known = pd.Series(dtype="str")
    journeys = _journeys(engine, campaign, as_of, rules, first, later, nobody_is_known)
    conversions = credits_of(journeys, rules.model, rules).set_index("channel")["conversions"]
    conversions = conversions.drop(UNATTRIBUTED, errors="ignore").clip(lower=0.0)
    leads = first.groupby("channel").size().reindex(conversions.index, fill_value=0)
    credits = pd.DataFrame({"leads": leads.astype("int64"), "conversions": conversions})
    return credits.rename_axis("channel").reset_index().astype({"channel": "str"})


def _journeys(
    engine: Engine,
    campaign: str,
    as_of: date,
    rules: AttributionRules,
    first: pd.DataFrame,
    behaviours: pd.DataFrame,
    person: pd.Series,
) -> Journeys:
    outcomes = read_outcomes(engine, campaign, before=end_of(as_of))
    is_conversion = outcomes["outcome"] == rules.conversion
    touches = pd.concat([first, behaviours], ignore_index=True)
    return cut_into_journeys(
        _of_persons(touches, person),
        _of_persons(outcomes[is_conversion], person),
        rules.look_back_days,
        made_leads=_of_persons(first, person),
        meetings=_of_persons(outcomes[outcomes["outcome"] == "meeting"], person),
    )


def _first_appearances(engine: Engine, campaign: str, as_of: date, rules: Campaign) -> pd.DataFrame:
    # Enriched, because there a person whose records came as several leads is one.
    leads = enriched_leads.c
    query = select(leads.lead_id, leads.source, leads.received_at.label("occurred_at")).where(
        leads.campaign == campaign, leads.is_new, leads.day <= as_of
    )
    with engine.connect() as connection:
        found = read(connection, query)
    # A source that the campaign file no longer names keeps its name as its channel.
    channel = (
        found["source"]
        .map({source.name: source.channel for source in rules.sources})
        .fillna(found["source"])
        .astype("str")
    )
    return found.assign(channel=channel)[TOUCH]


def _behaviours(engine: Engine, campaign: str, as_of: date, rules: AttributionRules) -> pd.DataFrame:
    columns = ["lead_id", "behaviour", "occurred_at", "is_machine"]
    events = read_events(engine, campaign, before=end_of(as_of), columns=columns)
    channels = {behaviour: channel for behaviour, channel in rules.touches.items() if channel is not None}
    is_touch = ~events["is_machine"].astype(bool) & events["behaviour"].isin(list(channels))
    touches = events[is_touch]
    return touches.assign(channel=touches["behaviour"].map(channels).astype("str"))[TOUCH]


def _persons(engine: Engine, campaign: str) -> pd.Series:
    """The person of each lead that has been resolved, by lead_id."""
    leads = person_leads.c
    with engine.connect() as connection:
        found = read(connection, select(leads.lead_id, leads.person_id).where(leads.campaign == campaign))
    return found.set_index("lead_id")["person_id"]


def _of_persons(rows: pd.DataFrame, person: pd.Series) -> pd.DataFrame:
    """Rows of leads as rows of `person`; a lead that has not been resolved is a person of its own."""
    known = rows["lead_id"].map(person) if len(person) else rows["lead_id"]
    return rows.assign(person=known.fillna(rows["lead_id"]).astype("str"))


def _spend(engine: Engine, campaign: str, as_of: date) -> pd.Series:
    spend = channel_spend.c
    query = select(spend.channel, spend.amount).where(spend.campaign == campaign, spend.day <= as_of)
    with engine.connect() as connection:
        found = read(connection, query.order_by(*channel_spend.primary_key))
    return found.groupby("channel")["amount"].sum()
