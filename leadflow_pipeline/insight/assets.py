"""The campaign report in Dagster: one page a campaign, made again after its daily tables changed.

What belongs here: keeping the page, and showing it. What does not: what stands on it (`campaign_report`).
"""

from __future__ import annotations

from collections.abc import Iterator

import dagster as dg

from leadflow_pipeline.insight import pages
from leadflow_pipeline.insight.campaign_report import make_report
from leadflow_pipeline.partitions import campaign_partitions
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.stage_asset import OWNERS

SHOWN_TABLES = (
    schema.enriched_leads,
    schema.scored_leads,
    schema.qualified_leads,
    schema.routed_leads,
    schema.nurtured_leads,
    schema.nurture_touches,
)

AFTER_THE_DAILY_RUN = (
    (dg.AutomationCondition.newly_missing() | dg.AutomationCondition.any_deps_updated()).since_last_handled()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)


@dg.asset(
    partitions_def=campaign_partitions,
    deps=[
        dg.AssetDep(table.name, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("campaign"))
        for table in SHOWN_TABLES
    ],
    group_name="insight",
    owners=list(OWNERS),
    kinds={"python", "markdown"},
    automation_condition=AFTER_THE_DAILY_RUN,
    description="A page to look at: how far leads came, their scores and tiers, and what each day brought.",
)
@as_run_step
def campaign_report(
    context: dg.AssetExecutionContext, store: StoreResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Draws the report and keeps it as one HTML file; the Dagster UI shows it too."""
    campaign = context.partition_key
    report = make_report(store.engine, campaign)
    path = get_settings().home.resolve() / "reports" / f"{campaign}.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pages.html_page(report.title, report.tables, report.plots), encoding="utf-8")
    funnel = report.funnel.set_index("step")["leads"]
    yield dg.MaterializeResult(
        metadata={
            "report": dg.MetadataValue.md(pages.markdown_page(report.title, report.tables, report.plots)),
            "page": dg.MetadataValue.path(path),
            "as_of_day": str(report.last_day),
            **{str(step): int(leads) for step, leads in funnel.items()},
        }
    )
