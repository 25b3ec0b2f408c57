"""Leads that nobody knew, told of by whoever asks for their owner: taken in, and judged at once by the stages' plans.

What belongs here: one record on its way from a body to a lead as it stands. What does not: any rule (the stages), and
deciding. A door: it stores the record, and reads.

The record is a fact like any other of its source, with the same key and the same lead_id, so that the day's run finds
it, computes the lead with all that came in by then, and honours the owner that was decided here. No vendor is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Engine

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.vendor_facts import read_facts
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.arrivals import arrival_of
from leadflow_pipeline.harvest.door import first_moment, take_in
from leadflow_pipeline.harvest.keys import MIN_PHONE_DIGITS, USABLE_EMAIL
from leadflow_pipeline.harvest.mapping import SOURCE_KEY, keys_and_leads
from leadflow_pipeline.harvest.nested import batch_of_records
from leadflow_pipeline.harvest.normalise import digits_of
from leadflow_pipeline.harvest.plan import plan_harvested, read_records
from leadflow_pipeline.harvest.rules import Contents, SourceRules
from leadflow_pipeline.harvest.stored_records import records_naming
from leadflow_pipeline.lead_fields import CUSTOM, columns_holding, with_custom_fields
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.qualify.plan import fields_read as qualification_fields
from leadflow_pipeline.qualify.plan import plan_qualified
from leadflow_pipeline.score.days import score_days
from leadflow_pipeline.service.decisions.lead_state import LeadState
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import read_overrides
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import latest_before

SCORED = ("score", "conversion_probability", "model_version", "campaign_version")
QUALIFIED = ("status", "icp_fit")


class NoSource(PermanentError):
    """The campaign has no such source of leads, or several and none was named."""


class NoLead(PermanentError):
    """What was sent cannot become a lead."""


def source_for(version: CampaignVersion, named: str | None) -> SourceRules:
    """The source that a lead belongs to: the named one, else the only webhook, else the only source of leads.

    Raises NoSource.
    """
    of_leads = sources = [source for source in version.rules.sources if source.contents is Contents.LEADS]
    if named is not None:
        sources = [source for source in sources if source.name == named]
    elif len(hooks := [source for source in sources if getattr(source, "kind", "") == "webhook"]) == 1:
        sources = hooks
    if len(sources) != 1:
        names = ", ".join(source.name for source in of_leads) or "none yet"
        raise NoSource(f"name the source whose record it is as source: the campaign has {names}")
    return sources[0]


def take_in_newcomer(
    engine: Engine,
    version: CampaignVersion,
    source: SourceRules,
    lead: Mapping[str, Any],
    origin: str,
    now: datetime,
    *,
    store: bool = True,
) -> LeadState:
    """The lead as it stands, of this record, the others of its day and what was known of it before; the record is
    stored, unless `store` is false. The same record again changes nothing. Raises NoLead for a record that would be
    quarantined or is of somebody who asked to be forgotten, which is not stored.
    """
    campaign, day = version.campaign, now.astimezone(UTC).date()
    with engine.connect() as connection:
        first = first_moment(connection, campaign)
        record = _records(campaign, source, lead, origin, now, first)
        mapped = _readable(version, source, lead, record)
        report = take_in(connection, campaign, source, [lead], origin=origin, received_at=now)
        if report.erased:
            raise NoLead("what was sent cannot become a lead: whoever it is about asked to be forgotten")
        of_day = _of_the_same_day(connection, version, source, record, mapped)
        if store:
            connection.commit()
    previous = latest_before(engine, schema.harvested_leads, campaign, day, lead_ids=mapped["lead_id"])
    # A record that came in on another day is no news of this one.
    is_news = len(of_day) > 0
    judged = _judged(
        engine, version, plan_harvested(of_day if is_news else mapped, previous, version.rules.sources)
    )
    return replace(judged, is_news=is_news)


def _of_the_same_day(
    connection: Connection,
    version: CampaignVersion,
    source: SourceRules,
    record: pd.DataFrame,
    mapped: pd.DataFrame,
) -> pd.DataFrame:
    """All that is told of the lead on the day of its record, in the order in which the harvest of the day reads it."""
    campaign, fields = version.campaign, mapped.iloc[0].astype(object).where(mapped.iloc[0].notna(), None)
    key = keys_and_leads(campaign, record["payload"], source)[SOURCE_KEY].iloc[0]
    digits = digits_of(pa.array([fields["phone"]], pa.large_string()))[0].as_py()
    records = records_naming(
        connection,
        campaign,
        fields["day"].date(),
        email=fields["email"] if re.match(USABLE_EMAIL, fields["email"] or "") else None,
        digits=digits if len(digits or "") >= MIN_PHONE_DIGITS else None,
        source_key=key,
        source=source,
    )
    known, _ = read_records(campaign, records, version.rules.sources)
    of_lead: pd.DataFrame = known[known["lead_id"] == fields["lead_id"]].reset_index(drop=True)
    return of_lead


def _readable(
    version: CampaignVersion, source: SourceRules, lead: Mapping[str, Any], records: pd.DataFrame
) -> pd.DataFrame:
    """The one record under the campaign's rules. Raises NoLead for one that would be quarantined."""
    mapped, quarantined = read_records(version.campaign, records, version.rules.sources)
    if len(mapped) != 1:
        # What makes a record unreadable may quote it, and whoever asked is not told what they sent.
        is_readable = len(quarantined) and records["unreadable_reason"].isna().all()
        reason = quarantined["reason"].iloc[0] if is_readable else _why_unreadable(source, lead)
        raise NoLead(f"what was sent cannot become a lead: {reason}")
    return mapped


