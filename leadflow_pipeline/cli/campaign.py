"""`leadflow campaign ...`: campaign files in, versions and status out.

What belongs here: arguments and output. What does not: what makes a file valid or a version new.
"""

from __future__ import annotations

import codecs
import getpass
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from leadflow_pipeline.campaign import (
    campaign_json_schema,
    differences,
    list_campaigns,
    load,
    set_status,
    source_text,
)
from leadflow_pipeline.campaign import register as register_campaign
from leadflow_pipeline.cli import preview
from leadflow_pipeline.cli.output import console, print_json
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import migrate
from leadflow_pipeline.store.engine import get_engine

app = typer.Typer(
    no_args_is_help=True, help="Register campaign files, look at their versions, pause and resume."
)
preview.register_lint(app)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="campaign")


Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@app.command()
def add(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Campaign files (YAML).")],
    as_json: Json = False,
) -> None:
    """Register campaign files. A file that says something new makes a new version; else nothing changes."""
    texts = [(path.name, read_campaign_file(path)) for path in files]
    if get_settings().database_url is None:
        # The first command in a fresh home, whose database is nobody's but ours.
        migrate.upgrade(get_engine())
    for name, text in texts:
        registered = register_campaign(get_engine(), text, name, actor=actor())
        state = "new" if registered.is_new else "unchanged"
        if as_json:
            print_json({"campaign": registered.campaign, "version": registered.version, "state": state})
        else:
            typer.echo(f"{registered.campaign} version {registered.version}: {state}")


@app.command("list")
def list_all(as_json: Json = False) -> None:
    """List every campaign with its status and current version."""
    campaigns = list_campaigns(get_engine())
    if as_json:
        times = ("created_at", "updated_at")
        print_json(
            [
                {
                    name: value.isoformat() if name in times else value
                    for name, value in asdict(campaign).items()
                }
                for campaign in campaigns
            ]
        )
        return
    if not campaigns:
        typer.echo("No campaigns yet: register one with `leadflow campaign add FILE`.")
        return
    table = Table("campaign", "status", "version", "changed (UTC)", "name")
    for campaign in campaigns:
        changed = f"{campaign.updated_at:%Y-%m-%d %H:%M}"
        table.add_row(campaign.campaign, campaign.status, str(campaign.version), changed, campaign.name)
    console.print(table)


@app.command()
def show(
    campaign: Slug,
    version: Annotated[
        int | None, typer.Option(min=1, help="The current version where it is not given.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the whole model, defaults filled in.")
    ] = False,
) -> None:
    """Print a campaign file as it was given, or what it means."""
    if as_json:
        print_json(load(get_engine(), campaign, version).rules.model_dump(mode="json"))
    else:
        text = source_text(get_engine(), campaign, version)
        typer.echo(text, nl=not text.endswith("\n"))


@app.command()
def diff(
    campaign: Slug,
    old: Annotated[
        int | None, typer.Option("--from", min=1, help="The version before the other where it is not given.")
    ] = None,
    new: Annotated[
        int | None, typer.Option("--to", min=1, help="The current version where it is not given.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what two versions of a campaign say differently, path by path."""
    later = load(get_engine(), campaign, new)
    if old is None and later.version == 1:
        raise PermanentError(f"version 1 of {campaign} has none before it; name the other one with --from")
    earlier = load(get_engine(), campaign, old if old is not None else later.version - 1)
    changed = differences(earlier.rules, later.rules)
    if as_json:
        print_json([asdict(difference) for difference in changed])
        return
    typer.echo(f"{campaign} version {earlier.version} → {later.version}")
    for difference in changed:
        typer.echo(f"{difference.path}: {_in_short(difference.old)} → {_in_short(difference.new)}")
    if not changed:
        typer.echo("no difference in what they say")


@app.command()
def schema() -> None:
    """Print the JSON Schema of campaign files, so that an editor completes and checks them.

    Save it and begin a file with `# yaml-language-server: $schema=campaign.schema.json`.
    """
    print_json(campaign_json_schema())


@app.command()
def pause(campaign: Slug) -> None:
    """Pause a campaign: nothing of it is computed or sent until it is resumed."""
    _change_status(campaign, "paused")


@app.command()
def resume(campaign: Slug) -> None:
    """Resume a paused or archived campaign."""
    _change_status(campaign, "active")


@app.command()
def archive(campaign: Slug) -> None:
    """Archive a campaign: as paused, and meant for good. All that it did stays readable."""
    _change_status(campaign, "archived")


def _change_status(campaign: str, status: str) -> None:
    changed = set_status(get_engine(), campaign, status, actor=actor())
    typer.echo(f"{campaign} is {'now' if changed else 'already'} {status}")


def read_campaign_file(path: Path) -> str:
    """A file's text, whatever byte order mark an editor gave it. Raises PermanentError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise PermanentError(
            f"{path} cannot be read: {(error.strerror or 'unknown reason').lower()}"
        ) from None
    encoding = next((name for mark, name in BYTE_ORDER_MARKS if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PermanentError(f"{path.name}:{line}: is not UTF-8 text; save the file as UTF-8") from None


def actor() -> str:
    """Who runs a command, for the activity log."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return "command line"


def _in_short(value: Any) -> str:
    """A value on one line."""
    text = "nothing" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 80 else f"{text[:77]}..."
