"""A stand-in for Dropcontact: a batch is submitted, and asked for until it is ready, as its developer pages describe.

What belongs here: what Dropcontact answers, with its limits and errors. What does not: what a client makes of it.

The traps it keeps: a 200 is no success (still running, unknown and broken all answer `success: false` with the same
words); `email` goes in as text and comes out as a list with qualifications; qualifications are French words unless
`language` is "en"; only what was found is there; a website comes back as `www.domain`; a batch that the credits do not
cover is refused whole. One credit for an address that is found, and one for every address that is sent, found or not.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    json_reply,
    refused,
)
from leadflow_pipeline_tests.fakes.people import Person, invented_people

MOST_RECORDS = 250
MOST_BYTES = 15_000
NOT_READY = {
    "error": False,
    "success": False,
    "reason": "Not ready: ask again in 30 seconds",
}
QUALIFICATIONS = {
    "en": ("nominative@pro", "catch-all@pro", "generic@pro", "nominative@invalid domain"),
    "fr": ("nominatif@pro", "catch-all@pro", "générique@pro", "nominatif@domaine invalide"),
}
KNOWN_KEYS = {
    "first_name", "last_name", "full_name", "email", "phone", "company", "website", "num_siren", "siret", "linkedin",
    "job", "country", "custom_fields",
}  # fmt: skip


def refusal(reason: str, status: int) -> Reply:
    """An error as most of them look."""
    return json_reply({"error": True, "reason": reason, "success": False}, status)


class FakeDropcontact(FakeServer):
    """Dropcontact's API. A batch is ready after `polls_before_ready` requests for it."""

    prefix = "/v1"
    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "bad key": refused(refusal("Invalid API key", 401)),
        "missing data": refused(refusal("Missing data in JSON", 400)),
        "too many records": refused(refusal("Too many records: 250 at most", 400)),
        "data too big": refused(refusal("Data size is too big: 15 kB a record at most", 400)),
        "not enough credits": refused(refusal("Not enough credits", 403)),
        "not found": refused(json_reply({"detail": "Not Found"}, 404)),
        "unprocessable": refused(json_reply({"detail": "Unprocessable Entity"}, 422)),
        "too many requests": refused(refusal("Too many requests", 429)),
        "too many requests for long": refused(
            json_reply({"error": True, "reason": "Too many requests"}, 429, {"Retry-After": "3600"})
        ),
        "server error": refused(json_reply({"detail": "Internal Server Error"}, 500)),
        "not ready": refused(json_reply(NOT_READY)),
        "accepted without id": refused(json_reply({"error": False, "success": True})),
        "refused in a 200": refused(refusal("Temporary problem", 200)),
    }

    def __init__(
        self,
        people: Sequence[Person] = invented_people(25),
        *,
        polls_before_ready: int = 1,
        credits_left: int = 10_000,
        key: str = "test-key",
    ) -> None:
        super().__init__(key=key)
        self.people = people
        self.polls_before_ready = polls_before_ready
        self.credits_left = credits_left
        self.batches: dict[str, list[dict[str, Any]]] = {}
        self._polls: dict[str, int] = {}

    def memory(self) -> dict[str, Any]:
        """Its batches are kept for a month."""
        return {**super().memory(), "batches": self.batches}

    def restore(self, memory: Mapping[str, Any]) -> None:
        super().restore(memory)
        self.batches = memory["batches"]
        self._polls = dict.fromkeys(self.batches, 0)

    def respond(self, received: Received) -> Reply:
        if received.headers.get("x-access-token") != self.key:
            return refusal("Invalid API key", 401)
        if received.method == "POST" and received.path == "/enrich/all":
            return self.submit(received)
        if received.method == "GET" and received.path.startswith("/enrich/all/"):
            return self.fetch(received.path.rpartition("/")[2])
        return json_reply({"detail": "Not Found"}, 404)

    def submit(self, received: Received) -> Reply:
        """POST /enrich/all: takes a batch, and charges for it as it will turn out."""
        content = received.json() or {}
        records = content.get("data")
        if not records:
            return refusal("Missing data in JSON", 400)
        if len(records) > MOST_RECORDS:
            return refusal("Too many records: 250 at most", 400)
        if any(len(json.dumps(record).encode()) > MOST_BYTES for record in records):
            return refusal("Data size is too big: 15 kB a record at most", 400)
        if len(records) > self.credits_left:
            return refusal("Not enough credits", 403)
        request_id = f"stand-in-{len(self.batches) + 1:06d}"
        self.batches[request_id] = [
            self.enriched(record, content.get("language", "fr")) for record in records
        ]
        self._polls[request_id] = 0
        for record, answer in zip(records, self.batches[request_id], strict=True):
            self.bill(record, answer)
        return json_reply(
            {"credits_left": self.credits_left, "request_id": request_id, "error": False, "success": True}
        )

    def bill(self, record: Mapping[str, Any], answer: Mapping[str, Any]) -> None:
        """One credit for a record with an address, sent or found; never two."""
        if not record.get("email") and not answer.get("email"):
            return
        subject = record.get("email") or answer["email"][0]["email"]
        self.charge(subject, 1)
        self.credits_left -= 1

    def fetch(self, request_id: str) -> Reply:
        """GET /enrich/all/{request_id}: the records in their order, or "not yet", also for ids nobody knows."""
        if request_id not in self.batches:
            return json_reply(NOT_READY)
        self._polls[request_id] += 1
        if self._polls[request_id] <= self.polls_before_ready:
            return json_reply(NOT_READY)
        return json_reply(
            {
                "success": True,
                "error": False,
                "data": self.batches[request_id],
                "credits_left": self.credits_left,
            }
        )

    def enriched(self, record: Mapping[str, Any], language: str) -> dict[str, Any]:
        """What is found for a record: only what there is."""
        unexpected = {key: "unexpected_field" for key in record if key not in KNOWN_KEYS}
        custom = {"custom_fields": record["custom_fields"]} if "custom_fields" in record else {}
        person = self.find(record)
        if person is None:
            sent = record.get("email")
            invalid = QUALIFICATIONS[language if language == "en" else "fr"][3]
            emails = [{"email": sent, "qualification": invalid}] if sent else []
            return {**({"email": emails} if emails else {}), **custom, **unexpected}
        words = QUALIFICATIONS["en" if language == "en" else "fr"]
        return {
            "civility": "Mr" if person.number % 2 else "Mrs",
            "first_name": person.first_name,
            "last_name": person.last_name,
            "full_name": f"{person.first_name} {person.last_name}",
            "email": [{"email": person.email, "qualification": words[1 if person.number % 5 == 4 else 0]}],
            "phone": person.phone,
            "company": person.company,
            "website": f"www.{person.domain}",
            "company_linkedin": f"linkedin.com/company/{person.domain.partition('-')[0]}",
            "linkedin": f"linkedin.com/{person.linkedin}",
            "job": person.title,
            "country": person.country_code,
            "nb_employees": employees_band(person.employees),
            **custom,
            **unexpected,
        }

    def find(self, record: Mapping[str, Any]) -> Person | None:
        """By address, profile, or name with a company or its website."""
        name = record.get("full_name") or " ".join(
            filter(None, (record.get("first_name"), record.get("last_name")))
        )
        site = str(record.get("website") or "").casefold().removeprefix("https://").removeprefix("www.")
        for person in self.people:
            is_named = name.casefold() == f"{person.first_name} {person.last_name}".casefold()
            is_employed = person.domain == site.strip("/") or (
                str(record.get("company") or "").casefold() == person.company.casefold()
            )
            if (
                str(record.get("email") or "").casefold() == person.email
                or str(record.get("linkedin") or "").rstrip("/").endswith(person.linkedin)
                or (is_named and is_employed)
            ):
                return person
        return None


def employees_band(employees: int) -> str:
    """The band in which Dropcontact gives the size of a company."""
    bands = (
        (10, "1-10"),
        (50, "11-50"),
        (200, "51-200"),
        (500, "201-500"),
        (1000, "501-1000"),
        (5000, "1001-5000"),
    )
    return next((band for most, band in bands if employees <= most), "5001-10000")
