"""`/campaigns/{campaign}/reps`: how a campaign's reps do.

What belongs here: from requests to `insight.rep_performance`. What does not: any figure. pandas is imported where it is
used, as the report is.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from fastapi import APIRouter

from leadflow_pipeline.service.access.door import Reader
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.parameters import AsOf, CampaignSlug, today_of
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.api.reps.routes import RepInPath, no_rep
from leadflow_pipeline.service.api.reps.shapes import Leaderboard, RepPerformance
from leadflow_pipeline.service.context import ServiceContext


def rep_performance_router(context: ServiceContext) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/campaigns/{campaign}/reps", tags=["reps"])

    @router.get("/leaderboard", responses=refusals())
    def leaderboard(caller: Reader, campaign: CampaignSlug, as_of: AsOf = None) -> Leaderboard:
        """The reps in order of performance, with the places each may as well have."""
        report, head = _report(context, campaign, as_of)
        return Leaderboard.model_validate({**head, "reps": _records(report.board)})

    @router.get("/performance", responses=refusals())
    def performance(caller: Reader, campaign: CampaignSlug, as_of: AsOf = None) -> RepPerformance:
        """How all reps do: beside their peers, week by week, and what they carry."""
        report, head = _report(context, campaign, as_of)
        return _performance(head, report.board, report.weekly, report.workload)

    @router.get("/{rep}/performance", responses=refusals())
    def performance_of_one(
        caller: Reader, campaign: CampaignSlug, rep: RepInPath, as_of: AsOf = None
    ) -> RepPerformance:
        """How one rep does: beside its peers, week by week, and what it carries."""
        report, head = _report(context, campaign, as_of)
        if rep not in report.shown:
            raise no_rep()
        frames = (frame[frame["rep"].eq(rep)] for frame in (report.board, report.weekly, report.workload))
        return _performance(head, *frames)

    return router


def _report(context: ServiceContext, campaign: str, as_of: date | None) -> tuple[Any, dict[str, Any]]:
    """The report of a campaign, and what it is about."""
    from leadflow_pipeline.insight.rep_performance.reading import read_rep_report

    known_campaign(context.engine, campaign)
    day = as_of or today_of(context.now())
    report = read_rep_report(context.engine, campaign, day)
    head = {
        "campaign": report.campaign,
        "as_of": report.as_of,
        "window_days": report.window_days,
        "currency": report.currency,
        "first_touches_in_time": report.compliance,
    }
    return report, head


def _performance(head: dict[str, Any], board: Any, weekly: Any, workload: Any) -> RepPerformance:
    return RepPerformance.model_validate(
        {**head, "reps": _records(board), "weeks": _records(weekly), "load": _records(workload)}
    )


def _records(frame: Any) -> list[dict[str, Any]]:
    from leadflow_pipeline.insight.rep_performance.reading import records_of

    return records_of(frame)
