"""Harvested leads as enrichment sees them: one row a person, its aliases folded into their canonical lead.

What belongs here: reading who is whose alias, and their rows. What does not: whose value counts (`joined_leads`).
A door to the database that only reads.
"""

from __future__ import annotations

import pandas as pd
from sqlalchemy import ARRAY, Engine, Text, any_, literal, select

from leadflow_pipeline.enrich.joined_leads import joined_leads
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import harvested_leads, lead_aliases


def fold_aliases(engine: Engine, partitions: PartitionRange, leads: pd.DataFrame) -> pd.DataFrame:
    """The rows of `leads` (of `harvested_leads`, under days of the range) with no alias among them, as of their days.

    A row of an alias becomes one of its canonical lead, joined with all that is known of the two by the end of that
    day; so the lead has a row on every day on which it or an alias has one. Rows of other leads stay as they are.
    """
    with engine.connect() as connection:
        aliases = read(
            connection,
            select(lead_aliases.c.lead_id, lead_aliases.c.alias_of).where(
                lead_aliases.c.campaign == partitions.campaign, lead_aliases.c.day <= partitions.last_day
            ),
        )
    canonical_of = pd.Series(aliases["alias_of"].to_numpy(), index=aliases["lead_id"], dtype="str")
    canonical = leads["lead_id"].map(canonical_of).astype("str").fillna(leads["lead_id"])
    is_concerned = canonical.isin(aliases["alias_of"])
    if not is_concerned.any():
        return leads
    keys = leads.loc[is_concerned, ["day"]].assign(lead_id=canonical[is_concerned]).drop_duplicates()
    concerned = aliases[aliases["alias_of"].isin(keys["lead_id"])]
    members = pd.concat([keys["lead_id"], concerned["lead_id"]]).unique().tolist()
    rows = select(harvested_leads).where(
        harvested_leads.c.campaign == partitions.campaign,
        harvested_leads.c.day <= partitions.last_day,
        harvested_leads.c.lead_id == any_(literal(members, ARRAY(Text))),
    )
    with engine.connect() as connection:
        history = read(connection, rows)
    history["canonical"] = history["lead_id"].map(canonical_of).astype("str").fillna(history["lead_id"])
    folded = joined_leads(keys, history).reindex(columns=leads.columns)
    folded = folded.astype({name: leads[name].dtype for name in leads.columns if name not in NOT_CARRIED})
    return pd.concat([leads[~is_concerned], folded], ignore_index=True)


NOT_CARRIED = ("campaign", "campaign_version")
"""Of no row but the table's: they are filled in where the enriched rows are stored."""
