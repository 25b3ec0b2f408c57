"""Conversion models in Dagster: one training a campaign and week, with how good it was and what came of it.

What belongs here: showing. What does not: training (`score.model_training`), verdicts (`checks`). Metadata are
measures, counts and names of fields; nothing is about one person. Learning is imported where it is done: it takes
seconds to load.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Engine

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight import pages
from leadflow_pipeline.insight.conversion.checks import ASSET, DIGITS, specs, verdicts
from leadflow_pipeline.partitions import campaign_partitions
from leadflow_pipeline.score import model_registry as registry
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.stage_asset import OWNERS

if TYPE_CHECKING:
    from leadflow_pipeline.score.model_training import TrainingReport

ACTOR = "weekly training"


class Training(dg.Config):
    """As of which day a model is trained."""

    as_of: str | None = None
    """A day such as 2026-06-01, of which and after which nothing is known; today (UTC) where none is given."""

    promote: bool = True
    """Whether a better model takes the champion's place; else it is only kept."""


@dg.asset(
    name=ASSET,
    partitions_def=campaign_partitions,
    deps=[
        dg.AssetDep(
            schema.enriched_leads.name,
            partition_mapping=dg.MultiToSingleDimensionPartitionMapping("campaign"),
        )
    ],
    check_specs=specs(),
    group_name="insight",
    owners=list(OWNERS),
    kinds={"python", "scikitlearn"},
    description="How likely each lead converts, learned from known outcomes; promoted where it is better.",
)
@as_run_step
def conversion_model(
    context: dg.AssetExecutionContext, config: Training, store: StoreResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Trains, promotes what is better, and says how good it is."""
    from leadflow_pipeline.score.model_training import train_model

    report = train_model(
        store.engine, context.partition_key, _day(config.as_of), actor=ACTOR, promote=config.promote
    )
    context.log.info(report.words)
    yield dg.MaterializeResult(
        metadata=_metadata(report) | _page(store.engine, report), check_results=list(verdicts(report))
    )


def _day(as_of: str | None) -> date:
    """Raises PermanentError for what is no day."""
    if as_of is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(as_of)
    except ValueError:
        raise PermanentError(f"as_of is {as_of!r}, which is no day: write it as 2026-06-01") from None


def _page(engine: Engine, report: TrainingReport) -> dict[str, Any]:
    """Keeps the model's card as one HTML file; the Dagster UI shows it too. Nothing where there is no model."""
    from leadflow_pipeline.insight.conversion.card import draw_card

    if report.trained is None or report.model is None:
        return {}
    card = draw_card(report.trained, report.model, registry.promotions(engine, report.campaign))
    path = get_settings().home.resolve() / "reports" / f"{report.campaign}-model.html"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(pages.html_page(*card), encoding="utf-8")
    return {"card": dg.MetadataValue.md(pages.markdown_page(*card)), "page": dg.MetadataValue.path(path)}


def _metadata(report: TrainingReport) -> dict[str, Any]:
    """What the UI shows of a training; numbers as floats, so that it draws them over time."""
    said: dict[str, Any] = {
        "as_of": report.as_of.isoformat(),
        "what came of it": report.words,
        "promoted": report.is_promoted,
        "alarms": "; ".join(alarm.message for alarm in report.alarms) or "none",
        "stepped down": registry.scorer(report.stepped_down.degraded) if report.stepped_down else "nobody",
    }
    if report.trained is None:
        return said
    trained = report.trained
    said |= {
        "model_version": trained.model_version,
        "kind": trained.kind,
        "examples": float(trained.examples),
        "wins": float(trained.wins),
        "learned from": ", ".join(trained.card["pool"]) or "its own leads",
    }
    for who, measures in trained.card["measures"].items():
        for name, value in (measures or {}).items():
            if value is not None:
                said[_name_of(who, name)] = round(float(value), DIGITS)
    return said


def _name_of(who: str, measure: str) -> str:
    """`auc`, `rules auc`, `judged on leads`: all are judged on the same leads, and those are not the examples."""
    if measure in ("leads", "wins"):
        return f"judged on {measure}"
    return measure if who == "challenger" else f"{who} {measure}"
