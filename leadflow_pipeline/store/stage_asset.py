"""What every stage's asset has in common, said once: partitions, owners, kinds, schema, lineage, retries,
throttle.

What belongs here: how a table of the schema becomes a Dagster asset. What does not: how any table is
computed.

A stage writes

    @stage_asset(schema.scored_leads, stage="score", upstream=[schema.enriched_leads])
    def scored_leads(context, enriched_leads, store) -> Iterator[dg.Output[pd.DataFrame]]: ...
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import dagster as dg
from sqlalchemy import CheckConstraint, Column, Table
from sqlalchemy.dialects import postgresql

from leadflow_pipeline.partitions import campaign_day_partitions
from leadflow_pipeline.store.failures import with_plain_failures

OWNERS = ("team:revenue-operations",)
KINDS = frozenset({"python", "postgres"})

RETRY_POLICY = dg.RetryPolicy(
    max_retries=3, delay=2, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""For what may pass; a permanent failure says itself that it allows no retry (`store.failures`)."""

LINEAGE_KEY = "dagster/column_lineage"

POSTGRESQL = postgresql.dialect()  # type: ignore[no-untyped-call]

StageFunction = Callable[..., Iterator[dg.Output[Any]]]


def stage_asset(
    table: Table,
    *,
    stage: str,
    upstream: Sequence[Table] = (),
    reads: Sequence[Table] = (),
    description: str | None = None,
) -> Callable[[StageFunction], dg.AssetsDefinition]:
    """Makes the asset of one table from a generator function, which holds its locks until the output is
    stored.

    `upstream` are the tables it takes as arguments of the same name, `reads` those it reads by itself.
    """

    def decorate(function: StageFunction) -> dg.AssetsDefinition:
        arguments = stage_asset_arguments(
            table, stage=stage, description=description, upstream=upstream, reads=reads
        )
        asset: dg.AssetsDefinition = dg.asset(**arguments)(with_plain_failures(function))
        return asset

    return decorate


def stage_multi_asset(
    tables: Sequence[Table],
    *,
    stage: str,
    name: str,
    upstream: Sequence[Table] = (),
    reads: Sequence[Table] = (),
) -> Callable[[StageFunction], dg.AssetsDefinition]:
    """Makes the assets of tables that are computed together.

    The function yields an output for each table, by its name.
    """

    def decorate(function: StageFunction) -> dg.AssetsDefinition:
        return dg.multi_asset(
            name=name,
            outs={
                table.name: stage_asset_out(table, stage, upstream=[*upstream, *reads]) for table in tables
            },
            ins={table.name: dg.AssetIn() for table in upstream},
            deps=[table.name for table in reads],
            **stage_multi_asset_arguments(stage),
        )(with_plain_failures(function))

    return decorate


def stage_asset_arguments(
    table: Table,
    *,
    stage: str,
    description: str | None = None,
    upstream: Sequence[Table] = (),
    reads: Sequence[Table] = (),
) -> dict[str, Any]:
    """The arguments of `dagster.asset` for one table of a stage."""
    return {
        "name": table.name,
        "description": description or table.comment,
        "group_name": stage,
        "owners": list(OWNERS),
        "kinds": set(KINDS),
        "metadata": table_metadata(table, [*upstream, *reads]),
        "ins": {other.name: dg.AssetIn() for other in upstream},
        "deps": [other.name for other in reads],
        **run_arguments(stage),
    }


def stage_asset_out(table: Table, stage: str, *, upstream: Sequence[Table] = ()) -> dg.AssetOut:
    """The output of `dagster.multi_asset` for one table of a stage."""
    return dg.AssetOut(
        description=table.comment,
        group_name=stage,
        owners=list(OWNERS),
        kinds=set(KINDS),
        metadata=table_metadata(table, upstream),
    )


def stage_multi_asset_arguments(stage: str) -> dict[str, Any]:
    """The arguments of `dagster.multi_asset` that do not depend on the table."""
    return run_arguments(stage)


def run_arguments(stage: str) -> dict[str, Any]:
    """How a stage runs: a range of days of a campaign in one go, retried, throttled by a pool of its own.

    The pool is a throttle for the machine's sake; that two runs of one campaign do not interleave is the
    advisory lock's work.
    """
    return {
        "partitions_def": campaign_day_partitions,
        "backfill_policy": dg.BackfillPolicy.single_run(),
        "retry_policy": RETRY_POLICY,
        "pool": stage,
    }


def table_metadata(table: Table, upstream: Sequence[Table] = ()) -> dict[str, Any]:
    """Where a table is, what its columns are, and which of them are handed down unchanged."""
    metadata: dict[str, Any] = {
        "dagster/table_name": f"{table.schema}.{table.name}",
        "dagster/column_schema": column_schema(table),
    }
    lineage = column_lineage(table, upstream)
    return metadata | ({LINEAGE_KEY: lineage} if lineage.deps_by_column else {})


def column_schema(table: Table) -> dg.TableSchema:
    """Names, types, nullability and comments, as the database has them."""
    checks = [
        str(constraint.sqltext)
        for constraint in sorted(table.constraints, key=lambda constraint: str(constraint.name))
        if isinstance(constraint, CheckConstraint)
    ]
    key = ", ".join(column.name for column in table.primary_key)
    return dg.TableSchema(
        columns=[table_column(column) for column in table.columns],
        constraints=dg.TableConstraints(other=[f"PRIMARY KEY ({key})", *checks]),
    )


def table_column(column: Column[Any]) -> dg.TableColumn:
    """One column, as Dagster shows it."""
    return dg.TableColumn(
        name=column.name,
        type=column.type.compile(dialect=POSTGRESQL).lower(),
        description=column.comment,
        constraints=dg.TableColumnConstraints(nullable=bool(column.nullable)),
    )


def column_lineage(table: Table, upstream: Sequence[Table]) -> dg.TableColumnLineage:
    """The columns that a table shares by name with the tables it is made from.

    One name means one thing in this schema, so the same name upstream is where a value comes from. Computed
    columns have no lineage here: that a score depends on every column of a lead would be true and useless.
    """
    return dg.TableColumnLineage(
        {
            column.name: [
                dg.TableColumnDep(asset_key=dg.AssetKey(other.name), column_name=column.name)
                for other in upstream
                if column.name in other.columns
            ]
            for column in table.columns
            if any(column.name in other.columns for other in upstream)
        }
    )
