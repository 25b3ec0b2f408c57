"""Attribution in Dagster: one table and picture a campaign, made again after its daily tables changed.

An outcome or a spend changes no daily table, so it shows after the next daily run, a day later at most while the
campaign is active; the command and a run by hand read what is known at once.

What belongs here: showing, and recording once a week what the score goes by. What does not: reading (`touches`), models
(`models`), drawing (`plots`). Metadata are channels and sums; nothing is about one person.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.insight import pages, plots
from leadflow_pipeline.insight.assets import AFTER_THE_DAILY_RUN
from leadflow_pipeline.insight.attribution.models import side_by_side
from leadflow_pipeline.insight.attribution.touches import Attribution, attribute, source_credits
from leadflow_pipeline.partitions import campaign_partitions
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.channel_credits import is_recorded_in_week_of, record_credits
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.stage_asset import OWNERS


@dg.asset(
    partitions_def=campaign_partitions,
    deps=[
        dg.AssetDep(table.name, partition_mapping=dg.MultiToSingleDimensionPartitionMapping("campaign"))
        for table in (schema.enriched_leads, schema.scored_leads)
    ],
    group_name="insight",
    owners=list(OWNERS),
    kinds={"python", "markdown"},
    automation_condition=AFTER_THE_DAILY_RUN,
    description="Which channels brought what was won, by nine models side by side, and what each cost.",
)
@as_run_step
def source_attribution(
    context: dg.AssetExecutionContext, store: StoreResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Divides the credit, and keeps the page as one HTML file; the Dagster UI shows it too."""
    campaign = context.partition_key
    # As known now: outcomes and spend come in long after the days they are about.
    today = datetime.now(UTC).date()
    recorded = record_this_week(store.engine, campaign, today)
    found = attribute(store.engine, campaign, today)
    tables = {
        f"Channels, by the model {found.rules.model}": found.costs(),
        "Conversions by model": side_by_side(found.credits, "conversions"),
        f"Value by model, {found.currency}": side_by_side(found.credits, "value"),
    }
    picture = plots.plot_attribution(side_by_side(found.credits, "conversions"), found.rules.conversion)
    drawn = {"Conversions by channel and model": picture}
    title = page_title(found)
    path = get_settings().home.resolve() / "reports" / f"{campaign}-attribution.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pages.html_page(title, tables, drawn), encoding="utf-8")
    yield dg.MaterializeResult(
        metadata={
            "attribution": dg.MetadataValue.md(pages.markdown_page(title, tables, drawn)),
            "page": dg.MetadataValue.path(path),
            "as_of_day": str(found.as_of),
            "model": found.rules.model.value,
            "journeys": len(found.journeys.lengths),
            "conversions": found.conversions,
            "value": found.value,
            "spend": float(found.spend.sum()),
            **({"credits_recorded_from": str(today)} if recorded else {}),
        }
    )


def record_this_week(engine: Engine, campaign: str, today: date) -> bool:
    """Records for the score what sources were credited with up to yesterday, where the campaign scores by it.

    Once an ISO week, and from today on, a day that is not over and so not computed: no score of the past moves.
    """
    if load(engine, campaign).rules.scoring.credit_of_sources is None:
        return False
    if is_recorded_in_week_of(engine, campaign, today):
        return False
    credits = source_credits(engine, campaign, today - timedelta(days=1))
    return record_credits(engine, campaign, today, credits, once_a_week=True)


def page_title(found: Attribution) -> str:
    """What the page is about, and what counts."""
    look_back = f"touches up to {found.rules.look_back_days:g} days before"
    return f"{found.name}: {found.rules.conversion} up to {found.as_of}, {look_back}"
