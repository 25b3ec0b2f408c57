"""Rep performance in Dagster: one page a campaign, made again after its daily tables changed.

What belongs here: when, showing, and checks. What does not: reading (`reading`), figures, drawing (`plots`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from leadflow_pipeline.insight import pages
from leadflow_pipeline.insight.assets import AFTER_THE_DAILY_RUN
from leadflow_pipeline.insight.rep_performance.checks import ASSET, PROMISED, specs, verdicts
from leadflow_pipeline.insight.rep_performance.reading import RepReport, read_rep_report
from leadflow_pipeline.partitions import campaign_partitions
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.stage_asset import OWNERS


@dg.asset(
    name=ASSET,
    partitions_def=campaign_partitions,
    deps=[
        dg.AssetDep(table.name, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("campaign"))
        for table in (schema.owner_decisions, schema.rep_days)
    ],
    check_specs=specs(),
    group_name="insight",
    owners=list(OWNERS),
    kinds={"python", "markdown"},
    automation_condition=AFTER_THE_DAILY_RUN,
    description="How reps do: results with what they may be, peers, trends, first touches, load, and fair shares.",
)
@as_run_step
def rep_performance(
    context: dg.AssetExecutionContext, store: StoreResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Judges, and keeps the page as one HTML file; the Dagster UI shows it too."""
    # As known now: what reps did and what came of it is told long after leads were given.
    report = read_rep_report(store.engine, context.partition_key, datetime.now(UTC).date())
    page = draw_page(report)
    path = get_settings().home.resolve() / "reports" / f"{report.campaign}-reps.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pages.html_page(*page), encoding="utf-8")
    yield dg.MaterializeResult(
        metadata={
            "reps": dg.MetadataValue.md(pages.markdown_page(*page)),
            "page": dg.MetadataValue.path(path),
            "as_of_day": str(report.as_of),
            **_figures(report),
        },
        check_results=list(verdicts(report)),
    )


def draw_page(report: RepReport) -> tuple[str, dict[str, pages.Section], dict[str, bytes]]:
    """Title, sections and pictures."""
    # Here, because drawing takes long to load, and this module is loaded with every part of Dagster.
    from leadflow_pipeline.insight.rep_performance import plots, tables

    board, shown = report.board, report.shown
    if reason := tables.why_nothing(report):
        return f"{report.name}: reps up to {report.as_of}", {"Leaderboard": reason}, {}
    title = f"{report.name}: reps up to {report.as_of}, leads given in the {report.window_days} days before"
    sections: dict[str, pages.Section] = {
        "Leaderboard": tables.leaderboard_table(board, shown),
        "Surely different from their peers": tables.peers_table(board, shown),
        "Week by week": tables.weeks_table(report.weekly),
        "Load": tables.workload_table(report.workload, shown),
        "Fair shares of leads": tables.fairness_table(report.fairness),
    }
    if report.fairness_of_value:
        sections["Fair shares of value"] = tables.fairness_table(report.fairness_of_value)
    pictures = {
        "Conversion": plots.plot_conversion(board, shown),
        "Value won": plots.plot_value_won(board, shown, report.currency),
        "First touches in time": plots.plot_first_touch(board, shown, PROMISED),
        "Week by week": plots.plot_weeks(report.weekly),
        "Performance, week by week": plots.plot_trends(report.trailing, board, shown),
        "Load": plots.plot_load(report.workload, shown, report.backpressure_from),
        "Fair shares of leads": plots.plot_fairness(report.fairness),
    }
    return title, sections, pictures


def _figures(report: RepReport) -> dict[str, Any]:
    """Numbers that the UI draws over time."""
    board, workload = report.board, report.workload
    figures: dict[str, Any] = {
        "reps_with_leads": int(board["leads"].gt(0).sum()),
        "leads": int(board["leads"].sum()),
        "won": int(board["wins"].sum()),
        "value_won": float(board["value_won"].sum()),
        "floors_missed": int(workload["floors_missed"].sum()),
    }
    if report.compliance is not None:
        figures["first_touches_in_time"] = report.compliance
    if len(workload):
        figures["highest_load"] = float(workload["load"].max())
    return figures
