"""`leadflow review`: the leads that a person has to look at, what is decided, and every judgement of a lead.

What belongs here: arguments and output. What does not: SQL (`qualify.review_queue`). Ids, points and words of rules are
printed, never an address or a name.
"""

from __future__ import annotations

import getpass
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadflow_pipeline.cli.output import counted, print_json
from leadflow_pipeline.errors import PermanentError

if TYPE_CHECKING:
    from leadflow_pipeline.qualify.review_queue import Judgement, Waiting

app = typer.Typer(
    help="Leads that a person has to look at, and every judgement of a lead.", no_args_is_help=True
)


def register(leadflow: typer.Typer) -> None:
    """Adds the commands to `leadflow`."""
    leadflow.add_typer(app, name="review")


DAY: dict[str, Any] = {"formats": ["%Y-%m-%d"], "metavar": "DAY"}

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for scripts.")]
Lead = Annotated[
    str, typer.Argument(metavar="LEAD", help="A lead_id, the beginning of one, or an email address.")
]
Leads = Annotated[
    list[str], typer.Argument(metavar="LEAD...", help="lead_ids, beginnings of them, or email addresses.")
]
Campaign = Annotated[str | None, typer.Option(help="Slug, where several campaigns have the lead.")]
Reason = Annotated[str, typer.Option(help="Why, for whoever asks later.")]
Actor = Annotated[str | None, typer.Option(help="Who decides; your account's name if left out.")]
Expires = Annotated[datetime | None, typer.Option(help="Last day it stands; for good if left out.", **DAY)]


@app.command("list")
def list_waiting(
    campaign: Annotated[str | None, typer.Option(help="Only this campaign.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The first so many.")] = 50,
    decided: Annotated[
        bool,
        typer.Option("--decided", help="Those that are decided, and whose day is not computed yet, too."),
    ] = False,
    as_json: Json = False,
) -> None:
    """List who waits for a decision, since when and why; the longest first."""
    from leadflow_pipeline.qualify.review_queue import count_waiting, waiting_leads
    from leadflow_pipeline.store.engine import get_engine

    slug = _known_campaign(campaign)
    with get_engine().connect() as connection:
        shown = waiting_leads(connection, slug, limit=limit, with_decided=decided)
        if as_json:
            print_json([asdict(lead) for lead in shown])
            return
        open_ones, decided_ones = count_waiting(connection, slug)
    for lead in shown:
        typer.echo("")
        _print_waiting(lead)
    if shown:
        typer.echo("")
    if more := open_ones + (decided_ones if decided else 0) - len(shown):
        typer.echo(f"{counted(more, 'more lead')}: --limit shows them")
    if decided_ones and not decided:
        typer.echo(
            f"{counted(decided_ones, 'lead')} decided, whose day is not computed yet: --decided shows them"
        )
    if open_ones:
        typer.echo("Next: leadflow review approve|reject LEAD --reason WHY")
    else:
        typer.echo("nobody waits for a decision")


@app.command()
def show(lead: Lead, campaign: Campaign = None, as_json: Json = False) -> None:
    """Show how a lead stands: whether it waits, every reason, and what people decided about it."""
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.qualify.review_queue import decisions, judgements, waiting_leads
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    slug, lead_id = find_lead(engine, lead, campaign)
    with engine.connect() as connection:
        waiting = next(iter(waiting_leads(connection, slug, lead_id)), None)
        lines = judgements(connection, slug, lead_id)
        decided = decisions(connection, slug, lead_id)
    if as_json:
        print_json(
            {
                "campaign": slug,
                "lead_id": lead_id,
                "waiting": asdict(waiting) if waiting else None,
                "judgement": asdict(lines[0]) if lines else None,
                "decisions": [asdict(decision) for decision in decided],
            }
        )
        return
    if waiting:
        _print_waiting(waiting)
    else:
        typer.echo(f"Lead {lead_id} of {slug} is not in review.")
    if lines:
        _print_judgement(lines[0])
    for decision in decided:
        until = f" until {decision.expires_at:%Y-%m-%d %H:%M} UTC" if decision.expires_at else ""
        typer.echo(
            f"{decision.actor} on {decision.occurred_at:%Y-%m-%d %H:%M} UTC: {decision.field} is "
            f"{decision.value}{until}: {decision.reason}"
        )
    typer.echo(f"{counted(len(lines), 'judgement')}: leadflow review log {lead_id} --campaign {slug}")


@app.command()
def approve(
    leads: Leads,
    reason: Reason,
    campaign: Campaign = None,
    actor: Actor = None,
    expires: Expires = None,
    as_json: Json = False,
) -> None:
    """Decide that leads in review are worth a salesperson's time. It wins over every later computation."""
    _decide(leads, campaign, "QUALIFIED", reason, actor, expires, stops_emails=False, as_json=as_json)


