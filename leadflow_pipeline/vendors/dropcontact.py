"""Dropcontact: a batch of people is submitted, and asked for until it is ready.

What belongs here: the shapes of Dropcontact's requests and answers, its limits, and what an answer costs. What does
not: rates, retries and statuses (the session), and which field of an answer becomes which field of a lead.

Source: developer.dropcontact.com (quickstart, errors, credits, reference of input and enriched records), 2025. A
status of 200 is no success: a batch that still runs, one nobody knows and a fault of Dropcontact's all answer
`success: false`. Results are kept for 30 days; polling is asked for every 30 seconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from leadflow_pipeline.errors import FateUnknown, PermanentError, TransientError
from leadflow_pipeline.vendors.reading import json_object, objects
from leadflow_pipeline.vendors.session import Rate, VendorSession

VENDOR = "dropcontact"
BASE_URL = "https://api.dropcontact.com/v1"
RATE = Rate(requests=60, per_seconds=1)
MOST_RECORDS = 250
POLL_AFTER = timedelta(seconds=30)

ENGLISH = {
    "nominatif": "nominative",
    "catch_all": "catch-all",
    "générique": "generic",
    "generique": "generic",
    "invalide": "invalid",
    "ne pas contacter": "do not contact",
    "do_not_contact": "do not contact",
    "non validé": "non_validated",
    "jetable": "disposable",
    "école": "school",
    "domaine invalide": "invalid domain",
}
"""What qualifications are called in French, and were called in English before, to what they are called now."""


@dataclass(frozen=True)
class FoundEmail:
    """An address, and what Dropcontact says of its local part and of its domain, in English ("" where it says nothing).

    local_part: nominative, catch-all, generic, do not contact, non_validated, invalid, ...;
    domain: pro, perso, school, disposable, invalid domain.
    """

    address: str
    local_part: str
    domain: str


def headers(key: str) -> dict[str, str]:
    """What every request to Dropcontact carries."""
    return {"X-Access-Token": key}


class Dropcontact:
    """Dropcontact's API over a session that was opened with `headers(key)`."""

    def __init__(self, session: VendorSession) -> None:
        self._session = session

    def submit(self, records: Sequence[Mapping[str, Any]], language: str = "en") -> str:
        """Submits at most 250 records of at most 15 kB, and gives the id to ask for them by. Takes credits at once.

        A record needs an email, a profile, or a company. Raises FateUnknown where the answer tells no id, because
        the batch may be under way, and PermanentError (status 403) where the credits do not cover all of it.
        """
        if not 1 <= len(records) <= MOST_RECORDS:
            raise PermanentError(f"Dropcontact takes 1 to {MOST_RECORDS} records at once, not {len(records)}")
        response = self._session.call(
            "POST",
            "/enrich/all",
            json={"data": list(records), "siren": False, "language": language},
            is_repeatable=False,
        )
        content = json_object(response, "Dropcontact", is_repeatable=False)
        request_id = content.get("request_id")
        if request_id:
            return str(request_id)
        if content.get("success") is False:
            raise TransientError("Dropcontact did not take the batch, without an error status")
        raise FateUnknown(
            "Dropcontact took a batch without giving an id to ask for it by: look into its own interface"
        )

    def result(self, request_id: str) -> list[dict[str, Any]] | None:
        """The enriched records in the order they were submitted; None while they are not ready.

        An id that Dropcontact does not know answers as if it were not ready, and it keeps results for 30 days: whoever
        waits has to stop asking some day (`rounds`). Each record holds only what was found.
        """
        response = self._session.call("GET", f"/enrich/all/{request_id}", is_repeatable=True)
        content = json_object(response, "Dropcontact", is_repeatable=True)
        if content.get("success") is not True or not isinstance(content.get("data"), list):
            return None
        # One place for each record, whatever stands in it: the caller tells them apart by their order.
        return [record if isinstance(record, dict) else {} for record in content["data"]]


def found_emails(record: Mapping[str, Any]) -> list[FoundEmail]:
    """The addresses of an enriched record; older answers hold one as text, without a qualification."""
    email = record.get("email")
    if isinstance(email, str):
        return [FoundEmail(email, "", "")] if email else []
    found = [
        (str(entry["email"]), str(entry.get("qualification") or ""))
        for entry in objects(email)
        if entry.get("email")
    ]
    return [FoundEmail(address, *qualification_words(text)) for address, text in found]


def qualification_words(qualification: str) -> tuple[str, str]:
    """`nominatif@pro` → ("nominative", "pro")."""
    local_part, _, domain = qualification.lower().partition("@")
    return ENGLISH.get(local_part, local_part), ENGLISH.get(domain, domain)


def credits_of(question: Mapping[str, Any], record: Mapping[str, Any]) -> float:
    """What a record cost: one credit where an address was sent or one was found, never two."""
    return 1.0 if question.get("email") or found_emails(record) else 0.0
