"""Counts of what routing did: for one batch, and by day for metadata. They name nobody."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from leadflow_pipeline.route.decision import RoutingStatus
from leadflow_pipeline.route.rules import RoutingRules, Tier


@dataclass(frozen=True, slots=True)
class RoutingMetrics:
    """What a batch of routing came to.

    `skipped_count` are the leads that are routed already, wait, or are not qualified yet. A batch is all or
    nothing, so `errors` is a matter for whoever runs it and hands it in.
    """

    processed_count: int = 0
    routed_count: int = 0
    hot_count: int = 0
    warm_count: int = 0
    cool_count: int = 0
    cold_count: int = 0
    skipped_count: int = 0
    rejected_count: int = 0
    duration_seconds: float = 0.0
    errors: int = 0

    @classmethod
    def of(cls, routed: pd.DataFrame, duration_seconds: float = 0.0) -> RoutingMetrics:
        """The metrics of routed leads (`status`, `tier`)."""
        counts: dict[str, Any] = {str(name): int(count) for name, count in _counted(routed).sum().items()}
        return cls(**counts, duration_seconds=duration_seconds)

    def to_dict(self) -> dict[str, Any]:
        """The fields, and each tier's share of the routed: 0 to 1 in three decimals, 0 of none."""
        counts = asdict(self)
        routed = self.routed_count or 1
        ratios = {
            f"{tier.lower()}_ratio": round(counts[f"{tier.lower()}_count"] / routed, 3) for tier in Tier
        }
        return counts | ratios


def summarise(routed: pd.DataFrame, rules: RoutingRules) -> pd.DataFrame:
    """The metrics of each day, and how many of the routed were boosted by intent, indexed by day.

    Without a row where automatic routing is switched off: nothing was routed, and nothing is counted.
    """
    counted = routed if rules.enable_auto_routing else routed.iloc[:0]
    boosted = (counted["boosted_by_intent"] & (counted["status"] == RoutingStatus.ROUTED)).groupby(
        counted["day"]
    )
    counts: dict[Any, dict[str, Any]] = _counted(counted).groupby(counted["day"]).sum().to_dict("index")  # type: ignore[assignment]
    by_day = {day: RoutingMetrics(**counts_of_day).to_dict() for day, counts_of_day in counts.items()}
    metrics = pd.DataFrame.from_dict(by_day, orient="index", columns=METRICS_OF_A_DAY)
    return metrics.assign(boosted_count=boosted.sum().astype("int64"))


def _counted(routed: pd.DataFrame) -> pd.DataFrame:
    """Under the name of each count, whether a lead is one of it."""
    is_routed = routed["status"] == RoutingStatus.ROUTED
    is_rejected = routed["status"] == RoutingStatus.REJECTED_LEAD
    return pd.DataFrame(
        {
            "processed_count": pd.Series(True, index=routed.index),
            "routed_count": is_routed,
            **{f"{tier.lower()}_count": is_routed & (routed["tier"] == tier) for tier in Tier},
            "skipped_count": ~is_routed & ~is_rejected,
            "rejected_count": is_rejected,
        }
    )


METRICS_OF_A_DAY = [name for name in RoutingMetrics().to_dict() if name not in {"duration_seconds", "errors"}]
"""How long a day took is for Dagster to say, and a day with an error is not stored."""
