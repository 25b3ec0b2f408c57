"""Whose keys these are: the leads of a source, looked up for what another source tells of them.

What belongs here: from the keys of a source to its leads, and what may be told of a lead at all. A door: it reads
records. What does not: storing what was told.

An outcome of a lead nobody knows, or from before the day the lead was first known, is no outcome of this campaign: it
is quarantined, where a person sees it. Moving it to a day of our choice would be a guess, and the lead's history would
begin with its end.
"""

from __future__ import annotations

import pandas as pd
from sqlalchemy import ARRAY, Connection, Text, any_, func, literal, select

from leadflow_pipeline.harvest.batches import no_texts
from leadflow_pipeline.harvest.mapping import SOURCE_KEY, keys_and_leads, mapping_of
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import source_records


def told_of_known_leads(
    connection: Connection, campaign: str, facts: pd.DataFrame, source: SourceRules
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Facts whose rows name leads by their keys in `source`: (those that may stand, with the lead's own id; the other
    rows as row_number, raw, reason).

    A record that has an email too makes a lead of the email, so a key alone does not give the lead's id. Facts that
    name their lead in another way (`source_key` missing) stand.
    """
    by_key = facts[SOURCE_KEY].notna()
    leads = _leads_with_keys(connection, campaign, facts.loc[by_key, SOURCE_KEY].unique().tolist(), source)
    known = facts[[SOURCE_KEY]].join(leads, on=SOURCE_KEY)
    is_early = facts["occurred_at"].dt.floor("D") < known["first_at"].dt.floor("D")
    reasons = no_texts(facts.index)
    reasons[by_key & known["lead_id"].isna()] = (
        f"it names no lead that came from {source.name}: import the leads first"
    )
    reasons[is_early] = "it is dated before the day its lead was first known"
    refused = facts.assign(raw=facts["payload"], reason=reasons)[["row_number", "raw", "reason"]]
    standing = facts.assign(lead_id=known["lead_id"].fillna(facts["lead_id"]))
    return standing[reasons.isna()], refused[reasons.notna()]


def _leads_with_keys(
    connection: Connection, campaign: str, keys: list[str], source: SourceRules
) -> pd.DataFrame:
    """By key: the lead of its latest record (lead_id), and the moment of its first (first_at)."""
    column = mapping_of(source).get(SOURCE_KEY, SOURCE_KEY)
    records = source_records.c
    query = select(records.occurred_at, records.record_id, records.payload).where(
        records.campaign == campaign,
        records.source == source.name,
        func.btrim(records.payload[column].astext) == any_(literal(keys, ARRAY(Text))),
    )
    found = read(connection, query).sort_values(["occurred_at", "record_id"], ignore_index=True)
    leads = keys_and_leads(campaign, found["payload"], source).assign(first_at=found["occurred_at"])
    leads = leads.dropna(subset=[SOURCE_KEY, "lead_id"])
    latest = leads.drop_duplicates(SOURCE_KEY, keep="last").set_index(SOURCE_KEY)["lead_id"]
    first = leads.drop_duplicates(SOURCE_KEY, keep="first").set_index(SOURCE_KEY)["first_at"]
    return pd.concat([latest, first], axis="columns")
