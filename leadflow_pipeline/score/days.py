"""The days of the score stage: who is due on them, what is read of these leads, and the plan called on it.

What belongs here: reading, and calling the plan; whoever scores days (the asset, a replay, the training of a model)
does it here. What does not: any rule, Dagster's part (`assets`). A door that only reads.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.lead_fields import columns_holding, with_custom_fields
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.score import passing_time
from leadflow_pipeline.score.cooling import rows_that_cool
from leadflow_pipeline.score.learned import Champions
from leadflow_pipeline.score.model_registry import champions, load_model
from leadflow_pipeline.score.opinion.voice import Opinions
from leadflow_pipeline.score.plan import Terms, fields_read, plan_features, plan_scored
from leadflow_pipeline.score.rules import ScoreRules
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.channel_credits import read_credits
from leadflow_pipeline.store.cooling import read_cooling
from leadflow_pipeline.store.facts import (
    read_days_with_news,
    read_events,
    read_leads_active_on,
    read_opinions,
)
from leadflow_pipeline.store.partitions import as_of, latest_before, read_partitions

KEY = ["lead_id", "day"]
LEADS_WORTH_NAMING = 50_000
"""From so many due leads on, reading the campaign's whole history is quicker than naming them all."""


def score_days(
    engine: Engine,
    partitions: PartitionRange,
    due: pd.DataFrame,
    campaign: Campaign,
    model: str | None = None,
) -> pd.DataFrame:
    """Scores the due leads of a range of days by a campaign's rules and each day's champion; writes nothing.

    `model` names another than the champions: a version, or `none` for the rules alone.
    """
    models = read_champions(engine, partitions, campaign, model)
    fields = fields_read(campaign.ideal_customer_profile, campaign.scoring) | models.fields
    terms = replace(
        _terms(engine, partitions, campaign),
        champions=models,
        opinions=_opinions(engine, partitions, campaign),
    )
    return plan_scored(
        with_custom_fields(due, fields),
        _events_of(engine, partitions, due["lead_id"]),
        _last_temperatures(engine, partitions, due["lead_id"]),
        terms,
    )


def feature_days(engine: Engine, partitions: PartitionRange, campaign: Campaign) -> pd.DataFrame:
    """What a conversion model may know of each lead that is scored on these days, indexed by (day, lead_id), sorted.

    Features are as of the end of the day and by the rules alone, whatever model scored the day. Days that are not
    enriched have no rows.
    """
    enriched = read_partitions(engine, schema.enriched_leads, partitions.campaign, partitions.days)
    due = due_leads(engine, partitions, enriched, campaign.scoring)
    return plan_features(
        with_custom_fields(due, campaign.custom_fields),
        _events_of(engine, partitions, due["lead_id"]),
        _last_temperatures(engine, partitions, due["lead_id"]),
        _terms(engine, partitions, campaign),
        campaign.conversion.excluded,
    )


def read_champions(
    engine: Engine, partitions: PartitionRange, campaign: Campaign, model: str | None = None
) -> Champions:
    """The models that score a range of days, each day's own unless one is named."""
    by_day = champions(engine, partitions.campaign, partitions.days, model)
    versions = sorted({version for version in by_day.values() if version is not None})
    models = {version: load_model(engine, partitions.campaign, version) for version in versions}
    return Champions(campaign.conversion.weight, models, by_day)


def _opinions(engine: Engine, partitions: PartitionRange, campaign: Campaign) -> Opinions:
    if campaign.opinion is None:
        return Opinions()
    said = read_opinions(engine, partitions.campaign, before=partitions.as_of)
    return Opinions(said, campaign.opinion.share)


def _terms(engine: Engine, partitions: PartitionRange, campaign: Campaign) -> Terms:
    """What the campaign says, and what attribution taught by the end of the range where it scores by that."""
    scores_by_credits = campaign.scoring.credit_of_sources is not None
    return Terms(
        campaign.ideal_customer_profile,
        campaign.scoring,
        {source.name: source.channel for source in campaign.sources},
        read_credits(engine, partitions.campaign, partitions.last_day) if scores_by_credits else None,
    )


