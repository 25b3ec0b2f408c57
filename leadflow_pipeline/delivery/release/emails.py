"""Emails: due touches as rows of the outbox, and the links in them.

What belongs here: the row of each email, and what its enrolment was sent before. What does not: the words
(`rendering`), and whether it may leave.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from sqlalchemy import (
    ARRAY,
    Boolean,
    Connection,
    Integer,
    Text,
    any_,
    column,
    func,
    literal,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.delivery.links import Link
from leadflow_pipeline.delivery.release.due import as_records
from leadflow_pipeline.delivery.release.variants import EmailVariants
from leadflow_pipeline.delivery.rendering import Email, EnrolmentSoFar, SentEmail, Urls, email_for
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.given_rows import given_rows
from leadflow_pipeline.store.schema import message_links, messages
from leadflow_pipeline.store.sequences import HOLDING_STATES, is_to_lead

SentBefore = Mapping[str, Sequence[SentEmail]]
"""Enrolment -> its emails that left or are on their way, in the order of their steps."""


@dataclass
class Emails:
    """Rows of the outbox, and for each (by enrolment and step) the links in it."""

    rows: list[dict[str, Any]] = field(default_factory=list)
    links: list[tuple[str, int, Link]] = field(default_factory=list)


def written_emails(
    touches: pd.DataFrame,
    leads: Sequence[Mapping[str, Any]],
    sent: SentBefore,
    variants: EmailVariants,
    version: CampaignVersion,
    public_url: str,
    held: Counter[str],
) -> Emails:
    """An email for each touch; one that cannot be written is held until its template is mended.

    `leads` are what is known of the lead of each touch.
    """
    emails, urls = Emails(), Urls(public_url)
    for touch, lead in zip(as_records(touches), leads, strict=True):
        enrolment, step = touch["enrolment_id"], touch["step"]
        tried = variants.of(touch["lead_id"], touch["sequence"])
        so_far = EnrolmentSoFar(
            enrolment,
            touch["recipient"],
            touch["recipient_key"],
            sent.get(enrolment, ()),
            tried.label,
            tried.email(version.rules.nurture, touch["sequence"], step),
        )
        try:
            email = email_for(version.rules, touch["sequence"], step, lead, so_far, urls)
        except PermanentError as error:
            held[f"{touch['sequence']} {step}: {error}"] += 1
            continue
        emails.rows.append(_row(touch, email, version))
        emails.links += [(enrolment, step, link) for link in email.links]
    return emails


def sent_before(connection: Connection, enrolments: Iterable[str]) -> SentBefore:
    """What these enrolments were sent so far."""
    query = (
        select(
            messages.c.subject_key,
            messages.c.step,
            messages.c.subject,
            messages.c.rfc_message_id,
            func.coalesce(messages.c.headers["References"].astext, "").label("references"),
        )
        .where(
            messages.c.channel == "email",
            messages.c.subject_key == any_(literal(sorted(set(enrolments)), ARRAY(Text))),
            messages.c.state.in_(HOLDING_STATES),
            is_to_lead(),
        )
        .order_by(messages.c.subject_key, messages.c.step)
    )
    sent: defaultdict[str, list[SentEmail]] = defaultdict(list)
    for row in connection.execute(query):
        sent[row.subject_key].append(SentEmail(row.step, row.subject, row.rfc_message_id, row.references))
    return sent


def put_in_links(connection: Connection, links: Iterable[tuple[str, int, Link]]) -> None:
    """Keeps where the links of emails lead. The emails are in the outbox already."""
    rows = [
        {
            "enrolment": enrolment,
            "step": step,
            "number": link.number,
            "target": link.target,
            "trap": link.is_trap,
        }
        for enrolment, step, link in links
    ]
    if not rows:
        return
    given = given_rows(
        column("enrolment", Text),
        column("step", Integer),
        column("number", Integer),
        column("target", Text),
        column("trap", Boolean),
    )
    of_email = (
        (messages.c.channel == "email")
        & (messages.c.subject_key == given.c.enrolment)
        & (messages.c.step == given.c.step)
    )
    query = select(messages.c.message_id, given.c.number, given.c.target, given.c.trap).join(given, of_email)
    kept = insert(message_links).from_select(["message_id", "number", "target", "is_trap"], query)
    connection.execute(kept.on_conflict_do_nothing(), {"rows": rows})


def _row(touch: Mapping[Any, Any], email: Email, version: CampaignVersion) -> dict[str, Any]:
    return {
        "channel": "email",
        "subject_key": touch["enrolment_id"],
        "step": touch["step"],
        "campaign": version.campaign,
        "campaign_version": version.version,
        "lead_id": touch["lead_id"],
        "recipient": touch["recipient"],
        "recipient_key": touch["recipient_key"],
        "sequence": touch["sequence"],
        "subject": email.subject,
        "body_text": email.text,
        "body_html": email.html,
        "headers": email.headers,
        "rfc_message_id": email.rfc_message_id,
        "planned_at": touch["planned_at"],
        "not_after": touch["not_after"],
        "next_attempt_at": touch["planned_at"],
        "tracking_key": email.tracking_key,
        "variant": email.variant,
    }
