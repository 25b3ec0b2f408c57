"""`leadflow token ...`: who may ask the API of the service.

What belongs here: arguments and output. What does not: how a token is kept (`service.access.tokens`).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated

import typer

from leadflow_pipeline.cli.campaign import actor
from leadflow_pipeline.cli.output import console, print_json, table_of
from leadflow_pipeline.errors import PermanentError

app = typer.Typer(
    no_args_is_help=True, help="Tokens for the HTTP API: who may read, operate or administer, until when."
)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="token")


TokenId = Annotated[str, typer.Argument(metavar="TOKEN", help="Its id (leadflow token list), or all of it.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Actor = Annotated[str | None, typer.Option("--actor", help="Who does it; your account's name if left out.")]


class ScopeName(StrEnum):
    """What a token may; each includes those before it."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Who or what holds it; it signs every change.")],
    scope: Annotated[
        ScopeName,
        typer.Option(help="read: see; operate: the daily work; admin: change campaigns and models."),
    ] = ScopeName.READ,
    campaign: Annotated[
        list[str] | None,
        typer.Option(metavar="CAMPAIGN", help="Good for this campaign only; may be repeated."),
    ] = None,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="Ends after so many days; never if left out.")
    ] = None,
    requests_a_minute: Annotated[
        int, typer.Option(min=1, max=10_000_000, help="How often it may ask, in each process of the service.")
    ] = 600,
    actor_name: Actor = None,
    as_json: Json = False,
) -> None:
    """Make a token and print it. It is shown this once."""
    from leadflow_pipeline.service.access.scopes import Scope
    from leadflow_pipeline.service.access.tokens import create_token, token_id_of
    from leadflow_pipeline.store.engine import get_engine

    token = create_token(
        get_engine(),
        name,
        Scope[scope.name],
        campaigns=frozenset(campaign) if campaign else None,
        expires_at=datetime.now(UTC) + timedelta(days=days) if days else None,
        requests_a_minute=requests_a_minute,
        actor=actor_name or actor(),
    )
    if as_json:
        print_json({"token_id": token_id_of(token), "token": token})
    else:
        typer.echo(token)
        typer.echo(
            "Keep it safe: nobody can show it again. Send it as Authorization: Bearer TOKEN.", err=True
        )


@app.command("list")
def list_all(
    every: Annotated[bool, typer.Option("--all", help="Those that have ended too.")] = False,
    as_json: Json = False,
) -> None:
    """List the tokens: whose they are, what they may, and when they were used last."""
    from leadflow_pipeline.service.access.tokens import list_tokens
    from leadflow_pipeline.store.engine import get_engine

    tokens = [
        token
        for token in list_tokens(get_engine(), datetime.now(UTC))
        if every or token.state in ("active", "rotated")
    ]
    if as_json:
        print_json([asdict(token) for token in tokens])
    elif not tokens:
        typer.echo("There is no token: make one with leadflow token create NAME --scope read.")
    else:
        rows = [
            {
                "id": token.token_id,
                "name": token.name,
                "may": token.scope,
                "campaigns": "all" if token.campaigns is None else ", ".join(token.campaigns),
                "state": token.state,
                "ends": token.revoked_at or token.expires_at,
                "last used": token.last_used_at,
            }
            for token in tokens
        ]
        console.print(table_of("Tokens", rows))


@app.command()
def rotate(
    token: TokenId,
    hours: Annotated[
        float, typer.Option(min=0, max=24 * 90, help="So long the old one goes on working.")
    ] = 24,
    actor_name: Actor = None,
    as_json: Json = False,
) -> None:
    """Print a new token that takes the place of another, which goes on working for a while."""
    from leadflow_pipeline.service.access.tokens import rotate_token, token_id_of
    from leadflow_pipeline.store.engine import get_engine

    new, ends = rotate_token(
        get_engine(),
        token_id_of(token),
        now=datetime.now(UTC),
        actor=actor_name or actor(),
        grace=timedelta(hours=hours),
    )
    if as_json:
        print_json({"token_id": token_id_of(new), "token": new, "old_ends_at": ends})
    else:
        typer.echo(new)
        typer.echo(
            f"Keep it safe: nobody can show it again. The old one works until {ends:%Y-%m-%d %H:%M} UTC.",
            err=True,
        )


@app.command()
def revoke(token: TokenId, actor_name: Actor = None) -> None:
    """End a token: within five seconds no service takes it any more."""
    from leadflow_pipeline.service.access.tokens import revoke_token, token_id_of
    from leadflow_pipeline.store.engine import get_engine

    token_id = token_id_of(token)
    if not revoke_token(get_engine(), token_id, now=datetime.now(UTC), actor=actor_name or actor()):
        raise PermanentError(f"token {token_id} was revoked before")
    typer.echo(f"token {token_id} is revoked")
