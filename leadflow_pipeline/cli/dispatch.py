"""`leadflow dispatch` and `leadflow messages ...`: let out what is due, and look at what left.

What belongs here: arguments and output. What does not: what is due, and how it leaves.
"""

from __future__ import annotations

import getpass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

import typer
from sqlalchemy import select

from leadflow_pipeline.cli.output import console, counted, print_json, table_of
from leadflow_pipeline.delivery import outbox
from leadflow_pipeline.delivery.dispatch import DispatchSummary, dispatch_due
from leadflow_pipeline.delivery.notice_words import SEQUENCE as NOTICES
from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.schema import MESSAGE_CHANNELS, MESSAGE_STATES, message_attempts, messages
from leadflow_pipeline.store.sequences import is_to_lead

messages_app = typer.Typer(no_args_is_help=True, help="Look at the outbox, and settle what is unknown.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
MessageId = Annotated[int, typer.Argument(metavar="ID", help="Number of a message.")]
State = StrEnum("State", {state: state for state in MESSAGE_STATES})  # type: ignore[misc]


Channel = StrEnum("Channel", {channel: channel for channel in MESSAGE_CHANNELS})  # type: ignore[misc]
FAILED_LATELY = timedelta(days=14)


class Finding(StrEnum):
    """What a person found out about an unknown message."""

    SENT = "sent"
    FAILED = "failed"
    AGAIN = "again"


LISTED = (
    messages.c.message_id, messages.c.channel, messages.c.campaign, messages.c.lead_id, messages.c.sequence,
    messages.c.step, messages.c.state, messages.c.planned_at, messages.c.sent_at, messages.c.state_reason,
)  # fmt: skip
SHOWN = (
    *LISTED,
    messages.c.recipient,
    messages.c.subject,
    messages.c.body_text,
    messages.c.attempts,
    messages.c.not_after,
)


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.command()(dispatch)
    app.add_typer(messages_app, name="messages")


def dispatch(
    limit: Annotated[
        int | None, typer.Option(min=1, help="Release and try at most so many messages.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would leave.")] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=1, max=64, help="Processes that send at a time; LEADFLOW_DISPATCHERS if not given."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Send what is due now: emails to leads, and what owners are told by email, in Slack and in HubSpot.

    By default all of it goes into the outbox folder, as .eml and .json files.
    """
    settings = get_settings()
    summary = dispatch_due(
        get_engine(), settings, limit=limit, dry_run=dry_run, workers=workers or settings.dispatchers
    )
    if as_json:
        print_json(summary.to_dict())
    else:
        _print(summary, dry_run=dry_run)
    if summary.is_server_unreachable:
        raise TransientError(
            f"{settings.smtp_host}:{settings.smtp_port} does not answer: what is due stays in the outbox"
            if settings.transport == "smtp"
            else f"{settings.outbox_folder} cannot be written: what is due stays in the outbox"
        )
    if summary.problems:
        told = "; ".join(f"{channel}: {problem}" for channel, problem in summary.problems.items())
        raise TransientError(f"{told}; what is due there stays in the outbox")


def _print(summary: DispatchSummary, *, dry_run: bool) -> None:
    settings = get_settings()
    where = (
        str(settings.outbox_folder)
        if settings.transport == "eml"
        else f"{settings.smtp_host}:{settings.smtp_port}"
    )
    if dry_run:
        typer.echo(
            f"would release {summary.released:,} messages; {summary.waiting:,} wait in the outbox for {where}"
        )
    else:
        typer.echo(
            f"released {summary.released:,}, sent {summary.sent:,} to {where}, {summary.waiting:,} still due"
        )
    counts = ("deferred", "failed", "suppressed", "expired", "unknown")
    for name in counts:
        if count := getattr(summary, name):
            typer.echo(f"  {name}: {count:,}")
    for sequence, count in summary.by_sequence.items():
        typer.echo(f"  {sequence}: {count:,}")
    for reason, count in summary.held.items():
        typer.echo(f"  held back, {reason}: {count:,}")
    for sender in summary.standing_still:
        typer.echo(f"  emails of {sender} stand still: leadflow sending show says why")
    if summary.unknown:
        typer.echo("  leadflow messages list --state unknown shows what needs a person")


@messages_app.command("list")
def list_messages(
    state: Annotated[State | None, typer.Option(help="Only messages in this state.")] = None,
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    notices: Annotated[
        bool, typer.Option("--notices", help="Only what owners, managers and operators are told.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, help="The latest so many.")] = 50,
    as_json: Json = False,
) -> None:
    """List messages, the latest first. No addresses are shown."""
    query = select(*LISTED).order_by(messages.c.planned_at.desc(), messages.c.message_id.desc()).limit(limit)
    if state is not None:
        query = query.where(messages.c.state == state.value)
    if campaign is not None:
        query = query.where(messages.c.campaign == campaign)
    if notices:
        query = query.where(~is_to_lead())
    with get_engine().connect() as connection:
        rows: list[dict[str, Any]] = [dict(row) for row in connection.execute(query).mappings()]
    if as_json:
        print_json(rows)
    elif rows:
        console.print(table_of("Messages (UTC)", [_as_listed(row) for row in rows]))
        if any(row["state"] == "failed" and row["sequence"] == NOTICES for row in rows):
            typer.echo("an owner does not know: mend the cause, then leadflow messages again ID")
    else:
        typer.echo("no such messages")


def _as_listed(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": str(row["message_id"]),
        "channel": row["channel"],
        "campaign": row["campaign"],
        "lead": (row["lead_id"] or "")[:8],
        "sequence": f"{row['sequence']} {row['step']}",
        "state": row["state"],
        "planned": row["planned_at"],
        "sent": row["sent_at"],
        "reason": row["state_reason"],
    }


@messages_app.command()
def show(message_id: MessageId, as_json: Json = False) -> None:
    """Show one message: what it says, where it stands, and every attempt to send it."""
    with get_engine().connect() as connection:
        row = (
            connection.execute(select(*SHOWN).where(messages.c.message_id == message_id))
            .mappings()
            .one_or_none()
        )
        if row is None:
            raise PermanentError(f"there is no message {message_id}: leadflow messages list shows the latest")
        tries = select(message_attempts).where(message_attempts.c.message_id == message_id)
        attempts = [
            dict(each) for each in connection.execute(tries.order_by(message_attempts.c.attempt)).mappings()
        ]
    if as_json:
        print_json({**row, "attempt_records": attempts})
        return
    for name, value in row.items():
        if name != "body_text" and value is not None:
            typer.echo(f"{name}: {value}")
    typer.echo(f"\n{row['body_text']}")
    if attempts:
        console.print(table_of("attempts", [{**each, "message_id": message_id} for each in attempts]))


@messages_app.command()
def settle(
    message_id: MessageId,
    finding: Annotated[
        Finding,
        typer.Argument(metavar="FINDING", help="sent: it arrived; failed: it did not; again: send it again."),
    ],
    as_json: Json = False,
) -> None:
    """Settle a message of which it is unknown whether it arrived. First ask the mail server's log, or look there."""
    to = "planned" if finding is Finding.AGAIN else finding.value
    outbox.settle_by_hand(get_engine(), message_id, to, actor=getpass.getuser(), now=datetime.now(UTC))
    if as_json:
        print_json({"message_id": message_id, "state": to})
    else:
        typer.echo(f"message {message_id} is {to}")


@messages_app.command()
def again(
    message_ids: Annotated[
        list[int] | None, typer.Argument(metavar="ID...", help="Numbers of messages.")
    ] = None,
    channel: Annotated[
        Channel | None, typer.Option(help="All that failed on this channel in the last 14 days instead.")
    ] = None,
    to: Annotated[
        str | None, typer.Option(help="Where they go instead: an address, or a channel of Slack.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Try messages to owners and managers again that failed for good, once their cause is mended.

    Whose lead has another owner by now is not told of it. Messages to leads are not tried again.
    """
    now = datetime.now(UTC)
    if bool(message_ids) == (channel is not None):
        raise PermanentError("name messages by their numbers, or a channel with --channel, one of the two")
    engine = get_engine()
    numbers = message_ids or outbox.failed_notices(engine, str(channel), now - FAILED_LATELY)
    if numbers:
        outbox.try_again_by_hand(engine, numbers, actor=getpass.getuser(), now=now, recipient=to)
    if as_json:
        print_json({"message_ids": list(numbers)})
    elif not numbers:
        typer.echo(f"no message by {channel} has failed")
    else:
        typer.echo(f"{counted(len(numbers), 'message')} will be tried again. Next: leadflow dispatch")
