"""`leadflow reps ...`: who there is to give leads to, when they are away, and what is questionable about them.

What belongs here: arguments and output. What does not: what a list of reps may say, and any rule.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadflow_pipeline.cli import rep_performance
from leadflow_pipeline.cli.campaign import actor
from leadflow_pipeline.cli.output import console, counted, print_json, table_of
from leadflow_pipeline.cli.reps_shown import (
    changes_since,
    of_limit,
    print_record,
    say_imported,
    table_of_reps,
)
from leadflow_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from leadflow_pipeline.route.owners.reps.rep import Rep

app = typer.Typer(
    no_args_is_help=True, help="Who leads are given to: reps, their territories, capacity and absences."
)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    rep_performance.register(app)
    leadflow.add_typer(app, name="reps")


DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}
RepId = Annotated[str, typer.Argument(metavar="REP", help="Id of a rep, as in the column `rep`.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Actor = Annotated[str | None, typer.Option("--actor", help="Who does it; your account's name if left out.")]


class Status(StrEnum):
    """Whether a rep is given leads."""

    ACTIVE = "active"
    PAUSED = "paused"
    LEFT = "left"


@app.command("import")
def import_list(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="CSV, or YAML with a list `reps` of whole records."),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option(metavar="SCHEMA.NAME", help="A table or view with the same columns, instead."),
    ] = None,
    from_day: Annotated[
        datetime | None,
        typer.Option(help="First day that it holds for; else today (UTC), or the first day ever.", **DAY),
    ] = None,
    keep_missing: Annotated[
        bool, typer.Option("--keep-missing", help="Reps who are not in the list stay as they are.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")
    ] = False,
    actor_name: Actor = None,
    as_json: Json = False,
) -> None:
    """Make a whole list of reps known. Who is missing from it has left, from that day on; the past stays."""
    from leadflow_pipeline.route.owners.reps.rep_sources import reps_from_file, reps_from_table
    from leadflow_pipeline.route.owners.reps.roster import import_reps
    from leadflow_pipeline.route.owners.reps.roster_check import regions_of_campaigns
    from leadflow_pipeline.store.engine import get_engine

    if (file is None) == (table is None):
        raise PermanentError("name either a file or --table SCHEMA.NAME, and not both")
    engine = get_engine()
    regions = regions_of_campaigns(engine)
    if file is not None:
        told, origin = reps_from_file(file, regions), file.name
    else:
        told, origin = reps_from_table(engine, str(table), regions), str(table)
    imported = import_reps(
        engine,
        told,
        actor=actor_name or actor(),
        origin=origin,
        from_day=from_day.date() if from_day else None,
        keep_missing=keep_missing,
        dry_run=dry_run,
    )
    if as_json:
        print_json(asdict(imported) | {"dry_run": dry_run})
    else:
        say_imported(imported, dry_run)


@app.command("list")
def list_all(
    day: Annotated[datetime | None, typer.Option(help="As of this day; else today (UTC).", **DAY)] = None,
    campaign: Annotated[
        str | None, typer.Option(metavar="CAMPAIGN", help="Only who takes part in this campaign.")
    ] = None,
    as_json: Json = False,
) -> None:
    """List the reps as they are, or were, on a day."""
    from leadflow_pipeline.campaign import load
    from leadflow_pipeline.route.owners.reps.roster import read_roster
    from leadflow_pipeline.store.engine import get_engine

    roster = read_roster(get_engine(), campaign or "", _day(day))
    rules = load(get_engine(), campaign).rules.ownership if campaign is not None else None
    if campaign is not None and rules is None:
        raise PermanentError(f"{campaign} has no section `ownership`, so nobody takes part in it: add one")
    rows = [
        (rep, bool(absent))
        for rep, absent in zip(roster.reps, roster.is_absent, strict=True)
        if rules is None or rules.takes_part(rep.rep)
    ]
    if as_json:
        print_json([rep.model_dump(mode="json") | {"is_absent": absent} for rep, absent in rows])
    elif not rows:
        typer.echo(f"No rep is known on {_day(day)}: add some with `leadflow reps import FILE`.")
    else:
        console.print(table_of_reps(f"Reps on {_day(day)}", rows))


@app.command()
def show(rep: RepId, as_json: Json = False) -> None:
    """Show a rep's record, what it was before, and its absences."""
    from leadflow_pipeline.route.owners.reps.absences import read_absences
    from leadflow_pipeline.route.owners.reps.reps_of_day import record_on
    from leadflow_pipeline.route.owners.reps.roster import read_history
    from leadflow_pipeline.store.engine import get_engine

    history = read_history(get_engine(), rep)
    absences = read_absences(get_engine(), rep)
    records = [stored.record for stored in history]
    standing = record_on(records, _day(None))
    if as_json:
        print_json(
            {
                "rep": rep,
                "record": standing.rep.model_dump(mode="json") if standing else None,
                "history": [
                    {
                        "record_id": stored.record.record_id,
                        "from_day": stored.record.from_day,
                        "actor": stored.actor,
                        "recorded_at": stored.recorded_at,
                        "record": stored.record.rep.model_dump(mode="json"),
                    }
                    for stored in history
                ],
                "absences": [
                    {
                        "first_day": stored.absence.first_day,
                        "last_day": stored.absence.last_day,
                        "actor": stored.actor,
                        "withdrawn_at": stored.withdrawn_at,
                    }
                    for stored in absences
                ],
            }
        )
        return
    if standing is not None:
        print_record(standing.rep)
    typer.echo("\nHistory")
    before: Rep | None = None
    for stored in history:
        record = stored.record
        typer.echo(f"  from {record.from_day}  {changes_since(before, record.rep)}  ({stored.actor})")
        before = record.rep
    standing_absences = [stored for stored in absences if stored.withdrawn_at is None]
    if standing_absences:
        typer.echo("\nAway")
    for away in standing_absences:
        typer.echo(f"  {away.absence.first_day} to {away.absence.last_day}  ({away.actor})")