@app.command()
def reject(
    leads: Leads,
    reason: Reason,
    campaign: Campaign = None,
    actor: Actor = None,
    expires: Expires = None,
    stop_emails: Annotated[
        bool, typer.Option("--stop-emails", help="End the sequence too, of a lead that is routed already.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Decide that leads in review are not. A sequence that has begun goes on, unless --stop-emails ends it."""
    _decide(leads, campaign, "REJECTED", reason, actor, expires, stops_emails=stop_emails, as_json=as_json)


@app.command()
def log(
    lead: Lead,
    campaign: Campaign = None,
    limit: Annotated[int, typer.Option(min=1, help="The first so many.")] = 50,
    as_json: Json = False,
) -> None:
    """Show every judgement of a lead with the versions that made it, the latest first."""
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.qualify.review_queue import judgements
    from leadflow_pipeline.store.engine import get_engine

    engine = get_engine()
    slug, lead_id = find_lead(engine, lead, campaign)
    with engine.connect() as connection:
        lines = judgements(connection, slug, lead_id)
    if as_json:
        print_json([asdict(line) for line in lines[:limit]])
        return
    if not lines:
        typer.echo(f"no judgement of lead {lead_id} is kept: leadflow materialize {slug} judges it")
    for line in lines[:limit]:
        _print_judgement(line)
    if len(lines) > limit:
        typer.echo(f"{counted(len(lines) - limit, 'earlier judgement')}: --limit shows them")


def _decide(
    named: list[str],
    campaign: str | None,
    status: str,
    reason: str,
    actor: str | None,
    expires: datetime | None,
    *,
    stops_emails: bool,
    as_json: bool,
) -> None:
    """Takes the decision about all of them, or, where one of them cannot be decided about, about none."""
    from leadflow_pipeline.insight.known_leads import find_lead
    from leadflow_pipeline.partitions import end_of
    from leadflow_pipeline.qualify.review_queue import decide
    from leadflow_pipeline.store.engine import get_engine
    from leadflow_pipeline.store.facts import insert_override

    if not reason.strip():
        raise PermanentError("a decision needs a reason: say --reason WHY")
    if expires and expires.date() < datetime.now(UTC).date():
        raise PermanentError(f"{expires.date()} is over: choose today (UTC) or a later day for --expires")
    engine, who = get_engine(), actor or getpass.getuser()
    expires_at = end_of(expires.date()) if expires else None
    found = list(dict.fromkeys(find_lead(engine, lead, campaign) for lead in named))
    taken = []
    with engine.begin() as connection:
        for slug, lead_id in sorted(found):
            waiting, number = decide(
                connection, slug, lead_id, status, actor=who, reason=reason, expires_at=expires_at
            )
            if stops_emails and waiting.routed:
                insert_override(
                    connection,
                    campaign=slug,
                    lead_id=lead_id,
                    field="nurture",
                    value="stop",
                    actor=who,
                    reason=reason,
                )
            taken.append((waiting, number))
    if as_json:
        print_json(
            [
                {
                    "override_id": number,
                    "campaign": waiting.campaign,
                    "lead_id": waiting.lead_id,
                    "status": status,
                    "routed": waiting.routed,
                    "emails_stopped": bool(stops_emails and waiting.routed),
                }
                for waiting, number in taken
            ]
        )
        return
    for waiting, number in taken:
        typer.echo(f"Override {number}: lead {waiting.lead_id} of {waiting.campaign} is {status}.")
        if status == "REJECTED" and waiting.routed:
            typer.echo(
                f"  It is routed ({waiting.routed}), and its emails are stopped."
                if stops_emails
                else f"  It is routed already ({waiting.routed}), and its emails go on: "
                f"leadflow override {waiting.campaign} {waiting.lead_id} nurture stop --reason WHY ends them."
            )
    typer.echo("It stands in the row of today (UTC), once that day is computed, and in every later one.")


def _known_campaign(campaign: str | None) -> str | None:
    """The slug. Raises PermanentError for one that nobody registered."""
    from leadflow_pipeline.store.due_days import known_campaigns
    from leadflow_pipeline.store.engine import get_engine

    with get_engine().connect() as connection:
        if campaign is not None and campaign not in known_campaigns(connection):
            raise PermanentError(
                f"there is no campaign {campaign}: leadflow campaign list shows those there are"
            )
    return campaign


def _print_waiting(lead: Waiting) -> None:
    typer.echo(f"{lead.lead_id}  {lead.campaign}, in review since {lead.since}, score {lead.score:.2f}")
    for reason in lead.why:
        typer.echo(f"  {reason}")
    if lead.routed:
        typer.echo(f"  routed already: {lead.routed}")
    if lead.decided:
        typer.echo(f"  decided: {lead.decided}, once its day is computed")


def _print_judgement(line: Judgement) -> None:
    by_hand = " by hand" if line.is_override else ""
    model = f", model {line.model_version[:12]}" if line.model_version else ""
    typer.echo(
        f"{line.day}  {line.status}{by_hand}, score {line.score:.2f}, campaign version {line.campaign_version}{model}, "
        f"judged {line.decided_at:%Y-%m-%d %H:%M} UTC in run {line.run_id[:8]}"
    )
    for reason in line.reasons:
        typer.echo(f"  {reason}")
