"""Many leads at once: the same decisions, counted."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from leadflow_pipeline.route import LeadRouter, RoutingMetrics, RoutingRules, route_frame

AS_OF = datetime(2026, 3, 11, tzinfo=UTC)


def batch(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Leads from (lead_id, status, icp_fit); the score is a hundred times the fit."""
    frame = pd.DataFrame(rows, columns=["lead_id", "status", "icp_fit"]).astype({"icp_fit": "float64"})
    return frame.assign(score=frame["icp_fit"] * 100)


MIXED = (
    ("hot", "QUALIFIED", 0.9),
    ("warm", "QUALIFIED", 0.75),
    ("cool", "MANUAL_REVIEW", 0.6),
    ("cold", "QUALIFIED", 0.1),
    ("sent", "ROUTED", 0.9),
    ("lost", "LOST", 0.9),
    ("bad", "REJECTED", 0.9),
    ("new", "PENDING", 0.9),
)


class TestBatchRouting:
    def test_an_empty_campaign(self):
        metrics = LeadRouter().batch_route_leads(batch())
        assert (metrics.processed_count, metrics.routed_count) == (0, 0)
        assert metrics.to_dict()["hot_ratio"] == 0

    def test_many_leads(self):
        metrics = LeadRouter().batch_route_leads(batch(*MIXED))
        assert (metrics.processed_count, metrics.routed_count) == (8, 4)
        assert (metrics.hot_count, metrics.warm_count, metrics.cool_count, metrics.cold_count) == (1, 1, 1, 1)

    def test_what_is_written_about_a_routed_lead(self):
        [row] = route_frame(batch(MIXED[0]), RoutingRules(), AS_OF).to_dict("records")
        assert row == {
            "lead_id": "hot", "intent_score": 0.0, "status": "ROUTED", "tier": "HOT",
            "sequence": "aggressive_close", "sequence_start_at": pd.Timestamp(AS_OF),
            "boosted_by_intent": False,
            "routing_number": 1, "reasoning": "ICP fit 0.9: HOT, aggressive close, schedule demo",
        }  # fmt: skip

    def test_routed_leads_are_skipped(self):
        metrics = LeadRouter().batch_route_leads(batch(("a", "ROUTED", 0.9), ("b", "ALREADY_ROUTED", 0.9)))
        assert (metrics.routed_count, metrics.skipped_count) == (0, 2)

    def test_the_limit_takes_the_best_scores_then_the_first_ids(self):
        leads = batch(
            *((lead, "QUALIFIED", fit) for lead, fit in [("d", 0.6), ("b", 0.9), ("a", 0.6), ("c", 0.6)])
        )
        routed = route_frame(leads, RoutingRules(), AS_OF, max_leads=2)
        assert routed.loc[routed["status"] == "ROUTED", "lead_id"].tolist() == ["b", "a"]
        waits = routed.set_index("lead_id").loc["c"]
        assert (waits["status"], waits["tier"]) == ("QUALIFICATION_PENDING", "COOL")
        assert waits["reasoning"].endswith(
            "waits for the next day, because the day's limit of leads is reached"
        )
        metrics = LeadRouter().batch_route_leads(leads, max_leads=2)
        assert (metrics.processed_count, metrics.routed_count, metrics.skipped_count) == (4, 2, 2)
        assert LeadRouter().batch_route_leads(batch(*[("a", "QUALIFIED", 0.9)] * 1001)).routed_count == 1000

    def test_switched_off_the_metrics_are_empty(self):
        rules = RoutingRules(enable_auto_routing=False)
        assert LeadRouter(rules).batch_route_leads(batch(*MIXED)) == RoutingMetrics()
        statuses = route_frame(batch(*MIXED), rules, AS_OF)["status"].tolist()
        assert statuses == [
            *["QUALIFICATION_PENDING"] * 4, "ALREADY_ROUTED",
            "REJECTED_LEAD", "REJECTED_LEAD", "QUALIFICATION_PENDING",
        ]  # fmt: skip

    def test_leads_in_manual_review_are_routed(self):
        routed = route_frame(batch(("a", "MANUAL_REVIEW", 0.9)), RoutingRules(), AS_OF)
        assert routed[["status", "tier"]].to_numpy().tolist() == [["ROUTED", "HOT"]]

    def test_every_lead_is_counted_once(self):
        metrics = LeadRouter().batch_route_leads(batch(*MIXED))
        assert (metrics.routed_count, metrics.skipped_count, metrics.rejected_count) == (4, 2, 2)
        assert (metrics.errors, metrics.duration_seconds > 0) == (0, True)