@app.command()
def capacity(
    rep: Annotated[
        str | None, typer.Argument(metavar="[REP]", help="One rep, by its id; all if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how much room each rep has now, over all campaigns: what it was given, what it has open, what limits it."""
    from leadflow_pipeline.delivery.rep_room import rooms_now
    from leadflow_pipeline.route.owners.reps.roster import UnknownRep, read_roster
    from leadflow_pipeline.store.engine import get_engine

    engine, now = get_engine(), datetime.now(UTC)
    known = [each.rep for each in read_roster(engine, "", now.date()).reps]
    if rep is not None and rep not in known:
        raise UnknownRep(rep)
    rooms = rooms_now(engine, known if rep is None else [rep], now)
    if as_json:
        print_json([asdict(room) for room in rooms])
    elif not rooms:
        typer.echo("No rep is known: add some with `leadflow reps import FILE`.")
    else:
        rows = [
            {
                "rep": room.rep,
                "status": "away" if room.is_away and room.status == "active" else room.status,
                "today": of_limit(room.given_today, room.limit_today),
                "this week": of_limit(room.given_this_week, room.limit_this_week),
                "open": of_limit(room.open_leads, room.limit_open),
                "room now": "no limit" if room.room is None else f"{room.room:,}",
                "load": f"{room.load:.0%}",
            }
            for room in rooms
        ]
        console.print(table_of(f"Room of reps, {now.date()}", rows))


@app.command()
def absent(
    rep: RepId,
    first: Annotated[datetime, typer.Option("--from", help="First day away.", **DAY)],
    last: Annotated[datetime, typer.Option("--to", help="Last day away.", **DAY)],
    actor_name: Actor = None,
    as_json: Json = False,
) -> None:
    """Note that a rep is away: no lead is given to it meanwhile, and its clocks stand still."""
    from leadflow_pipeline.route.owners.reps.absences import add_absence
    from leadflow_pipeline.store.engine import get_engine

    number = add_absence(get_engine(), rep, first.date(), last.date(), actor=actor_name or actor())
    if as_json:
        print_json({"absence_id": number, "rep": rep, "first_day": first.date(), "last_day": last.date()})
    else:
        typer.echo(f"{rep} is away from {first.date()} to {last.date()}")


@app.command()
def back(
    rep: RepId,
    day: Annotated[
        datetime | None, typer.Option("--from", help="First day back; else today (UTC).", **DAY)
    ] = None,
    actor_name: Actor = None,
    as_json: Json = False,
) -> None:
    """Take back absences that are not over: the rep is given leads again."""
    from leadflow_pipeline.route.owners.reps.absences import end_absence
    from leadflow_pipeline.store.engine import get_engine

    withdrawn = end_absence(get_engine(), rep, actor=actor_name or actor(), day=_day(day))
    if as_json:
        print_json({"rep": rep, "day": _day(day), "withdrawn": [asdict(each) for each in withdrawn]})
    else:
        typer.echo(f"{rep} is back from {_day(day)} on ({counted(len(withdrawn), 'absence')} withdrawn)")


@app.command("set")
def set_record(
    rep: RepId,
    status: Annotated[Status, typer.Option(help="active, paused (keeps its leads, gets none) or left.")],
    from_day: Annotated[
        datetime | None, typer.Option(help="First day that it holds for; else today (UTC).", **DAY)
    ] = None,
    actor_name: Actor = None,
    as_json: Json = False,
) -> None:
    """Say that a rep is active, paused or has left. The leads of one who left are given to others."""
    from leadflow_pipeline.route.owners.reps.roster import set_status
    from leadflow_pipeline.store.engine import get_engine

    record = set_status(
        get_engine(),
        rep,
        status.value,
        actor=actor_name or actor(),
        from_day=from_day.date() if from_day else None,
    )
    if as_json:
        day = record.from_day if record else None
        print_json({"rep": rep, "status": status.value, "changed": record is not None, "from_day": day})
    elif record is None:
        typer.echo(f"{rep} is already {status.value}")
    else:
        typer.echo(f"{rep} is {status.value} from {record.from_day} on")


@app.command()
def lint(
    campaign: Annotated[
        str | None,
        typer.Option(metavar="CAMPAIGN", help="Its rules and leads too: gaps, overlaps, unreachable leads."),
    ] = None,
    day: Annotated[datetime | None, typer.Option(help="As of this day; else today (UTC).", **DAY)] = None,
    as_json: Json = False,
) -> None:
    """Say what is questionable about reps and territories. Ends with 1 if something keeps leads from an owner."""
    from leadflow_pipeline.route.owners.reps.roster_check import check_reps
    from leadflow_pipeline.store.engine import get_engine

    findings = check_reps(get_engine(), _day(day), campaign)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    elif not findings:
        typer.echo("nothing is questionable")
    else:
        for finding in findings:
            typer.echo(f"{finding.severity}: {finding.kind}: {finding.message}")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def _day(given: datetime | None) -> date:
    return given.date() if given else datetime.now(UTC).date()
