"""`leadflow identity`: who is who across campaigns, what is doubtful, and what people decide about it.

What belongs here: arguments and output. What does not: SQL, and any rule. Ids, campaigns and names of evidence are
printed; an address or a name only with --show-values.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import pandas as pd
import typer

from leadflow_pipeline.cli.output import console, print_json, progress, table_of

app = typer.Typer(help="Who is who across campaigns, and what is doubtful.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Actor = Annotated[str | None, typer.Option(help="Who decides; your account's name if left out.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever asks later.")]
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
    from leadflow_pipeline.identity.ownership import preview_joins
    from leadflow_pipeline.store.engine import get_engine

    _print_rows(
        "Would be joined", preview_joins(get_engine(), datetime.now(UTC)), as_json, "nobody would be joined"
    )


@app.command("reviews")
def list_reviews(
    kind: Annotated[Kind | None, typer.Option(help="Only these.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The likeliest so many.")] = 50,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Print addresses, names and companies too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List what waits for an answer, the likeliest first."""
    from leadflow_pipeline.identity.ownership import open_reviews
    from leadflow_pipeline.store.engine import get_engine

    with get_engine().connect() as connection:
        rows = open_reviews(connection, kind.value if kind else None, limit, with_values=show_values)
    if show_values and len(rows) and not as_json:
        _print_listing(rows)
    else:
        _print_rows("Are these the same?", rows, as_json, "nothing waits for an answer")


@app.command()
def decide(
    review_id: Annotated[int, typer.Argument(metavar="REVIEW", help="Number of the review.")],
    decision: Annotated[Decision, typer.Argument(help="What you found out.")],
    reason: Reason,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Answer a review. The answer binds from now on; answer again to change it."""
    from leadflow_pipeline.identity.present import resolve_persons
    from leadflow_pipeline.identity.present_accounts import resolve_present_accounts
    from leadflow_pipeline.identity.reviews import decide as keep
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    with engine.begin() as connection:
        review = keep(connection, review_id, decision.value, actor=actor or getpass.getuser(), reason=reason)
    follow = resolve_persons if review["kind"] == Kind.PERSON else resolve_present_accounts
    report = follow(engine).to_dict()
    if as_json:
        print_json({"review_id": review_id, "decision": decision.value, "report": report})
    else:
        typer.echo(f"review {review_id}: {decision.value}; {report['asked']} new reviews")


@app.command()
def show(
    person: Person,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Print addresses, names and companies too.")
    ] = False,
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
def split(
    person: Person,
    lead: Annotated[str, typer.Option(metavar="CAMPAIGN/LEAD", help="The lead that is somebody else.")],
    reason: Reason,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Take a lead out of a person for good. Nothing of it is lost; it is a person of its own again."""
    from leadflow_pipeline.identity.present import split_person
    from leadflow_pipeline.identity.reviews import parse_lead_name
    from leadflow_pipeline.store.engine import get_engine

    campaign, lead_id = parse_lead_name(lead)
    report = split_person(
        get_engine(), person, campaign, lead_id, actor=actor or getpass.getuser(), reason=reason
    )
    if as_json:
        print_json(report.to_dict())
    else:
        typer.echo(f"{lead} is a person of its own; there are {report.persons:,} persons")


@app.command()
def overlaps(as_json: Json = False) -> None:
    """Show how many people campaigns share, and which campaign's sequence writes to them now."""
    from leadflow_pipeline.insight.overlaps import read_overlaps
    from leadflow_pipeline.store.engine import get_engine

    with get_engine().connect() as connection:
        rows = read_overlaps(connection, datetime.now(UTC))
    _print_rows("People in several campaigns", rows, as_json, "no person is in two campaigns")


def records_of(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for printing; what is missing is None."""
    plain = rows.astype(object).where(rows.notna(), None)
    return [{str(name): value for name, value in row.items()} for row in plain.to_dict("records")]


def shown(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows for a table that people read: nothing where something is missing."""
    return records_of(rows.astype(object).where(rows.notna(), ""))


def _print_rows(title: str, rows: pd.DataFrame, as_json: bool, empty: str) -> None:
    if as_json:
        print_json(records_of(rows))
    elif rows.empty:
        typer.echo(empty)
    else:
        console.print(table_of(title, shown(rows)))


def _print_listing(rows: pd.DataFrame) -> None:
    """One below the other, for rows that are wider than a terminal; what is missing is left out."""
    widest = max(map(len, rows.columns), default=0)
    for record in records_of(rows):
        typer.echo("")
        for name, value in record.items():
            if value is not None and value != "":
                typer.echo(f"  {name.ljust(widest)}  {value}")
