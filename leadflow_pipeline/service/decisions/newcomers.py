"""Leads that nobody knew, told of by whoever asks for their owner: taken in, and judged at once by the stages' plans.

What belongs here: records on their way from bodies to leads as they stand. What does not: any rule (the stages), and
deciding. A door: it stores the record, and reads.

The record is a fact like any other of its source, with the same key and the same lead_id, so that the day's run finds
it, computes the lead with all that came in by then, and honours the owner that was decided here. No vendor is asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from sqlalchemy import Connection, Engine

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.vendor_facts import read_facts
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.arrivals import arrival_of
from leadflow_pipeline.harvest.door import Door, ImportReport, first_moment
from leadflow_pipeline.harvest.keys import MIN_PHONE_DIGITS, USABLE_EMAIL
from leadflow_pipeline.harvest.mapping import SOURCE_KEY, keys_and_leads
from leadflow_pipeline.harvest.nested import batch_of_records
from leadflow_pipeline.harvest.normalise import digits_of
from leadflow_pipeline.harvest.plan import plan_harvested, read_records
from leadflow_pipeline.harvest.rules import Contents, SourceRules
from leadflow_pipeline.harvest.stored_records import Names, records_naming
from leadflow_pipeline.lead_fields import CUSTOM, with_custom_fields
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.qualify.plan import plan_qualified
from leadflow_pipeline.score.days import score_days
from leadflow_pipeline.service.decisions.lead_state import LeadState
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import read_overrides
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import latest_before

SCORED = ("score", "conversion_probability", "model_version", "campaign_version")
QUALIFIED = ("status", "icp_fit", "reasons")
KEY = ["lead_id", "day"]
ORIGIN = "service"
FORGOTTEN = "what was sent cannot become a lead: whoever it is about asked to be forgotten"


class NoSource(PermanentError):
    """The campaign has no such source of leads, or several and none was named."""


class NoLead(PermanentError):
    """What was sent cannot become a lead."""


def source_for(version: CampaignVersion, named: str | None) -> SourceRules:
    """The source that a lead belongs to: the named one, else the only webhook, else the only source of leads.

    Raises NoSource.
    """
    of_leads = sources = _of_leads(version)
    if named is not None:
        sources = [source for source in sources if source.name == named]
    elif len(hooks := [source for source in sources if getattr(source, "kind", "") == "webhook"]) == 1:
        sources = hooks
    if len(sources) != 1:
        names = ", ".join(source.name for source in of_leads) or "none yet"
        raise NoSource(f"name the source whose record it is as source: the campaign has {names}")
    return sources[0]


def _of_leads(version: CampaignVersion) -> list[SourceRules]:
    return [source for source in version.rules.sources if source.contents is Contents.LEADS]


def take_in_newcomers(
    engine: Engine,
    version: CampaignVersion,
    source: SourceRules,
    leads: Sequence[Mapping[str, Any]],
    now: datetime,
    *,
    store: bool = True,
) -> list[LeadState | NoLead]:
    """Each lead as it stands, in the order of these records of one source: of its record, the others of its day and
    what was known of it before. The records are stored, unless `store` is false; the same record again changes nothing.
    NoLead for a record that would be quarantined or is of somebody who asked to be forgotten: that is not stored.
    """
    if not leads:
        return []
    campaign, day = version.campaign, now.astimezone(UTC).date()
    with engine.connect() as connection:
        batch = batch_of_records(leads, source, 1)
        arrival = arrival_of(batch, campaign, source, now, first_moment(connection, campaign))
        door = Door(connection, ImportReport(campaign, ORIGIN, source.contents, source.name), source)
        mapped, refused = _readable(version, source, leads, arrival.records)
        forgotten = arrival.records["row_number"][door.is_erased(arrival.records)]
        refused |= dict.fromkeys(forgotten.tolist(), NoLead(FORGOTTEN))
        mapped = mapped[~mapped.index.isin(list(refused))]
        if mapped.empty:
            return [refused[number] for number in range(1, len(leads) + 1)]
        records = arrival.records.set_index("row_number", drop=False).loc[mapped.index.sort_values()]
        door.let_in(replace(arrival, records=records.reset_index(drop=True)))
        if store:
            connection.commit()  # before the look through the days, which nobody else needs to wait for
        of_days = _of_the_same_days(connection, version, source, records, mapped)
    previous = latest_before(engine, schema.harvested_leads, campaign, day, lead_ids=mapped["lead_id"])
    # A record that came in on another day is no news of this one.
    keys, of_day = _keys(mapped), set(_keys(of_days))
    is_news = np.array([key in of_day for key in keys], dtype=bool)
    told = of_days
    if not is_news.all():
        told = pd.concat([of_days, mapped[~is_news].drop_duplicates(KEY)], ignore_index=True)
    judged = _judged(engine, version, plan_harvested(told, previous, version.rules.sources))
    stands = {
        number: replace(judged[key], is_news=bool(news))
        for number, key, news in zip(mapped.index, keys, is_news, strict=True)
    }
    return [refused.get(number) or stands[number] for number in range(1, len(leads) + 1)]


def _readable(
    version: CampaignVersion, source: SourceRules, leads: Sequence[Mapping[str, Any]], records: pd.DataFrame
) -> tuple[pd.DataFrame, dict[int, NoLead]]:
    """The records under the campaign's rules, indexed by their numbers; and why others would be quarantined."""
    days = records["occurred_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize().dt.as_unit("us")
    records = records.assign(day=days, record_id=records["row_number"], origin=ORIGIN, source=source.name)
    records = records.sort_values(["occurred_at", "record_id"], ignore_index=True)
    mapped, quarantined = read_records(version.campaign, records, version.rules.sources)
    is_refused = records["row_number"].isin(quarantined["row_number"])
    mapped = mapped.set_axis(records["row_number"][~is_refused].to_numpy())
    # What makes a record unreadable may quote it, and whoever asked is not told what they sent.
    is_unreadable = set(records["row_number"][records["unreadable_reason"].notna()])
    refused = {
        number: NoLead(
            "what was sent cannot become a lead: "
            + (_why_unreadable(source, leads[number - 1]) if number in is_unreadable else reason)
        )
        for number, reason in zip(quarantined["row_number"].tolist(), quarantined["reason"], strict=True)
    }
    return mapped, refused


def _of_the_same_days(
    connection: Connection,
    version: CampaignVersion,
    source: SourceRules,
    records: pd.DataFrame,
    mapped: pd.DataFrame,
) -> pd.DataFrame:
    """All that is told of the leads on the days of their records, in the order in which a day's harvest reads it."""
    days = mapped["day"].dt.date.unique().tolist()
    names = _names(version, source, records, mapped)
    found = records_naming(connection, version.campaign, days, names, source, _of_leads(version))
    if set(found["source"]) <= {source.name} and set(found["content_key"]) <= set(records["content_key"]):
        # Nobody else told of them: what these records say has been read.
        place = {key: number for number, key in enumerate(records["content_key"].loc[mapped.index])}
        known = mapped.take([place[key] for key in found["content_key"]]).set_axis(found.index)
        known = known.assign(day=found["day"], occurred_at=found["occurred_at"])
    else:
        known, _ = read_records(version.campaign, found, version.rules.sources)
    theirs = set(_keys(mapped))
    return known[[key in theirs for key in _keys(known)]].reset_index(drop=True)


def _names(
    version: CampaignVersion, source: SourceRules, records: pd.DataFrame, mapped: pd.DataFrame
) -> Names:
    """By what the leads are looked for: each by its email, else by the digits of its phone, else by its key in its
    source.
    """
    has_email = mapped["email"].str.match(USABLE_EMAIL).fillna(value=False).astype(bool)
    others = mapped[~has_email]
    digits = digits_of(pa.array(others["phone"], pa.large_string())).to_pandas().set_axis(others.index)
    has_phone = (digits.str.len() >= MIN_PHONE_DIGITS).fillna(value=False).astype(bool)
    by_key = records.loc[others.index[~has_phone], "payload"]
    keys: list[str] = []
    if len(by_key):
        keys = keys_and_leads(version.campaign, by_key, source)[SOURCE_KEY].dropna().unique().tolist()
    return Names(mapped["email"][has_email].unique().tolist(), digits[has_phone].unique().tolist(), keys)


def _keys(rows: pd.DataFrame) -> list[tuple[str, pd.Timestamp]]:
    """Lead and day of each row."""
    return list(zip(rows["lead_id"], rows["day"], strict=True))


def _why_unreadable(source: SourceRules, lead: Mapping[str, Any]) -> str:
    """In words of the campaign file alone."""
    if source.day is not None and source.day.column not in lead:
        return f"its source reads from {source.day.column} on which day it came, and that is missing"
    return "it is not written as the campaign file says of its source (day and mapping)"


def _judged(
    engine: Engine, version: CampaignVersion, harvested: pd.DataFrame
) -> dict[tuple[str, pd.Timestamp], LeadState]:
    """Each lead of each day as it stands."""
    found = {}
    for day, of_day in harvested.groupby("day"):
        stamp = pd.Timestamp(str(day))
        for state in _judged_on(engine, version, stamp.date(), of_day.reset_index(drop=True)):
            found[state.lead_id, stamp] = state
    return found


def _judged_on(
    engine: Engine, version: CampaignVersion, day: date, harvested: pd.DataFrame
) -> Iterator[LeadState]:
    """Enriched, scored and qualified by the plans, as the day's run would of the same facts."""
    rules, campaign = version.rules, version.campaign
    days = PartitionRange(campaign, (day,))
    facts = read_facts(engine, campaign, harvested["lead_id"], days.as_of, rules.enrichment)
    enriched = conform(
        plan_enriched(harvested, rules.enrichment, facts),
        schema.enriched_leads,
        campaign=campaign,
        campaign_version=version.version,
    )
    scored = conform(
        score_days(engine, days, enriched, rules),
        schema.scored_leads,
        campaign=campaign,
        campaign_version=version.version,
    )
    overrides = read_overrides(engine, campaign, days.as_of)
    qualified = plan_qualified(scored, enriched, overrides, rules.qualification)
    scores, verdicts = _by_lead(scored, SCORED), _by_lead(qualified, QUALIFIED)
    own = dict.fromkeys(name for document in enriched["custom"] for name in json.loads(document or "{}"))
    known = with_custom_fields(enriched, [f"{CUSTOM}{name}" for name in own])
    for lead_id, fields in _by_lead(known, known.columns).items():
        fields = {
            name: value
            for name, value in fields.items()
            if value is not None or not name.startswith(CUSTOM)  # which are those of the lead alone
        }
        verdict = verdicts[lead_id]
        reasons = verdict.pop("reasons")
        verdict["reasons"] = json.loads(reasons) if isinstance(reasons, str) else list(reasons)
        yield LeadState(
            lead_id,
            fields,
            True,
            scored=scores[lead_id],
            qualified=verdict,
            routed=None,
            planned=None,
        )


def _by_lead(frame: pd.DataFrame, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """These columns of each lead's one row, as plain values."""
    columns = {name: pa.array(frame[name].array, from_pandas=True).to_pylist() for name in names}
    rows = zip(*columns.values(), strict=True)
    return {
        str(lead_id): dict(zip(columns, row, strict=True))
        for lead_id, row in zip(frame["lead_id"], rows, strict=True)
    }