def _records(
    campaign: str,
    source: SourceRules,
    lead: Mapping[str, Any],
    origin: str,
    now: datetime,
    first: datetime,
) -> pd.DataFrame:
    """The record as the harvest of the day would read it."""
    arrival = arrival_of(batch_of_records([lead], source, 1), campaign, source, now, first)
    records = arrival.records.assign(origin=origin, source=source.name)
    days = records["occurred_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize().dt.as_unit("us")
    return records.assign(day=days, record_id=1).reset_index(drop=True)


def _why_unreadable(source: SourceRules, lead: Mapping[str, Any]) -> str:
    """In words of the campaign file alone."""
    if source.day is not None and source.day.column not in lead:
        return f"its source reads from {source.day.column} on which day it came, and that is missing"
    return "it is not written as the campaign file says of its source (day and mapping)"


def _judged(engine: Engine, version: CampaignVersion, harvested: pd.DataFrame) -> LeadState:
    """Enriched, scored and qualified by the plans, as the day's run would of the same facts."""
    rules, campaign = version.rules, version.campaign
    today = PartitionRange(campaign, (harvested["day"].iloc[0].date(),))
    facts = read_facts(engine, campaign, harvested["lead_id"], today.as_of, rules.enrichment)
    enriched = conform(
        plan_enriched(harvested, rules.enrichment, facts),
        schema.enriched_leads,
        campaign=campaign,
        campaign_version=version.version,
    )
    scored = conform(
        score_days(engine, today, enriched, rules),
        schema.scored_leads,
        campaign=campaign,
        campaign_version=version.version,
    )
    columns = columns_holding(qualification_fields(rules.qualification))
    overrides = read_overrides(engine, campaign, today.as_of)
    qualified = plan_qualified(
        scored, enriched[list(dict.fromkeys(["day", *columns]))], overrides, rules.qualification
    )
    lead = with_custom_fields(enriched, [f"{CUSTOM}{name}" for name in _own(enriched)])
    reasons = qualified["reasons"].iloc[0]
    return LeadState(
        str(enriched["lead_id"].iloc[0]),
        _values(lead),
        True,
        {name: value for name, value in _values(scored).items() if name in SCORED},
        {name: value for name, value in _values(qualified).items() if name in QUALIFIED}
        | {"reasons": json.loads(reasons) if isinstance(reasons, str) else list(reasons)},
        None,
        None,
    )


def _own(enriched: pd.DataFrame) -> list[str]:
    return list(json.loads(enriched["custom"].iloc[0] or "{}"))


def _values(frame: pd.DataFrame) -> dict[str, Any]:
    """The one row, as plain values."""
    row = frame.astype(object).where(frame.notna(), None).iloc[0].to_dict()
    return {str(name): value.item() if hasattr(value, "item") else value for name, value in row.items()}
