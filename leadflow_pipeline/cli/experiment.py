"""`leadflow experiment`: which experiments there are, starting and ending them, and what came of them.

What belongs here: arguments and output. What does not: which state may follow which (`experiment.life_cycle`), and what
may be concluded (`insight.experiments`).
"""

from __future__ import annotations

import sys
from dataclasses import asdict
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from leadflow_pipeline.cli.campaign import actor
from leadflow_pipeline.cli.output import console, fail, print_json, print_section, table_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.life_cycle import why_not
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.store.due_days import days_due_again
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.experiment_states import change_state
from leadflow_pipeline.store.schema import routed_leads

if TYPE_CHECKING:
    from leadflow_pipeline.insight.experiments.declared import Declared
    from leadflow_pipeline.insight.experiments.results import Results

app = typer.Typer(
    no_args_is_help=True,
    help="Experiments of a campaign: list them, start, stop and decide them, and see what came of them.",
)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="experiment")


DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}
Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]
Key = Annotated[str, typer.Argument(metavar="KEY", help="The experiment's key in the campaign file.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
FromDay = Annotated[
    datetime | None, typer.Option("--from", help="First day that it holds for; else today (UTC).", **DAY)
]
AsOf = Annotated[
    datetime | None, typer.Option("--as-of", help="Last day that counts; else yesterday (UTC).", **DAY)
]
Reason = Annotated[str, typer.Option(help="Why, for those who read it later.")]
Yes = Annotated[
    bool, typer.Option("--yes", help="Do not ask, even where days that are computed become due again.")
]


@app.command("list")
def list_all(campaign: Slug, as_json: Json = False) -> None:
    """List a campaign's experiments: what each tries, in which state it is, and since when."""
    declared = _declared(campaign)
    rows = [_row(each, declared) for each in declared.experiments]
    if as_json:
        print_json({"campaign": campaign, "experiments": rows})
    elif rows:
        console.print(table_of(f"Experiments of {campaign}", rows))
    else:
        typer.echo(f"{campaign} declares no experiment: add a section experiments: to its file.")


@app.command()
def show(campaign: Slug, key: Key, as_json: Json = False) -> None:
    """Print what an experiment tries, and every decision about it."""
    from leadflow_pipeline.insight.experiments.declared import map_of

    declared = _declared(campaign)
    experiment, decisions = declared.named(key), declared.decisions(key)
    state = _row(experiment, declared)
    if as_json:
        as_declared = experiment.model_dump(mode="json")
        print_json({**state, "declared": as_declared, "decisions": map_of(decisions)})
        return
    console.print(
        f"[bold]{escape(key)}[/], {state['state']}: {escape(experiment.hypothesis)}", highlight=False
    )
    variants = [
        {
            "variant": variant.key,
            "share": _share(experiment, weight),
            "changes": escape(_changes_of(experiment, place)),
        }
        for place, (variant, weight) in enumerate(zip(experiment.variants, experiment.weights, strict=True))
    ]
    console.print(table_of(f"Variants, {experiment.kind}", variants))
    typer.echo(
        f"Decides: {experiment.primary.name}. Watched: {', '.join(experiment.guardrails) or 'nothing'}."
    )
    if decisions:
        told = [
            {
                "from": str(each.from_day),
                "state": each.state,
                "winner": each.winner or "",
                "by": escape(each.actor),
                "because": escape(each.reason),
            }
            for each in decisions
        ]
        console.print(table_of("Decisions, by the day from which they hold", told))


@app.command()
def start(
    campaign: Slug,
    key: Key,
    first: FromDay = None,
    reason: Reason = "started by hand",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let leads that are routed from a day on meet the experiment."""
    _change(campaign, key, "running", first, reason, yes=yes, as_json=as_json)


@app.command()
def stop(
    campaign: Slug,
    key: Key,
    first: FromDay = None,
    reason: Reason = "stopped by hand",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Take in nobody more from a day on: new leads get what the rest of the campaign file says."""
    _change(campaign, key, "stopped", first, reason, yes=yes, as_json=as_json)


@app.command()
def decide(
    campaign: Slug,
    key: Key,
    winner: Annotated[str, typer.Argument(metavar="VARIANT|none", help="What everybody gets from then on.")],
    first: FromDay = None,
    reason: Reason = "decided by hand",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """End the experiment: from a day on every new lead gets the winner, or what the campaign file says (none)."""
    chosen = None if winner == "none" else winner
    _change(campaign, key, "decided", first, reason, winner=chosen, yes=yes, as_json=as_json)


@app.command()
def results(
    campaign: Slug,
    key: Annotated[
        str | None, typer.Argument(metavar="[KEY]", help="One experiment; all where none is named.")
    ] = None,
    as_of: AsOf = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write them as a page, with pictures.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what came of experiments: effects, boundaries, alarms, and whether there is a winner. Changes nothing."""
    declared = _declared(campaign)
    chosen = declared.experiments if key is None else (declared.named(key),)
    found = _results(campaign, chosen, as_of)
    if as_json:
        from leadflow_pipeline.insight.experiments.page import as_data

        print_json({"campaign": campaign, "experiments": [as_data(each) for each in found]})
        return
    from leadflow_pipeline.insight.experiments.assets import page_of
    from leadflow_pipeline.insight.experiments.page import sections_of, title_of

    if html is not None:
        from leadflow_pipeline.insight import pages

        try:
            html.write_text(pages.html_page(*page_of(campaign, found)), encoding="utf-8")
        except OSError as error:
            problem = (error.strerror or "unknown reason").lower()
            raise PermanentError(f"{html} cannot be written: {problem}") from None
        typer.echo(f"results of {campaign}: written to {html}")
        return
    if not found:
        typer.echo(f"{campaign} declares no experiment: add a section experiments: to its file.")
    for each in found:
        console.print(f"[bold]{escape(title_of(each))}[/]", highlight=False)
        for heading, section in sections_of(each).items():
            print_section(heading, section)


@app.command()
def power(
    campaign: Slug,
    key: Key,
    baseline: Annotated[
        float | None,
        typer.Option(
            help="Rate of the control, 0 to 1, or its mean value of a lead; else as known by now.", min=0
        ),
    ] = None,
    deviation: Annotated[
        float | None,
        typer.Option(help="Standard deviation of one lead's value; else as known by now.", min=0),
    ] = None,
    lift: Annotated[
        float | None, typer.Option(help="Relative lift to find; else least_lift of the file.", min=0.0001)
    ] = None,
    leads_a_day: Annotated[
        float | None,
        typer.Option(help="Leads that will take part a day, to say how long it takes.", min=0.01),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say how many leads an experiment needs, before it starts or while it runs."""
    from leadflow_pipeline.insight.experiments.page import written
    from leadflow_pipeline.insight.experiments.reading import size_of

    experiment = _declared(campaign).named(key)
    size = size_of(
        get_engine(),
        campaign,
        experiment,
        _today() - timedelta(days=1),
        baseline=baseline,
        deviation=deviation,
        lift=lift,
        leads_a_day=leads_a_day,
    )
    if as_json:
        print_json({"campaign": campaign, "experiment": key, **asdict(size)})
        return
    over = written(size.baseline, experiment.primary)
    is_even = len(set(experiment.weights)) == 1
    of_each = f", {size.leads_each:,} of each variant" if is_even else ", shared by the weights"
    typer.echo(
        f"To find a lift of {size.lift:.1%} over {over} with a power of {experiment.power:.0%} at alpha "
        f"{experiment.alpha:g} it takes {size.planned_leads:,} leads in all{of_each} "
        f"(planned_leads in the campaign file)."
    )
    if size.days is not None:
        typer.echo(
            f"At {leads_a_day:g} leads a day that is {size.days:,} days, and {experiment.primary.within_days} more "
            "until the last of them have had their time."
        )


def _change(
    campaign: str,
    key: str,
    state: str,
    first: datetime | None,
    reason: str,
    *,
    winner: str | None = None,
    yes: bool,
    as_json: bool,
) -> None:
    """Keeps a change of state, after asking where days that are computed would change, and says what comes of it."""
    engine, day = get_engine(), first.date() if first else _today()
    declared = _declared(campaign)
    experiment, experiments = declared.named(key), declared.experiments
    refusal = why_not(experiment, experiments, declared.changes, state, day, winner)
    if refusal is not None:
        raise PermanentError(refusal)
    with engine.connect() as connection:
        due = days_due_again(connection, routed_leads, campaign, day)
    if due and not yes:
        what = f"{due:,} day{'s' if due > 1 else ''} of {campaign}, computed already, become due again from {day} on"
        if not sys.stdin.isatty():
            raise PermanentError(f"{what}: say --yes if that is meant, or --from a later day")
        if not typer.confirm(f"{what}. Go on?"):
            fail("nothing was changed")
    change_state(
        engine, campaign, experiment, experiments, state, day, actor=actor(), reason=reason, winner=winner
    )
    if as_json:
        print_json(
            {
                "campaign": campaign,
                "experiment": key,
                "state": state,
                "winner": winner,
                "from_day": day,
                "days_due_again": due,
            }
        )
        return
    for_whom = f" for {winner}" if winner else ", for nobody" if state == "decided" else ""
    typer.echo(f"{key} is {state}{for_whom} from {day} on")
    if due:
        typer.echo(
            f"due again: {due:,} days; the daily run computes them, or leadflow materialize {campaign}"
        )


def _declared(campaign: str) -> Declared:
    """The experiments of the current file, and what was decided about them."""
    from leadflow_pipeline.insight.experiments.declared import declared_by

    return declared_by(get_engine(), campaign)


def _results(campaign: str, experiments: tuple[Experiment, ...], as_of: datetime | None) -> list[Results]:
    from leadflow_pipeline.insight.experiments.reading import results_of

    day = as_of.date() if as_of else _today() - timedelta(days=1)
    return results_of(get_engine(), campaign, day, experiments)


def _row(experiment: Experiment, declared: Declared) -> dict[str, Any]:
    now = declared.standing(experiment.key, _today())
    then = declared.to_come(experiment.key, _today())
    return {
        "experiment": experiment.key,
        "kind": experiment.kind,
        "variants": ", ".join(experiment.keys),
        "state": now.state,
        "since": "" if now.state == "draft" else str(now.from_day),
        "winner": now.winner or "",
        "to come": f"{then.state} from {then.from_day}" if then else "",
    }


def _share(experiment: Experiment, weight: float) -> str:
    return "by its results" if experiment.bandit else f"{weight:.0%}"


def _changes_of(experiment: Experiment, place: int) -> str:
    variant = experiment.variants[place]
    settings = variant.model_dump(exclude_none=True, exclude={"key", "weight"})
    return (
        "; ".join(f"{name.replace('_', ' ')}: {_in_words(value)}" for name, value in settings.items())
        or "nothing"
    )


def _in_words(setting: dict[str, Any]) -> str:
    """`HOT to long_term_nurture`; what is deeper than that stands in the campaign file."""
    return ", ".join(
        name if isinstance(value, dict | list) else f"{name} {value}" for name, value in setting.items()
    )


def _today() -> date:
    return datetime.now(UTC).date()
