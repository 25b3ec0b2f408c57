"""`leadflow suppress ...` and `leadflow consent ...`: who may be written to.

What belongs here: arguments and output. What does not: what a suppression or a consent does (`delivery.standing`).
Addresses are kept as keyed hashes, so nothing that is listed names anybody.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import Connection, insert, or_, select

from leadflow_pipeline.cli.output import console, counted, print_json, table_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import activity_log, campaigns, consents, suppressions
from leadflow_pipeline.store.suppressions import EVERY_CAMPAIGN, lift, stands, suppress

suppress_app = typer.Typer(
    no_args_is_help=True, help="Say who is not to be written to, see it, and take it back."
)
consent_app = typer.Typer(no_args_is_help=True, help="Keep who agreed to be written to, and see it.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Campaign = Annotated[str | None, typer.Option(help="Only in this campaign; in every one if left out.")]
Subject = Annotated[
    str, typer.Argument(metavar="WHO", help="An address, a domain (example.org), or `all` for everybody.")
]
ALL = "all"
KEY_SHOWN = 16


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.add_typer(suppress_app, name="suppress")
    app.add_typer(consent_app, name="consent")


@suppress_app.command("add")
def add(
    who: Subject,
    campaign: Campaign = None,
    reason: Annotated[str, typer.Option(help="Why, for whoever asks later.")] = "by hand",
    as_json: Json = False,
) -> None:
    """Write to somebody no more, from now on: what waits in the outbox is stopped as well."""
    scope, subject = subject_of(who)
    now, actor = datetime.now(UTC), getpass.getuser()
    with get_engine().begin() as connection:
        reach = _reach(connection, campaign)
        row = {
            "scope": scope,
            "subject": subject,
            "campaign": reach,
            "reason": reason,
            "origin": f"hand of {actor}",
            "occurred_at": now,
        }
        is_new = bool(suppress(connection, [row]))
        if is_new:
            _note(connection, actor, "suppress", campaign, scope, reason)
    if as_json:
        print_json({"scope": scope, "campaign": reach, "is_new": is_new})
    else:
        where = f"in {reach}" if reach else "in every campaign"
        whom = {"all": "everybody", "domain": subject}.get(scope, "the address")
        typer.echo(f"{whom} {'is' if is_new else 'was already'} suppressed {where}")


@suppress_app.command("lift")
def lift_suppression(
    who: Subject,
    campaign: Campaign = None,
    erased: Annotated[
        bool, typer.Option("--erased", help="Even of a person who asked to be forgotten, and came back.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Let somebody be written to again, from now on. What stopped a sequence stays stopped."""
    scope, subject = subject_of(who)
    actor = getpass.getuser()
    with get_engine().begin() as connection:
        reach = _reach(connection, campaign)
        reasons = lift(
            connection, datetime.now(UTC), scope=scope, subject=subject, campaign=reach, even_erased=erased
        )
        if reasons:
            _note(connection, actor, "suppress.lift", campaign, scope, reasons[0])
    if not reasons:
        raise PermanentError(
            f"no such suppression stands {f'in {reach}' if reach else 'over every campaign'}: leadflow suppress list "
            "shows those there are (one of an erased person needs --erased)"
        )
    if as_json:
        print_json({"scope": scope, "campaign": reach, "lifted": reasons})
    else:
        typer.echo(f"lifted: {', '.join(reasons)}")


