"""`leadflow sending ...`: whether emails leave, what was counted against their senders, and a hand on the switch.

What belongs here: arguments and output. What does not: counting, stopping and resuming (`delivery.breaker`).
"""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from leadflow_pipeline.cli.output import console, print_json, table_of
from leadflow_pipeline.delivery import breaker
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.engine import get_engine

sending_app = typer.Typer(
    no_args_is_help=True, help="See whether emails leave; stop them, and let them go on."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Domain = Annotated[
    str | None,
    typer.Argument(metavar="DOMAIN", help="Of the sender, after the @; all senders if not given."),
]


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.add_typer(sending_app, name="sending")


@sending_app.command()
def show(as_json: Json = False) -> None:
    """Show which senders stand still and why, and how near the others are to the limits."""
    with get_engine().connect() as connection:
        counts = [asdict(each) for each in breaker.count(connection, datetime.now(UTC))]
        stops = [dict(row) for row in breaker.stops(connection, 20)]
    if as_json:
        print_json({"stops": stops, "counts": counts})
        return
    standing = [stop for stop in stops if stop["closed_at"] is None]
    for stop in standing:
        whose = stop["sender_domain"] or "all senders"
        typer.echo(
            f"emails of {whose} stand still since {stop['opened_at']:%Y-%m-%d %H:%M}: {stop['reason']}"
        )
        typer.echo(f"  leadflow sending resume {stop['sender_domain']}".rstrip())
    if not standing:
        typer.echo("emails leave: no sender stands still")
    if counts:
        console.print(table_of("What was counted", [_as_shown(each) for each in counts]))
    if len(stops) > len(standing):
        console.print(
            table_of(
                "Stops that are over (UTC)",
                [
                    {
                        "sender": stop["sender_domain"] or "all senders",
                        "reason": stop["reason"],
                        "stopped": stop["opened_at"],
                        "resumed": stop["closed_at"],
                        "by": stop["closed_by"],
                    }
                    for stop in stops
                    if stop["closed_at"] is not None
                ],
            )
        )


def _as_shown(counts: dict[str, Any]) -> dict[str, Any]:
    return {
        **counts,
        "rate": f"{100 * counts['rate']:.2f} %",
        "limit": f"{100 * counts['limit']:.1f} %",
    }


@sending_app.command()
def stop(
    domain: Domain = None,
    reason: Annotated[str, typer.Option(help="Why, for those who find it standing still.")] = breaker.BY_HAND,
    as_json: Json = False,
) -> None:
    """Stop emails to leads at once, of one sender or of all. What is due waits, and grows stale as it always does."""
    name = (domain or breaker.EVERYBODY).lower()
    with get_engine().begin() as connection:
        number = breaker.open_stop(
            connection, name, reason, {}, actor=getpass.getuser(), now=datetime.now(UTC)
        )
    if number is None:
        raise PermanentError(
            f"emails of {name or 'all senders'} stand still already: leadflow sending show says since when"
        )
    if as_json:
        print_json({"sender_domain": name, "stop_id": number})
        return
    typer.echo(
        f"emails of {name or 'all senders'} stand still. To go on: leadflow sending resume {name}".rstrip()
    )


@sending_app.command()
def resume(domain: Domain = None, as_json: Json = False) -> None:
    """Let emails go on, of one sender or of all. What was counted until now is not counted again."""
    name = (domain or breaker.EVERYBODY).lower()
    with get_engine().begin() as connection:
        breaker.close_stop(connection, name, actor=getpass.getuser(), now=datetime.now(UTC))
    if as_json:
        print_json({"sender_domain": name})
    else:
        typer.echo(f"emails of {name or 'all senders'} go on. Next: leadflow dispatch")
