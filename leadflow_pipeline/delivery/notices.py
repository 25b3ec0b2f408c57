"""Notices as rows of the outbox: one for each channel that reaches whoever is told.

What belongs here: laying a notice out for email, Slack and HubSpot. What does not: its words (`notice_words`), and
leaving (`dispatch`).

Slack marks text with `&`, `<` and `>`, so these are escaped in everything that is not ours: a lead called `<!channel>`
calls nobody. Source of Slack's limits: docs.slack.dev, "Block Kit reference" (header 150 characters, section 3,000).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from email.headerregistry import Address
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from jinja2 import Template
from markupsafe import escape

from leadflow_pipeline.campaign import Campaign, CampaignVersion
from leadflow_pipeline.delivery.brief import BriefFacts
from leadflow_pipeline.delivery.handover_rules import HandoverRules
from leadflow_pipeline.delivery.mail import ADDRESS, ID_DIGITS, domain_of, wire_address
from leadflow_pipeline.delivery.notice_words import SUBJECT_CHARACTERS, About, Notice
from leadflow_pipeline.delivery.rendering import ESCAPING
from leadflow_pipeline.delivery.tokens import clean, shorten
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.store.sequences import TO_ONE_OF_US

KEPT_TRYING: Final = timedelta(days=14)
"""An owner who was not told is worse than one who is told late."""

OWNER: Final = "owner"
SECTION_CHARACTERS: Final = 2_900
LABEL_CHARACTERS: Final = 24
MOST_POSTED: Final = 4
"""Emails of a thread that a post shows, the latest."""


def rows_to_rep(
    about: About,
    notice: Notice,
    rep: Rep,
    now: datetime,
    *,
    facts: BriefFacts | None = None,
    send_at: datetime | None = None,
    not_after: datetime | None = None,
) -> list[dict[str, Any]]:
    """The messages of a notice to a rep, on every channel that the campaign and the rep's record name.

    Where none of them reaches the rep there is one for the outbox folder, so that a person can see it.
    """
    rules = about.campaign.handover
    rows = [
        *_emails(about, notice, rep, rules),
        *_posts(about, notice, rep, rules),
        *(_contacts(about, notice, rep, facts) if rules.hubspot and facts is not None else ()),
    ]
    if not rows:
        payload = {"rep": rep.rep, "lines": list(notice.lines), "points": list(notice.points)}
        rows = [{"channel": "webhook", "recipient": rep.rep, "payload": payload}]
    begin = send_at or now
    return [_row(about, notice, row, begin, not_after or begin + KEPT_TRYING) for row in rows]


def row_to_operators(
    version: CampaignVersion,
    subject_key: str,
    subject: str,
    lines: Sequence[str],
    now: datetime,
    to: str | None = None,
) -> dict[str, Any]:
    """A message to whoever looks after the campaign, or `to` an address or a channel of Slack (`#channel`).

    It is about no lead in particular.
    """
    campaign = version.rules
    about = About(version, "", 0)
    notice = Notice("alert", 1, shorten(subject, SUBJECT_CHARACTERS), tuple(lines))
    address = to or campaign.handover.operators or campaign.sender.email
    said = _announcement(notice, address) if address.startswith("#") else _email(about, notice, address, None)
    row = _row(about, notice, said, now, now + KEPT_TRYING)
    return {
        **row,
        "subject_key": subject_key,
        "rfc_message_id": _message_id(campaign, f"{subject_key}|{row['channel']}|1"),
    }


def row_about_lead_to_operators(about: About, notice: Notice, now: datetime) -> dict[str, Any]:
    """An email about a lead to whoever looks after the campaign, where nobody on record is its owner's manager."""
    address = about.campaign.handover.operators or about.campaign.sender.email
    return _row(about, notice, _email(about, notice, address, None), now, now + KEPT_TRYING)


def _row(
    about: About, notice: Notice, row: Mapping[str, Any], send_at: datetime, not_after: datetime
) -> dict[str, Any]:
    key = f"{about.subject_key}|{row['channel']}|{notice.step}"
    payload = {"kind": notice.kind, "assignment_number": about.assignment_number, **row.get("payload", {})}
    if notice.since is not None:
        payload["since"] = notice.since.isoformat()
    return {
        "subject_key": about.subject_key,
        "step": notice.step,
        "campaign": about.version.campaign,
        "campaign_version": about.version.version,
        "lead_id": about.lead_id,
        "recipient_key": TO_ONE_OF_US,
        "sequence": about.sequence,
        "subject": notice.subject,
        "body_text": _text(about, notice),
        "body_html": "",
        "headers": {},
        "rfc_message_id": _message_id(about.campaign, key),
        "planned_at": send_at,
        "not_after": not_after,
        "next_attempt_at": send_at,
        **row,
        "payload": payload,
    }


def _message_id(campaign: Campaign, key: str) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()[:ID_DIGITS]
    return f"<{digest}@{domain_of(campaign.sender.email)}>"


# --- email -----------------------------------------------------------------------------------------------------------


def _emails(about: About, notice: Notice, rep: Rep, rules: HandoverRules) -> Iterable[dict[str, Any]]:
    address = rep.email or rep.rep
    if rules.email and ADDRESS.fullmatch(address):
        yield _email(about, notice, address, rep)


