"""Which assets and checks belong to which kind of run."""

import dagster as dg

from leadflow_pipeline.store.checks import LATEST_DAY_PRESENT
from leadflow_pipeline.store.due_days import LAST_TABLE

STAGES = ("harvest", "identity", "enrich", "score", "qualify", "route", "nurture")

LATEST_DAY_CHECK = dg.AssetSelection.checks(
    dg.AssetCheckKey(dg.AssetKey(LAST_TABLE.name), LATEST_DAY_PRESENT)
)

PRESENT = dg.AssetSelection.assets("persons", "accounts", "splink_opinion")
"""Who is who over all campaigns: of no campaign and no day, so no part of a campaign's daily run."""
