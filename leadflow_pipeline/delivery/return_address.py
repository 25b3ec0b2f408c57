"""Return addresses that name their message, so that a bounce is known by the address that it comes to (VERP).

What belongs here: making and reading them. What does not: reading bounces (`inbound.mail.bounces`).

The address holds a message's tracking key and a signature under the pepper: nobody can make one up for a message, and
no lead's address stands in it. Everything is lower case and digits, because servers on the way change the case.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable
from typing import Final

from leadflow_pipeline.delivery.tracking import KEY_BYTES, SIGNATURE_DIGITS
from leadflow_pipeline.store.keys import address_key

PLACE: Final = "*"
TOKEN: Final = re.compile(
    rf"(?<![0-9a-f])([0-9a-f]{{{KEY_BYTES * 2}}})\.([0-9a-f]{{{SIGNATURE_DIGITS}}})(?![0-9a-f])"
)
LONGEST_LOCAL_PART: Final = 64
"""RFC 5321, 4.5.3.1.1."""


def return_address(bounce_address: str, tracking_key: str) -> str:
    """The return address of one message.

    `bounce_address` is where bounces go: its `*` stands for the message, as in `*@bounces.example.org`; without one
    the message stands behind a plus sign, which most servers deliver to the address before it. Where that makes the
    part before the @ longer than any server must take, the plain address is given: bounces still arrive.
    """
    token = f"{tracking_key}.{_signature(tracking_key)}"
    if PLACE not in bounce_address:
        local, _, domain = bounce_address.rpartition("@")
        bounce_address = f"{local}+{PLACE}@{domain}"
    made = bounce_address.replace(PLACE, token)
    if len(made.rpartition("@")[0]) > LONGEST_LOCAL_PART:
        return bounce_address.replace(f"+{PLACE}", "").replace(PLACE, "")
    return made


def message_key(addresses: Iterable[str]) -> str | None:
    """The tracking key of the message that one of the addresses is the return address of; None where none is.

    Forwarders wrap return addresses in their own (SRS), so the key may stand anywhere before the @.
    """
    for address in addresses:
        for key, signature in TOKEN.findall(address.rpartition("@")[0].lower()):
            if hmac.compare_digest(signature.encode(), _signature(key).encode()):
                return str(key)
    return None


def _signature(tracking_key: str) -> str:
    # No address holds a blank, so no address key can ever be this signature.
    return address_key(f"return {tracking_key}")[:SIGNATURE_DIGITS]
