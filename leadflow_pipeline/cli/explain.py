"""`leadflow explain LEAD`: why a lead has the score and the owner it has.

What belongs here: arguments and output. What does not: finding out (`insight.lead_story`). Ids, points and words of
rules are printed, never an address or a name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape

from leadflow_pipeline.cli.output import console, counted, print_json, table_of

if TYPE_CHECKING:
    from leadflow_pipeline.insight.owner_story import OwnerStory
    from leadflow_pipeline.insight.story import Scored, SinceLast, Story

DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}
BARS = "▁▂▃▄▅▆▇█"
STRUCK_BY = {
    "inactive": "does not take leads (paused or left)",
    "absent": "away",
    "excluded": "excluded by the campaign",
    "team": "the lead is another team's",
    "territory": "the place is in no territory of theirs",
    "specialty": "without a required specialty",
    "language": "does not speak the language",
}
"""Constraint -> in words."""
MOST_NAMED = 12
MOST_SCORES = 20
"""Shown one below the other; the line above them shows all."""


def register(app: typer.Typer) -> None:
    """Adds the command to `leadflow`."""
    app.command()(explain)


def explain(
    lead: Annotated[
        str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
    ],
    campaign: Annotated[str | None, typer.Option(help="Slug, where several campaigns have the lead.")] = None,
    day: Annotated[
        datetime | None, typer.Option(help="As of the end of this day; else the latest scored.", **DAY)
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")] = False,
) -> None:
    """Explain a lead's score and its owner: every line, who else might have it, and what changed since the last."""
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.insight.lead_story import tell_story
    from leadflow_pipeline.insight.story import as_plain
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    slug, lead_id = find_lead(engine, lead, campaign)
    story = tell_story(engine, slug, lead_id, day.date() if day else None)
    if as_json:
        print_json(as_plain(story))
    else:
        _print(story)


def sparkline(scores: Sequence[float]) -> str:
    """Scores of 0 to 100 as a row of bars."""
    return "".join(BARS[min(int(score / 100 * len(BARS)), len(BARS) - 1)] for score in scores)


def _print(story: Story) -> None:
    _say(f"Lead {story.lead_id} of {story.campaign}, as of the end of {story.as_of}")
    if story.alias:
        _say(f"  ({story.alias} is an alias of it)")
    if story.scored is None:
        if story.first_day is None:
            _say(f"The campaign had not received this lead by {story.as_of}: choose a later --day.")
        else:
            _say(
                f"Received on {story.first_day}, and not scored yet: leadflow materialize {story.campaign} scores it."
            )
        _print_latest(story)
        _print_company(story)
        return
    _print_score(story.scored)
    _print_decisions(story)
    _print_by_hand(story)
    _print_lines(story.scored)
    _print_since(story)
    _print_history(story)
    _print_latest(story)
    _print_company(story)


def _print_score(scored: Scored) -> None:
    from leadflow_pipeline.score.model_registry import scorer

    model = f", model {scorer(scored.model_version)}" if scored.model_version else ""
    likely = (
        f" · {scored.conversion_probability:.1%} likely to convert"
        if scored.conversion_probability is not None
        else ""
    )
    _say("")
    _say(
        f"Score {scored.score:.2f} of 100 · fit {scored.icp_fit:.2f} × engagement {scored.engagement:.1f} "
        f"· {scored.temperature}{likely}"
    )
    _say(f"Scored on {scored.day} under campaign version {scored.campaign_version}{model}")


def _print_decisions(story: Story) -> None:
    if story.qualified:
        by_hand = " (decided by hand)" if story.qualified.is_override else ""
        _say(f"Qualification: {story.qualified.status}{by_hand}")
        for reason in story.qualified.reasons:
            _say(f"  {reason}")
    else:
        _say("Qualification: not judged yet")
    if story.routed:
        named = (
            story.routed.tier,
            story.routed.sequence,
            story.routed.owner and f"owner {story.routed.owner}",
        )
        _say(
            f"Route: {', '.join([story.routed.status, *(name for name in named if name)])} on {story.routed.day}"
        )
        _say(f"  {story.routed.reasoning}")
    else:
        _say("Route: not routed yet")
    if story.owners:
        _print_owners(story.owners)


