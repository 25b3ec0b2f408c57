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
from functools import wraps
from typing import Any

import dagster as dg
from sqlalchemy import CheckConstraint, Column, Table
from sqlalchemy.dialects import postgresql

from leadflow_pipeline.partitions import PartitionRange, campaign_day_partitions, stamp
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.facts import facts_until
from leadflow_pipeline.store.failures import with_plain_failures
from leadflow_pipeline.store.resource import FACTS_UNTIL
from leadflow_pipeline.store.retention import require_open
from leadflow_pipeline.store.run_step import of_run

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
    table: Table, *, stage: str, upstream: Sequence[Table] = (), reads: Sequence[Table] = ()
) -> Callable[[StageFunction], dg.AssetsDefinition]:
    """Makes the asset of one table from a generator function, which holds its locks until its output is stored.

    `upstream` are the tables it takes as arguments of the same name, `reads` those it reads by itself.
    """

    def decorate(function: StageFunction) -> dg.AssetsDefinition:
        asset: dg.AssetsDefinition = dg.asset(
            name=table.name,
            ins={other.name: dg.AssetIn() for other in upstream},
            deps=[other.name for other in reads],
            **presentation(table, stage),
            **execution(stage),
        )(as_step(function, [table], [*upstream, *reads]))
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
    """Makes the assets of tables that are computed together; the function yields an output for each, by name."""

    def decorate(function: StageFunction) -> dg.AssetsDefinition:
        return dg.multi_asset(
            name=name,
            outs={table.name: dg.AssetOut(**presentation(table, stage)) for table in tables},
            ins={other.name: dg.AssetIn() for other in upstream},
            deps=[other.name for other in reads],
            **execution(stage),
        )(as_step(function, tables, [*upstream, *reads]))

    return decorate


def presentation(table: Table, stage: str) -> dict[str, Any]:
    """What people see of a table's asset."""
    return {
        "description": table.comment,
        "group_name": stage,
        "owners": list(OWNERS),
        "kinds": set(KINDS),
        "metadata": {
            "dagster/table_name": f"{table.schema}.{table.name}",
            "dagster/column_schema": column_schema(table),
        },
    }


def execution(stage: str) -> dict[str, Any]:
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


def as_step(function: StageFunction, tables: Sequence[Table], upstream: Sequence[Table]) -> StageFunction:
    """A stage's function with all that Dagster and the lineage are told of it beside its rows."""
    told = with_column_lineage(with_facts_until(function), tables, upstream)
    return with_plain_failures(with_run(of_open_days(told)))


def of_open_days(function: StageFunction) -> StageFunction:
    """Refuses days that are closed: they stay as they are."""

    @wraps(function)
    def step(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[dg.Output[Any]]:
        partitions = PartitionRange.of(context)
        require_open(get_engine(), partitions.campaign, partitions.first_day)
        yield from function(context, *args, **kwargs)

    return step


def with_run(function: StageFunction) -> StageFunction:
    """Whatever a stage writes down belongs to its run."""

    @wraps(function)
    def step(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[dg.Output[Any]]:
        with of_run(context.op_execution_context, partitions=len(context.partition_keys)):
            yield from function(context, *args, **kwargs)

    return step


def with_column_lineage(
    function: StageFunction, tables: Sequence[Table], upstream: Sequence[Table]
) -> StageFunction:
    """Says on each table's newest partition where its columns come from.

    The UI reads lineage from the latest materialization; on every partition it would outweigh the rest.
    """
    lineage = {table.name: column_lineage(table, upstream) for table in tables}

    @wraps(function)
    def step(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[dg.Output[Any]]:
        newest = PartitionRange.of(context).keys[-1]
        for name, columns in lineage.items():
            stamp(context, {newest: {LINEAGE_KEY: columns}}, name)
        yield from function(context, *args, **kwargs)

    return step


def with_facts_until(function: StageFunction) -> StageFunction:
    """Notes on each frame how far facts were there to be read, as it was before the first of them was."""

    @wraps(function)
    def step(context: dg.AssetExecutionContext, *args: Any, **kwargs: Any) -> Iterator[dg.Output[Any]]:
        moment = facts_until(get_engine())
        for output in function(context, *args, **kwargs):
            output.value.attrs[FACTS_UNTIL] = moment
            yield output

    return step


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
