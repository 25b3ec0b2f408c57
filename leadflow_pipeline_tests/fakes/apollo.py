"""A stand-in for Apollo.io: people search, enrichment of people and companies, as its public reference has it.

What belongs here: what Apollo answers, with its limits, headers and errors. What does not: what a client makes of it.

The traps it keeps: a search costs nothing and tells neither email nor telephone number nor whole last name; a bulk
call takes ten people; nobody matched is a 200 with null; 401 is plain text; a 429 may hold JSON inside a JSON string;
an unlimited window gives an empty rate header; `request_id` is a signed 64-bit integer. Every match is charged anew,
so that asking twice shows in `charges` (one credit for each person with an email).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from leadflow_pipeline_tests.fakes.http import (
    NETWORK_FAILURES,
    Failure,
    FakeServer,
    Received,
    Reply,
    carried_out,
    json_reply,
    refused,
    text_reply,
)
from leadflow_pipeline_tests.fakes.people import Person, invented_people

MOST_PER_PAGE = 100
MOST_PAGES = 500
MOST_DETAILS = 10
REQUEST_ID = -7_310_482_966_150_388_217
BAD_KEY = "Invalid API key: plain text, as Apollo sends it."
TOO_MANY = {"message": "600 calls of people/bulk_match an hour are allowed, and more were made."}
NOT_IN_SCOPE = {
    "error": "people/bulk_match is not in the scope of this API key.",
    "error_code": "API_INACCESSIBLE",
}
UNKNOWN_ERROR = {"status": "failed", "error_code": "UNKNOWN_ERROR", "error_message": "something went wrong"}


def too_many(retry_after: str | None, *, is_string: bool = True) -> Failure:
    """429, as JSON inside a JSON string or as plain JSON."""
    content: Any = json.dumps(TOO_MANY, indent=4) if is_string else TOO_MANY
    return refused(json_reply(content, 429, {"retry-after": retry_after} if retry_after else {}))


class FakeApollo(FakeServer):
    """Apollo's API. `shape="legacy"` answers searches as it did before 2025; `windows` are minute, hour and day.

    `without_email` are numbers of people whose address it does not know: they match, and cost nothing.
    """

    prefix = "/api/v1"
    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "bad key": refused(text_reply(BAD_KEY, 401)),
        "not in scope": refused(json_reply(NOT_IN_SCOPE, 403)),
        "invalid parameters": refused(json_reply({"error": "Invalid parameters"}, 422)),
        "unknown error": refused(json_reply(json.dumps(UNKNOWN_ERROR, indent=2), 422)),
        "too many requests": too_many("3"),
        "too many requests in plain json": too_many("3", is_string=False),
        "too many requests for long": too_many("3600"),
        "too many requests without retry-after": too_many(None),
        "nobody matched": lambda server, received: server.nobody(received),
        "endless pages": lambda server, received: server.search(received, is_endless=True),
        "repeated page": lambda server, received: server.search(received, page=1),
        "matches left out": carried_out(lambda reply: without_nulls(reply)),
    }

    def __init__(
        self,
        people: Sequence[Person] = invented_people(25),
        *,
        shape: str = "current",
        windows: tuple[int | None, int | None, int | None] = (200, 6_000, None),
        without_email: frozenset[int] = frozenset(),
        key: str = "test-key",
    ) -> None:
        super().__init__(key=key)
        self.people = people
        self.shape = shape
        self.windows = windows
        self.without_email = without_email
        self._used = 0

    def respond(self, received: Received) -> Reply:
        if received.headers.get("x-api-key") != self.key:
            return text_reply(BAD_KEY, 401)
        if any(limit is not None and self._used >= limit for limit in self.windows):
            return json_reply(json.dumps(TOO_MANY), 429, {"retry-after": "60", **self.rate_headers()})
        self._used += 1
        operations = {
            ("POST", "/mixed_people/api_search"): self.search,
            ("POST", "/people/match"): self.match,
            ("POST", "/people/bulk_match"): self.bulk_match,
            ("GET", "/organizations/enrich"): self.organization,
        }
        operation = operations.get((received.method, received.path))
        if operation is None:
            return json_reply({"error": "Not Found"}, 404)
        reply = operation(received)
        return replace(reply, headers={**reply.headers, **self.rate_headers()})

    # --- operations ---

    def search(self, received: Received, page: int | None = None, is_endless: bool = False) -> Reply:
        """POST /mixed_people/api_search, filters in the query (`person_titles[]=`) or the body."""
        filters = asked_for(received)
        per_page = number_in(filters, "per_page", 10)
        asked_page = number_in(filters, "page", 1)
        if not (1 <= per_page <= MOST_PER_PAGE and 1 <= asked_page <= MOST_PAGES):
            return json_reply({"error": "Invalid parameters"}, 422)
        found = [person for person in self.people if is_wanted(person, filters)]
        first = 0 if is_endless else ((page or asked_page) - 1) * per_page
        people = [self.obfuscated(person) for person in found[first : first + per_page]]
        total = 50_000_000 if is_endless else len(found)
        if self.shape == "current":
            return json_reply({"total_entries": total, "people": people})
        return json_reply(
            {
                "breadcrumbs": [],
                "pagination": {
                    "page": asked_page,
                    "per_page": per_page,
                    "total_entries": total,
                    "total_pages": -(-total // per_page),
                },
                "people": people[::2],
                "contacts": people[1::2],
            }
        )

    def match(self, received: Received) -> Reply:
        """POST /people/match: one person, or null."""
        person = self.find(asked_for(received))
        if person is not None:
            self.charge(person.email, self.price(person))
        content = self.profile(person) if person is not None else None
        return json_reply({"person": content, "request_id": REQUEST_ID})

    def bulk_match(self, received: Received) -> Reply:
        """POST /people/bulk_match: at most ten; null in the place of who is not known."""
        details = (received.json() or {}).get("details")
        if not details:
            return failed("INVALID_REQUEST", "no details were given")
        if len(details) > MOST_DETAILS:
            return failed(
                "RECORD_LIMIT_EXCEEDED", f"{len(details)} people in one request, where 10 are allowed"
            )
        found = [self.find(detail) for detail in details]
        charged = {person.email: self.price(person) for person in found if person is not None}
        for subject, price in charged.items():
            self.charge(subject, price)
        return json_reply(
            {
                "status": "success",
                "error_code": None,
                "error_message": None,
                "total_requested_enrichments": len(details),
                "unique_enriched_records": sum(price > 0 for price in charged.values()),
                "missing_records": found.count(None),
                "credits_consumed": sum(charged.values()),
                "matches": [None if person is None else self.profile(person) for person in found],
                "request_id": REQUEST_ID,
            }
        )

    def nobody(self, received: Received) -> Reply:
        """A 200 that found nobody, for whatever was asked."""
        details = (received.json() or {}).get("details")
        if details is None:
            return json_reply({"person": None, "request_id": REQUEST_ID})
        empty = {"unique_enriched_records": 0, "missing_records": len(details), "credits_consumed": 0}
        return json_reply(
            {"status": "success", **empty, "matches": [None] * len(details), "request_id": REQUEST_ID}
        )

    def organization(self, received: Received) -> Reply:
        """GET /organizations/enrich?domain="""
        domain = received.first("domain")
        if not domain:
            return json_reply(json.dumps({"error": "Required parameter 'domain' missing"}, indent=2), 422)
        person = next((person for person in self.people if person.domain == domain), None)
        if person is None:
            return json_reply({"organization": None})
        self.charge(domain, 1)
        return json_reply({"organization": organization_of(person)})

    # --- what it knows ---

    def find(self, detail: Mapping[str, Any]) -> Person | None:
        """By id, email, profile, or name with a company."""
        wanted_name = detail.get("name") or " ".join(
            filter(None, (detail.get("first_name"), detail.get("last_name")))
        )
        for person in self.people:
            full_name = f"{person.first_name} {person.last_name}"
            employers = {person.domain.casefold(), person.company.casefold()}
            employer = (detail.get("domain") or detail.get("organization_name") or "").casefold()
            if (
                detail.get("id") == person.vendor_id
                or (detail.get("email") or "").casefold() == person.email
                or str(detail.get("linkedin_url") or "").endswith(person.linkedin)
                or (wanted_name.casefold() == full_name.casefold() and employer in employers)
            ):
                return person
        return None

    def price(self, person: Person) -> int:
        """Credits for a match."""
        return 0 if person.number in self.without_email else 1

    def profile(self, person: Person) -> dict[str, Any]:
        """An enriched person."""
        is_known = person.number not in self.without_email
        return {
            "id": person.vendor_id,
            "first_name": person.first_name,
            "last_name": person.last_name,
            "name": f"{person.first_name} {person.last_name}",
            "linkedin_url": f"http://www.linkedin.com/{person.linkedin}",
            "title": person.title,
            "headline": f"{person.title} at {person.company}",
            "email": person.email if is_known else None,
            "email_status": "verified" if is_known else None,
            "extrapolated_email_confidence": None,
            "organization_id": organization_id(person),
            "employment_history": [
                {
                    "_id": f"70b1e5a9c2d4f8{person.number:010x}",
                    "current": True,
                    "end_date": None,
                    "organization_name": person.company,
                    "start_date": f"{2010 + person.number % 14}-01-01",
                    "title": person.title,
                }
            ],
            "city": person.city,
            "state": None,
            "country": person.country,
            "organization": organization_of(person),
            "departments": [f"master_{person.department}"],
            "subdepartments": [person.department],
            "seniority": person.seniority,
            "functions": [person.department],
            "show_intent": False,
            "revealed_for_current_team": True,
        }

    def obfuscated(self, person: Person) -> dict[str, Any]:
        """A person as a search tells of them."""
        return {
            "id": person.vendor_id,
            "first_name": person.first_name,
            "last_name_obfuscated": f"{person.last_name[:2]}***{person.last_name[-1]}",
            "title": person.title,
            "last_refreshed_at": person.changed_at.isoformat(timespec="milliseconds"),
            "has_email": person.number not in self.without_email,
            "has_city": True,
            "has_state": False,
            "has_country": True,
            "has_direct_phone": "Yes" if person.number % 3 else "Maybe: please request direct dial",
            "organization": {
                "name": person.company,
                "has_industry": True,
                "has_phone": True,
                "has_city": True,
                "has_state": False,
                "has_country": True,
                "has_zip_code": False,
                "has_revenue": False,
                "has_employee_count": True,
            },
        }

    def rate_headers(self) -> dict[str, str]:
        """Three windows at once; an unlimited one has an empty limit."""
        headers = {}
        names = (("minute", "minute"), ("hourly", "hourly"), ("24-hour", "24-hour"))
        for (limit_name, usage_name), limit in zip(names, self.windows, strict=True):
            headers[f"x-rate-limit-{limit_name}"] = "" if limit is None else str(limit)
            headers[f"x-{usage_name}-usage"] = str(self._used)
            headers[f"x-{usage_name}-requests-left"] = "" if limit is None else str(limit - self._used)
        return headers


def failed(code: str, message: str) -> Reply:
    """A request that Apollo refuses whole."""
    return json_reply({"status": "failed", "error_code": code, "error_message": message}, 400)


def without_nulls(reply: Reply) -> Reply:
    """A bulk answer without places for those who are not known, as `missing_records` alone tells of them."""
    content = json.loads(reply.body)
    if "matches" in content:
        content["matches"] = [match for match in content["matches"] if match is not None]
    return json_reply(content, reply.status, {**reply.headers})


def organization_id(person: Person) -> str:
    return f"5a90cc17e3b264{sum(person.domain.encode()):010x}"


def organization_of(person: Person) -> dict[str, Any]:
    """The company of a person."""
    return {
        "id": organization_id(person),
        "name": person.company,
        "website_url": f"http://www.{person.domain}",
        "linkedin_url": f"http://www.linkedin.com/company/{person.domain.partition('-')[0]}",
        "primary_phone": {},
        "phone": None,
        "founded_year": 1950 + person.employees % 70,
        "primary_domain": person.domain,
        "industry": person.industry.lower(),
        "keywords": [],
        "estimated_num_employees": person.employees,
        "annual_revenue": person.employees * 120_000,
        "technology_names": ["Salesforce", "Outlook"] if person.employees > 200 else ["Gmail"],
        "latest_funding_stage": None,
        "city": person.city,
        "state": None,
        "country": person.country,
    }


def asked_for(received: Received) -> dict[str, Any]:
    """Filters from the query and the body together; `name[]` is a list."""
    filters: dict[str, Any] = dict(received.json() or {})
    for name, values in received.query.items():
        filters[name.removesuffix("[]")] = values if name.endswith("[]") else values[0]
    return filters


def number_in(filters: Mapping[str, Any], name: str, default: int) -> int:
    """A number of the request; 0 where it is none."""
    text = str(filters.get(name, default))
    return int(text) if text.isdecimal() else 0


def is_wanted(person: Person, filters: Mapping[str, Any]) -> bool:
    """Whether a person meets every filter of a search."""
    texts = {
        "person_titles": person.title,
        "person_locations": f"{person.city}, {person.country}",
        "organization_locations": f"{person.city}, {person.country}",
        "q_organization_domains_list": person.domain,
        "person_seniorities": person.seniority,
    }
    for name, text in texts.items():
        wanted = filters.get(name)
        if wanted and not any(str(value).casefold() in text.casefold() for value in wanted):
            return False
    ranges = filters.get("organization_num_employees_ranges")
    if ranges:
        bounds = [tuple(int(end) for end in each.split(",")) for each in ranges]
        if not any(low <= person.employees <= high for low, high in bounds):
            return False
    keywords = str(filters.get("q_keywords") or "").casefold()
    return keywords in f"{person.title} {person.company} {person.industry}".casefold()
