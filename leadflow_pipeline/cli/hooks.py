"""`leadflow hooks ...`: who is told by signed webhooks what became of leads, and what could not be delivered.

What belongs here: arguments and output. What does not: endpoints, events and messages (`delivery.lead_events`).
"""

from __future__ import annotations

import getpass
import secrets
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from leadflow_pipeline.cli.output import console, counted, print_json, table_of
from leadflow_pipeline.delivery.lead_events import endpoints as book
from leadflow_pipeline.delivery.lead_events.deliveries import DEAD, deliveries, retry_dead
from leadflow_pipeline.delivery.lead_events.endpoints import Endpoint, Wanted
from leadflow_pipeline.delivery.lead_events.news import KINDS
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.engine import get_engine

hooks_app = typer.Typer(
    no_args_is_help=True, help="Tell other systems by signed webhooks what became of leads."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Id = Annotated[str, typer.Argument(metavar="ENDPOINT", help="Id of an endpoint: leadflow hooks list.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.add_typer(hooks_app, name="hooks")


@hooks_app.command()
def add(
    url: Annotated[str, typer.Argument(metavar="URL", help="https://receiver.example.org/path")],
    event: Annotated[
        list[str] | None, typer.Option(help=f"One of {', '.join(KINDS)}; repeatable. All if not given.")
    ] = None,
    campaign: Annotated[list[str] | None, typer.Option(help="Repeatable. All if not given.")] = None,
    include: Annotated[
        list[str] | None, typer.Option(help="Personal data to be sent beside ids: email.")
    ] = None,
    description: Annotated[str, typer.Option(help="For those who read the list.")] = "",
    as_json: Json = False,
) -> None:
    """Add an endpoint, which hears of what happens from now on, and print its secret: it is shown now and not again."""
    campaigns = tuple(campaign) if campaign else None
    wanted = Wanted(url, tuple(event or KINDS), campaigns, tuple(include or ()), description)
    with get_engine().begin() as connection:
        endpoint = book.add_endpoint(
            connection,
            wanted,
            actor=getpass.getuser(),
            now=datetime.now(UTC),
            to_private=get_settings().webhooks_to_private_hosts,
        )
    _show_secret(endpoint, as_json)


@hooks_app.command("list")
def show_all(as_json: Json = False) -> None:
    """List the endpoints."""
    with get_engine().connect() as connection:
        endpoints = book.read_endpoints(connection)
    if as_json:
        print_json([asdict(each) for each in endpoints])
        return
    for each in endpoints:
        typer.echo(f"{each.endpoint_id}  {each.url}  {each.description}".rstrip())
        of = "all campaigns" if each.campaigns is None else ", ".join(each.campaigns)
        included = f"; with {', '.join(each.include)}" if each.include else ""
        typer.echo(f"  {', '.join(each.events)} of {of}{included}")
        if each.disabled_at is not None:
            typer.echo(f"  disabled since {each.disabled_at:%Y-%m-%d %H:%M}: {each.disabled_reason}")
    if not endpoints:
        typer.echo("nobody is told by webhooks. Next: leadflow hooks add URL")


@hooks_app.command()
def rotate(endpoint: Id, as_json: Json = False) -> None:
    """Give an endpoint a new secret and print it. Requests are signed with the one before too, for a day."""
    with get_engine().begin() as connection:
        rotated = book.rotate_key(connection, endpoint, actor=getpass.getuser(), now=datetime.now(UTC))
    _show_secret(rotated, as_json)


@hooks_app.command()
def disable(endpoint: Id, as_json: Json = False) -> None:
    """Tell an endpoint no more. What waits for it becomes a dead letter."""
    with get_engine().begin() as connection:
        ended = book.disable_endpoint(connection, endpoint, actor=getpass.getuser(), now=datetime.now(UTC))
    _say(ended, f"{endpoint} is told no more. To go on: leadflow hooks enable {endpoint}", as_json)


@hooks_app.command()
def enable(endpoint: Id, as_json: Json = False) -> None:
    """Tell an endpoint again, of what happens from now on."""
    with get_engine().begin() as connection:
        begun = book.enable_endpoint(connection, endpoint, actor=getpass.getuser(), now=datetime.now(UTC))
    _say(begun, f"{endpoint} is told again. Dead letters: leadflow hooks dead {endpoint}", as_json)


@hooks_app.command("test")
def try_one(endpoint: Id, as_json: Json = False) -> None:
    """Send an endpoint a signed `leadflow.test` now, and say what it answered. Exit code 1 where it did not take it."""
    from leadflow_pipeline.delivery.lead_events.event_way import try_endpoint

    with get_engine().connect() as connection:
        found = book.read_endpoint(connection, endpoint)
    delivery = try_endpoint(
        found,
        datetime.now(UTC),
        secrets.randbits(48),
        to_private=get_settings().webhooks_to_private_hosts,
    )
    is_accepted = delivery.outcome == "accepted"
    if as_json:
        print_json({"is_accepted": is_accepted, "status": delivery.reply_code, "reason": delivery.reply_text})
    elif is_accepted:
        typer.echo(f"taken, with status {delivery.reply_code}")
    if not is_accepted:
        raise PermanentError(f"the test was not taken: {delivery.reply_text}")


@hooks_app.command()
def dead(
    endpoint: Id,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the latest.")] = 100,
    as_json: Json = False,
) -> None:
    """List what an endpoint refused, or could not be told for three days."""
    with get_engine().connect() as connection:
        rows = deliveries(connection, endpoint, states=DEAD, limit=limit)
    if as_json:
        print_json(rows)
    elif rows:
        names = ("message_id", "campaign", "lead_id", "kind", "number", "attempts", "state_reason")
        console.print(table_of("Dead letters", [{name: row[name] for name in names} for row in rows]))
        typer.echo(f"To send them once more: leadflow hooks retry {endpoint}")
    else:
        typer.echo("there is no dead letter")


@hooks_app.command()
def retry(
    endpoint: Id,
    message: Annotated[
        list[int] | None, typer.Argument(metavar="[MESSAGE]...", help="All dead letters if not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Send dead letters once more. They come late: of two events of a lead the one with the larger number is later."""
    with get_engine().begin() as connection:
        moved = retry_dead(
            connection, endpoint, message or None, actor=getpass.getuser(), now=datetime.now(UTC)
        )
    if as_json:
        print_json({"endpoint_id": endpoint, "messages": moved})
    else:
        typer.echo(f"{counted(len(moved), 'message')} will be sent once more. Next: leadflow dispatch")


def _show_secret(endpoint: Endpoint, as_json: bool) -> None:
    secret = book.secret_of(endpoint)
    if as_json:
        print_json({**asdict(endpoint), "secret": secret})
        return
    typer.echo(f"endpoint {endpoint.endpoint_id}")
    typer.echo(f"secret   {secret}")
    typer.echo("The secret is not shown again; the receiver verifies webhooks with it (Standard Webhooks).")
    typer.echo(f"Next: leadflow hooks test {endpoint.endpoint_id}")


def _say(endpoint: Endpoint, sentence: str, as_json: bool) -> None:
    shown: dict[str, Any] = asdict(endpoint)
    if as_json:
        print_json(shown)
    else:
        typer.echo(sentence)
