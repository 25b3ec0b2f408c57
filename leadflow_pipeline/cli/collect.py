"""`leadflow collect`: ask a campaign's sources now.

What belongs here: arguments and output. What does not: asking.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadflow_pipeline.cli.output import console, fail, print_json, progress, table_of

if TYPE_CHECKING:
    from leadflow_pipeline.harvest.collecting import CollectReport

ALWAYS = ("source", "kind", "state", "pages", "new")
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(collect)


def collect(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")],
    source: Annotated[
        str | None, typer.Option(metavar="SOURCE", help="Only this source of the campaign file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Read the sources that are asked (vendors, APIs, web pages), each as far as its budget goes. Safe to repeat.

    The command fails where a source failed and a person has to mend it; one that is only put off is told.
    """
    from leadflow_pipeline.harvest import collecting
    from leadflow_pipeline.store.engine import get_engine

    with progress() as bar:
        bar.add_task(f"asking {source or 'every source'} of {campaign}", total=None)
        reports = collecting.collect(get_engine(), campaign, source=source)
    if as_json:
        print_json([report.to_dict() for report in reports])
    else:
        _show(campaign, reports)
    if failed := [report for report in reports if report.state == "failed"]:
        fail("; ".join(_problem_of(report) for report in failed))


def _show(campaign: str, reports: Sequence[CollectReport]) -> None:
    if not reports:
        console.print(
            f"Campaign {campaign} has no source that is asked; its files come in by leadflow import."
        )
        return
    console.print(table_of(f"Collected for {campaign}", rows_of(reports)))
    for report in reports:
        if report.problem is not None and report.state != "failed":
            console.print(_problem_of(report), highlight=False, markup=False)
    if any(report.new for report in reports):
        console.print(f"Next: leadflow materialize {campaign}", highlight=False)


def _problem_of(report: CollectReport) -> str:
    again = f"; tried again by itself from {report.until:%Y-%m-%d %H:%M} UTC" if report.until else ""
    return f"{report.source}: {report.problem}{again}"


def rows_of(reports: Sequence[CollectReport]) -> list[dict[str, Any]]:
    """A row for each source; of what happens seldom, only the columns in which there is something."""
    rows = [
        {
            "source": report.source,
            "kind": report.kind,
            "state": report.state,
            "pages": report.pages,
            "new": report.new,
            "repeated": report.repeated,
            "quarantined": report.quarantined,
            "erased": report.erased,
            "waiting": report.lookups.get("pending", 0),
            "unknown": report.lookups.get("unknown", 0),
            "credits": f"{report.credits:g}",
        }
        for report in reports
    ]
    shown = [name for name in rows[0] if name in ALWAYS or any(row[name] not in (0, "0") for row in rows)]
    return [{name: row[name] for name in shown} for row in rows]
