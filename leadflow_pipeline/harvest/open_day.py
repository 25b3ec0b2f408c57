"""Today's leads before today is over: what the harvest of the open day would be by now.

What belongs here: planning that day from today's records, for the doors that ask vendors about leads on the day they
arrive. Nothing is written: the day's partition is computed once it is complete, from all of its records.
"""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.harvest.plan import plan_harvested, read_records
from leadflow_pipeline.harvest.stored_records import records_of_days
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.schema import harvested_leads


def leads_of_open_day(engine: Engine, campaign: str, now: datetime) -> pd.DataFrame:
    """Rows as `harvested_leads` would have them for the UTC day of `now`, from the records that are in by now.

    Raises PermanentError for an unknown campaign.
    """
    sources = load(engine, campaign).rules.sources
    today = now.astimezone(UTC).date()
    records = records_of_days(engine, campaign, [today])
    mapped, _ = read_records(campaign, records, sources)
    previous = latest_before(engine, harvested_leads, campaign, today, lead_ids=mapped["lead_id"])
    return plan_harvested(mapped, previous, sources)
