"""A mail taken apart: headers as text, who wrote to whom, what it refers to, and its text.

What belongs here: reading bytes that may be broken in any way. What does not: what the mail means. Pure; it raises
nothing, whatever the bytes are, and looks at no more than `MOST_BYTES` of them.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes
from email.errors import HeaderParseError
from email.header import decode_header
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from typing import Any

from leadflow_pipeline.inbound.mail.markup import text_of_html

MOST_BYTES = 5 << 20
MOST_TEXT = 200_000
"""Characters of text that are looked at: a reply is at its top or between the lines of one email."""
MOST_PARTS = 200

MESSAGE_ID = re.compile(r"<([^<>\s@]{1,250}@[^<>\s]{1,250})>")
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"\\@]{1,64}@[^\s<>()\[\],;:\"\\@]{1,255}")
OWN_TOKEN = re.compile(r"/[co]/([0-9a-f]{25,32}\.[0-9a-f]{16})(?![0-9a-f])")
"""In a link of one of our emails, which an answer quotes."""
ANSWERS = ("in-reply-to", "references", "original-message-id", "x-original-message-id")
TO = (
    "to", "cc", "delivered-to", "x-original-to", "envelope-to", "x-envelope-to", "x-forwarded-to",
    "x-rcpt-to", "apparently-to", "x-delivered-to",
)  # fmt: skip
FROM = ("from", "reply-to", "sender", "x-original-from", "x-original-sender", "return-path")
INVISIBLE = dict.fromkeys(
    map(ord, "\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\ufeff\u1427\x00")
)


@dataclass(frozen=True)
class Letter:
    """A mail as far as it could be read. Header names are in lower case; addresses too."""

    headers: dict[str, list[str]]
    content_type: str = ""
    report_type: str = ""
    subject: str = ""
    text: str = ""
    """Of its plain part, or of its markup, where what is quoted begins with `>`."""
    date: datetime | None = None
    message_id: str = ""
    answers: tuple[str, ...] = ()
    """Message-IDs it refers to, the nearest first; without angle brackets."""
    mentioned: tuple[str, ...] = ()
    """Message-IDs and Original-Message-IDs of mails it holds."""
    senders: tuple[str, ...] = ()
    recipients: tuple[str, ...] = ()
    tokens: tuple[str, ...] = ()
    """Of links of our emails that it quotes."""
    part_types: frozenset[str] = field(default_factory=frozenset)

    def header(self, name: str) -> str:
        """The first header of the name, empty without one."""
        return (self.headers.get(name) or [""])[0]


def read_letter(raw: bytes) -> Letter:
    """The mail in `raw`."""
    try:
        message = message_from_bytes(raw[:MOST_BYTES])
        parts = _parts_of(message)
    except (RecursionError, ValueError, LookupError, TypeError, AttributeError, IndexError, HeaderParseError):
        return Letter(headers={})
    headers = _headers_of(message)
    found = Letter(headers)
    answers = [each for name in ANSWERS for each in _ids_in(name, headers)]
    mentioned = [found for part in parts[1:] for found in _ids_inside(part)]
    return Letter(
        headers=headers,
        content_type=_type_of(message),
        report_type=_parameter(message, "report-type"),
        subject=" ".join(found.header("subject").split())[:1000],
        text=_text_of(parts)[:MOST_TEXT],
        date=_date_of(found.header("date")),
        message_id=next(iter(MESSAGE_ID.findall(found.header("message-id"))), ""),
        answers=tuple(dict.fromkeys(answers)),
        mentioned=tuple(dict.fromkeys(mentioned)),
        senders=_addresses(headers, FROM),
        recipients=_addresses(headers, TO),
        tokens=tuple(dict.fromkeys(each for part in parts for each in _tokens_in(part)))[:20],
        part_types=frozenset(_type_of(part) for part in parts),
    )


def _parts_of(message: Message) -> list[Message]:
    parts = []
    for part in message.walk():
        parts.append(part)
        if len(parts) >= MOST_PARTS:
            break
    return parts


def _headers_of(message: Message) -> dict[str, list[str]]:
    headers: dict[str, list[str]] = {}
    for name, value in message.items():
        headers.setdefault(str(name).lower(), []).append(_decoded(value))
    return headers


def _decoded(value: Any) -> str:
    """A header as text: encoded words read, raw bytes read as UTF-8 or Latin-1."""
    text = str(value)
    try:
        text = str(value).encode("ascii", "surrogateescape").decode("utf-8")
    except UnicodeError:
        text = str(value).encode("utf-8", "surrogateescape").decode("latin-1", "replace")
    if "=?" not in text:
        return _unfolded(text)
    try:
        pieces = [
            piece if isinstance(piece, str) else _as_text(piece, charset or "utf-8")
            for piece, charset in decode_header(text)
        ]
    except (HeaderParseError, ValueError, LookupError):
        return _unfolded(text)
    return _unfolded("".join(pieces))


def _unfolded(text: str) -> str:
    return re.sub(r"\s*[\r\n]+\s*", " ", text).translate(INVISIBLE).strip()


def _as_text(content: bytes, charset: str) -> str:
    for each in (charset, "utf-8"):
        try:
            return content.decode(each)
        except (LookupError, UnicodeError):
            continue
    return content.decode("cp1252", "replace")


def _type_of(part: Message) -> str:
    try:
        return part.get_content_type()
    except (TypeError, AttributeError, ValueError):
        return ""


def _parameter(part: Message, name: str) -> str:
    try:
        return str(part.get_param(name) or "").strip().lower()
    except (TypeError, ValueError, LookupError, AttributeError):
        return ""


def _ids_in(name: str, headers: dict[str, list[str]]) -> list[str]:
    found = [each for value in headers.get(name, []) for each in MESSAGE_ID.findall(value)]
    if not found:  # some programs leave the brackets out
        found = [each for value in headers.get(name, []) for each in value.split() if ADDRESS.fullmatch(each)]
    return found[::-1] if name == "references" else found


def _ids_inside(part: Message) -> list[str]:
    found = []
    for name in ("message-id", "original-message-id"):
        for value in part.get_all(name) or ():
            found += MESSAGE_ID.findall(_decoded(value))
    if _type_of(part) in (
        "text/rfc822-headers",
        "message/feedback-report",
        "message/disposition-notification",
    ):
        lines = re.findall(r"(?im)^(?:original-)?message-id:\s*(<[^<>]{3,500}>)", _payload(part)[:MOST_TEXT])
        found += [each for line in lines for each in MESSAGE_ID.findall(line)]
    return found


def _tokens_in(part: Message) -> list[str]:
    return OWN_TOKEN.findall(_payload(part)) if _type_of(part).startswith("text/") else []


def _addresses(headers: dict[str, list[str]], names: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = []
    for name in names:
        values = [value[:20_000] for value in headers.get(name, [])[:20]]
        try:
            pairs = getaddresses(values)
        except (ValueError, TypeError, IndexError):
            pairs = []
        read = [address for _, address in pairs if ADDRESS.fullmatch(address)]
        found += read or [each for value in values for each in ADDRESS.findall(value)]
    return tuple(dict.fromkeys(each.lower() for each in found))


def _date_of(value: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def _payload(part: Message) -> str:
    try:
        content = part.get_payload(decode=True)
        if not isinstance(content, bytes):
            inner = part.get_payload()
            return "\n".join(str(each) for each in inner) if isinstance(inner, list) else str(inner or "")
        return _as_text(content, _parameter(part, "charset") or "utf-8")
    except (ValueError, LookupError, TypeError, AttributeError, UnicodeError):
        return ""


def _text_of(parts: list[Message]) -> str:
    """The words of the mail itself: not of attachments, and not of mails within it."""
    plain: list[str] = []
    marked_up: list[str] = []
    inside: set[int] = set()
    for part in parts:
        if id(part) in inside or (_type_of(part) == "message/rfc822" and part is not parts[0]):
            content = part.get_payload()
            inside.update(id(each) for each in content if isinstance(content, list))
            continue
        kind = _type_of(part)
        if part.is_multipart() or "attachment" in str(part.get("content-disposition", "")).lower():
            continue
        if kind == "text/plain":
            plain.append(_flowed(_payload(part), part))
        elif kind == "text/html":
            marked_up.append(_payload(part))
    text = "\n".join(plain)
    if not text.strip() and marked_up:
        text = "\n".join(text_of_html(each[: MOST_TEXT * 10]) for each in marked_up)
    elif text.lstrip()[:200].lower().startswith(("<html", "<!doctype html", "<div", "<body")):
        text = text_of_html(text)
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(INVISIBLE)


def _flowed(text: str, part: Message) -> str:
    """Lines that `format=flowed` broke for their width are one again (RFC 3676)."""
    text = text.replace("\r\n", "\n")
    if _parameter(part, "format") != "flowed":
        return text
    lines: list[str] = []
    goes_on = False
    for line in text.split("\n"):
        depth = len(line) - len(line.lstrip(">"))
        content = line[depth:]
        content = content[1:] if content.startswith(" ") else content
        if goes_on and lines and len(lines[-1]) - len(lines[-1].lstrip(">")) == depth:
            lines[-1] += content
        else:
            lines.append((">" * depth + " " if depth else "") + content)
        goes_on = content.endswith(" ") and content != "-- "
    return "\n".join(lines)
