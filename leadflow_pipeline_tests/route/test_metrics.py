"""Metrics: counts, and ratios over the routed."""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.route import RoutingMetrics, RoutingRules
from leadflow_pipeline.route.metrics import summarise


class TestRoutingMetrics:
    def test_nothing_counted_yet(self):
        metrics = RoutingMetrics()
        assert set(metrics.to_dict().values()) == {0}

    def test_to_dict_has_every_field_and_four_ratios(self):
        content = RoutingMetrics(
            processed_count=3, routed_count=2, hot_count=2, duration_seconds=2.5
        ).to_dict()
        assert list(content) == [
            "processed_count", "routed_count", "hot_count", "warm_count", "cool_count", "cold_count",
            "skipped_count", "rejected_count", "duration_seconds", "errors",
            "hot_ratio", "warm_ratio", "cool_ratio", "cold_ratio",
        ]  # fmt: skip
        assert (content["duration_seconds"], content["hot_ratio"], content["cold_ratio"]) == (2.5, 1, 0)

    def test_ratios_are_over_the_routed(self):
        metrics = RoutingMetrics(
            processed_count=100, routed_count=95, hot_count=15, warm_count=35, cool_count=30, cold_count=15
        )
        ratios = {name: value for name, value in metrics.to_dict().items() if name.endswith("ratio")}
        assert ratios == {"hot_ratio": 0.158, "warm_ratio": 0.368, "cool_ratio": 0.316, "cold_ratio": 0.158}

    def test_by_day_for_metadata(self):
        routed = pd.DataFrame(
            {
                "day": pd.to_datetime(["2026-03-10"] * 4 + ["2026-03-12"]),
                "status": ["ROUTED", "ROUTED", "QUALIFICATION_PENDING", "REJECTED_LEAD", "ALREADY_ROUTED"],
                "tier": ["HOT", "COLD", "HOT", None, "WARM"],
                "boosted_by_intent": pd.array([True, False, True, False, False], dtype="boolean"),
            }
        )
        by_day = summarise(routed, RoutingRules())
        assert by_day.loc["2026-03-10"].to_dict() == {
            "processed_count": 4, "routed_count": 2, "hot_count": 1, "warm_count": 0, "cool_count": 0,
            "cold_count": 1, "skipped_count": 1, "rejected_count": 1, "hot_ratio": 0.5, "warm_ratio": 0,
            "cool_ratio": 0, "cold_ratio": 0.5, "boosted_count": 1,
        }  # fmt: skip
        assert by_day.loc["2026-03-12", ["skipped_count", "warm_count"]].tolist() == [1, 0]
        assert summarise(routed, RoutingRules(enable_auto_routing=False)).empty
        assert summarise(routed.iloc[:0], RoutingRules()).empty
