"""`leadflow enrich ...`: validate, look at, run and settle enrichment by hand.

What belongs here: arguments and output. What does not: any rule. What takes long to import is imported by the command
that needs it.
"""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal

import pandas as pd
import typer

from leadflow_pipeline.cli.output import console, print_json, table_of
from leadflow_pipeline.errors import PermanentError

app = typer.Typer(no_args_is_help=True, help="What is known of leads, and who is asked for more.")


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="enrich")


Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]


class Decision(StrEnum):
    """What a person may decide about a question of unknown fate."""

    ASK_AGAIN = "ask-again"
    GIVE_UP = "give-up"


@app.command()
def validate(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="EMAIL|PHONE...", help="Addresses and telephone numbers.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A text file with one address or number a line.")] = None,
    country: Annotated[
        str | None, typer.Option(help="Where numbers without + are dialled: DE, or Germany.")
    ] = None,
    allow_test_domains: Annotated[
        bool, typer.Option("--allow-test-domains", help="Accept example.org and the like.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Say whether addresses and numbers are any good, and why not. Offline, and without a campaign."""
    from leadflow_pipeline.enrich.validation import validate_emails, validate_phones

    given = pd.Series([*(texts or []), *(_lines_of(file) if file is not None else [])], dtype="str")
    if given.empty:
        raise PermanentError("there is nothing to validate: give an address, a number or --file")
    is_email = given.str.contains("@", regex=False)
    emails = validate_emails(given[is_email], allow_test_domains=allow_test_domains)
    phones = validate_phones(given[~is_email], country=country)
    if as_json:
        verdicts = {**_records_by_position(emails), **_records_by_position(phones)}
        print_json([verdicts[position] for position in range(len(given))])
        return
    for title, shown in (
        ("Addresses", emails[["given", "status", "reason", "suggestion"]]),
        ("Telephone numbers", phones),
    ):
        if len(shown):
            console.print(table_of(title, [_shown(row) for row in _records_by_position(shown).values()]))
    if country is None and (phones.loc[phones["status"] == "invalid", "given"].str[:1] != "+").any():
        typer.echo("A number without + is only understood with the country where it is dialled: --country DE")


@app.command()
def status(
    campaign: Slug,
    lead: Annotated[str | None, typer.Argument(help="A lead's id, or its email address.")] = None,
    as_json: Json = False,
) -> None:
    """Show who was asked, what waits, what it cost, and what nobody knows the fate of."""
    from leadflow_pipeline.campaign import load
    from leadflow_pipeline.enrich import inquiry
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    load(engine, campaign)
    if lead is not None:
        found = inquiry.lead_status(engine, campaign, find_lead(engine, lead, campaign)[1])
        if as_json:
            print_json(found)
        else:
            _show_lead(found)
        return
    providers = inquiry.provider_status(engine, campaign)
    unknown = inquiry.unknown_lookups(engine, campaign)
    if as_json:
        print_json({"providers": providers, "unknown": unknown})
        return
    if not providers:
        typer.echo("nobody was asked about a lead of this campaign yet")
        return
    console.print(table_of("Who was asked", [_status_row(row) for row in providers]))
    if unknown:
        console.print(table_of("Of unknown fate", [_shown(row) for row in unknown]))
        typer.echo("Look at the vendor's own list, then: leadflow enrich settle LOOKUP ask-again|give-up")


@app.command()
def run(campaign: Slug, as_json: Json = False) -> None:
    """Ask about the campaign's recent leads whatever is due now, within its budgets, and fetch what is ready.

    A language model is asked for its opinion too, where the campaign has a section `opinion`.
    """
    from leadflow_pipeline.enrich.ordering import order_and_ask
    from leadflow_pipeline.harvest.open_day import leads_of_open_day
    from leadflow_pipeline.score.opinion.asking import ask_opinions
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    reports = order_and_ask(engine, campaign, leads_of_open_day(engine, campaign, datetime.now(UTC)))
    reports += ask_opinions(engine, campaign)
    rows = [asdict(report) for report in reports]
    if as_json:
        print_json(rows)
    elif rows:
        console.print(table_of("Asked", [_report_row(row) for row in rows]))
    else:
        typer.echo(
            "this campaign declares no provider: see enrichment.providers and opinion in `leadflow campaign schema`"
        )


@app.command()
def types(
    campaign: Annotated[str | None, typer.Argument(help="Show what this campaign declares.")] = None,
    as_json: Json = False,
) -> None:
    """Show which kinds of provider there are, or those of a campaign, and which fields each gives."""
    from leadflow_pipeline.enrich.inquiry import enrichment_types

    rules = None
    if campaign is not None:
        from leadflow_pipeline.campaign import load
        from leadflow_pipeline.store.engine import get_engine

        rules = load(get_engine(), campaign).rules.enrichment
    rows = enrichment_types(rules)
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("this campaign declares neither provider nor recipe")
        return
    shown = [{**row, "gives": ", ".join(row["gives"])} for row in rows]
    if rules is None:
        shown = [{name: value for name, value in row.items() if name != "name"} for row in shown]
    console.print(table_of("Enrichment", [_shown(row) for row in shown]))


@app.command()
def settle(
    lookup: Annotated[int, typer.Argument(help="Number of a question of unknown fate.")],
    decision: Annotated[
        Decision, typer.Argument(help="ask-again: it may cost once more; give-up: without an answer.")
    ],
    actor: Annotated[str | None, typer.Option(help="Who decides; your account's name if left out.")] = None,
    as_json: Json = False,
) -> None:
    """Settle a question that left and was not answered. Look at the vendor's own list of requests first."""
    from leadflow_pipeline.store.engine import get_engine
    from leadflow_pipeline.vendors import lookups

    decided: Literal["ask-again", "give-up"] = "ask-again" if decision is Decision.ASK_AGAIN else "give-up"
    lookups.settle(get_engine(), lookup, decided, actor or getpass.getuser())
    if as_json:
        print_json({"lookup_id": lookup, "decision": decided})
    else:
        typer.echo(f"lookup {lookup}: {decided}")


def _lines_of(file: Path) -> list[str]:
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PermanentError(
            f"{file} cannot be read ({type(error).__name__}): name a text file in UTF-8"
        ) from None
    return [line for line in map(str.strip, text.splitlines()) if line]


def _records_by_position(verdicts: pd.DataFrame) -> dict[int, dict[str, Any]]:
    """Rows as plain values, by their place among all that was given; None for what is missing."""
    rows = verdicts.astype(object).where(verdicts.notna(), None).to_dict("records")
    return {
        int(position): {str(name): value for name, value in row.items()}
        for position, row in zip(verdicts.index, rows, strict=True)
    }


def _report_row(report: dict[str, Any]) -> dict[str, Any]:
    """What a round of asking came to, narrow enough for a terminal: what is rare is said in words."""
    counts = {name: report[name] for name in ("asked", "answered", "waiting", "credits")}
    return {"provider": report["provider"], **counts, "besides": _in_words(report, report["deferred_until"])}


def _status_row(provider: dict[str, Any]) -> dict[str, Any]:
    """As `_report_row`, of everything that was ever asked."""
    waiting = sum(provider[state] for state in ("planned", "on_wire", "pending"))
    counts = {"answered": provider["answered"], "waiting": waiting, "credits": provider["credits"]}
    return {
        "provider": provider["provider"],
        **counts,
        "besides": _in_words(provider, provider["goes_on_at"]),
    }


RARE = {"not_found": "not found", "failed": "failed", "unknown": "of unknown fate", "copied": "known already"}


def _in_words(counts: dict[str, Any], goes_on_at: datetime | None) -> str:
    said = [f"{counts[name]:,} {words}" for name, words in RARE.items() if counts.get(name)]
    if goes_on_at is not None:
        said.append(f"goes on at {goes_on_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC")
    if counts["problem"]:
        said.append(counts["problem"])
    return "; ".join(said)


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    """A row for people: nothing where there is nothing, moments without fractions."""
    return {name: _shown_value(value) for name, value in row.items()}


def _shown_value(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, datetime) else value


def _show_lead(found: dict[str, Any]) -> None:
    day, word = found["day"], found["enrichment_status"]
    typer.echo(f"lead {found['lead_id']}: {f'{word} as of {day}' if day else 'in no enriched day yet'}")
    if found["asked"]:
        console.print(table_of("Who was asked", [_shown(row) for row in found["asked"]]))
    if (opinion := found["opinion"]) is not None:
        why = f': "{opinion["why"]}"' if opinion["why"] else ""
        typer.echo(f"language model on {opinion['day']}: {opinion['score']:g} of 100{why}")
    said = [{"field": field, **who} for field, who in found["provenance"].items()]
    if said:
        console.print(table_of("Who said what", [_shown(row) for row in said]))
