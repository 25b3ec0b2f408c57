"""`leadflow identity`: who is who across campaigns, what is doubtful, and what people decide about it.

What belongs here: arguments and output. What does not: SQL, and any rule. Ids, campaigns and names of evidence are
printed, whole, one below the other: who decides copies them. An address or a name only with --show-values.
"""

from __future__ import annotations

import getpass
import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import pandas as pd
import typer
from sqlalchemy import Connection

from leadflow_pipeline.cli.output import console, print_json, progress, table_of
from leadflow_pipeline.errors import PermanentError

app = typer.Typer(help="Who is who across campaigns, and what is doubtful.", no_args_is_help=True)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="identity")


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Actor = Annotated[str | None, typer.Option(help="Who decides; your account's name if left out.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever asks later.")]
ShowValues = Annotated[bool, typer.Option("--show-values", help="Print addresses, names and companies too.")]
Preview = Annotated[bool, typer.Option("--preview", help="Show what would change, and change nothing.")]
Person = Annotated[str, typer.Argument(metavar="PERSON", help="A person_id, former ones too.")]


class Kind(StrEnum):
    """What a review is about."""

    PERSON = "person"
    ACCOUNT = "account"


class Decision(StrEnum):
    """The answer to a review."""

    SAME = "same"
    DIFFERENT = "different"


