"""`leadflow model ...`: what a campaign's models are, which one scores, and changing that.

What belongs here: arguments, output, and asking before days that are computed already would change. What does not:
training, the registry's rules, and what a card says.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from leadflow_pipeline.campaign import campaign_status
from leadflow_pipeline.cli.campaign import actor
from leadflow_pipeline.cli.output import console, fail, print_json, print_section, progress, table_of
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.score import model_registry as registry
from leadflow_pipeline.score.model_registry import Promotion, TrainedModel
from leadflow_pipeline.store.due_days import latest_day
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.schema import scored_leads

if TYPE_CHECKING:
    from sqlalchemy import Engine

    from leadflow_pipeline.partitions import PartitionRange

app = typer.Typer(
    no_args_is_help=True,
    help="Conversion models of a campaign: list them, read their cards, train, promote and roll back.",
)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="model")


DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}
Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
FromDay = Annotated[
    datetime | None, typer.Option("--from", help="First day that it scores; else today (UTC).", **DAY)
]
Yes = Annotated[
    bool, typer.Option("--yes", help="Do not ask, even where days that are computed become due again.")
]


@app.command("list")
def list_all(campaign: Slug, as_json: Json = False) -> None:
    """List a campaign's models, the latest first, and every decision about which one scores."""
    engine = _engine_of(campaign)
    models, decisions = registry.registered(engine, campaign), registry.promotions(engine, campaign)
    days = registry.days_scored(decisions)
    if as_json:
        print_json(
            {
                "campaign": campaign,
                "champion": _champion(decisions),
                "models": [
                    _without_card(model) | {"scores": days.get(model.model_version, [])} for model in models
                ],
                "promotions": [asdict(decision) for decision in decisions],
            }
        )
        return
    if not models:
        typer.echo(
            f"{campaign} has no model yet, the rules alone score: leadflow model train {campaign} trains one."
        )
    else:
        rows = [
            _row(model, registry.when_scores(days.get(model.model_version, []), _today())) for model in models
        ]
        console.print(table_of(f"Models of {campaign}", rows))
    if decisions:
        told = [
            {
                "from": str(decision.from_day),
                "scores": registry.scorer(decision.model_version),
                "decided": str(decision.decided_at.astimezone(UTC).date()),
                "by": escape(decision.actor),
                "because": escape(decision.reason),
            }
            for decision in decisions
        ]
        console.print(table_of("Promotions, by the day from which they hold", told))
    typer.echo(f"Today {registry.scored_by(_champion(decisions))}.")


