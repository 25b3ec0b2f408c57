"""`leadflow handover ...`, `leadflow touched` and `leadflow touches ...`: owners are told, and say that they were in
touch.

What belongs here: arguments and output. What does not: who gets what (`delivery.handover`), and what is late.
"""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from leadflow_pipeline.cli.output import console, counted, print_json, progress, table_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.engine import get_engine

handover_app = typer.Typer(help="Hand leads over to their owners; look at those that wait for one.")
touches_app = typer.Typer(no_args_is_help=True, help="When reps were in touch with their leads.")

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Slug = Annotated[str | None, typer.Option("--campaign", help="Only this campaign.")]
DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}
MOMENT: dict[str, Any] = {"formats": ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d"], "metavar": "WHEN"}


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    app.add_typer(handover_app, name="handover")
    app.add_typer(touches_app, name="touches")
    app.command()(touched)


@handover_app.callback(invoke_without_command=True)
def handover(
    context: typer.Context,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count what would be handed over.")] = False,
    limit: Annotated[int | None, typer.Option(min=1, help="Try at most so many leads.")] = None,
    since: Annotated[
        datetime | None,
        typer.Option(help="Tell owners of decisions from this day on, however old they are.", **DAY),
    ] = None,
    as_json: Json = False,
) -> None:
    """Hand over the leads that wait for their owner now, those that answered or are engaged enough with the thread,
    and pass on those whose owner was not in touch in time.

    Messages go into the outbox; `leadflow dispatch` sends them.
    """
    if context.invoked_subcommand is not None:
        return
    from leadflow_pipeline.delivery.first_touch import count_overdue, sweep_first_touches
    from leadflow_pipeline.delivery.graduation import count_graduations, graduate_due
    from leadflow_pipeline.delivery.handover import hand_over_due
    from leadflow_pipeline.insight.similar_accounts.for_briefs import similar_accounts_of

    engine, now = get_engine(), datetime.now(UTC)
    summary = hand_over_due(
        engine,
        now,
        limit=limit,
        dry_run=dry_run,
        since=since.date() if since is not None else None,
        similar=similar_accounts_of,
    )
    swept: dict[str, int] = (
        {"graduated": count_graduations(engine, now), "overdue": count_overdue(engine, now)}
        if dry_run
        else {
            **graduate_due(engine, now, similar=similar_accounts_of).to_dict(),
            **sweep_first_touches(engine, now, similar=similar_accounts_of).to_dict(),
        }
    )
    if as_json:
        print_json({**summary.to_dict(), **swept})
        return
    verb = "would hand over" if dry_run else "handed over"
    typer.echo(
        f"{verb} {counted(summary.handed_over, 'lead')}, {summary.to_next_best:,} of them to the next best owner"
    )
    for name, count in summary.by_campaign.items():
        typer.echo(f"  {name}: {count:,}")
    for reason, count in summary.held.items():
        typer.echo(f"  waiting, {reason}: {count:,}")
    for name, count in swept.items():
        if count:
            typer.echo(f"  {name.replace('_', ' ')}: {count:,}")
    for problem in summary.problems:
        typer.echo(f"  {problem}", err=True)
    if summary.handed_over and not dry_run:
        typer.echo("Next: leadflow dispatch")


@handover_app.command()
def held(campaign: Slug = None, as_json: Json = False) -> None:
    """List the leads that wait for an owner, the longest first: why, and what helps."""
    from leadflow_pipeline.delivery.holding import reason_and_remedy
    from leadflow_pipeline.delivery.pending import held_leads

    with get_engine().connect() as connection:
        waiting = held_leads(connection, campaign)
    told = [reason_and_remedy(row["reason"]) for row in waiting]
    rows: list[dict[str, Any]] = [
        {**row, "reason": why, "remedy": remedy} for row, (why, remedy) in zip(waiting, told, strict=True)
    ]
    if as_json:
        print_json(rows)
        return
    if not rows:
        typer.echo("no lead waits for an owner")
        return
    for row in rows:
        typer.echo(f"{row['lead_id']}  {row['campaign']}, waits since {row['held_since']:%Y-%m-%d %H:%M} UTC")
        typer.echo(f"  {row['reason']}: {row['remedy']}")
    typer.echo("leadflow override CAMPAIGN LEAD owner REP gives one away by hand")


@handover_app.command()
def efficiency(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")],
    first: Annotated[
        datetime | None, typer.Option("--from", help="First day; else 28 days up to the last.", **DAY)
    ] = None,
    last: Annotated[datetime | None, typer.Option("--to", help="Last day; else today (UTC).", **DAY)] = None,
    as_json: Json = False,
) -> None:
    """Show how well routing works: how soon leads are decided and touched, how even the load is, and how near the
    choice of owners was to the best.
    """
    from dataclasses import asdict

    from leadflow_pipeline.campaign import campaign_status
    from leadflow_pipeline.insight.routing_efficiency.reading import USUAL_DAYS, read_efficiency

    engine, now = get_engine(), datetime.now(UTC)
    campaign_status(engine, campaign)
    to_day = last.date() if last else now.date()
    from_day = first.date() if first else to_day - timedelta(days=USUAL_DAYS - 1)
    found = read_efficiency(engine, campaign, from_day, to_day, now)
    if as_json:
        print_json(asdict(found))
        return
    touches, balance, optimum = found.first_touches, found.balance, found.optimum

    def spread(of: Any, unit: str) -> str:
        return "–" if of.median is None else f"{of.median:,.0f} {unit}, 95 of 100 below {of.most:,.0f}"

    rows = {
        "handed over": f"{found.handed_over:,}",
        "until the first owner": spread(found.minutes_to_decide, "minutes"),
        "first touches in time": _percent(touches.share_in_time),
        "working time to the first touch": spread(touches.minutes, "minutes"),
        "passed on": f"{found.reassigned:,}",
        "told to another than planned": f"{found.other_than_planned:,}",
        "without an owner now": f"{found.held_now:,}",
        "they wait for": spread(found.hours_held, "hours"),
        "highest load of a rep": _percent(balance.highest_load),
        "unevenness (Gini, 0: even)": "–" if balance.gini is None else f"{balance.gini:.2f}",
        "floors missed": f"{balance.floors_missed:,}",
        "value of the choice, of the bound": _percent(optimum.share),
    }
    told = [{"what": what, "figure": figure} for what, figure in rows.items()]
    console.print(table_of(f"Routing of {campaign}, {from_day} to {to_day}", told))


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


@handover_app.command()
def promises(campaign: Slug = None, as_json: Json = False) -> None:
    """Show how each rep keeps the promise of a first touch: in time, late, and in how many minutes of working time.

    A lead that answered, or is engaged enough to be called, has a promise of its own from then on.
    """
    from leadflow_pipeline.delivery.first_touch_times import compliance
    from leadflow_pipeline.delivery.promises import read_promises

    times = read_promises(get_engine(), datetime.now(UTC), campaign)
    kept = compliance(times, ("campaign", "rep"))
    plain = kept.astype(object).where(kept.notna(), None).to_dict("records")
    if as_json:
        print_json(plain)
    elif plain:
        for slug in dict.fromkeys(row["campaign"] for row in plain):
            console.print(
                table_of(f"First touches, {slug}", [_kept(row) for row in plain if row["campaign"] == slug])
            )
    else:
        typer.echo("no lead has been handed over yet")


def _kept(row: Mapping[Any, Any]) -> dict[str, Any]:
    """How a rep keeps its promises, as people read it."""
    return {
        "rep": row["rep"],
        "leads": row["leads"],
        "kept": row["kept"],
        "late": row["late"],
        "open": row["open"],
        "overdue": row["open_late"],
        "passed on": row["passed_on"],
        "in time": "–" if row["share"] is None else f"{row['share']:.0%}",
        "minutes": "–" if row["median_minutes"] is None else f"{row['median_minutes']:,.0f}",
    }


@touches_app.command("import")
def import_touches(
    campaign: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", help="Rows of email (or lead_id), rep, occurred_at, perhaps touch and touch_id."
        ),
    ],
    as_json: Json = False,
) -> None:
    """Keep when reps were in touch with leads. A file imported again changes nothing."""
    from leadflow_pipeline.harvest import importing

    with progress() as bar:
        task = bar.add_task(f"reading {file.name}", total=None)
        report = importing.import_file(
            get_engine(),
            campaign,
            file,
            contents=importing.Contents.TOUCHES,
            progress=lambda rows: bar.update(task, completed=rows),
        )
    if as_json:
        print_json(report.to_dict())
    else:
        counts = ("rows", "new", "repeated", "quarantined", "erased")
        console.print(table_of(f"{file.name}: touches", [{name: getattr(report, name) for name in counts}]))


def touched(
    lead: Annotated[
        str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
    ],
    campaign: Slug = None,
    rep: Annotated[str | None, typer.Option(help="Who was in touch; the lead's owner if left out.")] = None,
    kind: Annotated[str, typer.Option(help="call, email, meeting, ...")] = "call",
    at: Annotated[datetime | None, typer.Option(help="When (UTC); now if left out.", **MOMENT)] = None,
    as_json: Json = False,
) -> None:
    """Say that a rep has been in touch with a lead: it stops the clock of the first touch."""
    from leadflow_pipeline.delivery.touches import add_touch
    from leadflow_pipeline.insight.known_leads import find_lead

    engine = get_engine()
    slug, lead_id = find_lead(engine, lead, campaign)
    moment = at.replace(tzinfo=UTC) if at is not None else datetime.now(UTC)
    if moment > datetime.now(UTC):
        raise PermanentError("a touch cannot be in the future: say when it was, in UTC")
    row = add_touch(engine, slug, lead_id, rep, kind, moment, origin=f"hand of {getpass.getuser()}")
    if as_json:
        print_json(row)
    else:
        news = "is on record" if row["is_new"] else "was on record already"
        typer.echo(f"{kind} with lead {lead_id} of {slug} {news}")
