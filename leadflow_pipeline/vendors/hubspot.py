"""HubSpot: the contacts of a CRM, by when they last changed; contacts with their owner put in, and tasks.

What belongs here: the shapes of HubSpot's search, batches and tasks, and how its contacts are gone through whole. What
does not: rates, retries and statuses (the session), and which property becomes which field of a lead.

Sources: developers.hubspot.com, "Search the CRM", "API usage guidelines", "Create or update a batch of contacts",
"Activities: Tasks", 2025-09. A search reaches 10,000 results; it allows 4 requests a second and sends no rate headers;
what has just changed may take some moments to show. A batch is answered with 207 where some of it failed, is refused
where it holds a record twice, and its results come in any order. Putting a contact in again changes nothing; a task
has no key of its own, so creating one again makes a second.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leadflow_pipeline.errors import FateUnknown, PermanentError, TransientError
from leadflow_pipeline.vendors.reading import json_object, objects
from leadflow_pipeline.vendors.session import Rate, VendorSession

VENDOR = "hubspot"
BASE_URL = "https://api.hubapi.com"
RATE = Rate(requests=4, per_seconds=1)
CONTACTS = "/crm/v3/objects/contacts"
TASKS = "/crm/v3/objects/tasks"
CATEGORY = re.compile(r"[A-Z][A-Z_]{2,40}")
MOST_PER_PAGE = 200
MOST_RESULTS = 10_000
CHANGED = "lastmodifieddate"
MOST_IN_BATCH = 100
TASK_TO_CONTACT = 204
"""HubSpot's own number for that a task belongs to a contact."""
PARTLY_FAILED = 207


@dataclass(frozen=True)
class ContactPage:
    """Contacts (`id`, `properties`, `createdAt`, `updatedAt`) by when they changed, and where the next page begins.

    `after` is None on the last page.
    """

    contacts: list[dict[str, Any]]
    after: str | None


@dataclass(frozen=True)
class PutContact:
    """A contact that was put in: its id, and whether it `is_new`; without an id, the plain `problem`."""

    contact_id: str | None
    is_new: bool = False
    problem: str | None = None


@dataclass(frozen=True)
class Window:
    """Contacts changed at or after a moment (milliseconds since 1970; None: all).

    The offset counts only contacts changed in that very millisecond. As text it is a cursor: `1740816000000:0`.
    """

    since: int | None
    offset: int = 0

    def __str__(self) -> str:
        return f"{'' if self.since is None else self.since}:{self.offset}"

    @classmethod
    def of(cls, text: str) -> Window:
        """The window that a cursor names."""
        since, _, offset = text.partition(":")
        if not offset.isdecimal() or not (since.isdecimal() or since == ""):
            raise PermanentError("this is no cursor of HubSpot's contacts: begin the sweep anew")
        return cls(int(since) if since else None, int(offset))


def headers(key: str) -> dict[str, str]:
    """What every request to HubSpot carries; the key is the token of a private app."""
    return {"Authorization": f"Bearer {key}"}


