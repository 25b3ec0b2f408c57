"""Route: which sequence a qualified lead enters (and, later, which owner it is given)."""

from leadflow_pipeline.route.decision import Lead, RoutingDecision, RoutingStatus
from leadflow_pipeline.route.frame_router import route_frame
from leadflow_pipeline.route.lead_router import LeadRouter, route_lead
from leadflow_pipeline.route.metrics import RoutingMetrics
from leadflow_pipeline.route.plan import plan_routed
from leadflow_pipeline.route.rules import ContentSequence, ContentSequenceType, RoutingRules, Tier

__all__ = [
    "ContentSequence",
    "ContentSequenceType",
    "Lead",
    "LeadRouter",
    "RoutingDecision",
    "RoutingMetrics",
    "RoutingRules",
    "RoutingStatus",
    "Tier",
    "plan_routed",
    "route_frame",
    "route_lead",
]
