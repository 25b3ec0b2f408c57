"""The way in: the bytes of a mail become a report of what did not arrive, or None.

What belongs here: the order in which the sources are believed: an abuse report, a machine-readable report, the header
of failed recipients, prose, and at last whom the returned original was written to. What does not: the sources.
"""

from __future__ import annotations

import re
from typing import Final

from leadflow_pipeline.inbound.mail.bounces import (
    complaints,
    delivery_status,
    prose_recipients,
    returned_original,
)
from leadflow_pipeline.inbound.mail.bounces.opened_mail import OpenedMail, open_mail
from leadflow_pipeline.inbound.mail.bounces.plain_wording import addresses_in
from leadflow_pipeline.inbound.mail.bounces.prose_recipients import Mention
from leadflow_pipeline.inbound.mail.bounces.reasons import reason_of, reply_in, status_in
from leadflow_pipeline.inbound.mail.bounces.recognising import (
    has_no_sender,
    is_bounce,
    is_delay,
    is_told_by_machine,
)
from leadflow_pipeline.inbound.mail.bounces.report import BouncedRecipient, BounceReport, Kind

MAX_REPORTS: Final = 10_000
STILL_TRIED: Final = re.compile(r"^action\s*:\s*delay", re.IGNORECASE | re.MULTILINE)
SENT_TO_HEADERS: Final = ("to", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-rcpt-to")


def read_bounce(content: bytes) -> BounceReport | None:
    """What a mail says of an earlier one that did not arrive or was not wanted; None for any other mail.

    Never raises. Reads at most the first MiB, in time linear in it.
    """
    mail = open_mail(content)
    report_lines, after = returned_original.split(mail.prose)
    original = returned_original.original_headers(mail.original, after)
    sent_to = tuple(
        {
            address.lower(): address
            for name in SENT_TO_HEADERS
            for value in mail.headers.get(name, ())[:5]
            for address in addresses_in(value)
        }.values()
    )
    feedback = complaints.feedback_of(mail)
    if feedback is not None:
        return BounceReport(
            "complaint",
            tuple(BouncedRecipient(one, None) for one in complaints.complainers(feedback, original)),
            returned_original.message_id_of(original, "", ""),
            original,
            sent_to,
            feedback["feedback-type"],
        )
    found = _from_status(mail, report_lines)
    kind: Kind = "dsn" if found is not None else "notice"
    if found is None:
        if not is_bounce(mail):
            return None
        found = _from_prose(mail, report_lines, original, sent_to)
        if not found and not is_told_by_machine(mail):
            return None
    references = f"{mail.first('references')} {mail.first('in-reply-to')}"
    message_id = returned_original.message_id_of(original, "\n".join(report_lines), references)
    return BounceReport(kind, tuple(found), message_id, original, sent_to)


def _from_status(mail: OpenedMail, lines: list[str]) -> list[BouncedRecipient] | None:
    """Recipients of the machine-readable report; None where there is none, or it names nobody."""
    read = [delivery_status.recipients_in(text) for text in mail.statuses]
    named = [one for one in read if one is not None]
    if not named:
        return None
    distinct: dict[str, BouncedRecipient] = {}
    for recipient in (each for one in named for each in one):
        distinct.setdefault(recipient.address.lower(), recipient)
    if any(one.reason == "undefined" for one in distinct.values()):
        said = {each.address.lower(): each for each in prose_recipients.mentions_in(lines, frozenset())}
        return [_explained(one, said.get(one.address.lower())) for one in distinct.values()]
    return list(distinct.values())


def _explained(recipient: BouncedRecipient, mention: Mention | None) -> BouncedRecipient:
    """A recipient whose report gives no reason, with the one that the prose gives."""
    if recipient.reason != "undefined" or mention is None:
        return recipient
    told = _told(mention, recipient.is_permanent is False, "")
    return BouncedRecipient(
        recipient.address,
        recipient.is_permanent,
        told.reason,
        recipient.status or told.status,
        recipient.code or told.code,
        recipient.diagnostic or told.diagnostic,
        recipient.other_addresses,
    )


def _from_prose(
    mail: OpenedMail, lines: list[str], original: dict[str, str], sent_to: tuple[str, ...]
) -> list[BouncedRecipient]:
    """Recipients of a report in words."""
    never = frozenset(
        address.lower()
        for address in (*sent_to, *addresses_in(mail.first("from")), *addresses_in(mail.first("reply-to")))
    )
    mentions = prose_recipients.mentions_in(lines, never)
    if not is_told_by_machine(mail):
        # A person, or a newsletter: only what is said to have failed counts, no address in passing.
        mentions = [mention for mention in mentions if mention.place >= prose_recipients.FAILED]
        if not mentions and has_no_sender(mail):
            mentions = [Mention(one, prose_recipients.NAMED) for one in _written_to(original, sent_to)]
        return [_told(mention, is_delay(mail, "\n".join(lines)), "\n".join(lines)) for mention in mentions]
    stated = addresses_in(mail.first("x-failed-recipients"))
    if stated:
        known = {mention.address.lower(): mention for mention in mentions}
        mentions = [known.get(one.lower(), Mention(one, prose_recipients.LISTED)) for one in stated]
    from_domain = next(map(prose_recipients.domain_of, addresses_in(mail.first("from"))), "")
    mentions = mentions or prose_recipients.completed_names(lines, from_domain)
    mentions = mentions or prose_recipients.mentions_in([mail.first("subject")], never)
    mentions = mentions or [Mention(one, prose_recipients.NAMED) for one in _written_to(original, sent_to)]
    prose = "\n".join(lines)
    reports = "\n".join(mail.statuses)[:MAX_REPORTS]
    delayed = is_delay(mail, prose) or STILL_TRIED.search(reports) is not None
    said = "\n".join((prose, mail.first("subject"), reports))
    return [_told(mention, delayed, said) for mention in mentions]


def _told(mention: Mention, delayed: bool, prose: str) -> BouncedRecipient:
    """A recipient with what is said of it, or where that says nothing, with what is said at all."""
    status, code = status_in(mention.text), reply_in(mention.text)
    reason = reason_of(status, code, mention.text)
    if reason == "undefined":
        status, code = status or status_in(prose), code or reply_in(prose)
        reason = reason_of(status, code, prose)
    return BouncedRecipient(mention.address, not delayed, reason, status, code, mention.text[:1000])


def _written_to(original: dict[str, str], sent_to: tuple[str, ...]) -> list[str]:
    """Whom the original was written to, where that can only be one person and no list of the sender's own."""
    written = addresses_in(original.get("x-original-to", "") or original.get("to", ""))
    own = {prose_recipients.domain_of(one) for one in (*sent_to, *addresses_in(original.get("from", "")))}
    return written if len(written) == 1 and prose_recipients.domain_of(written[0]) not in own else []
