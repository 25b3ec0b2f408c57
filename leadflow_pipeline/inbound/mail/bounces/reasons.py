"""The reason of one failure, from its status code, its reply code and its words.

What belongs here: what the codes of RFC 3463, its registry (RFC 5248) and RFC 5321 mean, and which of the three is
believed. What does not: the words themselves (`reason_phrases`).
"""

from __future__ import annotations

import re
from typing import Final, cast

from leadflow_pipeline.inbound.mail.bounces.phrases import first_said
from leadflow_pipeline.inbound.mail.bounces.plain_wording import plain, without_addresses
from leadflow_pipeline.inbound.mail.bounces.report import DEAD, Reason

STATUS: Final = re.compile(r"(?<![\w.])([245])\.(\d{1,3})\.(\d{1,3})(?![\w]|\.\d)")
REPLY: Final = re.compile(
    r"(?<![\w.:/+-])([45][0-7]\d)(?=[\s:;,)\]>\"'#-]|\.\s|\.?$)(?! ?(?:[km]?bytes|kb|mb|sec|days|hours|lines))",
    re.IGNORECASE | re.MULTILINE,
)
MAX_WORDS: Final = 2_000

SURE: Final[dict[str, Reason]] = {
    "1.1": "no_mailbox", "1.2": "no_domain", "1.3": "no_mailbox", "1.6": "moved", "1.10": "no_mailbox",
    "2.2": "mailbox_full", "2.3": "too_big", "3.4": "too_big", "4.6": "mail_loop", "4.14": "mail_loop",
    "4.7": "expired",
}  # fmt: skip
"""Status codes, without their class, that are hardly ever used for anything else."""

MEANT: Final[dict[str, Reason]] = {
    "1.0": "no_mailbox", "1.4": "no_mailbox", "1.5": "undefined", "1.9": "protocol",
    "2.1": "mailbox_disabled", "2.4": "system_error",
    "3.0": "system_error", "3.1": "system_error", "3.2": "system_error", "3.3": "protocol", "3.5": "system_error",
    "4.0": "network", "4.1": "network", "4.2": "network", "4.3": "network", "4.4": "no_domain", "4.5": "system_error",
    "5.0": "undefined", "5.1": "protocol", "5.2": "protocol", "5.3": "rate_limited", "5.4": "protocol",
    "5.5": "protocol", "5.6": "protocol",
    "6.0": "content", "6.1": "content", "6.2": "content", "6.3": "content", "6.4": "content", "6.5": "content",
    "6.6": "content", "6.7": "protocol", "6.8": "protocol", "6.9": "protocol", "6.10": "protocol",
    "7.0": "policy", "7.1": "policy", "7.2": "not_authorised", "7.3": "content", "7.4": "encryption",
    "7.5": "encryption", "7.6": "encryption", "7.7": "content", "7.8": "relaying_denied", "7.9": "encryption",
    "7.10": "encryption", "7.11": "encryption", "7.12": "encryption", "7.13": "mailbox_disabled",
    "7.15": "policy", "7.16": "policy", "7.17": "mailbox_disabled", "7.18": "no_domain",
    "7.19": "authentication", "7.20": "authentication", "7.21": "authentication", "7.22": "authentication",
    "7.23": "authentication", "7.24": "authentication", "7.25": "blocked", "7.26": "authentication",
    "7.27": "bad_sender", "7.28": "rate_limited", "7.29": "authentication", "7.30": "encryption",
}  # fmt: skip
"""What the other codes mean where no word says better. 7.1 and 1.0 are used for nearly everything."""

