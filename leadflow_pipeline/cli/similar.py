"""`leadflow similar LEAD`: companies like a lead's, and how they ended.

What belongs here: arguments and output. What does not: finding them (`insight.similar_accounts`).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.markup import escape

from leadflow_pipeline.cli.output import console, print_json, table_of


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(similar)


def similar(
    lead: Annotated[
        str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
    ],
    campaign: Annotated[str | None, typer.Option(help="Slug, where several campaigns have the lead.")] = None,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of",
            help="As known before this day; else before today.",
            formats=["%Y-%m-%d"],
            metavar="DAY",
        ),
    ] = None,
    number: Annotated[int, typer.Option("--number", "-n", min=1, max=100, help="How many.")] = 5,
    ended: Annotated[bool, typer.Option("--ended", help="Only those that were won or lost.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show the companies most like a lead's, and how they ended: won, lost or open, when, and for how much."""
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.insight.similar_accounts.likeness import similar_accounts
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    slug, lead_id = find_lead(engine, lead, campaign)
    day = as_of.date() if as_of else datetime.now(UTC).date()
    found = similar_accounts(engine, slug, as_of=day, lead_id=lead_id, k=number, ended=ended)
    if as_json:
        accounts = [asdict(account) for account in found]
        print_json({"campaign": slug, "lead_id": lead_id, "as_of": day, "similar_accounts": accounts})
        return
    if not found and ended:
        typer.echo(
            f"No company like it was won or lost before {day}; without --ended open ones are shown too."
        )
        return
    if not found:
        typer.echo(
            f"Nothing like it is known before {day}: the lead's company is not known, or no build of the asset "
            f"similar_accounts of {slug} is that old (it is made again after every daily run)."
        )
        return
    rows = [
        {
            "company": escape(account.name),
            "likeness": f"{account.likeness:.2f}",
            "the same": ", ".join(account.shares) or "–",
            "outcome": account.outcome,
            "ended on": str(account.ended_on or "–"),
            "value": "–" if account.value is None else f"{account.value:,.2f}",
        }
        for account in found
    ]
    console.print(table_of(f"Companies like that of {lead_id}, as known before {day}", rows))
