"""`leadflow inbox ...`: read the mailbox, look at what came back, and say whose it is.

What belongs here: arguments and output. What does not: what a mail means, and what follows.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer
from sqlalchemy import select

from leadflow_pipeline.cli.output import console, counted, print_json, table_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.schema import INBOUND_MAIL_KINDS, inbound_mails

app = typer.Typer(no_args_is_help=True, help="Read the mailbox, and look at what came back by mail.")


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="inbox")


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Kind = StrEnum("Kind", {kind: kind for kind in INBOUND_MAIL_KINDS})  # type: ignore[misc]
LISTED = (
    inbound_mails.c.mail_id, inbound_mails.c.kind, inbound_mails.c.received_at, inbound_mails.c.campaign,
    inbound_mails.c.lead_id, inbound_mails.c.message_id, inbound_mails.c.verdict,
)  # fmt: skip


@app.command()
def read(
    mailbox: Annotated[
        str | None,
        typer.Option(help="imaps://USER@HOST/FOLDER or maildir:/PATH instead of the configured one."),
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Read at most so many mails.")] = None,
    as_json: Json = False,
) -> None:
    """Read what is new: replies, automatic answers, bounces, complaints. Each mail counts once."""
    from leadflow_pipeline.inbound.mail.inbox import read_inbox

    summary = read_inbox(get_engine(), get_settings(), url=mailbox, limit=limit)
    if as_json:
        print_json(summary.to_dict())
        return
    typer.echo(f"read {counted(summary.read, 'mail')}")
    for kind, count in sorted(summary.kinds.items()):
        typer.echo(f"  {kind}: {count:,}")
    if summary.known:
        typer.echo(f"  known already: {summary.known:,}")
    if summary.unmatched:
        typer.echo(
            f"  {summary.unmatched:,} of no message of ours: leadflow inbox list --unmatched shows them"
        )


@app.command("list")
def list_mails(
    kind: Annotated[Kind | None, typer.Option(help="Only mails of this kind.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    unmatched: Annotated[bool, typer.Option("--unmatched", help="Only mails of no message of ours.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List mails, the latest first. No addresses and no words are shown."""
    query = select(*LISTED).order_by(inbound_mails.c.received_at.desc(), inbound_mails.c.mail_id.desc())
    if kind is not None:
        query = query.where(inbound_mails.c.kind == kind.value)
    if campaign is not None:
        query = query.where(inbound_mails.c.campaign == campaign)
    if unmatched:
        query = query.where(inbound_mails.c.message_id.is_(None))
    with get_engine().connect() as connection:
        rows = [_told(dict(row)) for row in connection.execute(query.limit(limit)).mappings()]
    if as_json:
        print_json(rows)
    elif rows:
        console.print(
            table_of(
                "Mails that came back (UTC)",
                [
                    {
                        "id": str(row["mail_id"]),
                        "received": row["received_at"],
                        "kind": row["kind"],
                        "campaign": row["campaign"],
                        "lead": (row["lead_id"] or "")[:8],
                        "message": str(row["message_id"] or ""),
                        "found by": row["matched_by"],
                        "told": _more(row),
                    }
                    for row in rows
                ],
            )
        )
    else:
        typer.echo("no such mails")


@app.command()
def show(
    mail_id: Annotated[int, typer.Argument(metavar="ID", help="Number of a mail.")], as_json: Json = False
) -> None:
    """Show one mail: what its writer wrote, what it was taken for, and by what that was told."""
    query = select(*LISTED, inbound_mails.c.mailbox, inbound_mails.c.subject, inbound_mails.c.body_text)
    with get_engine().connect() as connection:
        row = connection.execute(query.where(inbound_mails.c.mail_id == mail_id)).mappings().one_or_none()
    if row is None:
        raise PermanentError(f"there is no mail {mail_id}: leadflow inbox list shows the latest")
    if as_json:
        print_json(dict(row))
        return
    for name, value in _told(dict(row)).items():
        if name != "body_text" and value not in (None, ""):
            typer.echo(f"{name}: {value}")
    if evidence := row["verdict"].get("evidence"):
        typer.echo(f"told by: {', '.join(evidence)}")
    typer.echo(f"\n{row['body_text'] or ''}")


@app.command()
def assign(
    mail_id: Annotated[int, typer.Argument(metavar="ID", help="Number of a mail.")],
    lead: Annotated[
        str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
    ],
    campaign: Annotated[str, typer.Option(help="The lead's campaign.")],
    kind: Annotated[
        Kind | None, typer.Option(help="What it is, where it was taken for something else.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whose a mail is, and what it is: then it counts as if it had been known from the start."""
    from leadflow_pipeline.inbound.mail.storing import assign_mail
    from leadflow_pipeline.insight.known_leads import find_lead

    engine = get_engine()
    _, lead_id = find_lead(engine, lead, campaign)
    means = assign_mail(
        engine, mail_id, campaign, lead_id, kind=kind.value if kind else None, actor=getpass.getuser(),
        now=datetime.now(UTC),
    )  # fmt: skip
    if as_json:
        print_json({"mail_id": mail_id, "lead_id": lead_id, "campaign": campaign, "kind": means})
    else:
        typer.echo(f"mail {mail_id} is of lead {lead_id}: {means}")


def _more(row: Mapping[str, Any]) -> str:
    """What else is told of a mail, in one cell."""
    away = f"away until {row['away_until']}" if row["away_until"] else None
    seems = f"seems {row['seems']}" if row["seems"] else None
    return ", ".join(filter(None, (row["reason"], away, seems)))


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """A row with what its verdict says, in place of the verdict."""
    verdict = row.pop("verdict")
    seems = verdict.get("kind") if verdict.get("kind") != row["kind"] else None
    return {
        **row,
        "seems": seems,
        "reason": verdict.get("reason"),
        "away_until": verdict.get("away_until"),
        "matched_by": verdict.get("matched_by"),
    }
