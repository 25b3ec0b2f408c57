"""Where the report ends and the mail that bounced begins, and what came back of it.

What belongs here: the lines that announce it. What does not: MIME parts, which `opened_mail` has set apart already.
"""

from __future__ import annotations

import re
from typing import Final

from leadflow_pipeline.inbound.mail.bounces.opened_mail import header_block
from leadflow_pipeline.inbound.mail.bounces.phrases import says
from leadflow_pipeline.inbound.mail.bounces.plain_wording import plain

WIRE_HEADER: Final = re.compile(
    r"^[>|\s]{0,3}(?:received|return-path|mime-version|dkim-signature|content-type|content-transfer-encoding|"
    r"delivered-to|x-originating-ip|list-unsubscribe|x-mailer|domainkey-signature|arc-seal|authentication-results)\s*:",
    re.IGNORECASE,
)
MESSAGE_ID: Final = re.compile(
    r"message[- ]?id(?:entification|entifier)?\s*[:=]?\s*(<[^<>\s]{1,500}@[^<>\s]{1,300}>)", re.I
)
ID: Final = re.compile(r"<[^<>\s]{1,500}@[^<>\s]{1,300}>")
RULE: Final = re.compile(r"([^\w\s])\1{3,}")
MAX_LINES: Final = 4_000


def split(prose: str) -> tuple[list[str], str]:
    """The lines of the report, and the text of the original after them."""
    lines = prose.splitlines()[:MAX_LINES]
    for number, line in enumerate(lines):
        if WIRE_HEADER.match(line):
            return lines[:number], "\n".join(lines[number:])
        if number and len(line) < 300 and _announces(line):
            return lines[:number], "\n".join(lines[number + 1 :])
    return lines, ""


def message_id_of(original: dict[str, str], prose: str, references: str) -> str | None:
    """The Message-ID of the mail that bounced: from its headers, else from the prose, else from what is answered."""
    own = ID.search(original.get("message-id", ""))
    if own:
        return own.group()
    told = MESSAGE_ID.search(prose)
    if told:
        return told.group(1)
    answered = ID.findall(references)
    return answered[-1] if answered else None


def original_headers(part: str, after_report: str) -> dict[str, str]:
    """Headers of the original, from its own part or from the text after the report."""
    if part.strip():
        return header_block(part)
    lines = [line.lstrip("> ") if line.startswith(">") else line for line in after_report.splitlines()[:400]]
    for number, line in enumerate(lines):
        if re.match(r"[A-Za-z][A-Za-z0-9-]{1,60}: ?\S", line):
            found = header_block("\n".join(lines[number:]))
            if len(found) >= 2:
                return found
    return {}


def _announces(line: str) -> bool:
    said = RULE.sub(r"\1\1\1", plain(line))
    return (
        bool(said)
        and bool(says("original", "announced", said))
        and not says("original", "not_announced", said)
    )
