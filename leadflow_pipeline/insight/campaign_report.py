"""The campaign report: what became of a campaign's leads, counted and drawn as of its latest complete day.

What belongs here: reading each lead's latest rows, and which tables and pictures the report has. What does not:
counting (`summaries`), drawing (`plots`), laying out (`pages`), and keeping the page (`assets`, the service).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import pandas as pd
from sqlalchemy import Engine, Integer, Table, cast, func, select

from leadflow_pipeline.campaign import Campaign, load
from leadflow_pipeline.insight import decision_trees, pages, plots, summaries
from leadflow_pipeline.insight.conversion.plots import plot_score_curve
from leadflow_pipeline.insight.overlaps import overlap_table, read_overlaps
from leadflow_pipeline.partition_keys import end_of
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.due_days import LAST_TABLE, latest_day
from leadflow_pipeline.store.facts import read_outcomes
from leadflow_pipeline.store.partitions import latest_before


@dataclass(frozen=True)
class Report:
    """What a campaign's page shows."""

    title: str
    last_day: date | None
    funnel: pd.DataFrame
    tables: dict[str, pages.Section]
    """The funnel among them, and a sentence where there is no table yet."""
    plots: dict[str, bytes]


def make_report(engine: Engine, campaign: str, *, drawn: bool = True) -> Report:
    """Counts a campaign as of its latest complete day; without one, an empty report.

    `drawn`: with the pictures, which take most of the time.
    """
    rules = load(engine, campaign).rules
    with engine.connect() as connection:
        last_day = latest_day(connection, LAST_TABLE, campaign)
    after = (last_day or get_settings().first_day) + timedelta(days=1)

    def latest(table: Table, *columns: str) -> pd.DataFrame:
        return latest_before(engine, table, campaign, after, columns=["lead_id", *columns])

    scored = latest(schema.scored_leads, "day", "score", "icp_fit", "engagement", "conversion_probability")
    routed = latest(schema.routed_leads, "status", "tier")
    # Outcomes are shown as known today, not as of the last day: they ripen long after a lead was routed.
    outcomes = read_outcomes(engine, campaign, before=end_of(date.max - timedelta(days=1)))
    qualified = latest(schema.qualified_leads, "status")
    funnel = summaries.funnel(
        latest(schema.enriched_leads, "email_status"),
        qualified,
        routed,
        latest(schema.nurtured_leads),
        outcomes,
    )
    tiers = summaries.tier_table(routed, outcomes)
    deciles = summaries.conversion_by_decile(scored, outcomes)
    grid = summaries.fit_engagement_grid(scored, outcomes, *lines_of(rules))
    reasons = decision_trees.read_reasons(engine, campaign, after)
    reached = {
        f"Decision tree: {tree.name}": (tree, decision_trees.leads_at(tree, reasons))
        for tree in rules.qualification.trees
    }

    def pictures() -> dict[str, bytes]:
        # Here, because what learns takes seconds to load, and this module is loaded with every part of Dagster.
        from leadflow_pipeline.insight.conversion.expectations import score_worth

        threshold = rules.qualification.threshold
        volume = summaries.daily_volume(*rows_by_day(engine, campaign))
        worth = score_worth(_first_scores(engine, campaign, after), outcomes, after, rules.conversion)
        return {
            "Funnel": plots.plot_funnel(funnel),
            "Scores": plots.plot_score_distribution(summaries.score_distribution(scored), threshold),
            **{heading: decision_trees.plot_decision_tree(*tree) for heading, tree in reached.items()},
            "Daily volume": plots.plot_daily_volume(volume),
            "Tiers": plots.plot_tiers(tiers),
            "Conversion by score decile": plots.plot_conversion_by_decile(deciles),
            "Fit and engagement": plots.plot_fit_engagement_grid(grid),
            "From score to conversion": plot_score_curve(worth.curve, worth.leads, worth.without),
        }

    return Report(
        title=f"{rules.name}, up to {last_day or 'no day yet'}",
        last_day=last_day,
        funnel=funnel,
        tables={
            "Funnel": funnel,
            "Why leads stand where they stand": decision_trees.reason_table(
                reasons, len(qualified), drawn=[tree.name for tree, _ in reached.values()]
            ),
            **{heading: decision_trees.leaf_table(*tree) for heading, tree in reached.items()},
            "Tiers": tiers,
            "Conversion by score decile": deciles,
            "Fit and engagement": grid,
            f"Expected conversions, value in {rules.currency}": _expected(
                scored, routed, outcomes, after, rules
            ),
            "People in other campaigns too": _overlaps(engine, campaign),
        },
        plots=pictures() if drawn else {},
    )


def _expected(
    scored: pd.DataFrame, routed: pd.DataFrame, outcomes: pd.DataFrame, as_of: date, rules: Campaign
) -> pages.Section:
    from leadflow_pipeline.insight.conversion.expectations import expectations

    if not scored["conversion_probability"].notna().any():
        return (
            f"No model has scored these leads yet: leadflow model list {rules.campaign} says which there are."
        )
    table = expectations(scored, routed, outcomes, as_of, rules.conversion)
    if table.empty:
        days = rules.conversion.matures_after_days
        return f"No lead is open: those that a model scored were won, lost, or without news for {days} days."
    return table


def _first_scores(engine: Engine, campaign: str, before: date) -> pd.DataFrame:
    """Each lead's first score: `lead_id`, `day`, `score`."""
    scored = schema.scored_leads.c
    query = (
        select(scored.lead_id, scored.day, scored.score)
        .where(scored.campaign == campaign, scored.day < before)
        .order_by(scored.lead_id, scored.day)
        .distinct(scored.lead_id)
    )
    with engine.connect() as connection:
        return read(connection, query)


def lines_of(rules: Campaign) -> tuple[list[float], list[float]]:
    """Where a campaign draws its lines: fits that part the tiers, engagement that parts the temperatures."""
    routing, levels = rules.routing, rules.scoring.temperature
    tiers = [routing.cool_tier_min_score, routing.warm_tier_min_score, routing.hot_tier_min_score]
    return tiers, [levels.warm, levels.hot]


def _overlaps(engine: Engine, campaign: str) -> pd.DataFrame:
    """As of now: a person is in several campaigns at present, not on a day."""
    with engine.connect() as connection:
        return overlap_table(read_overlaps(connection, datetime.now(UTC), campaign))


def rows_by_day(engine: Engine, campaign: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """New leads, and touches, of each day: `day`, `rows`."""
    # Enriched, because there a person whose records came as several leads is one.
    leads, lineage = schema.enriched_leads, schema.partition_lineage
    new_leads = (
        select(leads.c.day, cast(func.count(), Integer).label("rows"))
        .where(leads.c.campaign == campaign, leads.c.is_new)
        .group_by(leads.c.day)
        .order_by(leads.c.day)
    )
    touches = (
        select(lineage.c.day, lineage.c.rows)
        .where(lineage.c.campaign == campaign, lineage.c.table_name == schema.nurture_touches.name)
        .order_by(lineage.c.day)
    )
    with engine.connect() as connection:
        return read(connection, new_leads), read(connection, touches)
