"""Signatures of Standard Webhooks, version 1: HMAC-SHA256 over `id.timestamp.body`.

What belongs here: making and judging a signature. What does not: requests, and where secrets come from.

Written here and not taken from the `standardwebhooks` library (1.1), which knows one key and its own clock, parses the
body as it verifies it, and answers a malformed header with whatever error it runs into. The tests sign with it.
Specification: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from leadflow_pipeline.errors import PermanentError

TOLERANCE = timedelta(minutes=5)
"""How far the sender's clock may be off: the specification leaves it open, its libraries use this."""

PREFIX = "whsec_"
FEWEST_KEY_BYTES = 24
"""The specification asks for 24 to 64 bytes."""

MOST_SIGNATURES = 16
ID = re.compile(r"[\x21-\x7e]{1,256}")
SECONDS = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class SignedHeaders:
    """What a sender says of a delivery; "" where the header is missing."""

    webhook_id: str
    timestamp: str
    signature: str


def key_of(secret: str) -> bytes:
    """The key in a secret as senders show it: `whsec_` and base64. Raises PermanentError, without the secret."""
    text = secret.removeprefix(PREFIX).rstrip("=")  # some senders leave the padding out
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) < FEWEST_KEY_BYTES:
        raise PermanentError(
            f"a webhook secret is {PREFIX} and at least {FEWEST_KEY_BYTES} bytes in base64: "
            "make one with `leadflow webhook secret`"
        )
    return key


def sign(key: bytes, webhook_id: str, timestamp: int, body: bytes) -> str:
    """The value of the header `webhook-signature`."""
    return f"v1,{base64.b64encode(_digest(key, webhook_id, str(timestamp), body)).decode()}"


def is_signed(headers: SignedHeaders, body: bytes, keys: Sequence[bytes], now: datetime) -> bool:
    """Whether any of the signatures fits any of the keys, and the time is within TOLERANCE of `now`.

    Several of each let a secret be replaced while both are in use. Every pair is compared, each in constant time.
    """
    if not (ID.fullmatch(headers.webhook_id) and SECONDS.fullmatch(headers.timestamp)):
        return False
    given = [_decoded(signature) for signature in headers.signature.split(" ")[:MOST_SIGNATURES]]
    fits = False
    for key in keys:
        expected = _digest(key, headers.webhook_id, headers.timestamp, body)
        for signature in given:
            fits |= hmac.compare_digest(expected, signature)
    age = now.timestamp() - int(headers.timestamp)
    return fits and abs(age) <= TOLERANCE.total_seconds()


def _digest(key: bytes, webhook_id: str, timestamp: str, body: bytes) -> bytes:
    return hmac.digest(key, b".".join((webhook_id.encode(), timestamp.encode(), body)), "sha256")


def _decoded(signature: str) -> bytes:
    """The bytes of one `v1,<base64>`; none for any other version, or for what is no base64."""
    version, _, text = signature.partition(",")
    try:
        return base64.b64decode(text, validate=True) if version == "v1" else b""
    except (binascii.Error, ValueError):
        return b""
