"""`leadflow attribution`: which channels brought what was won, and what each cost.

What belongs here: arguments and output. What does not: any model.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import pandas as pd
import typer
from rich.table import Table

from leadflow_pipeline.cli.output import console, print_json, table_of
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
    as_json: Json = False,
) -> None:
    """Show which channels brought what was won, and what each cost, by all models. Changes nothing."""
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
    by_model = side_by_side(found.credits, "conversions").set_index("channel")
    if not by_model.empty:
        console.print(
            _table("Conversions by model", _few_channels(by_model).T.rename_axis("model").reset_index())
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
