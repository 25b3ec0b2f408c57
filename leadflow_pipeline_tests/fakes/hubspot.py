"""A stand-in for HubSpot's CRM: contacts listed, searched by when they changed and put in; tasks created and searched.

What belongs here: what HubSpot answers (CRM v3), with its limits and errors. What does not: what a client makes of it.

The traps it keeps: a search reaches 10,000 results and not one more; `after` is an offset there and an id in the list;
the properties are text whatever they hold; a property that was not asked for is not there; searches carry no rate
headers; a 429 names its policy, and has no `Retry-After` where the daily limit is meant; a 207 carries failures; a
batch that holds a record twice is refused whole; a task that is created twice is there twice, and a search may not
know it yet.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
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
)
from leadflow_pipeline_tests.fakes.people import Person, invented_people

CONTACTS = "/crm/v3/objects/contacts"
TASKS = "/crm/v3/objects/tasks"
MOST_IN_BATCH = 100
TASK_TO_CONTACT = 204
MOST_LISTED = 100
MOST_SEARCHED = 200
MOST_RESULTS = 10_000
CORRELATION = "5d1f8a06-93be-4c72-8e15-7ab0c4d2f639"
RATE_HEADERS = {
    "X-HubSpot-RateLimit-Max": "100",
    "X-HubSpot-RateLimit-Remaining": "99",
    "X-HubSpot-RateLimit-Interval-Milliseconds": "10000",
    "X-HubSpot-RateLimit-Daily": "250000",
    "X-HubSpot-RateLimit-Daily-Remaining": "249999",
}
ALWAYS_THERE = ("createdate", "hs_object_id", "lastmodifieddate")
BY_DEFAULT = (*ALWAYS_THERE, "email", "firstname", "lastname")


def error(message: str, status: int, category: str, **further: Any) -> Reply:
    """An error as all of them look."""
    content = {"status": "error", "message": message, "correlationId": CORRELATION, "category": category}
    return json_reply({**content, **further}, status)


def rate_limited(policy: str, retry_after: str | None = None) -> Failure:
    """429 with the policy that was hit."""
    content = {
        "status": "error",
        "message": f"You have reached your {policy.lower()} limit.",
        "errorType": "RATE_LIMIT",
        "correlationId": CORRELATION,
        "policyName": policy,
    }
    return refused(json_reply(content, 429, {"Retry-After": retry_after} if retry_after else {}))


class FakeHubSpot(FakeServer):
    """HubSpot's contacts. `changed_at` of a person is when its contact last changed; `change(number, at)` moves it."""

    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        "bad key": refused(error("Authentication credentials not found.", 401, "INVALID_AUTHENTICATION")),
        "expired key": refused(
            error("The OAuth token used to make this call expired", 401, "EXPIRED_AUTHENTICATION")
        ),
        "missing scope": refused(
            error("This app hasn't been granted all required scopes", 403, "MISSING_SCOPES")
        ),
        "validation error": refused(
            error("Invalid input JSON", 400, "VALIDATION_ERROR", errors=[], context={})
        ),
        "locked": refused(error("The resource is locked", 423, "LOCKED")),
        "too many requests": rate_limited("TEN_SECONDLY_ROLLING"),
        "too many searches": rate_limited("SECONDLY", "1"),
        "too many requests today": rate_limited("DAILY"),
        "too many requests for long": rate_limited("TEN_SECONDLY_ROLLING", "3600"),
        "timeout inside": refused(error("Internal timeout", 524, "TIMEOUT")),
        "partly failed": carried_out(lambda reply: partly_failed(reply)),
        "some refused": lambda server, received: server.upsert(received, refuses=True),
        "repeated cursor": lambda server, received: server.search(received, cursor="0"),
        "endless pages": lambda server, received: server.search(received, is_endless=True),
    }

    def __init__(self, people: Sequence[Person] = invented_people(25), *, key: str = "test-key") -> None:
        super().__init__(key=key)
        self.people = list(people)
        self._changed_at: dict[int, datetime] = {person.number: person.changed_at for person in people}
        self.put: dict[str, dict[str, str]] = {}
        """What was put into the CRM: address -> properties."""
        self.tasks: list[dict[str, Any]] = []
        self.search_knows = True
        """Whether the search of tasks has taken in what was created."""

    def memory(self) -> dict[str, Any]:
        return {**super().memory(), "put": self.put, "tasks": self.tasks}

    def restore(self, memory: Mapping[str, Any]) -> None:
        super().restore(memory)
        self.put, self.tasks = dict(memory["put"]), list(memory["tasks"])

    def change(self, number: int, at: datetime) -> None:
        """Somebody edited the contact of this person at that moment."""
        self._changed_at[number] = at

    def respond(self, received: Received) -> Reply:
        if received.headers.get("authorization") != f"Bearer {self.key}":
            return error("Authentication credentials not found.", 401, "INVALID_AUTHENTICATION")
        if (received.method, received.path) == ("GET", CONTACTS):
            return self.list(received)
        if (received.method, received.path) == ("POST", f"{CONTACTS}/search"):
            return self.search(received)
        if (received.method, received.path) == ("POST", f"{CONTACTS}/batch/upsert"):
            return self.upsert(received)
        if (received.method, received.path) == ("POST", TASKS):
            return self.create_task(received)
        if (received.method, received.path) == ("POST", f"{TASKS}/search"):
            return self.search_tasks(received)
        return error("resource not found", 404, "OBJECT_NOT_FOUND")

    def upsert(self, received: Received, refuses: bool = False) -> Reply:
        """POST /crm/v3/objects/contacts/batch/upsert, by email; the results in another order than the inputs."""
        inputs = (received.json() or {}).get("inputs", [])
        emails = [each["id"].lower() for each in inputs]
        if len(set(emails)) < len(emails) or len(emails) > MOST_IN_BATCH:
            return error("Duplicate IDs found in batch input", 400, "VALIDATION_ERROR")
        if any(each.get("idProperty") != "email" for each in inputs):
            return error("Unable to perform update/upsert by non-unique property", 400, "VALIDATION_ERROR")
        if refuses:
            problems = [
                {
                    "status": "error",
                    "category": "VALIDATION_ERROR",
                    "message": f"{email} is invalid",
                    "context": {},
                }
                for email in emails
            ]
            content = {"status": "COMPLETE", "results": [], "numErrors": len(problems), "errors": problems}
            return json_reply(content, 207)
        results = []
        for each, email in zip(inputs, emails, strict=True):
            is_new = email not in self.put
            self.put.setdefault(email, {}).update(each["properties"])
            results.append(
                {
                    "id": str(10_000 + list(self.put).index(email)),
                    "new": is_new,
                    "objectWriteTraceId": each.get("objectWriteTraceId"),
                    "properties": {"email": email},
                }
            )
        return json_reply({"status": "COMPLETE", "results": results[::-1]})

    def create_task(self, received: Received) -> Reply:
        """POST /crm/v3/objects/tasks."""
        task = received.json() or {}
        if "hs_timestamp" not in task.get("properties", {}):
            return error("Property hs_timestamp is required", 400, "VALIDATION_ERROR")
        for association in task.get("associations", []):
            if association["types"][0]["associationTypeId"] != TASK_TO_CONTACT:
                return error("no such association", 400, "VALIDATION_ERROR")
        self.tasks.append(task)
        return json_reply({"id": str(70_000 + len(self.tasks)), "properties": task["properties"]}, 201)

    def search_tasks(self, received: Received) -> Reply:
        """POST /crm/v3/objects/tasks/search: by a word of the body, as far as the index goes."""
        condition = (received.json() or {})["filterGroups"][0]["filters"][0]
        words = [
            task["properties"].get("hs_task_body", "").replace("<br>", " ").replace(".", " ").split()
            for task in self.tasks
        ]
        found = [
            {"id": str(70_001 + number), "properties": {}}
            for number, body in enumerate(words)
            if self.search_knows and condition["value"] in body
        ]
        return json_reply({"total": len(found), "results": found[:1]})

    def list(self, received: Received) -> Reply:
        """GET /crm/v3/objects/contacts: in the order of their ids."""
        limit = int(received.first("limit", "10"))
        if limit > MOST_LISTED:
            return error(f"Invalid input JSON: limit {limit}", 400, "VALIDATION_ERROR")
        names = [name for text in received.query.get("properties", []) for name in text.split(",")]
        after = int(received.first("after", "0"))
        rest = [person for person in self.people if contact_id(person) > after]
        content = {"results": [self.contact(person, names) for person in rest[:limit]]}
        if len(rest) > limit:
            content |= next_page(str(contact_id(rest[limit - 1])))
        return json_reply(content, headers=RATE_HEADERS)

    def search(self, received: Received, cursor: str | None = None, is_endless: bool = False) -> Reply:
        """POST /crm/v3/objects/contacts/search: filters, one sort, and at most 10,000 results."""
        wanted = received.json() or {}
        limit = int(wanted.get("limit", 10))
        offset = int(wanted.get("after") or 0)
        if limit > MOST_SEARCHED or offset + limit > MOST_RESULTS or len(wanted.get("filterGroups", [])) > 5:
            return error("Invalid input JSON: paging beyond 10000", 400, "VALIDATION_ERROR")
        found = [person for person in self.people if self.is_found(person, wanted.get("filterGroups", []))]
        for sort in wanted.get("sorts", []):
            is_descending = sort.get("direction") == "DESCENDING"
            name = sort["propertyName"]
            found.sort(key=lambda person: self.sorted_by(person, name), reverse=is_descending)
        first = 0 if is_endless else offset
        page = found[first : first + limit]
        content: dict[str, Any] = {
            "total": 10_000_000 if is_endless else len(found),
            "results": [self.contact(person, wanted.get("properties", [])) for person in page],
        }
        if cursor is not None or is_endless or len(found) > offset + limit:
            content |= next_page(cursor if cursor is not None else str(offset + limit))
        return json_reply(content)

    def is_found(self, person: Person, groups: Sequence[Mapping[str, Any]]) -> bool:
        """Whether any group of filters holds whole; no group: everybody."""
        return not groups or any(
            all(self.holds(person, condition) for condition in group["filters"]) for group in groups
        )

    def holds(self, person: Person, condition: Mapping[str, Any]) -> bool:
        """One filter on a date, a number or text."""
        actual = self.sorted_by(person, condition["propertyName"])
        operator, value = condition["operator"], condition.get("value")
        if operator == "HAS_PROPERTY":
            return bool(actual)
        expected = type(actual)(moment_in_milliseconds(str(value)) if isinstance(actual, int) else value)
        comparisons = {
            "EQ": actual == expected,
            "NEQ": actual != expected,
            "GT": actual > expected,
            "GTE": actual >= expected,
            "LT": actual < expected,
            "LTE": actual <= expected,
        }
        return bool(comparisons[operator])

    def sorted_by(self, person: Person, name: str) -> Any:
        """A property as it is compared: dates and ids as numbers."""
        if name == "lastmodifieddate":
            return int(self._changed_at[person.number].timestamp() * 1000)
        if name == "hs_object_id":
            return contact_id(person)
        return self.properties(person).get(name, "")

    def contact(self, person: Person, names: Sequence[str]) -> dict[str, Any]:
        """A contact with the properties that were asked for, or a few."""
        everything = self.properties(person)
        wanted = (*ALWAYS_THERE, *names) if names else BY_DEFAULT
        return {
            "id": str(contact_id(person)),
            "properties": {name: everything.get(name) for name in wanted},
            "createdAt": everything["createdate"],
            "updatedAt": everything["lastmodifieddate"],
            "archived": False,
        }

    def properties(self, person: Person) -> dict[str, str]:
        """Everything HubSpot keeps of a contact, as text."""
        return {
            "createdate": iso(person.changed_at),
            "lastmodifieddate": iso(self._changed_at[person.number]),
            "hs_object_id": str(contact_id(person)),
            "email": person.email,
            "firstname": person.first_name,
            "lastname": person.last_name,
            "company": person.company,
            "jobtitle": person.title,
            "phone": person.phone,
            "website": person.domain,
            "city": person.city,
            "country": person.country,
            "industry": person.industry,
            "lifecyclestage": "lead",
            "hs_lead_status": "NEW",
            "hs_analytics_source": ("ORGANIC_SEARCH", "PAID_SOCIAL", "REFERRALS", "OFFLINE")[
                person.number % 4
            ],
            "hs_email_optout": "",
        }


def partly_failed(reply: Reply) -> Reply:
    """A 207: some of the contacts, and what was wrong with the others."""
    content = json.loads(reply.body)
    problem = {
        "status": "error",
        "category": "INTERNAL_ERROR",
        "message": "some were not read",
        "context": {},
    }
    few = {"results": content.get("results", [])[:1], "numErrors": 1, "errors": [problem]}
    return json_reply({**content, **few}, 207)


def contact_id(person: Person) -> int:
    """The number HubSpot gave to the contact."""
    return 512 + person.number


def next_page(after: str) -> dict[str, Any]:
    """Where the next page begins."""
    return {"paging": {"next": {"after": after, "link": f"?after={after}"}}}


def iso(moment: datetime) -> str:
    """A moment as HubSpot writes it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def moment_in_milliseconds(value: str) -> int:
    """A filter's moment: milliseconds since 1970, or ISO 8601."""
    if re.fullmatch(r"\d+", value):
        return int(value)
    return int(datetime.fromisoformat(value).timestamp() * 1000)