@suppress_app.command("list")
def list_suppressions(
    who: Annotated[
        str | None, typer.Argument(metavar="WHO", help="Only what is about this address or domain.")
    ] = None,
    campaign: Annotated[str | None, typer.Option(help="Only what reaches this campaign.")] = None,
    lifted: Annotated[bool, typer.Option("--lifted", help="Those that were taken back, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List who is not to be written to; addresses by the beginning of their key."""
    table = suppressions.c
    query = select(
        table.scope,
        table.subject,
        table.campaign,
        table.reason,
        table.origin,
        table.occurred_at,
        table.lifted_at,
    )
    if who is not None:
        scope, subject = subject_of(who)
        query = query.where(table.scope == scope, table.subject == subject)
    if campaign is not None:
        query = query.where(or_(table.campaign == EVERY_CAMPAIGN, table.campaign == campaign))
    if not lifted:
        query = query.where(stands())
    query = query.order_by(table.occurred_at.desc(), table.suppression_id.desc()).limit(limit)
    with get_engine().connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo("nobody is suppressed")
    else:
        console.print(
            table_of(
                "Not written to",
                [
                    {
                        "scope": row["scope"],
                        "who": row["subject"][:KEY_SHOWN] if row["scope"] == "address" else row["subject"],
                        "campaign": row["campaign"] or "every one",
                        "reason": row["reason"],
                        "since": f"{row['occurred_at']:%Y-%m-%d %H:%M}",
                        "lifted": f"{row['lifted_at']:%Y-%m-%d %H:%M}" if row["lifted_at"] else "",
                    }
                    for row in rows
                ],
            )
        )


@consent_app.command("import")
def import_consents(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Rows of email, source and occurred_at, perhaps campaign and given (yes, no).",
        ),
    ],
    campaign: Annotated[
        str | None, typer.Option(help="Campaign of rows that name none; every one if left out.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Keep consents and withdrawals as facts: of each address the latest counts. A file again changes nothing."""
    from leadflow_pipeline.harvest.consents import import_consents as take_in

    report = take_in(get_engine(), file, campaign)
    if as_json:
        print_json(report.to_dict())
        return
    typer.echo(
        f"{counted(report.rows, 'row')}: {report.new:,} new, {report.repeated:,} known, "
        f"{len(report.refused):,} refused"
    )
    for row, reason in report.refused[:10]:
        typer.echo(f"  row {row}: {reason}", err=True)


@consent_app.command("show")
def show(
    address: Annotated[str, typer.Argument(metavar="ADDRESS", help="Whose consent it is.")],
    as_json: Json = False,
) -> None:
    """Show what an address agreed to, and where it said so, the latest first."""
    table = consents.c
    if "@" not in address.strip("@"):
        raise PermanentError("that is no address: write it as name@example.org")
    _, key = subject_of(address)
    query = (
        select(table.campaign, table.is_given, table.source, table.occurred_at, table.origin)
        .where(table.recipient_key == key)
        .order_by(table.occurred_at.desc(), table.is_given)
    )
    with get_engine().connect() as connection:
        rows = [dict(row) for row in connection.execute(query).mappings()]
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo("nothing is known of a consent of that address")
    for row in [] if as_json else rows:
        word = "given" if row["is_given"] else "withdrawn"
        typer.echo(
            f"{row['occurred_at']:%Y-%m-%d %H:%M} UTC  {word} for {row['campaign'] or 'every campaign'}: "
            f"{row['source']} ({row['origin']})"
        )


def subject_of(who: str) -> tuple[str, str]:
    """Scope and subject of a suppression, from how a person names them. Raises PermanentError for neither."""
    named = who.strip().lower()
    if named == ALL:
        return "all", ""
    if "@" in named.strip("@"):
        return "address", address_key(named)
    domain = named.lstrip("@").rstrip(".")
    if "." not in domain or " " in domain:
        raise PermanentError(
            "name an address (name@example.org), a domain (example.org), or `all` for everybody"
        )
    return "domain", domain


def _reach(connection: Connection, campaign: str | None) -> str:
    if campaign is None:
        return EVERY_CAMPAIGN
    if connection.scalar(select(campaigns.c.campaign).where(campaigns.c.campaign == campaign)) is None:
        raise PermanentError(f"there is no campaign {campaign}: leadflow campaign list shows those there are")
    return campaign


def _note(
    connection: Connection, actor: str, action: str, campaign: str | None, scope: str, reason: str
) -> None:
    detail: dict[str, Any] = {"scope": scope, "reason": reason}
    connection.execute(
        insert(activity_log).values(actor=actor, action=action, campaign=campaign, detail=detail)
    )
