"""A mail taken apart for reading a bounce: its headers, its prose, its reports, and what came back of the original.

What belongs here: MIME, as broken as it comes, within bounds. What does not: what any of it means.

Whoever reports puts the prose and the report before the original, so of a long mail the beginning is enough.
"""

from __future__ import annotations

import base64
import email
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.errors import MessageError
from email.header import decode_header
from email.message import Message
from email.policy import compat32
from html import unescape
from typing import Final

MAX_BYTES: Final = 1 << 20
MAX_PROSE: Final = 64 * 1024
MAX_PARTS: Final = 200
MAX_HEADERS: Final = 200
MAX_HEADER: Final = 4_000

WITHOUT_TEXT: Final = (("<script", "</script"), ("<style", "</style"), ("<head>", "</head"), ("<!--", "-->"))
LINE_TAGS: Final = re.compile(
    r"<(?:br|/?p|/?div|/?tr|/?li|/?h\d|/?table|/?ul|/?ol|/?blockquote|/?pre)\b[^>]{0,500}>", re.I
)
TAGS: Final = re.compile(r"</?[a-z!][^<>@]{0,2000}>|<a\b[^<>]{0,2000}>", re.IGNORECASE | re.DOTALL)
LOST_WITHIN: Final = 600
LOST_BOUNDARY: Final = re.compile(
    rb"^--([^\s\"]{4,70})\ncontent-(?:type|description):", re.IGNORECASE | re.MULTILINE
)
STATED_BOUNDARY: Final = re.compile(
    rb"boundary\s{0,5}=\s{0,5}(?:\"([^\"\n]{1,200})\"|([^\s\";]{1,200}))", re.IGNORECASE
)
ORIGINAL_TYPES: Final = ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers", "message/global",
                         "message/global-headers", "text/rfc822", "message/partial")  # fmt: skip
STATUS_TYPES: Final = ("message/delivery-status", "message/global-delivery-status")
OUR_CHARSETS: Final = ("utf-8", "gb18030", "cp1251", "shift_jis")


@dataclass
class OpenedMail:
    """A mail in pieces. Header names are lower case."""

    headers: Mapping[str, tuple[str, ...]]
    content_type: str = "text/plain"
    report_type: str = ""
    prose: str = ""
    statuses: list[str] = field(default_factory=list)
    """Texts of the parts that hold a delivery status."""
    feedback: str | None = None
    """Text of the part that holds an abuse report."""
    receipt: bool = False
    """Whether it only tells that somebody read or deleted a message."""
    original: str = ""
    """The beginning of what came back of the original as a part of its own."""

    def first(self, name: str) -> str:
        """The first header of a name, or an empty text."""
        values = self.headers.get(name, ())
        return values[0] if values else ""


def open_mail(content: bytes) -> OpenedMail:
    """Takes a mail apart. Whatever cannot be understood as MIME is read as prose; nothing is raised."""
    content = content[:MAX_BYTES]
    try:
        message = email.message_from_bytes(_with_boundary(content), policy=compat32)
        opened = OpenedMail(
            headers=_headers(message),
            content_type=message.get_content_type(),
            report_type=_parameter(message, "report-type"),
        )
        _sort(message, opened)
    except (RecursionError, ValueError, LookupError, AttributeError, TypeError, AssertionError, MessageError):
        # The library fails on some mails that nobody ought to have sent: those are read as they stand.
        opened = OpenedMail(headers={}, prose=decoded(content[:MAX_PROSE], None))
    opened.prose = opened.prose[:MAX_PROSE]
    return opened


def header_block(text: str) -> dict[str, str]:
    """The headers at the beginning of a text, by lower-case name, unfolded; the first of each name."""
    found: dict[str, str] = {}
    name = ""
    for line in text[:MAX_PROSE].lstrip("\r\n").splitlines():
        if not line.strip():
            break
        if line[0] in " \t":
            if name:
                found[name] = f"{found[name]} {line.strip()}"[:2000]
            continue
        before, colon, after = line.partition(":")
        name = before.strip().lower() if colon and re.fullmatch(r"[!-9;-~]{1,80}", before.strip()) else ""
        if name in found or len(found) >= MAX_HEADERS:
            name = ""
        elif name:
            found[name] = after.strip()[:2000]
    return {name: decoded_header(value) for name, value in found.items()}


