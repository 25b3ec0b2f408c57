"""Leads by program: found, told of, decided about, enriched, scored, brought in and taken out as lists.

What belongs here: from a request to a function of the stages or of `insight`, and its result as an answer. What does
not: any rule, and any query.
"""

from __future__ import annotations

from fastapi import APIRouter

from leadflow_pipeline.service.api.leads.deciding import add_decisions
from leadflow_pipeline.service.api.leads.enriching import add_enrichment
from leadflow_pipeline.service.api.leads.finding import add_finding
from leadflow_pipeline.service.api.leads.listing import add_lists
from leadflow_pipeline.service.api.leads.scoring import add_scoring
from leadflow_pipeline.service.context import ServiceContext


def leads_router(context: ServiceContext) -> APIRouter:
    """Every route about leads."""
    router = APIRouter()
    for add in (add_finding, add_decisions, add_enrichment, add_scoring, add_lists):
        add(router, context)
    return router
