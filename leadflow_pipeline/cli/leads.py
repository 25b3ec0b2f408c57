"""`leadflow import`, `export`, `override` and `erase`: leads in, tables out, a person's word, a person's
right.

What belongs here: arguments and output. What does not: reading files, SQL. What takes long to import is
imported by the command that needs it.
"""

from __future__ import annotations

import getpass
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from leadflow_pipeline.cli.output import console, error_console, print_json, progress, table_of
from leadflow_pipeline.errors import PermanentError

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]
DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}


class Contents(StrEnum):
    """What the rows of a file are."""

    LEADS = "leads"
    EVENTS = "events"
    OUTCOMES = "outcomes"
    TOUCHES = "touches"
    SPEND = "spend"


class Format(StrEnum):
    """How an export is written."""

    CSV = "csv"
    JSON_LINES = "jsonl"
    PARQUET = "parquet"


class Field(StrEnum):
    """What a person may decide about a lead."""

    STATUS = "status"
    TIER = "tier"
    SEQUENCE = "sequence"
    OWNER = "owner"
    NURTURE = "nurture"


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.command("import")(import_leads)
    app.command()(export)
    app.command()(override)
    app.command()(erase)


def import_leads(
    campaign: Slug,
    file: Annotated[Path, typer.Argument(help="CSV, TSV, JSON Lines, XLSX or Parquet; .gz and .zip too.")],
    source: Annotated[
        str | None, typer.Option(help="Source of the campaign file; told from the file's name if left out.")
    ] = None,
    contents: Annotated[
        Contents,
        typer.Option("--as", help="What the rows are, where no source of the campaign file says it."),
    ] = Contents.LEADS,
    received: Annotated[
        datetime | None, typer.Option(help="Day of rows that have none of their own; else today.", **DAY)
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep every row of a file as a fact. A file imported again changes nothing."""
    from leadflow_pipeline.harvest import importing
    from leadflow_pipeline.store.engine import get_engine

    with progress() as bar:
        task = bar.add_task(f"reading {file.name}", total=None)
        report = importing.import_file(
            get_engine(),
            campaign,
            file,
            source=source,
            contents=importing.Contents(contents.value),
            received_at=received.replace(tzinfo=UTC) if received else None,
            progress=lambda rows: bar.update(task, completed=rows),
        )
    if as_json:
        print_json(report.to_dict())
        return
    counts = ("rows", "new", "repeated", "quarantined", "erased")
    console.print(
        table_of(f"{file.name} → {report.source}", [{name: getattr(report, name) for name in counts}])
    )
    if report.contents is importing.Contents.SPEND:
        console.print(f"Next: leadflow attribution {campaign}", highlight=False)
    elif report.new and report.first_day and report.last_day:
        span = f"--from {report.first_day} --to {report.last_day}"
        console.print(f"Next: leadflow materialize {campaign} {span}", highlight=False)
    if report.quarantined:
        console.print(
            "Quarantined rows are kept whole, with the reason: leadflow export source_records "
            f"--campaign {campaign} (column unreadable_reason)",
            highlight=False,
        )


def export(
    table: Annotated[str, typer.Argument(help="Table, such as scored_leads.")],
    campaign: Annotated[str | None, typer.Option(help="Only this campaign's rows.")] = None,
    first: Annotated[datetime | None, typer.Option("--from", help="First day.", **DAY)] = None,
    last: Annotated[datetime | None, typer.Option("--to", help="Last day.", **DAY)] = None,
    export_format: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.CSV,
    output: Annotated[Path | None, typer.Option(help="File to write; standard output if left out.")] = None,
) -> None:
    """Write the rows of a table, by key. Spreadsheet formulas in CSV are made harmless."""
    from leadflow_pipeline.store.engine import get_engine
    from leadflow_pipeline.store.export import ExportFormat, export_table

    filters = {
        "campaign": campaign,
        "first": first.date() if first else None,
        "last": last.date() if last else None,
    }
    chosen = ExportFormat(export_format.value)
    if output is None:
        if chosen is ExportFormat.PARQUET and sys.stdout.isatty():
            raise PermanentError("Parquet is no text for a terminal: name a file with --output")
        export_table(get_engine(), table, sys.stdout.buffer, chosen, **filters)  # type: ignore[arg-type]
        return
    partial = output.with_name(f".{output.name}.part")
    try:
        with partial.open("wb") as out, progress() as bar:
            task = bar.add_task(f"writing {output.name}", total=None)
            rows = export_table(
                get_engine(),
                table,
                out,
                chosen,
                progress=lambda done: bar.update(task, completed=done),
                **filters,  # type: ignore[arg-type]
            )
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
    error_console.print(f"Wrote {rows:,} rows to {output}.", highlight=False)


def override(
    campaign: Slug,
    lead: Annotated[
        str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
    ],
    field: Annotated[Field, typer.Argument(help="What is decided.")],
    value: Annotated[str, typer.Argument(help="The decision; `none` gives it back to the rules.")],
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later.")],
    actor: Annotated[str | None, typer.Option(help="Who decides; your account's name if left out.")] = None,
    expires: Annotated[
        datetime | None, typer.Option(help="Last day it stands; for good if left out.", **DAY)
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide something about a lead by hand, from now on. The rules explain themselves around it."""
    from leadflow_pipeline.insight.decisions_by_hand import checked_decision
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.partitions import end_of
    from leadflow_pipeline.store.engine import get_engine
    from leadflow_pipeline.store.facts import add_override

    engine = get_engine()
    _, lead_id = find_lead(engine, lead, campaign)
    decision = checked_decision(engine, campaign, lead_id, field.value, value)
    number = add_override(
        engine,
        campaign=campaign,
        lead_id=lead_id,
        field=field.value,
        value=decision,
        actor=actor or getpass.getuser(),
        reason=reason,
        expires_at=end_of(expires.date()) if expires else None,
    )
    if as_json:
        print_json({"override_id": number, "lead_id": lead_id, "field": field.value, "value": decision})
    else:
        console.print(f"Override {number}: {field.value} of lead {lead_id} is {decision}.", highlight=False)


def erase(
    email: Annotated[str, typer.Argument(help="Address of the person who asked to be forgotten.")],
    actor: Annotated[str | None, typer.Option(help="Who does it; your account's name if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Remove a person from every table, and keep them from coming back."""
    from leadflow_pipeline.harvest.erasing import erase_person
    from leadflow_pipeline.store.engine import get_engine

    report = erase_person(get_engine(), email, actor=actor or getpass.getuser())
    if as_json:
        print_json(asdict(report))
        return
    if report.rows:
        console.print(
            table_of("Removed", [{"table": name, "rows": rows} for name, rows in report.rows.items()])
        )
    else:
        console.print("No table held that address. It is suppressed from now on.")
    if report.files_removed:
        console.print(f"Removed {report.files_removed} message files.")
    for path in report.files_to_mend:
        error_console.print(f"The address still stands in {path}: remove it there.", highlight=False)
    for mailbox in report.mailboxes_to_mend:
        error_console.print(
            f"Their mails still lie in the mailbox {mailbox}: delete them there.", highlight=False
        )
