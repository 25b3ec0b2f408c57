"""The asset check that says which partitions are broken now.

Annotations are not postponed in this module: Dagster reads them when it decorates.
"""

from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.insight.health.failed import failed_partitions
from leadflow_pipeline.store.due_days import LAST_TABLE
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource

NO_PARTITION_FAILED = "no_partition_failed"


def failed_partitions_check() -> dg.AssetChecksDefinition:
    """About now, so a later success heals it, and it has a schedule of its own."""

    @dg.asset_check(
        asset=LAST_TABLE.name,
        name=NO_PARTITION_FAILED,
        description="Every partition that a run failed to compute was made good by a later run.",
    )
    def no_partition_failed(store: StoreResource) -> dg.AssetCheckResult:
        with plain_failures():
            broken = failed_partitions(store.engine, datetime.now(UTC))
        metadata = {f"{each.campaign} {each.days[0]}": f"{each.sentence}: {each.remedy}" for each in broken}
        return dg.AssetCheckResult(passed=not broken, metadata=metadata)

    return no_partition_failed