@app.command()
def show(
    campaign: Slug,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="Or the beginning of one; else the champion.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the card as a page, with its pictures.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print a model's card: what it learned from, how good it is, what it looks at, which days it scores."""
    from leadflow_pipeline.insight import pages
    from leadflow_pipeline.insight.conversion.card import card_sections, draw_card, title_of

    engine = _engine_of(campaign)
    decisions = registry.promotions(engine, campaign)
    wanted = registry.full_version(engine, campaign, version) if version else _champion(decisions)
    if wanted is None:
        raise PermanentError(
            f"the rules alone score {campaign} today: name one of leadflow model list {campaign}"
        )
    trained = next(model for model in registry.registered(engine, campaign) if model.model_version == wanted)
    model = registry.load_model(engine, campaign, wanted)
    if as_json:
        print_json(
            {
                **_without_card(trained),
                "scores": registry.days_scored(decisions).get(wanted, []),
                "card": trained.card,
            }
        )
        return
    if html is not None:
        title, sections, drawn = draw_card(trained, model, decisions)
        try:
            html.write_text(pages.html_page(title, sections, drawn), encoding="utf-8")
        except OSError as error:
            reason = (error.strerror or "unknown reason").lower()
            raise PermanentError(f"{html} cannot be written: {reason}") from None
        typer.echo(f"{title}: written to {html}")
        return
    console.print(f"[bold]{title_of(trained)}[/]", highlight=False)
    for heading, section in card_sections(trained, model, decisions).items():
        print_section(heading, section)


@app.command()
def train(
    campaign: Slug,
    as_of: Annotated[
        datetime | None,
        typer.Option(
            "--as-of", help="As if it were this day: later facts do not exist; else today (UTC).", **DAY
        ),
    ] = None,
    promote: Annotated[
        bool,
        typer.Option(
            "--promote/--no-promote", help="Let it become champion if it is better; or only keep it."
        ),
    ] = True,
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Train a model now, from all outcomes that are ripe. The weekly schedule does the same by itself."""
    from leadflow_pipeline.score.model_training import train_model

    engine = _engine_of(campaign)
    day = as_of.date() if as_of else _today()
    if promote and not yes:
        _ask_about(
            _due_again(engine, campaign, day), "if it is promoted", "--no-promote to only keep the model"
        )
    with progress() as bar:
        bar.add_task(f"training a model of {campaign} as of {day}", total=None)
        report = train_model(engine, campaign, day, actor=actor(), promote=promote)
    if as_json:
        trained = None if report.trained is None else _without_card(report.trained)
        print_json(
            {
                "campaign": campaign,
                "as_of": day,
                "model": trained,
                "is_promoted": report.is_promoted,
                "words": report.words,
            }
        )
        return
    typer.echo(report.words)
    if report.is_promoted:
        _tell_until(registry.next_decision(registry.promotions(engine, campaign), day))
    if report.trained is not None:
        typer.echo(
            f"Its card: leadflow model show {campaign} {registry.scorer(report.trained.model_version)}"
        )


@app.command()
def promote(
    campaign: Slug,
    version: Annotated[
        str, typer.Argument(metavar="VERSION|none", help="Or the beginning of one; none: the rules alone.")
    ],
    first: FromDay = None,
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "decided by hand",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Let a model, or the rules alone, score from a day on. Days before it stay as they are."""
    engine = _engine_of(campaign)
    wanted = None if version == registry.NO_MODEL else registry.full_version(engine, campaign, version)
    _decide(engine, campaign, wanted, first, reason, "model.promote", yes=yes, as_json=as_json)


@app.command()
def rollback(
    campaign: Slug,
    first: FromDay = None,
    reason: Annotated[str, typer.Option(help="Why, for those who read it later.")] = "rolled back by hand",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """Go back to the champion before the present one, or to the rules alone where there was none."""
    engine = _engine_of(campaign)
    decisions = registry.promotions(engine, campaign)
    day = first.date() if first else _today()
    wanted = registry.gone_back_to(decisions, campaign, day)
    _decide(engine, campaign, wanted, first, reason, "model.rollback", yes=yes, as_json=as_json)


def _decide(
    engine: Engine,
    campaign: str,
    wanted: str | None,
    first: datetime | None,
    reason: str,
    action: str,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Keeps a decision, after asking where days that are computed would change, and says what comes of it."""
    day = first.date() if first else _today()
    with engine.connect() as connection:  # as if: whether it may be decided, before anybody is asked
        registry.decide_in(connection, campaign, wanted, day, actor=actor(), reason=reason, action=action)
        connection.rollback()
    due = _due_again(engine, campaign, day)
    if not yes:
        _ask_about(
            due, f"scored by {registry.scorer(wanted)}", "--from a later day to leave them as they are"
        )
    with engine.begin() as connection:
        later = registry.decide_in(
            connection, campaign, wanted, day, actor=actor(), reason=reason, action=action
        )
    if as_json:
        print_json(
            {
                "campaign": campaign,
                "model_version": wanted,
                "from_day": day,
                "days_due_again": 0 if due is None else len(due.days),
                "until": None if later is None else later.from_day,
            }
        )
        return
    typer.echo(f"from {day} on {registry.scored_by(wanted)} {campaign}")
    _tell_until(later)
    if due is not None:
        typer.echo(
            f"due again: {_days_in_words(due)}; the daily run computes them, or leadflow materialize {campaign}"
        )


def _tell_until(later: Promotion | None) -> None:
    if later is not None:
        typer.echo(
            f"until {later.from_day}, from which an earlier decision holds: {registry.scorer(later.model_version)}"
        )


def _engine_of(campaign: str) -> Engine:
    """The database. Raises PermanentError where it has no such campaign."""
    campaign_status(get_engine(), campaign)
    return get_engine()


def _today() -> date:
    return datetime.now(UTC).date()


def _champion(decisions: list[Promotion]) -> str | None:
    return registry.champion_on(decisions, _today())


def _due_again(engine: Engine, campaign: str, day: date) -> PartitionRange | None:
    """The days from `day` on that are computed already; None where there is none."""
    with engine.connect() as connection:
        last = latest_day(connection, scored_leads, campaign)
    if last is None or last < day:
        return None
    from leadflow_pipeline.partitions import PartitionRange, days_between

    return PartitionRange(campaign, days_between(day, last))


def _ask_about(due: PartitionRange | None, how: str, otherwise: str) -> None:
    """Asks whether days that are computed may become due again; where nobody can answer, that is refused."""
    if due is None:
        return
    what = f"{_days_in_words(due)} of {due.campaign}, computed already, become due again, {how}"
    if not sys.stdin.isatty():
        raise PermanentError(f"{what}: say --yes if that is meant, or {otherwise}")
    if not typer.confirm(f"{what}. Go on?"):
        fail("nothing was changed")


def _days_in_words(days: PartitionRange) -> str:
    if len(days.days) == 1:
        return f"1 day ({days.first_day})"
    return f"{len(days.days):,} days ({days.first_day} to {days.last_day})"


def _without_card(model: TrainedModel) -> dict[str, Any]:
    return {name: value for name, value in asdict(model).items() if name != "card"}


def _row(model: TrainedModel, when: str) -> dict[str, Any]:
    """A model on one line, which fits on a narrow screen."""
    measured: Mapping[str, Any] = (model.card.get("measures") or {}).get("challenger") or {}
    auc = measured.get("auc")
    return {
        "version": registry.scorer(model.model_version),
        "as of": str(model.as_of),
        "kind": f"{model.kind}, pooled" if model.is_pooled else model.kind,
        "won": f"{model.wins:,} of {model.examples:,}",
        "AUC": "–" if auc is None else f"{auc:.3f}",
        "scores": when,
    }
