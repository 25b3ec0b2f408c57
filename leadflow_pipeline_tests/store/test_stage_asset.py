"""What every stage's asset shows of its table, and where lineage is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import dagster as dg
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.stage_asset import LINEAGE_KEY, column_schema, stage_asset


@stage_asset(schema.qualified_leads, stage="qualify", reads=[schema.scored_leads])
def qualified(context: dg.AssetExecutionContext) -> Iterator[dg.Output[pd.DataFrame]]:
    yield dg.Output(pd.DataFrame())


def test_the_column_schema_says_what_the_database_says() -> None:
    shown = {column.name: column for column in column_schema(schema.scored_leads).columns}
    assert list(shown) == [column.name for column in schema.scored_leads.columns]
    assert (shown["score"].type, shown["score"].constraints.nullable) == ("double precision", False)
    assert shown["conversion_probability"].constraints.nullable
    assert shown["reasons"].description == "the weightiest factors, in words"
    constraints = column_schema(schema.scored_leads).constraints
    assert constraints is not None
    assert {"PRIMARY KEY (campaign, day, lead_id)", "score BETWEEN 0 AND 100"} <= set(constraints.other)


def test_an_asset_is_named_owned_and_throttled_like_its_table_and_stage() -> None:
    (spec,) = qualified.specs
    assert spec.key == dg.AssetKey("qualified_leads")
    assert spec.group_name == "qualify"
    assert spec.owners == ["team:revenue-operations"]
    assert spec.description == schema.qualified_leads.comment
    assert qualified.op.pools == {"qualify"}
    assert qualified.backfill_policy == dg.BackfillPolicy.single_run()


def test_lineage_stands_on_the_newest_partition_alone(engine: Engine) -> None:
    partitions = PartitionRange("spring", days_between(date(2026, 3, 1), date(2026, 3, 3)))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        result = dg.materialize(
            [qualified], instance=instance, tags=partitions.tags, resources={"io_manager": dg.mem_io_manager}
        )
        said = {
            event.partition: event.materialization.metadata.get(LINEAGE_KEY)
            for event in result.get_asset_materialization_events()
        }
    assert [key for key, lineage in said.items() if lineage is not None] == [partitions.keys[-1]]
    columns = said[partitions.keys[-1]].column_lineage.deps_by_column
    assert columns["score"] == [dg.TableColumnDep(asset_key=dg.AssetKey("scored_leads"), column_name="score")]
    assert "status" not in columns
