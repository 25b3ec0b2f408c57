"""What a bounce or complaint says, whoever wrote it.

What belongs here: the one shape of it, and which reasons mean that an address is dead. What does not: finding them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

Reason = Literal[
    "no_mailbox",
    "no_domain",
    "mailbox_disabled",
    "moved",
    "mailbox_full",
    "too_big",
    "greylisted",
    "rate_limited",
    "blocked",
    "authentication",
    "spam",
    "virus",
    "content",
    "policy",
    "not_authorised",
    "relaying_denied",
    "bad_sender",
    "encryption",
    "mail_loop",
    "expired",
    "network",
    "system_error",
    "protocol",
    "undefined",
]
"""Why, told apart by whose fault it is: the address's, the mailbox's, ours, or the wire's."""

DEAD: Final = frozenset({"no_mailbox", "no_domain", "mailbox_disabled", "moved"})
"""Reasons that lie in the address itself: no other message to it will ever arrive."""

Kind = Literal["dsn", "notice", "complaint"]


def is_of_the_address(reason: Reason, status: str | None, code: int | None = None) -> bool:
    """Whether a failure that is final for its message is so for every other message to the address.

    It lies in the address itself, and no code says that it may pass. A full mailbox, a refused content or a blocked
    sender is given up too, and may work tomorrow.
    """
    may_pass = status.startswith("4") if status else 400 <= (code or 500) < 500
    return reason in DEAD and not may_pass


@dataclass(frozen=True)
class BouncedRecipient:
    """One address that a message did not reach, or whose owner complained of it.

    `address` is the one that was written to, as far as the report says; `other_addresses` are those that it was
    passed on to. `diagnostic` repeats what the server said and may hold addresses: it is for deciding, not for logs.
    """

    address: str
    is_permanent: bool | None
    """True: whoever reports has given up. False: it is still being tried. None: a complaint."""
    reason: Reason = "undefined"
    status: str | None = None
    """The enhanced status code (RFC 3463), such as `5.1.1`."""
    code: int | None = None
    """The SMTP reply code, such as 550."""
    diagnostic: str = ""
    other_addresses: tuple[str, ...] = ()

    @property
    def is_hard(self) -> bool:
        """Whether the address is dead for every message: given up, and for a reason that lies in the address."""
        return self.is_permanent is True and is_of_the_address(self.reason, self.status, self.code)


@dataclass(frozen=True)
class BounceReport:
    """A mail that reports on an earlier one.

    `kind`: `dsn` where a machine-readable report names the recipients (RFC 3464), `notice` where they were read from
    prose, `complaint` for an abuse report (RFC 5965). `recipients` is empty where the mail does not say who, and in
    a report of success.
    """

    kind: Kind
    recipients: tuple[BouncedRecipient, ...]
    original_message_id: str | None = None
    """Message-ID of the mail that bounced, with its angle brackets."""
    original_headers: Mapping[str, str] = field(default_factory=dict)
    """Headers of the mail that bounced, by lower-case name, where they came back. The first of each name."""
    sent_to: tuple[str, ...] = ()
    """Addresses that the report itself went to: one of them may be a return address that names the message."""
    feedback_type: str | None = None
    """Of a complaint: `abuse`, `fraud`, `opt-out`, ... as it was said."""
