"""HubSpot: the contacts of a CRM, by when they last changed.

What belongs here: the shapes of HubSpot's search, and how its contacts are gone through whole. What does not: rates,
retries and statuses (the session), and which property becomes which field of a lead.

Source: developers.hubspot.com, "Search the CRM" and "API usage guidelines", 2025-09. A search reaches 10,000 results;
it allows 4 requests a second and sends no rate headers; a contact that has just changed may take some moments to show.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.vendors.reading import json_object, objects
from leadflow_pipeline.vendors.session import Rate, VendorSession

VENDOR = "hubspot"
BASE_URL = "https://api.hubapi.com"
RATE = Rate(requests=4, per_seconds=1)
MOST_PER_PAGE = 200
MOST_RESULTS = 10_000
CHANGED = "lastmodifieddate"
PARTLY_FAILED = 207


@dataclass(frozen=True)
class ContactPage:
    """Contacts (`id`, `properties`, `createdAt`, `updatedAt`) by when they changed, and where the next page begins.

    `after` is None on the last page.
    """

    contacts: list[dict[str, Any]]
    after: str | None


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
        response = self._session.call(
            "POST", "/crm/v3/objects/contacts/search", json=body, is_repeatable=True
        )
        content = json_object(response, "HubSpot", is_repeatable=True)
        if response.status_code == PARTLY_FAILED or content.get("errors"):
            # To go on from the last contact that came would pass over those that did not.
            raise TransientError("HubSpot gave only some of the contacts of a page: it is asked again later")
        return content


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
