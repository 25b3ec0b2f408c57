"""Whether a mail is a bounce at all, and whether it tells of a failure or of a delay.

What belongs here: signs of it in headers and words, in the languages that mail servers speak. What does not: who was
not reached, and why.

A person who writes about a bounce, or whose automatic reply says that a mailbox is no longer read, is no bounce: one
sign is never enough.
"""

from __future__ import annotations

import re
from typing import Final

from leadflow_pipeline.inbound.mail.bounces.opened_mail import OpenedMail
from leadflow_pipeline.inbound.mail.bounces.phrases import says
from leadflow_pipeline.inbound.mail.bounces.plain_wording import plain

BEGINNING: Final = 6_000
"""Characters of the prose in which a report says that it is one."""


ANSWER: Final = re.compile(
    r"^(?:re|fwd?|aw|wg|sv|vs|tr|antw|odp|rif|res|rv|enc|ynt|回复|答复|转发)\s*(?:\[\d+\])?\s*[::]"
)


def is_bounce(mail: OpenedMail) -> bool:
    """Whether a mail without a readable report is one all the same."""
    if mail.receipt or says("recognising", "away", plain(mail.first("subject"))):
        return False
    if mail.first("x-failed-recipients"):
        return True
    subject = plain(mail.first("subject"))
    if (
        ANSWER.match(subject)
        and (mail.first("in-reply-to") or mail.first("references"))
        and not _is_from_daemon(mail)
    ):
        return False
    signs = bool(says("recognising", "subject", subject)) + bool(
        says("recognising", "phrase", plain(mail.prose[:BEGINNING]))
    )
    return signs + _is_from_daemon(mail) + _is_report(mail) >= 2 and signs > 0


def is_delay(mail: OpenedMail, prose: str) -> bool:
    """Whether a report in prose tells that it is still being tried."""
    subject = plain(mail.first("subject"))
    said = plain(prose[:BEGINNING])
    if says("recognising", "delay", subject):
        return True
    return bool(says("recognising", "delay", said)) and not says(
        "recognising", "given_up", f"{subject} {said}"
    )


def _is_report(mail: OpenedMail) -> bool:
    return bool(mail.statuses) or mail.report_type == "delivery-status" or bool(mail.first("x-report-type"))


def _is_from_daemon(mail: OpenedMail) -> bool:
    senders = " ".join(mail.first(name) for name in ("from", "x-actual-from"))
    path = mail.first("return-path").strip()
    return (
        path == "<>"
        or bool(says("recognising", "daemon", plain(f"{senders} {path}")))
        or mail.first("x-mailfrom") == "<>"
    )
