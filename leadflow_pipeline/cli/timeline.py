"""`leadflow timeline LEAD`: all that is known of a lead, in order.

What belongs here: arguments and output. What does not: finding out (`insight.timeline`).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from leadflow_pipeline.cli.output import counted, print_json

DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(timeline)


def timeline(
    lead: Annotated[
        str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
    ],
    campaign: Annotated[str | None, typer.Option(help="Slug, where several campaigns have the lead.")] = None,
    day: Annotated[
        datetime | None, typer.Option(help="Up to the end of this day; else up to now.", **DAY)
    ] = None,
    text: Annotated[
        bool, typer.Option("--text", help="Show what was written, too: it is personal data.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Tell everything about a lead in order: records, scores, owners, emails, opens and clicks, answers, decisions.

    What a machine did is marked with `~`: it counts for nothing.
    """
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.insight.timeline import tell_timeline
    from leadflow_pipeline.partitions import end_of
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    slug, lead_id = find_lead(engine, lead, campaign)
    entries = tell_timeline(engine, slug, lead_id, end_of(day.date()) if day else None)
    if as_json:
        rows = [asdict(entry) for entry in entries]
        print_json([row if text else {name: row[name] for name in row if name != "text"} for row in rows])
        return
    typer.echo(f"Lead {lead_id} of {slug}: {counted(len(entries), 'entry').replace('entrys', 'entries')}")
    for entry in entries:
        mark = "~" if entry.is_machine else " "
        typer.echo(f"{entry.at.astimezone(UTC):%Y-%m-%d %H:%M} {mark} {entry.kind:<13} {entry.words}")
        if text and entry.text:
            for line in entry.text.splitlines():
                typer.echo(f"{'':21}{line}")
