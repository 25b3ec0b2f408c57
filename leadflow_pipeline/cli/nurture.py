"""`leadflow nurture ...`: what a person decides about a lead's sequence.

What belongs here: arguments, output, and whether what is asked for is there. What does not: what it does (`nurture`).
Each is an override of the field `nurture`, a fact like any other: the plan of the day and the door honour it.
"""

from __future__ import annotations

import getpass
from datetime import datetime
from typing import Annotated, Any

import typer

from leadflow_pipeline.cli.output import print_json

app = typer.Typer(
    no_args_is_help=True, help="Pause, resume, stop, skip, move or enrol a lead's sequence by hand."
)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="nurture")


Slug = Annotated[str, typer.Argument(metavar="CAMPAIGN", help="Slug of a registered campaign.")]
LeadName = Annotated[
    str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
]
Reason = Annotated[str, typer.Option(help="Why, for whoever asks later.")]
Actor = Annotated[str | None, typer.Option(help="Who decides; your account's name if left out.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}
Until = Annotated[datetime | None, typer.Option(help="Last day it stands; for good if left out.", **DAY)]
BY_HAND = "decided by hand"


@app.command()
def pause(
    campaign: Slug,
    lead: LeadName,
    until: Until = None,
    reason: Reason = BY_HAND,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Write nothing to the lead for now; afterwards the sequence goes on where it was."""
    _decide(campaign, lead, "pause", reason, actor, until, as_json)


@app.command()
def resume(
    campaign: Slug,
    lead: LeadName,
    until: Until = None,
    reason: Reason = BY_HAND,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Let a paused or stopped sequence go on: what happened before holds it no more."""
    _decide(campaign, lead, "resume", reason, actor, until, as_json)


@app.command()
def stop(
    campaign: Slug, lead: LeadName, reason: Reason = BY_HAND, actor: Actor = None, as_json: Json = False
) -> None:
    """End the sequence, until it is resumed or the lead enters another."""
    _decide(campaign, lead, "stop", reason, actor, None, as_json)


@app.command()
def skip(
    campaign: Slug, lead: LeadName, reason: Reason = BY_HAND, actor: Actor = None, as_json: Json = False
) -> None:
    """Leave out the step that comes next."""
    _decide(campaign, lead, "skip", reason, actor, None, as_json)


@app.command()
def move(
    campaign: Slug,
    lead: LeadName,
    step: Annotated[str, typer.Argument(metavar="STEP", help="Name of a later step, or its place from 1.")],
    reason: Reason = BY_HAND,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Go on with a later step of the sequence, at the next open moment. No step is taken twice."""
    _decide(campaign, lead, f"move {step}", reason, actor, None, as_json)


@app.command()
def enrol(
    campaign: Slug,
    lead: LeadName,
    sequence: Annotated[str, typer.Argument(metavar="SEQUENCE", help="A sequence of the campaign.")],
    reason: Reason = BY_HAND,
    actor: Actor = None,
    as_json: Json = False,
) -> None:
    """Begin a sequence anew, whatever the lead did before: a new enrolment, whose emails leave once each."""
    _decide(campaign, lead, f"enrol {sequence}", reason, actor, None, as_json)


def _decide(
    campaign: str,
    lead: str,
    value: str,
    reason: str,
    actor: str | None,
    until: datetime | None,
    as_json: bool,
) -> None:
    from leadflow_pipeline.insight.decisions_by_hand import checked_decision
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.partitions import end_of
    from leadflow_pipeline.store.engine import get_engine
    from leadflow_pipeline.store.facts import add_override

    engine = get_engine()
    _, lead_id = find_lead(engine, lead, campaign)
    order = checked_decision(engine, campaign, lead_id, "nurture", value)
    number = add_override(
        engine,
        campaign=campaign,
        lead_id=lead_id,
        field="nurture",
        value=order,
        actor=actor or getpass.getuser(),
        reason=reason,
        expires_at=end_of(until.date()) if until else None,
    )
    if as_json:
        print_json({"override_id": number, "lead_id": lead_id, "field": "nurture", "value": order})
    else:
        typer.echo(f"{order}: lead {lead_id} of {campaign} (override {number})")