def _email(about: About, notice: Notice, address: str, rep: Rep | None) -> dict[str, Any]:
    campaign = about.campaign
    sender = wire_address(campaign.sender.email)
    name = clean(campaign.sender.name)
    headers = {
        "From": str(Address(name, addr_spec=sender)) if name and sender.isascii() else sender,
        "To": wire_address(address),
        "Auto-Submitted": "auto-generated",
    }
    html = _page().render(
        subject=notice.subject,
        headline=notice.subject,
        lines=notice.lines,
        points=[_labelled(point) for point in notice.points],
        thread=notice.thread,
        foot=_foot(about),
    )
    greeting = f"Hello {rep.name}," if rep is not None and rep.name else "Hello,"
    return {
        "channel": "email",
        "recipient": address,
        "headers": headers,
        "body_html": html,
        "body_text": f"{greeting}\n\n{_text(about, notice)}",
    }


def _text(about: About, notice: Notice) -> str:
    parts = ["\n".join(notice.lines)]
    if notice.points:
        parts.append("\n".join(f"- {point}" for point in notice.points))
    for entry in notice.thread:
        parts.append("\n".join([entry.headline, *(f"  {line}".rstrip() for line in entry.lines)]))
    parts.append(_foot(about))
    return "\n\n".join(parts) + "\n"


def _foot(about: About) -> str:
    if not about.lead_id:
        return f"Campaign {about.version.campaign}."
    return f"Lead {about.lead_id} of {about.version.campaign}, reference {about.reference}."


def _labelled(point: str) -> tuple[str, str]:
    """A point as its label and the rest; without a label where it has none."""
    label, colon, rest = point.partition(": ")
    return (label, rest) if colon and len(label) <= LABEL_CHARACTERS else ("", point)


@lru_cache(maxsize=1)
def _page() -> Template:
    source = (files("leadflow_pipeline.delivery") / "notice.html").read_text(encoding="utf-8")
    return ESCAPING.from_string(source)


# --- Slack -----------------------------------------------------------------------------------------------------------


def _posts(about: About, notice: Notice, rep: Rep, rules: HandoverRules) -> Iterable[dict[str, Any]]:
    channel = rep.slack_user if rules.slack_channel == OWNER else rules.slack_channel
    if channel:
        yield {
            "channel": "slack",
            "recipient": channel,
            "payload": {"slack": {"channel": channel, **slack_message(about, notice, rep)}},
        }


def slack_message(about: About, notice: Notice, rep: Rep) -> dict[str, Any]:
    """`text` for notifications and screen readers, and `blocks` as they are seen."""
    owner = f"<@{rep.slack_user}>" if rep.slack_user else escaped(rep.name or rep.rep)
    said = "\n".join(escaped(line) for line in notice.lines)
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": notice.subject, "emoji": False}},
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": shorten(f"{owner}\n{said}", SECTION_CHARACTERS)},
        },
    ]
    if notice.points:
        points = "\n".join(_slack_point(point) for point in notice.points)
        blocks += [
            {"type": "divider"},
            {"type": "section", "text": {"type": "mrkdwn", "text": shorten(points, SECTION_CHARACTERS)}},
        ]
    for entry in notice.thread[-MOST_POSTED:]:
        said = "\n".join([f"*{escaped(entry.headline)}*", *map(escaped, entry.lines)])
        blocks.append(
            {"type": "section", "text": {"type": "mrkdwn", "text": shorten(said, SECTION_CHARACTERS)}}
        )
    blocks.append({"type": "context", "elements": [{"type": "mrkdwn", "text": escaped(_foot(about))}]})
    return {
        "text": shorten(f"{owner} {escaped(notice.subject)}", SECTION_CHARACTERS),
        "blocks": blocks,
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _announcement(notice: Notice, channel: str) -> dict[str, Any]:
    """A post to a channel, which is about no lead and calls nobody by name."""
    said = shorten("\n".join(escaped(line) for line in notice.lines), SECTION_CHARACTERS)
    post = {
        "channel": channel,
        "text": escaped(notice.subject),
        "blocks": [
            {"type": "header", "text": {"type": "plain_text", "text": notice.subject, "emoji": False}},
            {"type": "section", "text": {"type": "mrkdwn", "text": said}},
        ],
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return {"channel": "slack", "recipient": channel, "payload": {"slack": post}}


def _slack_point(point: str) -> str:
    label, rest = _labelled(point)
    return f"•  *{escaped(label)}*  {escaped(rest)}" if label else f"•  {escaped(rest)}"


def escaped(text: str) -> str:
    """Text that Slack shows as it is: no mention, link or command of a stranger's."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# --- HubSpot ---------------------------------------------------------------------------------------------------------

CONTACT: Final = {
    "email": "email", "firstname": "first_name", "lastname": "last_name", "company": "company",
    "jobtitle": "job_title", "phone": "phone", "city": "city", "country": "country",
}  # fmt: skip
"""Property of a contact -> field of the lead."""


def _contacts(about: About, notice: Notice, rep: Rep, facts: BriefFacts) -> Iterable[dict[str, Any]]:
    owner = {"hubspot_owner_id": rep.hubspot_owner} if rep.hubspot_owner else {}
    known = {name: value for name, field in CONTACT.items() if (value := clean(facts.lead.get(field)))}
    due = notice.due_at or facts.now + timedelta(days=1)
    task = {
        "hs_timestamp": due.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "hs_task_subject": notice.subject,
        "hs_task_body": "<br>".join(str(escape(line)) for line in _text(about, notice).splitlines()),
        "hs_task_status": "NOT_STARTED",
        "hs_task_priority": "HIGH",
        "hs_task_type": "CALL" if "phone" in known else "TODO",
        **owner,
    }
    contact = {**known, **owner} if "email" in known else {}
    content = {"contact": contact, "task": task, "reference": about.reference}
    yield {"channel": "hubspot", "recipient": rep.hubspot_owner or rep.rep, "payload": {"hubspot": content}}
