"""How partitions and runs are named: the only parser of partition keys, and the tags of runs. Pure, without Dagster.

What belongs here: slugs, days, keys, tags. What does not: Dagster's partitions (`partitions`).

Dagster takes seconds to import, which the service and most commands do without.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from typing import Final

CAMPAIGN_SLUG: Final = re.compile(r"^[a-z0-9][a-z0-9_-]*$")
"""Anything else in a key (`|`, `/`, `,`) would break partition keys silently."""

CAMPAIGN_PARTITIONS_NAME: Final = "campaign"

CAMPAIGN_TAG: Final = "leadflow/campaign"
"""On every run we start, because the run of a range carries no tag that names its campaign alone."""


def end_of(day: date) -> datetime:
    """The midnight (UTC) that ends a day."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)


def last_complete_day(now: datetime) -> date:
    """The latest day that has ended."""
    return now.astimezone(UTC).date() - timedelta(days=1)


def days_between(first: date, last: date) -> tuple[date, ...]:
    """Every day from `first` to `last`, both included."""
    return tuple(first + timedelta(days=offset) for offset in range((last - first).days + 1))


def partition_key(campaign: str, day: date) -> str:
    """`campaign|day`. Raises ValueError for a campaign that is not a slug."""
    if not CAMPAIGN_SLUG.fullmatch(campaign):
        raise ValueError(
            f"campaign {campaign!r} is not a slug: use lower-case letters, digits, - and _, "
            "beginning with a letter or digit"
        )
    return f"{campaign}|{day.isoformat()}"


def parse_partition_key(key: str) -> tuple[str, date]:
    """Campaign and day of a key. Raises ValueError for anything else."""
    campaign, separator, day = key.rpartition("|")
    if not separator or not CAMPAIGN_SLUG.fullmatch(campaign):
        raise ValueError(f"partition key {key!r} is not campaign|day, e.g. spring-sale|2026-05-31")
    return campaign, date.fromisoformat(day)


def range_tags(campaign: str, first: date, last: date) -> dict[str, str]:
    """What a run's tags must say so that it computes these days of a campaign. Raises ValueError for no slug."""
    return {
        "dagster/asset_partition_range_start": partition_key(campaign, first),
        "dagster/asset_partition_range_end": partition_key(campaign, last),
        CAMPAIGN_TAG: campaign,
    }
