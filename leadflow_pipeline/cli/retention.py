"""`leadflow retention`: what is older than it is to be kept goes.

What belongs here: arguments and output. What does not: what ages out (`store.retention`, `automation.retaining`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from leadflow_pipeline.cli.output import console, print_json, table_of
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.engine import get_engine


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(retention)


def retention(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would go.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Let go of what is older than LEADFLOW_KEEP_... says; a schedule does so every night."""
    from leadflow_pipeline.automation.retaining import forget_runs
    from leadflow_pipeline.store.dagster_home import dagster_instance
    from leadflow_pipeline.store.retention import age_out

    settings, now = get_settings(), datetime.now(UTC)
    with dagster_instance() as instance:
        counts = age_out(get_engine(), settings, now, dry_run=dry_run)
        counts["runs"] = forget_runs(instance, now - timedelta(days=settings.keep_run_days), dry_run=dry_run)
    if as_json:
        print_json({"dry_run": dry_run, "counts": counts})
    else:
        title = "Would go" if dry_run else "Gone"
        console.print(table_of(title, [{"what": name, "how many": count} for name, count in counts.items()]))
