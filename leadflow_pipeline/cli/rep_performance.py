"""`leadflow reps performance|leaderboard|fairness`: how a campaign's reps do.

What belongs here: arguments and output. What does not: any figure (`insight.rep_performance`). On the terminal a rep is
shown as in Dagster; JSON for scripts has the whole id.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import pandas as pd
import typer

from leadflow_pipeline.cli.output import console, print_json, print_section

if TYPE_CHECKING:
    from leadflow_pipeline.insight.rep_performance.reading import RepReport

Slug = Annotated[
    str | None, typer.Option("--campaign", help="Slug; may be left out where there is one campaign alone.")
]
AsOf = Annotated[
    datetime | None,
    typer.Option("--as-of", help="Last day that counts; else today.", formats=["%Y-%m-%d"], metavar="DAY"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]


def register(app: typer.Typer) -> None:
    """Adds the commands to `leadflow reps`."""
    app.command()(performance)
    app.command()(leaderboard)
    app.command()(fairness)


def performance(
    rep: Annotated[
        str | None, typer.Argument(metavar="REP", help="One rep, by its id; all if left out.")
    ] = None,
    campaign: Slug = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Show how reps do: beside their peers, week by week, and what they carry."""
    from leadflow_pipeline.insight.rep_performance import tables

    report = _report(campaign, as_of)
    board, weekly, workload = report.board, report.weekly, report.workload
    if rep is not None:
        board, weekly, workload = (
            frame[frame["rep"].eq(_known(report, rep))] for frame in (board, weekly, workload)
        )
    if as_json:
        said = _head(report) | {
            "reps": _records(board),
            "weeks": _records(weekly),
            "load": _records(workload),
        }
        print_json(said)
        return
    if not _say_head(report):
        return
    print_section("Beside their peers", tables.peers_table(board, report.shown, only_sure=False))
    print_section("Week by week", tables.weeks_table(weekly))
    print_section("Load", tables.workload_table(workload, report.shown))


def leaderboard(campaign: Slug = None, as_of: AsOf = None, as_json: Json = False) -> None:
    """Show the reps in order of performance, with the places each may as well have."""
    from leadflow_pipeline.insight.rep_performance import tables

    report = _report(campaign, as_of)
    if as_json:
        print_json(_head(report) | {"reps": _records(report.board)})
        return
    if not _say_head(report):
        return
    print_section("Leaderboard", tables.leaderboard_table(report.board, report.shown))


def fairness(
    attribute: Annotated[
        list[str] | None,
        typer.Option(
            help="Attribute of reps (or team) to compare groups by; repeat for more. All if left out."
        ),
    ] = None,
    campaign: Slug = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Show whether groups of reps get the leads that they are due, with intervals. No rule ever reads the groups."""
    from leadflow_pipeline.insight.rep_performance import tables

    report = _report(campaign, as_of, attribute)
    if as_json:
        audits = {"leads": report.fairness, "value": report.fairness_of_value}
        said = {
            what: {name: _records(table) for name, table in audit.items()} for what, audit in audits.items()
        }
        print_json(_head(report) | said)
        return
    if not _say_head(report):
        return
    print_section("Fair shares of leads", tables.fairness_table(report.fairness))
    if report.fairness_of_value:
        print_section("Fair shares of value", tables.fairness_table(report.fairness_of_value))


def _report(campaign: str | None, as_of: datetime | None, attributes: list[str] | None = None) -> RepReport:
    from leadflow_pipeline.insight.rep_performance.reading import read_rep_report
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    day = as_of.date() if as_of else datetime.now(UTC).date()
    return read_rep_report(engine, campaign or _only_campaign(engine), day, attributes or None)


def _only_campaign(engine: Any) -> str:
    from leadflow_pipeline.errors import PermanentError
    from leadflow_pipeline.store.due_days import known_campaigns

    with engine.connect() as connection:
        known = known_campaigns(connection)
    if len(known) != 1:
        raise PermanentError(
            f"name one with --campaign: there are {', '.join(known)}" if known else "there is no campaign yet"
        )
    return known[0]


def _known(report: RepReport, rep: str) -> str:
    from leadflow_pipeline.errors import PermanentError

    for known, shown in report.shown.items():
        if rep in (known, shown):
            return known
    raise PermanentError(
        f"there is no rep {rep!r} in {report.campaign}: leadflow reps leaderboard shows who is"
    )


def _head(report: RepReport) -> dict[str, Any]:
    return {
        "campaign": report.campaign,
        "as_of": report.as_of,
        "window_days": report.window_days,
        "currency": report.currency,
        "first_touches_in_time": report.compliance,
    }


def _say_head(report: RepReport) -> bool:
    """Says what is shown, or why there is nothing; whether there is anything."""
    from leadflow_pipeline.insight.rep_performance import tables

    if reason := tables.why_nothing(report):
        typer.echo(f"{report.campaign}: {reason[:1].lower()}{reason[1:]}")
        return False
    touched = "no first touch was due yet"
    if report.compliance is not None:
        touched = f"{report.compliance:.1%} of {report.sla_due:,} first touches in time"
    console.print(
        f"{report.campaign}, up to {report.as_of}: leads given in the {report.window_days} days before, "
        f"{report.currency}; {touched}",
        highlight=False,
        soft_wrap=True,
    )
    return True


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    from leadflow_pipeline.insight.rep_performance.reading import records_of

    return records_of(frame)
