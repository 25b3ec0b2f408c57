"""Keys and ranges: what a run is told, and what it makes of it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.partitions import (
    CAMPAIGN_PARTITIONS_NAME,
    PartitionRange,
    add_partition_metadata,
    campaign_day_partitions,
    days_between,
    end_of,
    last_complete_day,
    parse_partition_key,
    parse_partition_keys,
    partition_key,
)

SLUGS = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
DAYS = st.dates(date(2008, 5, 1), date(2040, 1, 1))


@given(SLUGS, DAYS)
@settings(max_examples=50)
def test_a_key_says_what_it_was_made_of(campaign: str, day: date) -> None:
    assert parse_partition_key(partition_key(campaign, day)) == (campaign, day)


@pytest.mark.parametrize("campaign", ["", "Spring", "a|b", "a/b", "a,b", "-a", "a b", "a\n"])
def test_a_campaign_that_would_break_a_key_is_refused(campaign: str) -> None:
    with pytest.raises(ValueError, match="not a slug"):
        partition_key(campaign, date(2026, 1, 1))


@pytest.mark.parametrize("key", ["2026-01-01", "spring|2026-13-01", "spring", "a|b|2026-01-01"])
def test_a_text_that_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (either our sentence or that of the date)
        parse_partition_key(key)


@given(SLUGS, DAYS, st.integers(1, 40), st.randoms())
@settings(max_examples=50)
def test_a_range_is_in_order_however_its_keys_come(campaign: str, first: date, count: int, random) -> None:
    days = days_between(first, first + timedelta(days=count - 1))
    keys = [partition_key(campaign, day) for day in days]
    random.shuffle(keys)
    assert parse_partition_keys(keys) == PartitionRange(campaign, days)


def test_two_campaigns_in_one_run_are_refused() -> None:
    with pytest.raises(ValueError, match="one campaign"):
        parse_partition_keys(["autumn|2026-01-01", "spring|2026-01-01"])


def test_a_day_ends_at_the_next_midnight_utc() -> None:
    assert end_of(date(2026, 2, 28)) == datetime(2026, 3, 1, tzinfo=UTC)


def test_the_latest_complete_day_is_utc_whatever_the_clock_shows() -> None:
    tokyo = datetime.fromisoformat("2026-03-02T08:00:00+09:00")
    assert last_complete_day(tokyo) == date(2026, 2, 28)
    assert last_complete_day(datetime(2026, 3, 2, tzinfo=UTC)) == date(2026, 3, 1)


@dg.asset(partitions_def=campaign_day_partitions, backfill_policy=dg.BackfillPolicy.single_run())
def seen(context) -> Iterator[dg.MaterializeResult]:
    partitions = PartitionRange.of(context)
    summary = pd.DataFrame(
        {"leads": [7]}, index=pd.DatetimeIndex([pd.Timestamp(partitions.last_day)]).as_unit("us")
    )
    add_partition_metadata(context, partitions, summary)
    yield dg.MaterializeResult()


def test_a_range_is_one_run_and_each_of_its_partitions_has_metadata_of_its_own() -> None:
    partitions = PartitionRange("spring", days_between(date(2026, 2, 27), date(2026, 3, 2)))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["autumn", "spring"])
        result = dg.materialize([seen], instance=instance, tags=partitions.tags)
        leads = {
            event.partition: event.materialization.metadata["leads"].value
            for event in result.asset_materializations_for_node("seen")
            and result.get_asset_materialization_events()
        }
    assert leads == dict(zip(partitions.keys, [0, 0, 0, 7], strict=True))


def test_a_single_partition_is_a_range_of_one_day() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        key = partition_key("spring", date(2026, 3, 1))
        result = dg.materialize([seen], instance=instance, partition_key=key)
        assert [event.partition for event in result.get_asset_materialization_events()] == [key]
