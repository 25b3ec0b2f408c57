"""`leadflow attribution`: which channels brought what was won, what each cost, and recording it for the score.

What belongs here: arguments and output. What does not: any model.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

from leadflow_pipeline.cli.output import console, fail, print_json, table_of
from leadflow_pipeline.insight.attribution.rules import Model

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts: all models.")]
Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]


MOST_CHANNELS = 6
"""Columns of the comparison: more would not fit on a screen."""
UNKNOWN = "–"


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(attribution)


def attribution(
    campaign: Slug,
    model: Annotated[
        Model | None, typer.Option(help="Who gets the credit; the campaign's own model if left out.")
    ] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of", help="Last day that counts; else today.", formats=["%Y-%m-%d"], metavar="DAY"
        ),
    ] = None,
    record: Annotated[
        bool,
        typer.Option(
            "--record",
            help="Record what sources are credited with, for the score of the day after DAY and later; else of today.",
        ),
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="With --record: also where computed days become due again.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show which channels brought what was won, and what each cost, by all models. Changes nothing but by --record."""
    if record:
        _record(campaign, as_of.date() if as_of else None, is_agreed=yes, as_json=as_json)
        return
    from leadflow_pipeline.insight.attribution.models import side_by_side
    from leadflow_pipeline.insight.attribution.touches import attribute
    from leadflow_pipeline.store.engine import get_engine

    day = as_of.date() if as_of else datetime.now(UTC).date()
    found = attribute(get_engine(), campaign, day)
    shown = model or found.rules.model
    costs = found.costs(shown)
    if as_json:
        models = found.credits.groupby("model", sort=False)[["channel", "conversions", "value"]]
        print_json(
            {
                "campaign": campaign,
                "as_of": day,
                "conversion": found.rules.conversion,
                "look_back_days": found.rules.look_back_days,
                "currency": found.currency,
                "conversions": found.conversions,
                "value": found.value,
                "model": shown.value,
                "channels": _rows(costs, None),
                "models": {str(name): rows.to_dict("records") for name, rows in models},
            }
        )
        return
    title = f"{campaign}, up to {day}: {found.conversions:,.0f} {found.rules.conversion}"
    if costs.empty:
        console.print(f"{title}, and no touch is known yet.", highlight=False)
        return
    word = found.rules.conversion
    costs = costs.rename(columns={"conversions": word, "cost_per_acquisition": f"cost_per_{word}"})
    console.print(_table(f"{title}, by the model {shown.value} ({found.currency})", costs))
    if not found.conversions:
        console.print(f"Nothing is {word} yet, so there is no credit to divide.", highlight=False)
        return
    by_model = side_by_side(found.credits, "conversions").set_index("channel")
    if not by_model.empty:
        console.print(
            _table("Conversions by model", _few_channels(by_model).T.rename_axis("model").reset_index())
        )


def _record(campaign: str, as_of: date | None, *, is_agreed: bool, as_json: bool) -> None:
    from leadflow_pipeline.campaign import load
    from leadflow_pipeline.insight.attribution.touches import source_credits
    from leadflow_pipeline.store.channel_credits import record_credits
    from leadflow_pipeline.store.due_days import latest_day
    from leadflow_pipeline.store.engine import get_engine
    from leadflow_pipeline.store.schema import scored_leads

    engine, today = get_engine(), datetime.now(UTC).date()
    rules = load(engine, campaign).rules.scoring
    from_day = as_of + timedelta(days=1) if as_of else today
    if from_day > today:
        fail(f"{as_of} is not over, so it cannot be recorded: name an earlier day")
    with engine.connect() as connection:
        computed = latest_day(connection, scored_leads, campaign)
    if computed is not None and computed >= from_day and not is_agreed:
        fail(
            f"the days of {campaign} from {from_day} to {computed} are computed, and would become due again with these "
            f"credits: say --yes if that is meant"
        )
    credits = source_credits(engine, campaign, from_day - timedelta(days=1))
    if not record_credits(engine, campaign, from_day, credits):
        fail(f"no touch of {campaign} is known before {from_day}, so there is nothing to record")
    if as_json:
        print_json({"campaign": campaign, "from_day": from_day, "channels": credits.to_dict("records")})
        return
    console.print(_table(f"Credits of {campaign}, recorded for the score from {from_day}", credits))
    if rules.credit_of_sources is None:
        console.print(
            "Its file scores by declared points: scoring.source_credit: true makes it score by these."
        )


def _few_channels(by_model: pd.DataFrame) -> pd.DataFrame:
    """The channels with the most credit, as many as fit on a screen, and the rest as one."""
    in_order = by_model.loc[by_model.sum(axis="columns").sort_values(ascending=False, kind="stable").index]
    if len(in_order) <= MOST_CHANNELS:
        return in_order
    rest = in_order.iloc[MOST_CHANNELS - 1 :].sum().rename("all others").to_frame().T
    return pd.concat([in_order.iloc[: MOST_CHANNELS - 1], rest])


def _table(title: str, rows: pd.DataFrame) -> Table:
    """Numbers to the right with two decimals; headers break between words."""
    named = rows.rename(columns=lambda name: str(name).replace("_", " "))
    table = table_of(title, _rows(named, UNKNOWN))
    for column in table.columns[1:]:
        column.justify = "right"
    return table


def _rows(table: pd.DataFrame, unknown: str | None) -> list[dict[str, Any]]:
    """Rows for printing; with text for `unknown`, numbers are text of two decimals."""

    def written(value: Any) -> Any:
        if isinstance(value, float) and pd.isna(value):
            return unknown
        return f"{value:,.2f}" if isinstance(value, float) and unknown is not None else value

    return [{str(name): written(value) for name, value in row.items()} for row in table.to_dict("records")]
