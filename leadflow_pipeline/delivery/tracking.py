"""Tokens in links and pixels: each names one message and one link, and nobody can make one up.

What belongs here: making and reading tokens. What does not: putting links into an email, and what a request means.

A token is a message's tracking key, a number and a signature under the pepper. Where a link leads is looked up by it:
no address ever stands in one. Number 0 is the pixel.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.keys import address_key

KEY_BYTES = 12
SIGNATURE_DIGITS = 16
PIXEL = 0


@dataclass(frozen=True)
class Tracked:
    """What a token names. `number` is the link's, 0 the pixel."""

    tracking_key: str
    number: int


def tracking_key(channel: str, subject_key: str, step: int) -> str:
    """The key of a message, known before it is stored; the same however often it is worked out."""
    text = f"{channel}|{subject_key}|{step}"
    return hashlib.blake2b(text.encode(), digest_size=KEY_BYTES).hexdigest()


def token_of(tracked: Tracked) -> str:
    """The token of a link or pixel."""
    return f"{tracked.tracking_key}{tracked.number:x}.{_signature(tracked)}"


def read_token(token: str) -> Tracked:
    """What a token names. Raises PermanentError for one that was not made here."""
    named, _, signature = token.partition(".")
    key, number = named[: KEY_BYTES * 2], named[KEY_BYTES * 2 :]
    if len(number) <= 4 and number and all(digit in "0123456789abcdef" for digit in named):
        tracked = Tracked(key, int(number, 16))
        if hmac.compare_digest(signature.encode(), _signature(tracked).encode()):
            return tracked
    raise PermanentError("the link is not one of ours: ask for it to be copied whole from the email")


def pixel_url(public_url: str, key: str) -> str:
    """The address of a message's pixel."""
    return f"{public_url.rstrip('/')}/o/{token_of(Tracked(key, PIXEL))}"


def link_url(public_url: str, key: str, number: int) -> str:
    """The address that a link of a message leads through."""
    return f"{public_url.rstrip('/')}/c/{token_of(Tracked(key, number))}"


def _signature(tracked: Tracked) -> str:
    # No address holds a blank, so no address key can ever be the signature of a token.
    return address_key(f"track {tracked.tracking_key} {tracked.number}")[:SIGNATURE_DIGITS]
