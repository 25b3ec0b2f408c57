"""Which assets and checks belong to which kind of run."""

import dagster as dg

from leadflow_pipeline.insight.health.failed_check import NO_PARTITION_FAILED
from leadflow_pipeline.store.checks import LATEST_DAY_PRESENT
from leadflow_pipeline.store.due_days import LAST_TABLE

STAGES = ("harvest", "identity", "enrich", "score", "qualify", "route", "nurture")

ABOUT_NOW = dg.AssetSelection.checks(
    *(
        dg.AssetCheckKey(dg.AssetKey(LAST_TABLE.name), name)
        for name in (LATEST_DAY_PRESENT, NO_PARTITION_FAILED)
    )
)
"""Checks of how it is now: no part of computing a day, so they have a schedule of their own."""

PRESENT = dg.AssetSelection.assets("persons", "accounts", "splink_opinion")
"""Who is who over all campaigns: of no campaign and no day, so no part of a campaign's daily run."""
