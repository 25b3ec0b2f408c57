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
from leadflow_pipeline.inbound.mail.bounces.plain_wording import addresses_in, plain
from leadflow_pipeline.inbound.mail.bounces.reasons import reason_in_words
from leadflow_pipeline.inbound.mail.bounces.report import DEAD

BEGINNING: Final = 6_000
"""Characters of the prose in which a report says that it is one."""


TELLING: Final = DEAD | {"mailbox_full", "network", "too_big"}
"""Reasons that hardly any other mail gives."""
ANSWER: Final = re.compile(
    r"^(?:re|fwd?|aw|wg|sv|vs|tr|antw|odp|rif|res|rv|enc|ynt|回复|答复|转发)\s*(?:\[\d+\])?\s*[::]"
)


NOBODY: Final = re.compile(r"(?:no|do-?not)[-_.]?reply", re.IGNORECASE)


def is_bounce(mail: OpenedMail) -> bool:
    """Whether a mail without a readable report is one all the same."""
    subject = plain(mail.first("subject"))
    if says("recognising", "away", subject) or (mail.receipt and not says("recognising", "subject", subject)):
        return False
    if mail.first("x-failed-recipients"):
        return True
    if (
        ANSWER.match(subject)
        and (mail.first("in-reply-to") or mail.first("references"))
        and not _is_from_daemon(mail)
    ):
        return False
    by_subject = says("recognising", "subject", subject)
    is_phrased = says("recognising", "phrase", plain(mail.prose[:BEGINNING]))
    by_prose = is_phrased or reason_in_words(mail.prose) in TELLING
    if is_told_by_machine(mail):
        return by_subject or by_prose
    if mail.original and is_phrased and (has_no_sender(mail) or _is_from_nobody(mail)):
        return True
    return by_subject and (by_prose or has_no_sender(mail))


def is_delay(mail: OpenedMail, prose: str) -> bool:
    """Whether a report in prose tells that it is still being tried."""
    subject = plain(mail.first("subject"))
    said = plain(prose[:BEGINNING])
    if says("recognising", "delay", subject):
        return True
    return says("recognising", "delay", said) and not says("recognising", "given_up", f"{subject} {said}")


def is_told_by_machine(mail: OpenedMail) -> bool:
    """Whether the mail's form or its sender's name says that a mail server wrote it."""
    is_report = bool(mail.statuses) or mail.report_type == "delivery-status"
    has_header = any(mail.first(name) for name in ("x-failed-recipients", "x-report-type", "x-dsncontext"))
    return is_report or has_header or _is_from_daemon(mail)


def has_no_sender(mail: OpenedMail) -> bool:
    """Whether nobody is to be told if this mail does not arrive, which is so of all reports (RFC 5321, 4.5.5)."""
    return mail.first("return-path").strip() == "<>"


def _is_from_nobody(mail: OpenedMail) -> bool:
    return any(NOBODY.match(one) for one in addresses_in(mail.first("from")))


def _is_from_daemon(mail: OpenedMail) -> bool:
    senders = " ".join(mail.first(name) for name in ("from", "x-actual-from", "return-path"))
    return mail.first("from") == "<>" or says("recognising", "daemon", plain(senders.replace("<>", "")))