OF_THE_SENDER: Final = ("1.7", "1.8")
"""Status codes that speak of the sender's address, so that words such as "no such domain" do too."""
TO_THE_SENDER: Final = re.compile(r"(?:after|reply to)(?: end of| the| pipelined)* mail from\b")
"""Where a server refuses before it has heard of any recipient."""
OVERRULING: Final = frozenset(
    {"mailbox_disabled", "moved", "mailbox_full", "no_domain", "blocked", "rate_limited", "not_authorised"}
)
"""Reasons that are said more exactly in words than by a status code that is sure."""
GATEWAY: Final = re.compile(
    r"[45]\.\d\.\d{1,2} - [A-Za-z ]{5,60}(?P<code>[45]\d\d)[ -]'(?P<said>.{3,1500}?)'(?= \(|\s*$)", re.DOTALL
)
"""How some gateways put a class of their own before the answer of the server that they asked."""

REPLIED: Final[dict[int, Reason]] = {
    421: "network", 422: "mailbox_full", 431: "system_error", 432: "system_error", 441: "network", 442: "network",
    446: "mail_loop", 447: "expired", 450: "undefined", 451: "system_error", 452: "mailbox_full", 454: "encryption",
    455: "protocol", 471: "policy", 500: "protocol", 501: "protocol", 502: "protocol", 503: "protocol",
    504: "protocol", 510: "no_mailbox", 511: "no_mailbox", 512: "no_domain", 523: "too_big", 521: "no_domain",
    530: "relaying_denied", 535: "relaying_denied", 541: "policy", 550: "undefined", 551: "no_mailbox",
    552: "mailbox_full", 553: "no_mailbox", 554: "policy", 555: "protocol", 556: "no_domain", 571: "policy",
}  # fmt: skip


def answer_in(diagnostic: str) -> str:
    """What the server answered, without the class that a gateway put before it."""
    found = GATEWAY.search(diagnostic)
    return f"{found['code']} {found['said']}" if found else diagnostic


def status_in(text: str) -> str | None:
    """The first enhanced status code in a text that tells of a failure, preferring one that says something."""
    found = [".".join(match.groups()) for match in STATUS.finditer(text) if match.group(1) != "2"]
    return next((status for status in found if not _is_vague(status)), found[0] if found else None)


def reply_in(text: str) -> int | None:
    """The SMTP reply code in a text, if there is one."""
    match = REPLY.search(text)
    return int(match.group(1)) if match else None


def better_status(stated: str | None, said: str | None) -> str | None:
    """Of the report's status and the one in the server's words, the one that says more.

    Many programs state 5.0.0 for everything, and repeat the real code in the words.
    """
    if stated is None or (said is not None and _is_vague(stated) and not _is_vague(said)):
        return said or stated
    return stated


def reason_of(status: str | None, code: int | None, text: str) -> Reason:
    """Why, of what is given. `undefined` where nothing says."""
    detail = status.partition(".")[2] if status else ""
    if detail in OF_THE_SENDER:
        return "bad_sender"
    reason = _reason_of(detail, code, text)
    return "bad_sender" if reason in DEAD and TO_THE_SENDER.search(_said(text)) else reason


def _reason_of(detail: str, code: int | None, text: str) -> Reason:
    worded = reason_in_words(text)
    if detail in SURE and worded not in OVERRULING:
        return SURE[detail]
    if worded is not None:
        return worded
    if detail in SURE:
        return SURE[detail]
    meant: Reason = MEANT.get(detail, "policy" if detail.startswith("7.") else "undefined")
    if meant not in ("undefined", "policy"):
        return meant
    weak = first_said("weak_reasons", _said(text))
    if weak is not None:
        return cast(Reason, weak)
    return meant if meant != "undefined" else REPLIED.get(code or 0, "undefined")


def reason_in_words(text: str) -> Reason | None:
    """Why, of the words alone."""
    said = _said(text)
    return cast("Reason | None", first_said("clear_reasons", said) or first_said("reasons", said))


def _said(text: str) -> str:
    return plain(without_addresses(text[:MAX_WORDS]))


def _is_vague(status: str) -> bool:
    return status.endswith((".0.0", ".5.0")) or status in ("5.0", "4.0")
