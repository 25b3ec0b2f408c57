"""`leadflow collect`: ask a campaign's sources now.

What belongs here: arguments and output. What does not: asking.
"""

from __future__ import annotations

from typing import Annotated

import typer

from leadflow_pipeline.cli.output import console, print_json, progress, table_of

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(collect)


def collect(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")],
    source: Annotated[str | None, typer.Option(help="Only this source of the campaign file.")] = None,
    as_json: Json = False,
) -> None:
    """Read the sources that are asked (vendors, APIs, web pages), each as far as its budget goes. Safe to repeat."""
    from leadflow_pipeline.harvest import collecting
    from leadflow_pipeline.store.engine import get_engine

    with progress() as bar:
        bar.add_task(f"asking {source or 'every source'} of {campaign}", total=None)
        reports = collecting.collect(get_engine(), campaign, source=source)
    if as_json:
        print_json([report.to_dict() for report in reports])
        return
    if not reports:
        console.print(
            f"Campaign {campaign} has no source that is asked; its files come in by leadflow import."
        )
        return
    counts = ("source", "kind", "state", "pages", "rows", "new", "repeated", "quarantined", "erased")
    rows = [
        {name: getattr(report, name) for name in counts}
        | {"waiting": report.lookups.get("pending", 0), "credits": f"{report.credits:g}"}
        for report in reports
    ]
    console.print(table_of(f"Collected for {campaign}", rows))
    for report in reports:
        if report.problem is not None:
            again = f"; tried again from {report.until:%Y-%m-%d %H:%M} UTC" if report.until else ""
            console.print(f"{report.source}: {report.problem}{again}", highlight=False, markup=False)
    if any(report.new for report in reports):
        console.print(f"Next: leadflow materialize {campaign}", highlight=False)
