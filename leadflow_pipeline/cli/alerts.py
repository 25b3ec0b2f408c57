"""`leadflow alerts`: what needs looking after now, and what did."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from leadflow_pipeline.cli.output import console, print_json, table_of
from leadflow_pipeline.store.engine import get_engine

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
MOST = 200


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(alerts)


def alerts(
    everything: Annotated[
        bool, typer.Option("--all", help="Those that are over too, the latest first.")
    ] = False,
    look: Annotated[
        bool,
        typer.Option(
            "--look", help="Look now, and tell of what is new, as the schedule does every 5 minutes."
        ),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what needs looking after now, and what to do about it."""
    from leadflow_pipeline.delivery.alerts.door import watch
    from leadflow_pipeline.delivery.alerts.listing import read_alerts
    from leadflow_pipeline.insight.health.readings import readings_of
    from leadflow_pipeline.settings import get_settings

    engine = get_engine()
    if look:
        now = datetime.now(UTC)
        watch(engine, get_settings(), readings_of(engine, now), now)
    with engine.connect() as connection:
        rows = read_alerts(connection, is_open=None if everything else True, limit=MOST)
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo("nothing needs looking after")
    else:
        shown = [
            {
                "since": row["opened_at"],
                **({"until": row["closed_at"]} if everything else {}),
                "what": row["sentence"],
                "what to do": row["remedy"],
            }
            for row in rows
        ]
        console.print(table_of("Alerts (UTC)", shown))
