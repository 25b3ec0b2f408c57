"""Complaints: reports that a recipient called a message spam (ARF, RFC 5965), and older forms of the same.

What belongs here: reading them. What does not: what becomes of who complained.
"""

from __future__ import annotations

from typing import Final

from leadflow_pipeline.inbound.mail.bounces.opened_mail import OpenedMail, header_block
from leadflow_pipeline.inbound.mail.bounces.plain_wording import addresses_in

NO_COMPLAINTS: Final = ("auth-failure", "not-spam", "dmarc", "miscategorized")
"""Feedback about something else than a recipient's wish (RFC 6591, RFC 6430)."""

RECIPIENT_FIELDS: Final = ("original-rcpt-to", "removal-recipient", "x-original-rcpt-to", "redacted-address")
RECIPIENT_HEADERS: Final = (
    "x-hmxmroriginalrecipient",
    "x-original-recipient",
    "x-original-to",
    "delivered-to",
    "to",
)


def feedback_of(mail: OpenedMail) -> dict[str, str] | None:
    """The fields of an abuse report; None where the mail is none, or is about something else."""
    if mail.feedback is not None:
        fields = _fields(mail.feedback)
        kind = fields.get("feedback-type", "abuse").strip().lower()
        return None if kind in NO_COMPLAINTS else {**fields, "feedback-type": kind}
    if mail.first("x-hmxmroriginalrecipient"):
        return {"feedback-type": "abuse", "original-rcpt-to": mail.first("x-hmxmroriginalrecipient")}
    return None


def complainers(fields: dict[str, str], original: dict[str, str]) -> list[str]:
    """Who complained: whom the report names, else whom the message was written to. May be nobody: some hide it."""
    for source, names in ((fields, RECIPIENT_FIELDS), (original, RECIPIENT_HEADERS)):
        for name in names:
            if found := addresses_in(source.get(name, "")):
                return found
    return []


def _fields(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for block in text.split("\n\n"):
        found = {**header_block(block), **found}
    return found
