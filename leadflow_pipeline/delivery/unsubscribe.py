"""Unsubscribe links: a token that names who and where, and that nobody can make up.

What belongs here: making and reading tokens. What does not: acting on one (that comes back in, it does not leave).

A token holds the campaign and the key of the address, never the address, and a signature under the pepper.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.keys import address_key

SIGNATURE_DIGITS = 32


@dataclass(frozen=True)
class Unsubscription:
    """Whom a token unsubscribes from which campaign."""

    campaign: str
    recipient_key: str


def unsubscribe_url(public_url: str, campaign: str, recipient_key: str) -> str:
    """The link for one address in one campaign; the same each time, so that old emails keep working."""
    token = f"{campaign}.{recipient_key}.{_signature(campaign, recipient_key)}"
    return f"{public_url.rstrip('/')}/unsubscribe/{token}"


def read_token(token: str) -> Unsubscription:
    """What a token says. Raises PermanentError for one that was not made here."""
    campaign, _, rest = token.partition(".")
    recipient_key, _, signature = rest.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(campaign, recipient_key).encode()):
        raise PermanentError(
            "the unsubscribe link is not one of ours: ask for it to be copied whole from the email"
        )
    return Unsubscription(campaign, recipient_key)


def _signature(campaign: str, recipient_key: str) -> str:
    # No address holds a blank, so no address key can ever be the signature of a token.
    return address_key(f"unsubscribe {campaign} {recipient_key}")[:SIGNATURE_DIGITS]
