"""Similar accounts in Dagster: a build a campaign and day, made after its daily tables changed.

What belongs here: when, and what is shown. What does not: building (`builds`). Metadata are counts.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.insight.assets import AFTER_THE_DAILY_RUN
from leadflow_pipeline.insight.similar_accounts.builds import build_similar_accounts
from leadflow_pipeline.partitions import campaign_partitions
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.stage_asset import KINDS, OWNERS, RETRY_POLICY, column_schema


@dg.asset(
    partitions_def=campaign_partitions,
    deps=[
        dg.AssetDep(
            schema.enriched_leads.name,
            partition_mapping=dg.MultiToSingleDimensionPartitionMapping("campaign"),
        )
    ],
    group_name="insight",
    owners=list(OWNERS),
    kinds=set(KINDS),
    automation_condition=AFTER_THE_DAILY_RUN,
    retry_policy=RETRY_POLICY,
    metadata={
        "dagster/table_name": f"{schema.similar_accounts.schema}.{schema.similar_accounts.name}",
        "dagster/column_schema": column_schema(schema.similar_accounts),
    },
    description="Companies as vectors, and how each ended: what a brief says of companies like a lead's. Readers see "
    "the build before until this one is whole.",
)
@as_run_step
def similar_accounts(
    context: dg.AssetExecutionContext, store: StoreResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Builds from what was known before today (UTC)."""
    report = build_similar_accounts(store.engine, context.partition_key, datetime.now(UTC).date())
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.accounts,
            "as_of_day": str(report.day),
            "won": report.won,
            "lost": report.lost,
            "open": report.open,
            "comparable": report.comparable,
            "model_key": report.model_key,
        }
    )
