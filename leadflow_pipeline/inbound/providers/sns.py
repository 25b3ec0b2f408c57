"""Signatures of Amazon SNS, versions 1 and 2. Pure but for the certificate, which is asked for by a function given.

What belongs here: what is signed, and whether a signature fits. What does not: fetching, and what the message says.
https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

HOST = re.compile(r"sns\.[a-z]{2,4}(-[a-z]+)+-\d{1,2}\.amazonaws\.com(\.cn)?")
"""Where SNS keeps its certificates and confirmations: nothing else is ever asked."""

NOTIFICATION = ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type")
CONFIRMATION = ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type")
SIGNED = {
    "Notification": NOTIFICATION,
    "SubscriptionConfirmation": CONFIRMATION,
    "UnsubscribeConfirmation": CONFIRMATION,
}
"""Type -> the members that are signed, in this order; one that is missing is left out."""


def is_amazon(url: object) -> bool:
    """Whether an address is one of SNS's own, by HTTPS and at its usual port."""
    if not isinstance(url, str) or len(url) > 2_000:
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    is_plain = parts.username is None and parts.password is None and port in (None, 443)
    return parts.scheme == "https" and is_plain and HOST.fullmatch(parts.hostname or "") is not None


def is_certificate_url(url: object) -> bool:
    """Whether an address is one at which SNS keeps a certificate."""
    return is_amazon(url) and urlsplit(str(url)).path.endswith(".pem")


def signed_text(envelope: Mapping[str, Any]) -> bytes | None:
    """What the signature of an envelope is over; None for a type that there is not."""
    members = SIGNED.get(str(envelope.get("Type")))
    if members is None:
        return None
    present = [name for name in members if envelope.get(name) is not None]
    return "".join(f"{name}\n{envelope[name]}\n" for name in present).encode(errors="replace")


def is_signed(envelope: Mapping[str, Any], certificate: bytes) -> bool:
    """Whether the holder of a certificate (PEM) signed an envelope. Version 1 hashes with SHA-1, 2 with SHA-256."""
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

    text = signed_text(envelope)
    algorithm = {"1": hashes.SHA1(), "2": hashes.SHA256()}.get(str(envelope.get("SignatureVersion")))  # noqa: S303
    if text is None or algorithm is None:
        return False
    try:
        key = x509.load_pem_x509_certificate(certificate).public_key()
        if not isinstance(key, rsa.RSAPublicKey):
            return False
        signature = base64.b64decode(str(envelope.get("Signature")), validate=True)
        key.verify(signature, text, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, ValueError, binascii.Error):
        return False
    return True
