"""`leadflow db ...`: where the database is, its migrations, whether it is sound, and what it holds.

What belongs here: arguments and output. What does not: any question put to the database (see `store`).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import consistency, embedded, migrate
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.engine import database_url, get_engine, plain_database_url

app = typer.Typer(no_args_is_help=True, help="The database: its address, migrations, soundness and digest.")


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="db")


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


@app.command()
def url(as_json: Json = False) -> None:
    """Print the database's address, as psql and other tools take it.

    The embedded server is started for you and stays until the next leadflow command ends.
    """
    database_url()
    embedded.leave_running(get_settings().home)
    address = plain_database_url()
    typer.echo(json.dumps({"url": address}) if as_json else address)


@app.command("migrate")
def migrate_database(as_json: Json = False) -> None:
    """Bring the database to the schema of this version. Nothing happens where it is there already."""
    engine = get_engine()
    before = migrate.revision_of(engine)
    migrate.upgrade(engine)
    after = migrate.revision_of(engine)
    if as_json:
        typer.echo(json.dumps({"before": before, "after": after}))
    elif before == after:
        typer.echo(f"The database is at revision {after} already.")
    else:
        typer.echo(f"Migrated the database from {before or 'nothing'} to revision {after}.")


@app.command()
def check(as_json: Json = False) -> None:
    """Look for what is broken: connection, migrations, constraints, rows against their lineage."""
    found = consistency.findings(get_engine())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in found], indent=2))
    for finding in () if as_json else found:
        typer.echo(f"{finding.place}: {finding.problem}\n  mend it: {finding.remedy}")
    if found:
        raise PermanentError(f"the database has {len(found)} problems: mend each as the list says")
    if not as_json:
        typer.echo("The database is sound.")


@app.command("digest")
def print_digest(
    campaign: Annotated[
        str | None, typer.Option("--campaign", "-c", help="One campaign; all if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a SHA-256 of every derived table: equal digests, equal rows."""
    digests = digest(get_engine(), campaign)
    if as_json:
        typer.echo(json.dumps(digests, indent=2))
        return
    for table, hexadecimal in digests.items():
        typer.echo(f"{hexadecimal}  {table}")
