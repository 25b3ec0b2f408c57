"""One email as it stands on the wire: headers, parts, bytes.

What belongs here: RFC 5322 and its relatives. What does not: the words (`rendering`), and sending (`transports`).

The same message always gives the same bytes but for its date: Message-ID and boundary come from the enrolment and step.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, EmailPolicy
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.tokens import clean
from leadflow_pipeline.errors import PermanentError

ID_DIGITS = 32
ADDRESS = re.compile(r"[^\s<>()\[\],;:\"\\@\x00-\x1f\x7f]+@[^\s<>()\[\],;:\"\\@\x00-\x1f\x7f]+")
"""What needs no quoting. Rarer addresses exist, and are not worth what quoting them wrongly would cost."""

WHOLE_HEADERS = ("list-unsubscribe", "feedback-id", "message-id", "in-reply-to", "references")


class WholeLinkPolicy(EmailPolicy):
    """Folds headers of links and ids only between their parts.

    The policy it extends turns a link longer than a line into an encoded word, which no mailbox reads as a link.
    """

    def fold(self, name: str, value: Any) -> str:
        """The header as text lines."""
        if name.lower() in WHOLE_HEADERS:
            return (
                f"{name}: {value}".replace("> <", f">{self.linesep} <").replace(", ", f",{self.linesep} ")
                + self.linesep
            )
        folded: str = super().fold(name, value)
        return folded

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The header as bytes."""
        if name.lower() in WHOLE_HEADERS:
            return self.fold(name, value).encode("ascii", "surrogateescape")
        return super().fold_binary(name, value)


POLICY = WholeLinkPolicy(linesep="\r\n")
POLICY_UTF8 = WholeLinkPolicy(linesep="\r\n", utf8=True)


def message_id(campaign: Campaign, enrolment_id: str, step: int) -> str:
    """The Message-ID of a step: known before it is sent, and the same however often it is worked out."""
    digest = hashlib.sha256(f"{campaign.campaign}|{enrolment_id}|{step}".encode()).hexdigest()[:ID_DIGITS]
    return f"<{digest}@{domain_of(campaign.sender.email)}>"


def headers_of(
    campaign: Campaign, recipient: str, sequence: str, step: int, unsubscribe_url: str
) -> dict[str, str]:
    """Every header but subject, date and Message-ID. Raises PermanentError for what is no address."""
    sender, reply_to = (
        wire_address(campaign.sender.email),
        wire_address(campaign.sender.reply_to or campaign.sender.email),
    )
    if not ADDRESS.fullmatch(recipient):
        raise PermanentError("the lead's address cannot stand in a header: mend it where it came from")
    return {
        "From": _named(clean(campaign.sender.name), sender),
        "To": wire_address(recipient),
        "Reply-To": reply_to,
        "List-Unsubscribe": f"<{unsubscribe_url}>, <mailto:{quote(reply_to, safe='@')}?subject=unsubscribe>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": f"{step}:{sequence}:{campaign.campaign}:leadflow",
        "Auto-Submitted": "auto-generated",
    }


def _named(name: str | None, address: str) -> str:
    """An address with its owner's name; the library knows no names for addresses beyond ASCII."""
    return str(Address(name, addr_spec=address)) if name and address.isascii() else address


def compose(
    headers: Mapping[str, str], rfc_message_id: str, subject: str, text: str, html: str, date: datetime
) -> EmailMessage:
    """The whole message. Raises ValueError for a header with a line break in it."""
    # 7bit: a relay that had to re-encode a part on its way would break the signature over it (RFC 6376, 5.3).
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    for name, value in headers.items():
        message[name] = value
    message["Subject"] = subject
    message["Message-ID"] = rfc_message_id
    message["Date"] = format_datetime(date)
    message.set_content(text)
    message.add_alternative(html, subtype="html")
    message.set_boundary(f"=_{hashlib.sha256(rfc_message_id.encode()).hexdigest()[:ID_DIGITS]}")
    return message


def wire_bytes(message: EmailMessage, *, utf8: bool) -> bytes:
    """The message with CRLF line ends. `utf8` leaves addresses as they are, for SMTPUTF8."""
    return message.as_bytes(policy=POLICY_UTF8 if utf8 else POLICY)


def wire_address(address: str) -> str:
    """An address with its domain in ASCII, as every server takes it; the part before the @ stays."""
    local, _, domain = address.rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address


def domain_of(address: str) -> str:
    """The domain of an address, in ASCII."""
    return wire_address(address).rpartition("@")[2].lower()
