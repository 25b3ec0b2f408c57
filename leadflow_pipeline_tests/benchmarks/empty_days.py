"""The same graph with nothing in it: as many assets, checks and steps as the pipeline's, over the same partitions.

What belongs here: what Dagster needs to record a backfill. What does not: measuring it (see `backfill`).
Annotations are not postponed here: Dagster reads them when it decorates.
"""

from collections.abc import Iterator

import dagster as dg

from leadflow_pipeline.definitions import STAGE_ASSETS
from leadflow_pipeline.partitions import campaign_day_partitions
from leadflow_pipeline.store.checks import check_specs
from leadflow_pipeline.store.resource import TABLES

PREFIX = "empty_"
JOB = "empty_days"


def empty_stage(stage: dg.AssetsDefinition) -> dg.AssetsDefinition:
    """Materializes nothing, under the names of a stage's tables."""

    @dg.multi_asset(
        name=f"{PREFIX}{stage.op.name}",
        specs=[
            dg.AssetSpec(
                PREFIX + spec.key.to_user_string(),
                deps=[PREFIX + dep.asset_key.to_user_string() for dep in spec.deps],
                partitions_def=campaign_day_partitions,
            )
            for spec in stage.specs
        ],
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def nothing(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        for key in sorted(context.selected_asset_keys):
            yield dg.MaterializeResult(asset_key=key)

    return nothing


def empty_checks(stage: dg.AssetsDefinition) -> dg.AssetChecksDefinition:
    """As many checks as the stage's, in one step like them, and recorded in the same way."""
    tables = [TABLES[key.to_user_string()] for key in sorted(stage.keys)]
    specs = [
        dg.AssetCheckSpec(spec.name, asset=PREFIX + spec.asset_key.to_user_string(), blocking=spec.blocking)
        for spec in check_specs(tables)
    ]

    @dg.multi_asset_check(name=f"{PREFIX}{stage.op.name}_checks", specs=specs, can_subset=False)
    def passed() -> Iterator[dg.Output[None] | dg.AssetCheckEvaluation]:
        for spec in specs:
            yield dg.Output(None, output_name=spec.get_python_identifier())
            yield dg.AssetCheckEvaluation(spec.asset_key, spec.name, passed=True, blocking=spec.blocking)

    return passed


definitions = dg.Definitions(
    assets=[empty_stage(stage) for stage in STAGE_ASSETS],
    asset_checks=[empty_checks(stage) for stage in STAGE_ASSETS],
    jobs=[dg.define_asset_job(JOB, selection="*")],
    executor=dg.in_process_executor,
)


def empty_job() -> dg.JobDefinition:
    """The job, from a function, because Dagster wants one that it can import."""
    return definitions.resolve_job_def(JOB)
