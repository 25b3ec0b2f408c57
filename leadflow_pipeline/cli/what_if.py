"""`leadflow score --what-if`: what another campaign file or model would do to the leads there are, before it counts.

What belongs here: arguments and output. What does not: the replay and its comparison (`insight`).
"""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadflow_pipeline.cli.output import console, counted, print_json, progress, table_of
from leadflow_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from leadflow_pipeline.insight.what_if import Comparison

DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(score)


def score(
    campaign: Annotated[
        str | None,
        typer.Argument(metavar="CAMPAIGN", help="Whose leads; the file's own campaign if left out."),
    ] = None,
    what_if: Annotated[
        Path | None,
        typer.Option("--what-if", metavar="NEW_FILE", help="Campaign file to try; else the present one."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            help="Conversion model to try on every day (as leadflow model list has it), or none for the rules alone; "
            "else each day's champion."
        ),
    ] = None,
    first: Annotated[
        datetime | None, typer.Option("--from", help="First day; else the first computed.", **DAY)
    ] = None,
    last: Annotated[
        datetime | None, typer.Option("--to", help="Last day; else the last computed.", **DAY)
    ] = None,
    most: Annotated[int, typer.Option(min=0, help="Name so many of the most changed leads.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Show who would change tier, owner or qualification under another file or model. Writes nothing.

    Past days are scored, qualified and routed again in memory, as a backfill would do it.
    """
    from leadflow_pipeline.campaign import load, parse_campaign
    from leadflow_pipeline.cli.campaign import read_campaign_file
    from leadflow_pipeline.insight import replay
    from leadflow_pipeline.insight.what_if import compare_states
    from leadflow_pipeline.store.engine import get_engine

    if what_if is None and (model is None or campaign is None):
        raise PermanentError(
            "there is nothing to try: give --what-if FILE, or a campaign and --model VERSION"
        )
    engine = get_engine()
    tried = parse_campaign(read_campaign_file(what_if), what_if.name) if what_if else None
    present = load(engine, campaign or (tried.campaign if tried else ""))
    rules = tried or present.rules
    name = " with ".join([*([what_if.name] if what_if else []), *([f"model {model}"] if model else [])])
    days = replay.replayable_days(
        engine, present.campaign, first.date() if first else None, last.date() if last else None
    )
    with progress() as bar:
        bar.add_task(f"replaying {counted(len(days.days), 'day')} of {present.campaign}", total=None)
        replayed = replay.replay(engine, days, rules, model)
        comparison = compare_states(
            replay.stored_state(engine, days), replay.replayed_state(engine, replayed), most
        )
    notes = _notes(
        replay.days_of_other_versions(engine, days, present.version),
        len(replay.changes_before_the_score(present.rules, rules)),
        present.version,
        replay.knows_later_days(engine, days, model),
    )
    heading = {
        "campaign": present.campaign,
        "version": present.version,
        "file": what_if.name if what_if else None,
        "model": model,
        "first_day": days.first_day,
        "last_day": days.last_day,
        "days": len(days.days),
    }
    if as_json:
        print_json({**heading, **_as_json(comparison), "notes": notes})
        return
    typer.echo(
        f"{present.campaign}, {days.first_day} to {days.last_day}: what is stored → {name}; nothing is written"
    )
    _print(comparison)
    for note in notes:
        typer.echo(f"Note: {note}.")


def _notes(
    days_of_other_versions: int, changes_upstream: int, version: int, knows_up_to: date | None
) -> list[str]:
    notes = []
    if knows_up_to:
        notes.append(
            f"the model knows what happened before {knows_up_to}, so on earlier days it looks better than it is"
        )
    if days_of_other_versions:
        notes.append(
            f"{counted(days_of_other_versions, 'day')} stand as an earlier version scored them, "
            f"so a part of the change would come from version {version} as well"
        )
    if changes_upstream:
        notes.append(
            f"the file also says {counted(changes_upstream, 'thing')} differently about sources, identity or "
            "enrichment, which take effect before the score and are not part of this"
        )
    return notes


def _as_json(comparison: Comparison) -> dict[str, Any]:
    most = comparison.most_changed
    return {
        "leads": comparison.leads,
        "changed": comparison.changed,
        "rescored": comparison.rescored,
        "score_change": comparison.score_change,
        "transitions": {name: moves.to_dict("records") for name, moves in comparison.transitions.items()},
        "most_changed": most.astype(object).where(most.notna(), None).to_dict("records"),
    }


def _print(comparison: Comparison) -> None:
    if not comparison.changed:
        typer.echo(
            f"Nothing would change: {counted(comparison.leads, 'lead')} would stand exactly as they do."
        )
        return
    typer.echo(f"{counted(comparison.changed, 'lead')} of {comparison.leads:,} would change.")
    shown = _shown_owners(comparison)
    moves = [
        {
            "what": decision,
            **{when: shown.get(move[when], move[when]) for when in ("before", "after")},
            "leads": int(move["leads"]),
        }
        for decision, table in comparison.transitions.items()
        for move in table.to_dict("records")
    ]
    console.print(
        table_of("Decisions", moves)
        if moves
        else "No tier, owner, sequence, qualification or temperature would."
    )
    change = {name: f"{value:+.2f}" for name, value in comparison.score_change.items()}
    console.print(
        table_of("Change of the score, points", [{"leads rescored": comparison.rescored, **change}])
    )
    if len(comparison.most_changed):
        console.print(
            table_of("Most changed", [_named(row, shown) for row in _as_json(comparison)["most_changed"]])
        )


def _shown_owners(comparison: Comparison) -> dict[str, str]:
    """How owners are called on the terminal."""
    from leadflow_pipeline.insight.rep_performance.naming import shown_names

    owners, most = comparison.transitions["owner"], comparison.most_changed
    columns = (owners["before"], owners["after"], most["owner_before"], most["owner_after"])
    return shown_names(owner for column in columns for owner in column.dropna())


def _named(row: dict[str, Any], shown: dict[str, str]) -> dict[str, Any]:
    """A lead on one line: its score before and after, and those decisions that change."""
    from leadflow_pipeline.insight.what_if import DECIDED, NONE

    def points(value: float | None) -> str:
        return "none" if value is None else f"{value:.2f}"

    pairs = {name: (row[f"{name}_before"] or NONE, row[f"{name}_after"] or NONE) for name in DECIDED}
    return {
        "lead_id": row["lead_id"],
        "score": f"{points(row['score_before'])} → {points(row['score_after'])}",
        "decisions": ", ".join(
            f"{shown.get(old, old)} → {shown.get(new, new)}" for old, new in pairs.values() if old != new
        )
        or "as before",
    }