@app.command()
def resolve(
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Compare everybody anew, not only who is new or changed.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Find out who is one person and which company each lead belongs to, now."""
    from leadflow_pipeline.identity.present import resolve_persons
    from leadflow_pipeline.identity.present_accounts import resolve_present_accounts
    from leadflow_pipeline.store.engine import get_engine

    with progress() as bar:
        bar.add_task("persons", total=None)
        persons = resolve_persons(get_engine(), rebuild=rebuild).to_dict()
        bar.add_task("accounts", total=None)
        accounts = resolve_present_accounts(get_engine()).to_dict()
    if as_json:
        print_json({"persons": persons, "accounts": accounts})
        return
    console.print(table_of("Persons", [persons]))
    console.print(table_of("Accounts", [accounts]))
    if persons["asked"] + accounts["asked"]:
        typer.echo("Next: leadflow identity reviews")


@app.command()
def preview(as_json: Json = False) -> None:
    """Show which leads would be joined to which person, with evidence and what they own. Changes nothing."""
    _preview(None, as_json)


@app.command()
def reviews(
    kind: Annotated[Kind | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The first so many.")] = 50,
    decided: Annotated[
        bool, typer.Option("--decided", help="What was answered, the latest first, instead.")
    ] = False,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> None:
    """List what waits for an answer, the likeliest first."""
    from leadflow_pipeline.identity.ownership import list_reviews
    from leadflow_pipeline.store.engine import get_engine

    with get_engine().connect() as connection:
        rows = list_reviews(
            connection, kind.value if kind else None, limit, decided=decided, with_values=show_values
        )
    _print_listing(rows, as_json, "nothing was answered" if decided else "nothing waits for an answer")
    if len(rows) and not as_json:
        typer.echo("\nNext: leadflow identity decide REVIEW same|different --reason WHY [--preview]")


@app.command()
def decide(
    review_id: Annotated[int, typer.Argument(metavar="REVIEW", help="Number of the review.")],
    decision: Annotated[Decision, typer.Argument(help="What you found out.")],
    reason: Reason,
    actor: Actor = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Answer a review. The answer binds from now on; answer again to change it."""
    from leadflow_pipeline.identity.present import resolve_persons
    from leadflow_pipeline.identity.present_accounts import resolve_present_accounts
    from leadflow_pipeline.identity.reviews import decide as keep
    from leadflow_pipeline.store.engine import get_engine

    def answer(connection: Connection) -> dict[str, Any]:
        review = keep(connection, review_id, decision.value, actor=actor or getpass.getuser(), reason=reason)
        if preview and review["kind"] != Kind.PERSON:
            raise PermanentError(
                f"review {review_id} is about one lead's company: only joined persons are previewed"
            )
        return review

    if preview:
        _preview(answer, as_json)
        return
    with get_engine().begin() as connection:
        review = answer(connection)
    follow = resolve_persons if review["kind"] == Kind.PERSON else resolve_present_accounts
    report = follow(get_engine()).to_dict()
    if as_json:
        print_json({"review_id": review_id, "decision": decision.value, "report": report})
    else:
        typer.echo(f"review {review_id}: {decision.value}; {_counted(report['asked'], 'new review')}")


@app.command()
def show(
    person: Person,
    show_values: ShowValues = False,
    as_json: Json = False,
) -> None:
    """Show a person: every lead, why it belongs, and what it owns."""
    from leadflow_pipeline.identity.ownership import describe_person
    from leadflow_pipeline.store.engine import get_engine

    living, former, leads = describe_person(get_engine(), person, datetime.now(UTC), with_values=show_values)
    if as_json:
        print_json({"person_id": living, "former_ids": former, "leads": records_of(leads)})
        return
    typer.echo(f"person {living}" + (f", formerly {', '.join(former)}" if former else ""))
    _print_listing(leads)


@app.command()
def merge(
    lead: Annotated[str, typer.Argument(metavar="CAMPAIGN/LEAD", help="A lead of the one person.")],
    other: Annotated[str, typer.Argument(metavar="CAMPAIGN/LEAD", help="A lead of the other.")],
    reason: Reason,
    actor: Actor = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Say that two leads are one person, whether anyone asked or not. Undone by a split, and undoes one."""
    from leadflow_pipeline.identity.present import merge_leads

    def join(connection: Connection) -> None:
        merge_leads(connection, lead, other, actor=actor or getpass.getuser(), reason=reason)

    _put_down(join, f"{lead} and {other} are one person", preview, as_json)


@app.command()
def split(
    person: Person,
    lead: Annotated[str, typer.Option(metavar="CAMPAIGN/LEAD", help="The lead that is somebody else.")],
    reason: Reason,
    actor: Actor = None,
    preview: Preview = False,
    as_json: Json = False,
) -> None:
    """Take a lead out of a person for good. Nothing of it is lost; it is a person of its own again."""
    from leadflow_pipeline.identity.present import split_lead
    from leadflow_pipeline.identity.reviews import parse_lead_name

    parse_lead_name(lead)

    def part(connection: Connection) -> None:
        split_lead(connection, person, lead, actor=actor or getpass.getuser(), reason=reason)

    _put_down(part, f"{lead} is a person of its own", preview, as_json)


@app.command()
def overlaps(as_json: Json = False) -> None:
    """Show how many people campaigns share, and which campaign's sequence writes to them now."""
    from leadflow_pipeline.insight.overlaps import read_overlaps
    from leadflow_pipeline.store.engine import get_engine

    with get_engine().connect() as connection:
        rows = read_overlaps(connection, datetime.now(UTC))
    if as_json:
        print_json(records_of(rows))
    elif rows.empty:
        typer.echo("no person is in two campaigns")
    else:
        console.print(table_of("People in several campaigns", records_of(rows)))


def records_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for printing; what is missing is None, and evidence a list."""
    plain = rows.astype(object).where(rows.notna(), None)
    if "evidence" in plain:
        plain["evidence"] = plain["evidence"].map(
            lambda told: json.loads(told) if isinstance(told, str) else told
        )
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def _put_down(decide_it: Callable[[Connection], None], said: str, preview: bool, as_json: bool) -> None:
    """Keeps a decision about persons and has it followed, or shows what that would change."""
    from leadflow_pipeline.identity.present import plan_persons, write_plan
    from leadflow_pipeline.store.engine import get_engine

    if preview:
        _preview(decide_it, as_json)
        return
    with get_engine().begin() as connection:
        decide_it(connection)
        report = write_plan(connection, plan_persons(connection))
    if as_json:
        print_json(report.to_dict())
    else:
        typer.echo(f"{said}; there are {report.persons:,} persons")


def _preview(decide_it: Callable[[Connection], object] | None, as_json: bool) -> None:
    """Which leads would change their person now, or if this were decided; nothing is kept."""
    from leadflow_pipeline.identity.ownership import planned_moves
    from leadflow_pipeline.store.engine import get_engine

    with get_engine().connect() as connection:
        if decide_it is not None:
            decide_it(connection)
        moves = planned_moves(connection, datetime.now(UTC))
        connection.rollback()
    _print_listing(moves, as_json, "no lead would change its person")
    if len(moves) and not as_json:
        persons = moves["to_person"].nunique()
        typer.echo(
            f"\n{_counted(len(moves), 'lead')} would change to {_counted(persons, 'person')}; nothing is changed"
        )


def _print_listing(rows: pd.DataFrame, as_json: bool = False, empty: str = "") -> None:
    """One below the other, since ids are wider than a terminal; what is missing is left out."""
    if as_json:
        print_json(records_of(rows))
        return
    if rows.empty:
        typer.echo(empty)
    widest = max(map(len, rows.columns), default=0)
    for record in records_of(rows):
        typer.echo("")
        for name, value in record.items():
            if (text := _worded(name, value)) != "":
                typer.echo(f"  {name.ljust(widest)}  {text}")


def _worded(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "match_probability":
        return f"{value:.3f}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, datetime):
        return f"{value:%Y-%m-%d %H:%M} UTC"
    return " · ".join(value) if isinstance(value, list) else str(value)


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
