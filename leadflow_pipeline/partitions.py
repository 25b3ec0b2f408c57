"""Campaign x day: the partitions of every stage, as Dagster knows them.

What belongs here: the partition definition, the partitions of a run, and the metadata of a partition. What does
not: how a key is written (`partition_keys`), and what a stage does with a partition.

A key is `campaign|day` (Dagster orders the dimensions by name). `(campaign, D)` is computed as of the end of
D: facts on or after the next midnight UTC do not exist for it.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator

from leadflow_pipeline.partition_keys import CAMPAIGN_PARTITIONS_NAME as CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.partition_keys import CAMPAIGN_SLUG as CAMPAIGN_SLUG
from leadflow_pipeline.partition_keys import CAMPAIGN_TAG as CAMPAIGN_TAG
from leadflow_pipeline.partition_keys import days_between as days_between
from leadflow_pipeline.partition_keys import end_of as end_of
from leadflow_pipeline.partition_keys import last_complete_day as last_complete_day
from leadflow_pipeline.partition_keys import parse_partition_key as parse_partition_key
from leadflow_pipeline.partition_keys import partition_key as partition_key
from leadflow_pipeline.partition_keys import range_tags
from leadflow_pipeline.settings import get_settings

# Dagster is pinned, and what is beta in it (ranges in one run, partition mappings) is tested here: a person at
# a terminal can do nothing about it.
warnings.filterwarnings("ignore", category=dg.BetaWarning)

campaign_partitions = dg.DynamicPartitionsDefinition(name=CAMPAIGN_PARTITIONS_NAME)
day_partitions = dg.DailyPartitionsDefinition(start_date=get_settings().first_day.isoformat())
campaign_day_partitions = dg.MultiPartitionsDefinition(
    {"campaign": campaign_partitions, "day": day_partitions}
)


@dataclass(frozen=True)
class PartitionRange:
    """Consecutive days of one campaign, in order: what one run computes."""

    campaign: str
    days: tuple[date, ...]

    @property
    def first_day(self) -> date:
        """The earliest day."""
        return self.days[0]

    @property
    def last_day(self) -> date:
        """The latest day."""
        return self.days[-1]

    @property
    def as_of(self) -> datetime:
        """The first moment that does not exist yet for the last day."""
        return end_of(self.last_day)

    @property
    def keys(self) -> list[str]:
        """The Dagster keys, by day."""
        return [partition_key(self.campaign, day) for day in self.days]

    @property
    def tags(self) -> dict[str, str]:
        """What a run's tags must say so that it computes the whole range."""
        return range_tags(self.campaign, self.first_day, self.last_day)

    @classmethod
    def of(cls, context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> PartitionRange:
        """The range that a step computes."""
        return parse_partition_keys(_keys_of(context))


def _keys_of(context: dg.AssetExecutionContext | dg.AssetCheckExecutionContext) -> Sequence[str]:
    op_context = context if isinstance(context, dg.AssetExecutionContext) else context.op_execution_context
    keys: Sequence[str] = op_context.partition_keys
    return keys


def parse_partition_keys(keys: Sequence[str]) -> PartitionRange:
    """The range of a run's keys, which Dagster hands over in no order.

    Raises ValueError for two campaigns.
    """
    parsed = [parse_partition_key(key) for key in keys]
    campaigns = {campaign for campaign, _ in parsed}
    if len(campaigns) != 1:
        raise ValueError(
            f"a run computes days of one campaign, but its keys name {len(campaigns)}: {sorted(campaigns)}"
        )
    return PartitionRange(campaigns.pop(), tuple(sorted({day for _, day in parsed})))


def add_partition_metadata(
    context: dg.AssetExecutionContext,
    partitions: PartitionRange,
    summary: pd.DataFrame,
    asset_key: str | None = None,
) -> None:
    """Stamps each partition of a range with its own row of `summary`.

    `summary` is indexed by day (`datetime64`, as in frames) with a column a metadatum: counts, rates,
    quantiles, never personal data. A day without a row gets zero for every count.

    A range run would otherwise stamp one dict on all of its partitions.
    """
    index = pd.DatetimeIndex(pd.to_datetime(list(partitions.days)).as_unit("us"))
    rows = summary.reindex(index, fill_value=0).to_dict("records")
    metadata = [
        {
            str(name): (round(value, 4) if isinstance(value, float) else value)
            for name, value in row.items()
            if not pd.isna(value)
        }
        for row in rows
    ]
    stamp(context, dict(zip(partitions.keys, metadata, strict=True)), asset_key)


def stamp(
    context: dg.AssetExecutionContext, metadata_by_key: Mapping[str, Mapping[str, Any]], asset_key: str | None
) -> None:
    """Adds metadata to partitions that the step is about to store.

    Dagster's `add_asset_metadata` looks up the whole range again for every partition (0.1 s each over 200
    days) and copies all that was stamped before, so the metadata go at once to where it would put them.
    """
    asset = dg.AssetKey(asset_key) if asset_key else context.asset_key
    step = context.get_step_execution_context()
    stamped = dict(step._metadata_accumulator.per_output_metadata)
    for key, metadata in metadata_by_key.items():
        handle = AssetMetadataHandle(asset_key=asset, partition_key=key)
        stamped[handle] = {**stamped.get(handle, {}), **metadata}
    step._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata=stamped)
