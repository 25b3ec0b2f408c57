"""A stand-in for Clearbit's combined look-up of a person and their company by email.

What belongs here: what Clearbit answers, with its errors. What does not: what a client makes of it.

The traps it keeps: 202 means that the answer comes later; person or company alone may be null, and so may almost every
leaf; an address that is nobody's own ("info@") is a 422. An address that is answered with 200 or 404 is charged once,
however often it is asked for.
"""

from __future__ import annotations

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

RATE_HEADERS = {"x-ratelimit-limit": "600", "x-ratelimit-remaining": "599", "x-ratelimit-reset": "1760000000"}
NOT_A_PERSON = ("info@", "sales@", "office@", "kontakt@")


def error(kind: str, message: str, status: int, headers: Mapping[str, str] | None = None) -> Reply:
    """An error as all of them look."""
    return json_reply(
        {"error": {"type": kind, "message": message}}, status, {**RATE_HEADERS, **(headers or {})}
    )


QUEUED = error("queued", "Lookup queued. Try again later.", 202)
LIMITED = ("rate_limit", "Rate limit exceeded.")


class FakeClearbit(FakeServer):
    """Clearbit's API. The first `pending` requests for each address are answered with 202."""

    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "bad key": refused(error("auth_invalid", "Invalid API key provided.", 401)),
        "over quota": refused(error("over_quota", "Your account is over its quota.", 402)),
        "pending": refused(QUEUED),
        "not found": refused(error("unknown_record", "Unknown person.", 404)),
        "invalid email": refused(error("email_invalid", "Email is invalid.", 422)),
        "too many requests": refused(error(*LIMITED, 429, {"Retry-After": "5"})),
        "too many requests for long": refused(error(*LIMITED, 429, {"Retry-After": "3600"})),
        "too many requests without retry-after": refused(error(*LIMITED, 429)),
        "person null": lambda server, received: server.combined(received, without="person"),
        "company null": lambda server, received: server.combined(received, without="company"),
        "both null": refused(json_reply({"person": None, "company": None}, headers=RATE_HEADERS)),
    }

    def __init__(
        self, people: Sequence[Person] = invented_people(25), *, pending: int = 0, key: str = "test-key"
    ) -> None:
        super().__init__(key=key)
        self.people = {person.email: person for person in people}
        self.pending = pending
        self._asked: dict[str, int] = {}

    def respond(self, received: Received) -> Reply:
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return error("auth_required", "Authentication required.", 401)
        if (received.method, received.path) == ("GET", "/v2/combined/find"):
            return self.combined(received)
        return error("unknown_route", "Unknown route.", 404)

    def combined(self, received: Received, without: str | None = None) -> Reply:
        """GET /v2/combined/find?email="""
        email = received.first("email").casefold()
        if "@" not in email or email.startswith(NOT_A_PERSON):
            return error("email_invalid", "Email is invalid.", 422)
        self._asked[email] = self._asked.get(email, 0) + 1
        if self._asked[email] <= self.pending:
            return QUEUED
        if email not in self.charges:
            self.charge(email, 1)
        person = self.people.get(email)
        if person is None:
            return error("unknown_record", "Unknown person.", 404)
        content = {"person": person_of(person), "company": company_of(person)}
        if without is not None:
            content[without] = None
        return json_reply(content, headers=RATE_HEADERS)


def person_of(person: Person) -> dict[str, Any] | None:
    """What is known of a person."""
    return {
        "id": f"d54c54ad-40be-4305-8a34-{person.number:012x}",
        "name": {
            "fullName": f"{person.first_name} {person.last_name}",
            "givenName": person.first_name,
            "familyName": person.last_name,
        },
        "email": person.email,
        "location": f"{person.city}, {person.country_code}",
        "timeZone": None,
        "utcOffset": None,
        "geo": {
            "city": person.city,
            "state": None,
            "stateCode": None,
            "country": person.country,
            "countryCode": person.country_code,
            "lat": None,
            "lng": None,
        },
        "bio": None,
        "employment": {
            "domain": person.domain,
            "name": person.company,
            "title": person.title,
            "role": person.department,
            "subRole": None,
            "seniority": "executive" if person.seniority in ("c_suite", "founder", "vp") else "manager",
        },
        "linkedin": {"handle": person.linkedin},
        "twitter": {"handle": None, "followers": None},
        "emailProvider": False,
        "fuzzy": False,
        "indexedAt": "2025-03-01T00:00:00.000Z",
    }


def company_of(person: Person) -> dict[str, Any]:
    """What is known of their company."""
    low = person.employees // 50 * 50
    return {
        "id": f"c5a6a9c5-303a-455a-935c-{sum(person.domain.encode()):012x}",
        "name": person.company,
        "legalName": person.company,
        "domain": person.domain,
        "domainAliases": [],
        "category": {
            "sector": None,
            "industryGroup": None,
            "industry": person.industry,
            "subIndustry": None,
        },
        "tags": [],
        "description": None,
        "foundedYear": 1950 + person.employees % 70,
        "geo": {
            "city": person.city,
            "country": person.country,
            "countryCode": person.country_code,
            "state": None,
        },
        "metrics": {
            "employees": person.employees,
            "employeesRange": f"{low}-{low + 50}",
            "annualRevenue": None,
            "estimatedAnnualRevenue": "$10M-$50M",
            "raised": None,
        },
        "tech": ["salesforce"] if person.employees > 200 else [],
        "type": "private",
        "phone": None,
    }
