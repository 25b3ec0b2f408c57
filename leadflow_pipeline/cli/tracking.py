"""`leadflow tracking ...`: opens and clicks, and who made them.

What belongs here: arguments and output. What does not: the judgement (`inbound.tracking`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer
from sqlalchemy import case, func, select

from leadflow_pipeline.cli.output import console, counted, print_json, table_of
from leadflow_pipeline.inbound.tracking.judging import judge_due
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.schema import messages, tracking_hits

app = typer.Typer(
    no_args_is_help=True, help="Judge opens and clicks, and see which people made, and which machines."
)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="tracking")


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Campaign = Annotated[str | None, typer.Option(help="Only this campaign.")]
Days = Annotated[int, typer.Option(min=1, help="The latest so many days.")]


@app.command()
def judge(as_json: Json = False) -> None:
    """Judge now what has settled; a schedule does it every five minutes."""
    judged = judge_due(get_engine())
    if as_json:
        print_json(judged.to_dict())
    elif judged.hits:
        console.print(f"{counted(judged.hits, 'request')} judged, {judged.machines:,} of them machines'")
    else:
        console.print("no open or click waits to be judged")


@app.command()
def show(campaign: Campaign = None, days: Days = 30, as_json: Json = False) -> None:
    """Show how many opens and clicks people made, how many machines, and how the machines were known."""
    rows = _told(campaign, datetime.now(UTC) - timedelta(days=days))
    if as_json:
        print_json(rows)
    elif rows:
        console.print(table_of(f"Opens and clicks of {counted(days, 'day')}", rows))
    else:
        console.print(f"no opens and clicks in {counted(days, 'day')}")


def _told(campaign: str | None, since: datetime) -> list[dict[str, Any]]:
    hits = tracking_hits.c
    by = case(
        (hits.is_machine.is_(None), "not judged yet"),
        (hits.is_machine, func.concat("machine: ", hits.machine_reason)),
        else_="person",
    ).label("by")
    query = (
        select(
            hits.kind,
            by,
            func.count().label("requests"),
            func.count(hits.message_id.distinct()).label("emails"),
        )
        .join(messages, messages.c.message_id == hits.message_id)
        .where(hits.occurred_at >= since)
        .group_by(hits.kind, by)
        .order_by(hits.kind, func.count().desc(), by)
    )
    if campaign is not None:
        query = query.where(messages.c.campaign == campaign)
    with get_engine().connect() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]
