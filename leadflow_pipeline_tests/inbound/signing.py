"""Signatures as providers make them, by keys of our own: Amazon SNS (RSA) and SendGrid (ECDSA).

What belongs here: signing, and what the other side verifies with. What does not: what is signed.
"""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from leadflow_pipeline.inbound.providers import sendgrid, sns

TOPIC = "arn:aws:sns:eu-west-1:123456789012:bounces"
CERTIFICATE_URL = "https://sns.eu-west-1.amazonaws.com/SimpleNotificationService-1.pem"
AT = "2026-05-05T09:31:00.000Z"


def certificate(key: rsa.RSAPrivateKey) -> bytes:
    """A certificate that says it is SNS's."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
    now = datetime.now(UTC)
    built = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    return built.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed_by_sns(key: rsa.RSAPrivateKey, version: str = "2", **members: str) -> dict[str, str]:
    """An envelope of SNS."""
    envelope = {
        "Type": "Notification", "MessageId": "m1", "TopicArn": TOPIC, "Timestamp": AT, "SignatureVersion": version,
        "SigningCertURL": CERTIFICATE_URL, **members,
    }  # fmt: skip
    algorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    text = sns.signed_text(envelope)
    assert text is not None
    signature = key.sign(text, padding.PKCS1v15(), algorithm)
    return {**envelope, "Signature": base64.b64encode(signature).decode()}


def public_half(key: ec.EllipticCurvePrivateKey) -> str:
    """As SendGrid shows it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()


def signed_by_sendgrid(key: ec.EllipticCurvePrivateKey, body: bytes, timestamp: str = "17") -> dict[str, str]:
    """The headers of a request of SendGrid."""
    signature = key.sign(timestamp.encode() + body, ec.ECDSA(hashes.SHA256()))
    return {
        sendgrid.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
        sendgrid.TIMESTAMP_HEADER: timestamp,
    }
