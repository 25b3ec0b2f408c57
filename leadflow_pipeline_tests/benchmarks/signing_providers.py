"""Amazon SES and SendGrid, as far as they sign: with keys of our own, and the service told of them.

    python -m leadflow_pipeline_tests.benchmarks.signing_providers CERTIFICATE.pem

serves, and takes that file for what stands at the address of SNS's certificate: nobody else is asked for one.
What belongs here: who signs which request. What does not: signatures (`inbound.signing`).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import requests
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from leadflow_pipeline.service.app import serve
from leadflow_pipeline.service.certificates import Certificates
from leadflow_pipeline_tests.inbound.signing import (
    CERTIFICATE_URL,
    TOPIC,
    certificate,
    public_half,
    signed_by_sendgrid,
    signed_by_sns,
)


class SigningProviders:
    """Both, with new keys."""

    def __init__(self) -> None:
        self.sendgrid_key = ec.generate_private_key(ec.SECP256R1())

    @cached_property
    def sns_key(self) -> rsa.RSAPrivateKey:
        return rsa.generate_private_key(65537, 2048)

    def told_to_the_service(self, folder: Path) -> tuple[list[str], Mapping[str, str]]:
        """How it is started, and its settings."""
        pem = folder / "sns.pem"
        pem.write_bytes(certificate(self.sns_key))
        settings = {
            "LEADFLOW_SES_TOPICS": TOPIC,
            "LEADFLOW_SENDGRID_PUBLIC_KEY": public_half(self.sendgrid_key),
        }
        return [sys.executable, "-m", __name__, str(pem)], settings

    def envelope(self, message: Any) -> dict[str, str]:
        """What SNS makes of a notification of SES."""
        return signed_by_sns(self.sns_key, Message=json.dumps(message))

    def sign(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """As SendGrid signs the bytes that leave."""
        body = request.body or b""
        sent = body.encode() if isinstance(body, str) else body
        request.headers.update(signed_by_sendgrid(self.sendgrid_key, sent))
        return request


def known_to_nobody_else(pem: bytes) -> Callable[[str], bytes | None]:
    """In the place of SNS."""
    return lambda url: pem if url == CERTIFICATE_URL else None


if __name__ == "__main__":
    serve(certificates=Certificates(known_to_nobody_else(Path(sys.argv[1]).read_bytes())))