def due_leads(
    engine: Engine,
    partitions: PartitionRange,
    enriched: pd.DataFrame,
    rules: ScoreRules,
    *,
    with_opinions: bool = False,
) -> pd.DataFrame:
    """One row for each lead and day to score, with what is known of the lead at the end of that day.

    Due are the leads enriched on the day, and those known by then of whom there is news: they did something, a
    person's decision about them began or expired, or nothing happened and because of that their points change or they
    cool on that day (`is_new` is false for them). Where the campaign asks for opinions, one that came in is news too.
    """
    in_the_news = read_days_with_news(
        engine, partitions.campaign, partitions.days, with_opinions=with_opinions
    )
    changed = _changed_by_time(engine, partitions, rules)
    elsewhere = pd.concat([in_the_news, changed]).drop_duplicates()
    matched = elsewhere.merge(enriched[KEY], on=KEY, how="left", indicator=True)
    elsewhere = matched.loc[matched["_merge"] == "left_only", KEY]
    due = pd.concat([enriched, _returning(engine, partitions, elsewhere)], ignore_index=True)
    silent = _silent(engine, partitions, due[KEY], rules)
    if silent.empty:
        return due
    return pd.concat([due, _returning(engine, partitions, silent)], ignore_index=True)


def _returning(engine: Engine, partitions: PartitionRange, keys: pd.DataFrame) -> pd.DataFrame:
    """Leads known before, with what was known of them at the end of the day of each key."""
    known = as_of(engine, schema.enriched_leads, partitions.campaign, keys)
    return known.drop(columns="as_of_day").assign(is_new=False).astype({"is_new": "boolean"})


def _changed_by_time(engine: Engine, partitions: PartitionRange, rules: ScoreRules) -> pd.DataFrame:
    """The leads whose points change on a day of the range because time passes: `lead_id` and `day`, each once.

    Among them may be some with news on that day, and some that are not known yet.
    """
    campaign, days = partitions.campaign, partitions.days
    delays = passing_time.delays(rules)
    event_days = sorted({day - timedelta(days=delay) for delay in delays for day in days})
    behaviours = sorted(frozenset().union(*delays.values()))
    asked = read_leads_active_on(engine, campaign, event_days, behaviours)
    looked_at, of_fields = [], []
    for day in passing_time.turning_days(rules, days):
        conditions = [condition.field for condition in passing_time.fields_that_turn(rules, day)]
        known = latest_before(
            engine,
            schema.enriched_leads,
            campaign,
            day + timedelta(days=1),
            columns=columns_holding(conditions),
        )
        concerned = passing_time.leads_of_fields(with_custom_fields(known, conditions), day, rules)
        of_fields.append(_on(concerned, day))
        if passing_time.behaviours_turn(rules, day):
            looked_at.append(_on(known["lead_id"], day))
    turning = pd.concat([_on(asked.head(0), partitions.first_day), *looked_at], ignore_index=True)
    of_behaviours = turning
    if len(asked) or len(turning):
        lead_ids = pd.concat([asked, turning["lead_id"]], ignore_index=True).drop_duplicates()
        events = _events_of(engine, partitions, lead_ids)
        of_behaviours = passing_time.rows_of_behaviours(events, asked, days, turning, rules)
    return pd.concat([of_behaviours, *of_fields], ignore_index=True).drop_duplicates(ignore_index=True)


def _on(lead_ids: pd.Series, day: date) -> pd.DataFrame:
    rows = pd.DataFrame({"lead_id": lead_ids.astype("str"), "day": pd.Timestamp(day)})
    return rows.astype({"day": "datetime64[us]"})


def _silent(engine: Engine, partitions: PartitionRange, due: pd.DataFrame, rules: ScoreRules) -> pd.DataFrame:
    """The leads that cool on a day of the range without news on it: `lead_id` and `day`."""
    stored = read_cooling(engine, partitions.campaign, partitions.first_day, partitions.last_day)
    has_room = len(partitions.days) > 1  # a lead scored on a day before the last can cool on a later one
    if stored.empty and not has_room:
        return due.head(0)
    lead_ids = pd.concat([due["lead_id"], stored["lead_id"]], ignore_index=True)
    asked = lead_ids if has_room else lead_ids.head(0)
    return rows_that_cool(
        due,
        stored,
        _events_of(engine, partitions, asked),
        _last_temperatures(engine, partitions, asked),
        rules,
        pd.Timestamp(partitions.last_day),
    )


def _events_of(engine: Engine, partitions: PartitionRange, lead_ids: pd.Series) -> pd.DataFrame:
    return read_events(
        engine,
        partitions.campaign,
        before=partitions.as_of,
        lead_ids=lead_ids if len(lead_ids) < LEADS_WORTH_NAMING else None,
        columns=["lead_id", "behaviour", "occurred_at", "is_machine"],
    )


def _last_temperatures(engine: Engine, partitions: PartitionRange, lead_ids: pd.Series) -> pd.DataFrame:
    return latest_before(
        engine,
        schema.scored_leads,
        partitions.campaign,
        partitions.first_day,
        lead_ids=lead_ids,
        columns=["lead_id", "temperature"],
    )
