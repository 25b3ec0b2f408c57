"""An email as bytes for the wire, quickly: what most emails are made of is written by hand, the rest by the library.

What belongs here: the same message that `mail` composes, in a small part of the time, because the dispatcher writes one
for every email that leaves. What does not: what an email consists of (`mail`).

A header that is short, ASCII and in no need of folding is written as it is; any other goes through `mail`'s policy,
and what many emails share is kept. Bodies are quoted-printable or base64, whichever is shorter, by the C library.
What is out of the ordinary is left to `mail` whole.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Mapping
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from functools import lru_cache
from typing import Final

from leadflow_pipeline.delivery.mail import (
    ADDRESS,
    ID_DIGITS,
    POLICY,
    POLICY_UTF8,
    WHOLE_HEADERS,
    compose,
    wire_bytes,
)

LONGEST_LINE: Final = 78
"""RFC 5322, 2.1.1; a body with no longer line, all of it ASCII, needs no encoding."""

UNSTRUCTURED: Final = frozenset({"subject", "auto-submitted", "list-unsubscribe-post", "precedence"})
"""Headers whose value is any text; all but these, and names that begin with X-, have a grammar of their own."""

BASE64_BYTES: Final = 57
"""Of content in a line of 76 characters."""


def mail_bytes(
    headers: Mapping[str, str],
    rfc_message_id: str,
    subject: str,
    text: str,
    html: str,
    date: datetime,
    *,
    utf8: bool,
) -> bytes:
    """The whole message with CRLF line ends. Raises ValueError for a header with a line break in it."""
    try:
        parts = [_part("plain", text), _part("html", html)]
    except UnicodeError:
        return wire_bytes(compose(headers, rfc_message_id, subject, text, html, date), utf8=utf8)
    own = {"Subject": subject, "Message-ID": rfc_message_id, "Date": format_datetime(date)}
    head = "".join(
        _header(name, value, utf8=utf8) for group in (headers, own) for name, value in group.items()
    )
    boundary = f"=_{hashlib.sha256(rfc_message_id.encode()).hexdigest()[:ID_DIGITS]}"
    kind = f'MIME-Version: 1.0\r\nContent-Type: multipart/alternative;\r\n boundary="{boundary}"\r\n\r\n'
    line = f"--{boundary}".encode()
    body = b"".join(line + b"\r\n" + part + b"\r\n" for part in parts)
    return (head + kind).encode("utf-8" if utf8 else "ascii") + body + line + b"--\r\n"


def _header(name: str, value: str, *, utf8: bool) -> str:
    if value.isascii() and value.isprintable():
        if name.lower() in WHOLE_HEADERS:
            return POLICY.fold(name, value)
        if _is_plain(name.lower(), value):
            return f"{name}: {value}\r\n"
    return _by_library(name, value, utf8)


def _is_plain(name: str, value: str) -> bool:
    """Whether the library would write the printable ASCII value as it stands, on one line."""
    if len(name) + 2 + len(value) > LONGEST_LINE or "=?" in value:
        return False
    if name == "to":
        return ADDRESS.fullmatch(value) is not None
    is_free = name == "date" or name in UNSTRUCTURED or name.startswith("x-")
    return is_free and value == value.strip()


@lru_cache(maxsize=1024)
def _by_library(name: str, value: str, utf8: bool) -> str:
    message = EmailMessage(policy=POLICY)
    message[name] = value
    return (POLICY_UTF8 if utf8 else POLICY).fold(name, message[name])


def _part(subtype: str, text: str) -> bytes:
    """One part of the message, its headers and its content."""
    content = b"\r\n".join(text.encode().splitlines()) + b"\r\n"
    encoding = "7bit"
    if not content.isascii() or max(map(len, content.split(b"\r\n"))) > LONGEST_LINE:
        quoted = binascii.b2a_qp(content, istext=True)
        in_base64 = -(-len(content) // BASE64_BYTES) * 78
        if len(quoted) <= in_base64:
            encoding, content = "quoted-printable", quoted
        else:
            encoding, content = "base64", _base64(content)
    head = f'Content-Type: text/{subtype}; charset="utf-8"\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n'
    return head.encode() + content


def _base64(content: bytes) -> bytes:
    pieces = (content[begin : begin + BASE64_BYTES] for begin in range(0, len(content), BASE64_BYTES))
    return b"".join(binascii.b2a_base64(piece, newline=False) + b"\r\n" for piece in pieces)
