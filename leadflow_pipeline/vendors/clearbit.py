"""Clearbit (HubSpot Breeze Intelligence) and whatever speaks its shapes: a person and their company by email.

What belongs here: the shape of the combined look-up. What does not: rates, retries and other statuses (the session),
and which field of an answer becomes which field of a lead.

Source: Clearbit's Python client (MIT) and help centre ("What is a 202 status code", "What counts as an Enrichment API
request"), 2023. An address counts as one request in a billing period however often it is asked for, so that asking
again is no second purchase; found or not found costs the same.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.vendors.reading import json_object
from leadflow_pipeline.vendors.session import Rate, VendorSession

VENDOR = "clearbit"
BASE_URL = "https://person.clearbit.com"
RATE = Rate(requests=600, per_seconds=60)
POLL_AFTER = timedelta(minutes=5)
"""A look-up that was queued is ready "after a few minutes"."""

PENDING, NOT_FOUND, NOT_A_PERSON = 202, 404, 422


class Pending(TransientError):
    """Clearbit is looking, and will know in some minutes."""


def headers(key: str) -> dict[str, str]:
    """What every request to Clearbit carries."""
    return {"Authorization": f"Bearer {key}"}


class Clearbit:
    """Clearbit's API over a session that was opened with `headers(key)`."""

    def __init__(self, session: VendorSession) -> None:
        self._session = session

    def combined(self, email: str) -> dict[str, Any] | None:
        """`{"person": {…} or None, "company": {…} or None}`, or None where neither is known.

        Almost every leaf may be null.
        An address that is nobody's own, such as info@, is refused by Clearbit (422) and counts as not known.
        Raises Pending where the answer comes later.
        """
        response = self._session.call(
            "GET",
            "/v2/combined/find",
            params={"email": email},
            is_repeatable=True,
            accept={PENDING, NOT_FOUND, NOT_A_PERSON},
        )
        if response.status_code == PENDING:
            raise Pending("Clearbit is still looking: ask again in some minutes")
        if response.status_code in (NOT_FOUND, NOT_A_PERSON):
            return None
        content = json_object(response, "Clearbit", is_repeatable=True)
        person, company = (content.get(name) for name in ("person", "company"))
        known = {
            "person": person if isinstance(person, dict) else None,
            "company": company if isinstance(company, dict) else None,
        }
        return known if any(known.values()) else None
