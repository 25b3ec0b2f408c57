"""What a run is asked for: job, assets and tags. Pure.

What belongs here: the words that Dagster understands for each kind of run of ours. What does not: launching it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from leadflow_pipeline.partition_keys import CAMPAIGN_TAG, days_between, partition_key, range_tags

DAILY_JOB: Final = "daily_pipeline"
TRAINING_JOB: Final = "conversion_models"
ANY_ASSETS_JOB: Final = "__ASSET_JOB"
"""Dagster's own job of all assets, of which a run names some."""

STAGES: Final = ("harvest", "identity", "enrich", "score", "qualify", "route", "nurture")
"""In the order of a lead's life: the groups of assets that the daily job computes."""


@dataclass(frozen=True)
class WantedRun:
    """A run that somebody asks for."""

    job: str
    campaign: str | None = None
    """Gets its partition, if it has none yet."""
    tags: Mapping[str, str] = field(default_factory=dict)
    stages: tuple[str, ...] = ()
    """Only the assets of these groups; none: all of the job."""
    assets: tuple[str, ...] = ()
    """Only these assets."""
    config: Mapping[str, Any] = field(default_factory=dict)
    partitions: tuple[str, ...] = ()
    """Keys of what it computes, for people."""

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> WantedRun:
        """One that was kept as JSON (`dataclasses.asdict`)."""
        lists = {name: tuple(stored[name]) for name in ("stages", "assets", "partitions")}
        return cls(**{**stored, **lists})


def days_run(
    campaign: str,
    first: date,
    last: date,
    *,
    stages: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> WantedRun:
    """The daily chain, or some stages of it, for days of a campaign. `tags` may name a version or a model.

    Raises ValueError for a stage that there is not.
    """
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        raise ValueError(f"there is no stage {unknown[0]!r}: choose of {', '.join(STAGES)}")
    return WantedRun(
        DAILY_JOB,
        campaign,
        {**range_tags(campaign, first, last), **(tags or {})},
        tuple(stages),
        partitions=tuple(partition_key(campaign, day) for day in days_between(first, last)),
    )


def training_run(campaign: str, tags: Mapping[str, str] | None = None) -> WantedRun:
    """Trains the conversion model of a campaign, and promotes it where it is better."""
    return _of_campaign(TRAINING_JOB, campaign, (), tags)


def assets_run(
    assets: Sequence[str], campaign: str | None, tags: Mapping[str, str] | None = None
) -> WantedRun:
    """Makes some assets again: those of one campaign (`similar_accounts`, `campaign_report`), or those without."""
    if campaign is None:
        return WantedRun(ANY_ASSETS_JOB, None, dict(tags or {}), (), tuple(assets))
    return _of_campaign(ANY_ASSETS_JOB, campaign, assets, tags)


def _of_campaign(job: str, campaign: str, assets: Sequence[str], tags: Mapping[str, str] | None) -> WantedRun:
    own = {"dagster/partition": campaign, CAMPAIGN_TAG: campaign}
    return WantedRun(job, campaign, {**own, **(tags or {})}, (), tuple(assets), partitions=(campaign,))