def decoded(raw: bytes, charset: str | None) -> str:
    """Bytes as text, by the charset that is named, else by the first that fits."""
    shifted = ("iso2022_jp",) if b"\x1b$" in raw else ()
    for name in (*shifted, charset, *OUR_CHARSETS):
        if name:
            try:
                return raw.decode(name)
            except (LookupError, UnicodeError, ValueError):
                continue
    return raw.decode("latin-1")


def decoded_header(value: object) -> str:
    """A header as text, encoded words read, on one line."""
    text = str(value)[:MAX_HEADER]
    if "=?" not in text:
        return " ".join(_as_text(text).split())
    try:
        pieces = decode_header(text)
    except (ValueError, LookupError, MessageError):
        return " ".join(text.split())
    return " ".join(
        "".join(
            _as_text(piece) if isinstance(piece, str) else decoded(piece, name) for piece, name in pieces
        ).split()
    )


def text_of_html(html: str) -> str:
    """The words of a page, a line for each line of it."""
    bare = html[: 4 * MAX_PROSE]
    for opening, closing in WITHOUT_TEXT:
        bare = _without_between(bare, opening, closing)
    return unescape(TAGS.sub("", LINE_TAGS.sub("\n", bare.replace("&nbsp;", " ")))).replace("\xa0", " ")


def _without_between(text: str, opening: str, closing: str) -> str:
    """The text without what stands between two marks; an opening one that nothing closes is left."""
    lower = text.lower()
    if len(lower) != len(text):
        return text
    kept: list[str] = []
    position = 0
    while (begin := lower.find(opening, position)) >= 0 and (end := lower.find(closing, begin)) >= 0:
        kept.append(text[position:begin])
        position = end
    return "".join(kept) + text[position:]


def _with_boundary(content: bytes) -> bytes:
    """The mail, told to be of the parts that its body plainly has where its header says otherwise, or nothing."""
    head, gap, body = content.replace(b"\r\n", b"\n").partition(b"\n\n")
    begins = LOST_BOUNDARY.search(body[:LOST_WITHIN])
    if begins is None:
        return content
    stated = STATED_BOUNDARY.search(head)
    if stated is not None:
        boundary = stated.group(1) or stated.group(2)
        return content if b"--" + boundary in body else head.replace(boundary, begins.group(1)) + gap + body
    if re.search(rb"^content-type:", head, re.IGNORECASE | re.MULTILINE):
        return content
    return head + b'\nContent-Type: multipart/mixed; boundary="' + begins.group(1) + b'"' + gap + body


def _with_parts(part: Message) -> Message | None:
    """A part within the mail whose boundary was lost on the way, with the parts that it plainly has."""
    content = _text(part).encode("utf-8", "replace")
    begins = LOST_BOUNDARY.search(content[:LOST_WITHIN])
    if begins is None:
        return None
    head = b'Content-Type: multipart/mixed; boundary="' + begins.group(1) + b'"\n\n'
    return email.message_from_bytes(head + content, policy=compat32)


def _sort(message: Message, opened: OpenedMail) -> None:
    """Puts each part where it belongs, in order; parts of the returned original are left alone.

    A report that was itself passed on as an attachment is read in place of what it came in.
    """
    nested = _sorted_parts(message, opened)
    if nested is not None and not opened.statuses and opened.feedback is None:
        opened.original = ""
        _sorted_parts(nested, opened)


