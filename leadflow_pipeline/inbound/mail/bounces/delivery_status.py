"""Recipients from a machine-readable report (RFC 3464, RFC 6533), as it is really written.

What belongs here: the fields, also where blank lines, types or whole fields are missing. What does not: prose.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from leadflow_pipeline.inbound.mail.bounces.plain_wording import addresses_in
from leadflow_pipeline.inbound.mail.bounces.reasons import (
    STATUS,
    answer_in,
    better_status,
    reason_of,
    reply_in,
    status_in,
)
from leadflow_pipeline.inbound.mail.bounces.report import BouncedRecipient, Reason

MAX_RECIPIENTS: Final = 1_000
MAX_LINES: Final = 20_000
FIELD: Final = re.compile(r"([A-Za-z][A-Za-z0-9-]{2,60})\s*:\s*(.*)")
NAMES: Final = ("original-recipient", "final-recipient", "x-actual-recipient")
OF_A_RECIPIENT: Final = (*NAMES, "action", "status", "diagnostic-code", "remote-mta", "x-display-name")
X400: Final = re.compile(r"rfc-?822[=:]([^/;\s]+?)\(a\)([\w.-]+)", re.IGNORECASE)
XTEXT: Final = re.compile(r"\+(2B|3D|20|40|22|5C)")
CATEGORIES: Final[dict[str, Reason]] = {
    "bad-mailbox": "no_mailbox",
    "bad-domain": "no_domain",
    "inactive-mailbox": "mailbox_disabled",
    "quota-issues": "mailbox_full",
    "spam-related": "spam",
    "spam-content": "spam",
    "spam-block": "blocked",
    "virus-related": "virus",
    "content-related": "content",
    "policy-related": "policy",
    "invalid-sender": "bad_sender",
    "relaying-issues": "relaying_denied",
    "message-expired": "expired",
    "no-answer-from-host": "network",
    "bad-connection": "network",
    "bad-configuration": "system_error",
    "routing-errors": "network",
    "protocol-errors": "protocol",
}
"""Classes of PowerMTA, which many who send for others run."""
UNITEXT: Final = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")


def recipients_in(report: str) -> list[BouncedRecipient] | None:
    """Those that a report says were not reached, in its order; None where it names nobody at all."""
    named = False
    found: list[BouncedRecipient] = []
    for fields in _groups(report):
        addresses = [address for name in NAMES if name in fields for address in _addresses(fields[name])]
        if not addresses:
            continue
        named = True
        recipient = _recipient(fields, addresses)
        if recipient is not None and len(found) < MAX_RECIPIENTS:
            found.append(recipient)
    return found if named else None


def _groups(report: str) -> Iterator[dict[str, str]]:
    """The fields of each recipient. A recipient begins with a blank line or with a field that it already has."""
    fields: dict[str, str] = {}
    last, after_blank = "", False
    for line in report.splitlines()[:MAX_LINES]:
        if not line.strip():
            after_blank, last = True, ""
            continue
        if line[0] in " \t" and last:
            fields[last] = f"{fields[last]} {line.strip()}"[:4000]
            continue
        match = FIELD.match(line.strip())
        if match is None:
            if last:
                fields[last] = f"{fields[last]} {line.strip()}"[:4000]
            continue
        name, value = match.group(1).lower(), match.group(2)
        begins = name in fields and name in OF_A_RECIPIENT
        if after_blank and name in OF_A_RECIPIENT and (begins or (name in NAMES and _is_whole(fields))):
            begins = True
        if begins:
            yield fields
            fields = {}
        fields.setdefault(name, value)
        last, after_blank = name, False
    yield fields


def _is_whole(fields: dict[str, str]) -> bool:
    return any(name in fields for name in NAMES) and ("action" in fields or "status" in fields)


def _recipient(fields: dict[str, str], addresses: list[str]) -> BouncedRecipient | None:
    diagnostic = answer_in(fields.get("diagnostic-code", ""))
    is_of_gateway = diagnostic != fields.get("diagnostic-code", "")
    stated = fields.get("status", "")
    match = STATUS.search(stated)
    status = ".".join(match.groups()) if match else None
    comment = STATUS.sub("", stated).strip(" ()")
    is_permanent = _is_permanent(fields.get("action", ""), status, diagnostic)
    if is_permanent is None:
        return None
    said = " ".join(each for each in (diagnostic, comment, fields.get("x-notes", "")) if each)
    best = better_status(status if status and not status.startswith("2") else None, status_in(said))
    if is_of_gateway:
        best = status_in(diagnostic)
    code = reply_in(diagnostic)
    reason = reason_of(best, code, said)
    if reason == "undefined":
        reason = CATEGORIES.get(fields.get("x-powermta-bouncecategory", "").strip().lower(), reason)
    distinct = list({address.lower(): address for address in reversed(addresses)}.values())[::-1]
    return BouncedRecipient(
        address=distinct[0],
        is_permanent=is_permanent,
        reason=reason,
        status=best,
        code=code,
        diagnostic=said,
        other_addresses=tuple(distinct[1:]),
    )


def _is_permanent(action: str, status: str | None, diagnostic: str) -> bool | None:
    """Whether it was given up; None where it was delivered, or passed on."""
    word = action.strip().lower()
    if word.startswith(("fail", "undeliver", "reject", "bounce")):
        return True
    if word.startswith(("delay", "defer", "retr")):
        return False
    if word.startswith(("deliver", "relay", "expand", "success")):
        return None
    if status is not None:
        return None if status.startswith("2") else status.startswith("5")
    code = reply_in(diagnostic)
    return True if code is None else code >= 500


def _addresses(value: str) -> list[str]:
    """The address of a recipient field: `rfc822; a@b`, and what else is written there."""
    text = X400.sub(r"\1@\2", value)
    text = UNITEXT.sub(lambda match: _character(int(match.group(1), 16)), text)
    if re.search(r"\+(?:2B|3D|40)", text):
        text = XTEXT.sub(lambda match: chr(int(match.group(1), 16)), text)
    return addresses_in(text)[:1]


def _character(number: int) -> str:
    return chr(number) if number < 0xD800 or 0xE000 <= number <= 0x10FFFF else ""