class HubSpot:
    """HubSpot's API over a session that was opened with `headers(key)`."""

    def __init__(self, session: VendorSession) -> None:
        self._session = session

    def contacts(
        self, modified_after: datetime | None, after: str | None, properties: Sequence[str], limit: int = 100
    ) -> ContactPage:
        """One page of the contacts changed at or after a moment, those changed first come first.

        `after` is what the page before gave. Each page begins at the moment where the last one ended, not at an
        offset: a contact that is edited meanwhile moves to the end, and would pull one behind it over the edge
        of an offset unseen. So a contact or two come twice, none is missed, and the limit of results is not met.
        """
        if not 1 <= limit <= MOST_PER_PAGE:
            raise PermanentError(f"HubSpot gives 1 to {MOST_PER_PAGE} contacts a page, not {limit}")
        since = None if modified_after is None else int(modified_after.timestamp() * 1000)
        window = Window(since) if after is None else Window.of(after)
        content = self._search(window, properties, limit)
        contacts = objects(content.get("results"))
        if not contacts or not has_next_page(content):
            return ContactPage(contacts, None)
        latest = changed_at(contacts[-1])
        if latest != window.since:
            return ContactPage(contacts, str(Window(latest)))
        if window.offset + 2 * limit > MOST_RESULTS:
            raise PermanentError(
                f"about {MOST_RESULTS:,} contacts of HubSpot changed in one millisecond, which is further than its "
                "search reaches: export them to a file and import that"
            )
        return ContactPage(contacts, str(Window(latest, window.offset + limit)))

    def _search(self, window: Window, properties: Sequence[str], limit: int) -> dict[str, Any]:
        since = {"propertyName": CHANGED, "operator": "GTE", "value": str(window.since)}
        body = {
            "filterGroups": [] if window.since is None else [{"filters": [since]}],
            "sorts": [{"propertyName": CHANGED, "direction": "ASCENDING"}],
            "properties": list(properties),
            "limit": limit,
            "after": str(window.offset),
        }
        response = self._session.call("POST", f"{CONTACTS}/search", json=body, is_repeatable=True)
        content = json_object(response, "HubSpot", is_repeatable=True)
        if response.status_code == PARTLY_FAILED or content.get("errors"):
            # To go on from the last contact that came would pass over those that did not.
            raise TransientError("HubSpot gave only some of the contacts of a page: it is asked again later")
        return content

    def put_contacts(self, contacts: Sequence[Mapping[str, str]]) -> dict[str, PutContact]:
        """Creates or updates contacts by their `email`: each address, in lower case, with what became of it.

        One that is given twice counts as the later one, because HubSpot refuses a batch that holds a record twice.
        Doing it again changes nothing.
        """
        by_email = {contact["email"].strip().lower(): contact for contact in contacts}
        put: dict[str, PutContact] = {}
        emails = list(by_email)
        for begin in range(0, len(emails), MOST_IN_BATCH):
            batch = emails[begin : begin + MOST_IN_BATCH]
            put |= self._put_batch({email: by_email[email] for email in batch})
        return put

    def _put_batch(self, batch: Mapping[str, Mapping[str, str]]) -> dict[str, PutContact]:
        inputs = [
            {
                "id": email,
                "idProperty": "email",
                "objectWriteTraceId": email_trace(email),
                "properties": dict(properties),
            }
            for email, properties in batch.items()
        ]
        response = self._session.call(
            "POST", f"{CONTACTS}/batch/upsert", json={"inputs": inputs}, is_repeatable=True
        )
        content = json_object(response, "HubSpot", is_repeatable=True)
        put = {email: PutContact(None, problem=_problem(content.get("errors"), email)) for email in batch}
        traces = {email_trace(email): email for email in batch}
        for result in objects(content.get("results")):
            properties = result.get("properties")
            told = properties.get("email") if isinstance(properties, dict) else None
            email = traces.get(str(result.get("objectWriteTraceId"))) or str(told or "").lower()
            if email in put and result.get("id"):
                put[email] = PutContact(str(result["id"]), result.get("new") is True)
        return put

    def find_task(self, reference: str) -> str | None:
        """The id of a task whose body holds a reference of ours, as far as HubSpot's search knows it by now."""
        condition = {"propertyName": "hs_task_body", "operator": "CONTAINS_TOKEN", "value": reference}
        body = {"filterGroups": [{"filters": [condition]}], "properties": ["hs_task_body"], "limit": 1}
        response = self._session.call("POST", f"{TASKS}/search", json=body, is_repeatable=True)
        found = objects(json_object(response, "HubSpot", is_repeatable=True).get("results"))
        return str(found[0]["id"]) if found and found[0].get("id") else None

    def create_task(self, properties: Mapping[str, str], contact_id: str | None) -> str:
        """A new task, of a contact where there is one; its id. Not repeatable: raises FateUnknown without an answer."""
        kind = {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": TASK_TO_CONTACT}
        contacts = [] if contact_id is None else [{"to": {"id": contact_id}, "types": [kind]}]
        response = self._session.call(
            "POST",
            TASKS,
            json={"properties": dict(properties), "associations": contacts},
            is_repeatable=False,
        )
        content = json_object(response, "HubSpot", is_repeatable=False)
        if not content.get("id"):
            raise FateUnknown("HubSpot answered without the id of the task: look whether it is there")
        return str(content["id"])


def email_trace(email: str) -> str:
    """How a result of a batch is told from the others: a hash, because HubSpot logs it."""
    return hashlib.sha256(email.encode()).hexdigest()[:16]


def _problem(errors: Any, email: str) -> str:
    """Why a contact was not put in: the categories of what failed, never HubSpot's words, which quote addresses."""
    told = objects(errors)
    ours = [
        error for error in told if email_trace(email) in str(error) or email in str(error).lower()
    ] or told
    named = {str(error.get("category")) for error in ours}
    categories = sorted(name for name in named if CATEGORY.fullmatch(name))
    return f"HubSpot did not take the contact ({', '.join(categories) or 'it does not say why'})"


def has_next_page(content: dict[str, Any]) -> bool:
    """Whether HubSpot names a page after this one."""
    paging = content.get("paging")
    return isinstance(paging, dict) and isinstance(paging.get("next"), dict)


def changed_at(contact: dict[str, Any]) -> int:
    """When a contact last changed, in milliseconds since 1970.

    Raises TransientError where HubSpot does not tell, because the sweep could not go on from there.
    """
    properties = contact.get("properties")
    text = (properties.get(CHANGED) if isinstance(properties, dict) else None) or contact.get("updatedAt")
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise TransientError(
            "HubSpot gave a contact without the moment of its last change: try again"
        ) from None
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp() * 1000)
