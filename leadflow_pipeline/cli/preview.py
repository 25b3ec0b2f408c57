"""`leadflow preview CAMPAIGN` and `leadflow campaign lint CAMPAIGN`: emails, before anybody gets them.

What belongs here: arguments and output. What does not: making emails and judging them (`delivery`).
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from leadflow_pipeline.cli.output import counted, print_json, progress
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings

if TYPE_CHECKING:
    from leadflow_pipeline.campaign import Campaign
    from leadflow_pipeline.delivery.linting.findings import Finding
    from leadflow_pipeline.delivery.preview import Preview

Target = Annotated[
    str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign, or a campaign file (YAML).")
]
Sequence = Annotated[str | None, typer.Option(help="Only this sequence.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Adds `leadflow preview`."""
    app.command()(preview)


def register_lint(app: typer.Typer) -> None:
    """Adds `leadflow campaign lint`."""
    app.command()(lint)


def preview(
    campaign: Target,
    lead: Annotated[
        str | None,
        typer.Option(help="A lead_id, the beginning of one, or an address; else an invented person."),
    ] = None,
    sequence: Sequence = None,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the pages; else preview/CAMPAIGN in the home folder.")
    ] = None,
    png: Annotated[
        bool, typer.Option("--png", help="Pictures as well: phone and desktop, light and dark.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show every email of a campaign as one lead would get it. Nothing is sent, and nothing is tracked."""
    from leadflow_pipeline.delivery.chromium import browser, find_chromium
    from leadflow_pipeline.delivery.preview import previews_of, write_previews

    if png:
        find_chromium()
    rules = campaign_named(campaign)
    known = lead_named(rules, lead) if lead is not None else None
    public_url = get_settings().public_url
    previews = list(previews_of(rules, public_url, known, sequence))
    folder = out or get_settings().home / "preview" / rules.campaign
    reader = f"lead {known['lead_id']}" if known else "an invented person of whom all is known"
    if png:
        with browser() as taking, progress() as shown:
            task = shown.add_task(
                "taking pictures", total=4 * sum(each.email is not None for each in previews)
            )

            def take(page: Path, width: int, is_phone: bool, is_dark: bool) -> bytes:
                shown.advance(task)
                return taking.picture(page, width, is_phone=is_phone, is_dark=is_dark)

            index = write_previews(folder, rules, public_url, previews, reader, take)
    else:
        index = write_previews(folder, rules, public_url, previews, reader)
    if as_json:
        print_json({"index": index, "emails": [_as_json(each, folder) for each in previews]})
        return
    for each in previews:
        typer.echo(f"{each.title}: {each.email.subject if each.email else 'cannot be made'}")
        for finding in each.findings:
            typer.echo(f"  {finding}")
    typer.echo(f"{counted(len(previews), 'email')}: open {index} in a browser")


def lint(
    campaign: Target,
    sequence: Sequence = None,
    check_links: Annotated[
        bool,
        typer.Option("--check-links", help="Ask each host whether its page is there (uses the network)."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Read a campaign's emails as a careful sender would: tokens, links, words, size, the way out.

    Ends with exit code 1 where something is an error.
    """
    from leadflow_pipeline.delivery.linting.campaign_lint import lint_campaign

    rules = campaign_named(campaign)
    findings = lint_campaign(rules, get_settings().public_url, sequence)
    if check_links:
        findings += _asked_links(rules, sequence)
    if as_json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            typer.echo(str(finding))
        errors = sum(finding.severity == "error" for finding in findings)
        warnings = len(findings) - errors
        typer.echo(f"{rules.campaign}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    if any(finding.severity == "error" for finding in findings):
        raise typer.Exit(1)


def campaign_named(named: str) -> Campaign:
    """A registered campaign by its slug, or the one in a file. Raises PermanentError."""
    from leadflow_pipeline.campaign import load, parse_campaign
    from leadflow_pipeline.cli.campaign import read_campaign_file

    if named.endswith((".yaml", ".yml")):
        return parse_campaign(read_campaign_file(Path(named)), Path(named).name)
    from leadflow_pipeline.store.engine import get_engine

    return load(get_engine(), named).rules


def lead_named(campaign: Campaign, named: str) -> dict[str, Any]:
    """What is known of a lead of the campaign now, as the release door reads it. Raises PermanentError."""
    import pandas as pd

    from leadflow_pipeline.campaign import LEAD_TOKENS
    from leadflow_pipeline.delivery.owner_names import owner_names
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.store.engine import get_engine
    from leadflow_pipeline.store.partitions import latest_before
    from leadflow_pipeline.store.schema import enriched_leads

    engine = get_engine()
    slug, lead_id = find_lead(engine, named, campaign.campaign)
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    tokens = [name for name in LEAD_TOKENS if name in enriched_leads.columns]
    rows = latest_before(
        engine,
        enriched_leads,
        slug,
        tomorrow,
        lead_ids=pd.Series([lead_id]),
        columns=["lead_id", "email", *tokens, "custom"],
    )
    if rows.empty:
        raise PermanentError(
            f"nothing is known of that lead yet: leadflow materialize {slug} --stage enrich reads it"
        )
    known = cast("dict[str, Any]", rows.astype(object).iloc[0].to_dict())
    with engine.connect() as connection:
        known["owner"] = owner_names(connection, slug, [lead_id], datetime.now(UTC)).get(lead_id)
    return {name: value for name, value in known.items() if isinstance(value, dict) or pd.notna(value)}


def _asked_links(campaign: Campaign, sequence: str | None) -> list[Finding]:
    from leadflow_pipeline.delivery.links import is_web
    from leadflow_pipeline.delivery.linting.addresses import links_in
    from leadflow_pipeline.delivery.linting.campaign_lint import languages_of, sample_email
    from leadflow_pipeline.delivery.linting.link_check import check_links
    from leadflow_pipeline.delivery.sample_leads import known_lead
    from leadflow_pipeline.delivery.sequence_emails import emails_of

    public_url, targets = get_settings().public_url, []
    for place in emails_of(campaign, sequence):
        for language in languages_of(campaign, place):
            try:
                email = sample_email(campaign, place, known_lead(campaign, language), public_url)
            except PermanentError:  # told by the linter
                continue
            targets += [
                target
                for target, _ in links_in(email.html)
                if is_web(target) and not target.startswith(public_url)
            ]
    return list(check_links(targets))


def _as_json(preview: Preview, folder: Path) -> dict[str, Any]:
    email = preview.email
    return {
        "sequence": preview.place.sequence,
        "step": preview.place.step,
        "language": preview.language,
        "subject": email.subject if email else None,
        "html": folder / f"{preview.stem}.html" if email else None,
        "text": folder / f"{preview.stem}.txt" if email else None,
        "pictures": [folder / name for _, name in preview.pictures],
        "findings": [asdict(finding) for finding in preview.findings],
    }
