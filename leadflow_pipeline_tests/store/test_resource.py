"""The IO manager in a real Dagster instance: ranges in one run, empty days, nothing half written."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import select

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, campaign_day_partitions
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.partitions import read_partitions, stage_lock
from leadflow_pipeline.store.resource import PartitionIOManager, StoreResource
from leadflow_pipeline.store.schema import partition_lineage, qualified_leads, quarantined_records
from leadflow_pipeline_tests.store.test_partitions import decisions

RANGE = {"partitions_def": campaign_day_partitions, "backfill_policy": dg.BackfillPolicy.single_run()}


@dg.asset(name="qualified_leads", **RANGE)
def qualified(context: dg.AssetExecutionContext) -> Iterator[dg.Output[pd.DataFrame]]:
    partitions = PartitionRange.of(context)
    frame = decisions(("b", 3, "PENDING"), ("a", 3, "QUALIFIED"), ("a", 1, "PENDING"))
    frame = frame[frame["day"].isin(pd.to_datetime(list(partitions.days)))]
    yield dg.Output(conform(frame, qualified_leads, campaign=partitions.campaign, campaign_version=2))


@dg.asset(name="quarantined_records", **RANGE)
def downstream(
    context: dg.AssetExecutionContext, qualified_leads: pd.DataFrame
) -> Iterator[dg.Output[pd.DataFrame]]:
    context.log.info("%s", qualified_leads["lead_id"].tolist())
    partitions = PartitionRange.of(context)
    frame = pd.DataFrame(
        {
            "day": qualified_leads["day"],
            "source": "fair",
            "content_key": qualified_leads["lead_id"],
            "origin": "leads.csv",
            "row_number": 1,
            "reason": qualified_leads["status"],
            "raw": "",
        }
    )
    yield dg.Output(conform(frame, quarantined_records, campaign=partitions.campaign, campaign_version=2))


@dg.asset(name="qualified_leads", **RANGE)
def without_version(context: dg.AssetExecutionContext) -> Iterator[dg.Output[pd.DataFrame]]:
    yield dg.Output(empty(qualified_leads))


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring-sale"])
        yield instance


def run(
    instance: dg.DagsterInstance,
    first: str,
    last: str,
    *assets: dg.AssetsDefinition,
    io_manager: dg.ConfigurableIOManager | None = None,
) -> dg.ExecuteInProcessResult:
    """One run over a range of days, as a backfill launches it."""
    resources = {"io_manager": io_manager or PartitionIOManager(), "store": StoreResource()}
    definitions = dg.Definitions(assets=list(assets), resources=resources)
    return definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=instance,
        tags={
            "dagster/asset_partition_range_start": f"spring-sale|{first}",
            "dagster/asset_partition_range_end": f"spring-sale|{last}",
        },
        raise_on_error=False,
    )


def test_a_range_is_stored_and_handed_on_by_day(engine, campaign, instance):
    campaign(versions=2)
    assert run(instance, "2026-05-01", "2026-05-04", qualified, downstream).success
    days = [date(2026, 5, day) for day in range(1, 5)]
    rows = read_partitions(engine, quarantined_records, "spring-sale", days)
    assert rows[["content_key", "reason"]].to_numpy().tolist() == [
        ["a", "PENDING"],
        ["a", "QUALIFIED"],
        ["b", "PENDING"],
    ]
    with engine.connect() as connection:
        lineage = connection.execute(
            select(partition_lineage.c.day, partition_lineage.c.rows, partition_lineage.c.campaign_version)
            .where(partition_lineage.c.table_name == "qualified_leads")
            .order_by(partition_lineage.c.day)
        ).all()
    assert [tuple(row) for row in lineage] == [
        (day, count, 2) for day, count in zip(days, [1, 0, 2, 0], strict=True)
    ]


def test_one_day_alone_replaces_only_itself(engine, campaign, instance):
    campaign(versions=2)
    assert run(instance, "2026-05-01", "2026-05-04", qualified, downstream).success
    assert run(instance, "2026-05-03", "2026-05-03", qualified).success
    days = [date(2026, 5, day) for day in range(1, 5)]
    assert len(read_partitions(engine, qualified_leads, "spring-sale", days)) == 3


def test_a_frame_without_its_campaign_version_is_refused(engine, campaign, instance):
    campaign()
    result = run(instance, "2026-05-01", "2026-05-02", without_version)
    assert not result.success
    [failure] = [event for event in result.all_events if event.is_step_failure]
    assert "does not say its campaign version" in str(failure.event_specific_data)


class InterruptedIOManager(PartitionIOManager):
    """Fails the first two times, as a restarting database makes it fail."""

    failures: int = 2

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        if context.step_context.previous_attempt_count < self.failures:
            raise TransientError("the database is restarting: try again")
        super().handle_output(context, obj)


@dg.asset(name="qualified_leads", retry_policy=dg.RetryPolicy(max_retries=2), **RANGE)
def under_lock(context: dg.AssetExecutionContext, store: StoreResource) -> Iterator[dg.Output[pd.DataFrame]]:
    partitions = PartitionRange.of(context)
    with stage_lock(store.engine, partitions.campaign, "qualified_leads", wait="3s"):
        yield dg.Output(
            conform(empty(qualified_leads), qualified_leads, campaign=partitions.campaign, campaign_version=1)
        )


def test_a_retry_in_the_same_process_gets_the_stage_lock_of_the_attempt_before(engine, campaign, instance):
    campaign()
    io_manager = InterruptedIOManager()
    assert run(instance, "2026-05-01", "2026-05-01", under_lock, io_manager=io_manager).success