def _sorted_parts(message: Message, opened: OpenedMail) -> Message | None:
    """Sorts the parts of one message. Returns the first report that is attached as a message, if there is one."""
    nested: Message | None = None
    plain: list[str] = []
    html: list[str] = []
    waiting = [message]
    for _ in range(MAX_PARTS):
        if not waiting:
            break
        part = waiting.pop(0)
        kind = part.get_content_type()
        if kind in STATUS_TYPES:
            opened.statuses.append(_structured_text(part))
        elif kind == "message/feedback-report":
            opened.feedback = _structured_text(part)
        elif kind == "message/disposition-notification":
            opened.receipt = True
        elif part is not message and (kind in ORIGINAL_TYPES or _is_attached_mail(part)):
            opened.original = opened.original or _structured_text(part)
            inner = part.get_payload()
            if nested is None and isinstance(inner, list) and inner and isinstance(inner[0], Message):
                nested = inner[0] if inner[0].get_content_type() == "multipart/report" else None
        elif part.is_multipart():
            waiting[:0] = [each for each in part.get_payload() if isinstance(each, Message)]
        elif kind == "text/html":
            html.append(text_of_html(_text(part)))
        elif kind.startswith("multipart/") and (with_parts := _with_parts(part)) is not None:
            waiting.insert(0, with_parts)
        elif kind.startswith(("text/", "multipart/", "application/octet-stream")):
            # What says that it has parts and has none is read as it stands.
            in_disguise = _is_report_in_disguise(part, opened)
            if not (kind.startswith("application/") or in_disguise):
                plain.append(_text(part))
    if message.preamble and not plain and not html:
        plain.append(_as_text(message.preamble))
    prose = "\n".join(text for text in plain if text.strip())
    if html and "@" not in prose:
        prose += "\n" + "\n".join(html)
    opened.prose = prose if prose.strip() else opened.prose
    return nested


def _is_attached_mail(part: Message) -> bool:
    return (part.get_filename() or "").lower().endswith((".eml", ".msg", ".hdr"))


def _is_report_in_disguise(part: Message, opened: OpenedMail) -> bool:
    """Mail programs and gateways re-label a report as text: it is known by its fields."""
    text = _text(part)
    is_report = re.search(
        r"^(?:final|original)-recipient\s*:", text[:MAX_PROSE], re.IGNORECASE | re.MULTILINE
    )
    if is_report and re.search(r"^(?:action|status|diagnostic-code)\s*:", text[:MAX_PROSE], re.I | re.M):
        opened.statuses.append(text)
        return bool(re.match(r"\s*[\w-]+\s*:", text))
    return False


def _headers(message: Message) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, value in message.raw_items():
        found.setdefault(name.lower(), []).append(decoded_header(value)[:2000])
        if len(found) >= MAX_HEADERS:
            break
    return {name: tuple(values) for name, values in found.items()}


def _structured_text(part: Message) -> str:
    """The text of a part that the library takes for mails inside a mail: its blocks, a blank line between."""
    payload = part.get_payload()
    if not isinstance(payload, list):
        return _text(part)
    if str(part.get("content-transfer-encoding", "")).strip().lower() == "base64":
        # Not allowed for such a part (RFC 2046, 5.2.1), and done all the same: the library has not decoded it.
        inside = "".join(str(each.get_payload()) for each in payload[:MAX_PARTS] if isinstance(each, Message))
        return decoded(_base64(inside[: 4 * MAX_PROSE]), None).replace("\r\n", "\n")
    blocks: list[str] = []
    for each in payload[:MAX_PARTS]:
        if not isinstance(each, Message):
            continue
        lines = [f"{name}: {_as_text(str(value))}" for name, value in each.raw_items()]
        inner = each.get_payload()
        body = _text(each)[:MAX_PROSE] if isinstance(inner, str) else ""
        blocks.append("\n".join(lines) + ("\n\n" + body if body.strip() else ""))
    return "\n\n".join(blocks)


def _base64(text: str) -> bytes:
    letters = re.sub(r"[^A-Za-z0-9+/]", "", text)
    return base64.b64decode(letters + "=" * (-len(letters) % 4)) if len(letters) % 4 != 1 else b""


def _text(part: Message) -> str:
    try:
        raw = part.get_payload(decode=True)
    except (ValueError, LookupError):
        raw = None
    if not isinstance(raw, bytes):
        return _as_text(str(part.get_payload() or ""))
    return decoded(raw[: 4 * MAX_PROSE], _charset(part)).replace("\r\n", "\n").replace("\r", "\n")


def _charset(part: Message) -> str | None:
    try:
        return part.get_content_charset()
    except (ValueError, LookupError):
        return None


def _parameter(message: Message, name: str) -> str:
    value = message.get_param(name)
    return str(value[2] if isinstance(value, tuple) else value or "").lower()


def _as_text(text: str) -> str:
    """A text of the library, whose bytes beyond ASCII it hides in surrogates."""
    if "\x1b$" in text:
        return decoded(text.encode("utf-8", "surrogateescape"), None)
    try:
        text.encode()
    except UnicodeEncodeError:
        return decoded(text.encode("utf-8", "surrogateescape"), None)
    return text