def _print_owners(owners: OwnerStory) -> None:
    """Whose lead it is and why, who else might have it, who may not, and how it went before."""
    latest = owners.latest
    _say(
        f"Owner: {latest.owner or 'nobody'}, {latest.status} on {latest.day} ({latest.method.replace('_', ' ')})"
    )
    for reason in latest.reasons:
        _say(f"  {reason}")
    if owners.candidates:
        rows = [
            {
                "candidate": escape(each.rep),
                "match": f"{each.match:.2f}",
                "value": f"{each.value:,.2f}",
                "price": f"{each.price:,.2f}",
                "value - price": f"{each.value - each.price:,.2f}",
            }
            for each in owners.candidates
        ]
        console.print(table_of(f"Who might have it, in {owners.currency}", rows))
        _say("Value is chance x money x match; price is what one more lead of the rep was worth that day.")
    _print_struck(owners.struck)
    for past in owners.decisions[:-1]:
        _say(f"  {past.day}: {past.status} {past.owner or 'nobody'}, by {past.method.replace('_', ' ')}")
    for told in owners.handoffs:
        planned = f" (planned: {told.planned_rep})" if told.planned_rep not in (None, told.rep) else ""
        _say(
            f"  {told.decided_at:%Y-%m-%d %H:%M} UTC: told to {told.rep}{planned}, by {told.origin}: {told.reason}"
        )


def _print_struck(struck: Mapping[str, Sequence[str]]) -> None:
    """Who may not have it, by the reason."""
    if not struck:
        return
    by_reason: dict[str, list[str]] = {}
    for rep, constraints in struck.items():
        by_reason.setdefault("; ".join(STRUCK_BY.get(each, each) for each in constraints), []).append(rep)
    _say("Who may not have it")
    for reason, reps in sorted(by_reason.items(), key=lambda item: -len(item[1])):
        more = f" and {len(reps) - MOST_NAMED:,} more" if len(reps) > MOST_NAMED else ""
        _say(f"  {reason}: {', '.join(reps[:MOST_NAMED])}{more}")


def _print_by_hand(story: Story) -> None:
    for decision in story.by_hand:
        until = f" until {decision.until:%Y-%m-%d %H:%M} UTC" if decision.until else ""
        _say(
            f"By hand: {decision.field} is {decision.value}, said {decision.actor} on "
            f"{decision.since:%Y-%m-%d %H:%M} UTC{until}: {decision.reason}"
        )
        if not decision.is_in_row:
            _say("  it counts from the row of that day on, which is not computed yet")


def _print_lines(scored: Scored) -> None:
    _say("")
    if scored.lines:
        rows = [
            {"line": escape(line.name), "in words": escape(line.words), "points": f"{line.points:+.2f}"}
            for line in scored.lines
        ]
        console.print(
            table_of(
                "What the score is made of",
                [*rows, {"line": "score", "in words": "", "points": f"{scored.score:.2f}"}],
            )
        )
    else:
        _say("Nothing adds to the score, and nothing takes from it.")
    for title, reasons in (("For", scored.reasons_for), ("Against", scored.reasons_against)):
        _say(f"{title}:")
        for reason in reasons or ("nothing",):
            _say(f"  {reason}")


def _print_since(story: Story) -> None:
    _say("")
    since, scored = story.since_last, story.scored
    if since is None or scored is None:
        _say("This is the lead's first score: there is none before it to compare with.")
        return
    _print_changes(since, scored.score)


def _print_changes(since: SinceLast, score: Decimal) -> None:
    from leadflow_pipeline.score.changes import signed

    _say(f"Since the score of {since.day}: {since.score:.2f} → {score:.2f} ({signed(score - since.score)})")
    for change in since.changes:
        _say(f"  {change.words}")
    if not since.changes:
        _say("  every line has the points it had")
    _say("What happened in between:")
    for cause in since.causes:
        _say(f"  {cause.words}")
    for difference in since.rules:
        _say(f"  the campaign changed {difference.path}: {difference.old} → {difference.new}")


def _print_history(story: Story) -> None:
    from leadflow_pipeline.score.model_registry import scorer

    _say("")
    _say(f"{counted(len(story.history), 'score')}: {sparkline([past.score for past in story.history])}")
    shown = [
        {
            "day": str(past.day),
            "score": f"{past.score:.2f}",
            "fit": f"{past.icp_fit:.2f}",
            "engagement": f"{past.engagement:.1f}",
            "temperature": past.temperature,
            "campaign version": str(past.campaign_version),
            "model": scorer(past.model_version),
        }
        for past in reversed(story.history[-MOST_SCORES:])
    ]
    console.print(table_of("The latest first", shown))


def _print_latest(story: Story) -> None:
    if not story.latest:
        return
    _say("")
    _say(f"Latest of all that is known (leadflow timeline {story.lead_id} tells the rest)")
    for entry in story.latest:
        mark = " (a machine)" if entry.is_machine else ""
        _say(f"  {entry.at:%Y-%m-%d %H:%M} UTC: {entry.kind}, {entry.words}{mark}")


def _print_company(story: Story) -> None:
    _say(
        f"Aliases: {story.aliases} · other campaigns of the person: {story.other_campaigns} "
        f"({counted(story.leads_in_other_campaigns, 'lead')})"
    )


def _say(text: str) -> None:
    typer.echo(text)
