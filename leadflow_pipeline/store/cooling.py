"""Which leads leave their temperature on which days, as their latest scores say.

What belongs here: finding them by the stored day instead of looking at every lead every day. What does not:
how that day is computed (the score stage).
"""

from __future__ import annotations

from datetime import date

import pandas as pd
from sqlalchemy import Engine, exists, select

from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import scored_leads


def read_cooling(engine: Engine, campaign: str, first: date, last: date) -> pd.DataFrame:
    """`lead_id` and `cools_on` of each lead whose latest row before `first` names a day from `first` to `last`."""
    own, later = scored_leads.c, scored_leads.alias("later").c
    is_superseded = exists().where(
        later.campaign == campaign, later.lead_id == own.lead_id, later.day > own.day, later.day < first
    )
    query = (
        select(own.lead_id, own.cools_on)
        .where(own.campaign == campaign, own.cools_on.between(first, last), own.day < first, ~is_superseded)
        .order_by(own.lead_id)
    )
    with engine.connect() as connection:
        return read(connection, query)
