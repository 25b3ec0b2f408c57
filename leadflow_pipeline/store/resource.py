"""The store as Dagster sees it: a resource for the stages, and the IO manager of their tables.

What belongs here: turning Dagster's contexts into a campaign and days. What does not: SQL.
"""

from __future__ import annotations

import dagster as dg
import pandas as pd
from sqlalchemy import Engine, Table

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.partitions import PartitionRange, parse_partition_keys
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline.store.schema import DERIVED_TABLES

FACTS_UNTIL = "facts_until"
"""The attribute of a frame that says how far facts were there to be read for it (`store.facts.facts_until`)."""

TABLES = {table.name: table for table in DERIVED_TABLES}


class StoreResource(dg.ConfigurableResource[Engine]):
    """The pipeline's database. Its address is a secret of the environment, so it is no configuration of a
    run.
    """

    @property
    def engine(self) -> Engine:
        """The engine of this process."""
        return get_engine()


class PartitionIOManager(dg.ConfigurableIOManager):
    """Stores an asset's frame as partitions of the table of the same name, and reads a range of them.

    A stage yields its frame conformed to the table, with the campaign version it was computed under:
    `dg.Output(conform(frame, table, campaign=..., campaign_version=...))`. The version travels in
    `frame.attrs`, since a frame of a day without leads has no row to say it.
    """

    def handle_output(self, context: dg.OutputContext, obj: pd.DataFrame) -> None:
        """Replaces every partition of the run by its rows of `obj`; one without rows becomes an empty
        partition.
        """
        with plain_failures():
            table, partitions = _table_of(context), _range_of(context)
            replace_partitions(
                get_engine(),
                table,
                partitions.campaign,
                partitions.days,
                obj,
                campaign_version=_version_of(obj, table),
                run_id=context.run_id,
                facts_until=obj.attrs.get(FACTS_UNTIL),
            )

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The upstream rows of the partitions that the run computes, by primary key."""
        with plain_failures():
            partitions = _range_of(context)
            return read_partitions(get_engine(), _table_of(context), partitions.campaign, partitions.days)


def _table_of(context: dg.OutputContext | dg.InputContext) -> Table:
    name = context.asset_key.path[-1]
    if name not in TABLES:
        raise PermanentError(
            f"asset {name} has no derived table of its name: declare one in store/schema/derived.py"
        )
    return TABLES[name]


def _range_of(context: dg.OutputContext | dg.InputContext) -> PartitionRange:
    if not context.has_asset_partitions:
        raise PermanentError(
            f"asset {context.asset_key.path[-1]} has no partitions: read its table with store.partitions"
        )
    try:
        return parse_partition_keys(context.asset_partition_keys)
    except ValueError as error:
        raise PermanentError(str(error)) from None


def _version_of(frame: pd.DataFrame, table: Table) -> int:
    if not isinstance(frame, pd.DataFrame):
        raise PermanentError(
            f"asset {table.name} yields a {type(frame).__name__}: yield a frame conformed to its table"
        )
    version = frame.attrs.get("campaign_version")
    if version is None:
        raise PermanentError(
            f"the frame of {table.name} does not say its campaign version: "
            f"yield conform(frame, table, campaign=..., campaign_version=...)"
        )
    return int(version)
