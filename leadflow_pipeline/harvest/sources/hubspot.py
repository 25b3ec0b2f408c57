"""HubSpot: contacts in the order in which they last changed, from where the last sweep ended. A door.

What belongs here: what a campaign file may say of it, and where the next sweep begins. What does not: HubSpot's
protocol, and how its search is gone through whole (`vendors.hubspot`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from leadflow_pipeline.harvest.sources.base import AskedSource, BaseUrl, Page, SecretName, Standing
from leadflow_pipeline.harvest.sources.world import World
from leadflow_pipeline.vendors import hubspot

OVERLAP = timedelta(minutes=5)
"""A contact that has just changed may be missing from a search for some moments, so the next sweep begins earlier.
The contacts that come twice are known by then."""


@dataclass(frozen=True)
class Place(Standing):
    """Where a sweep stands: contacts changed since a moment (milliseconds since 1970), from the client's cursor on."""

    since: int | None = None
    after: str | None = None


class HubSpotSource(AskedSource):
    """The contacts of a HubSpot account."""

    usual_mapping: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "source_key": "id",
            "email": "properties.email",
            "phone": "properties.phone",
            "first_name": "properties.firstname",
            "last_name": "properties.lastname",
            "company": "properties.company",
            "job_title": "properties.jobtitle",
            "website": "properties.website",
            "industry": "properties.industry",
            "city": "properties.city",
            "region": "properties.state",
            "country": "properties.country",
            "postcode": "properties.zip",
        }
    )

    kind: Literal["hubspot"]
    key_from: SecretName = Field("LEADFLOW_HUBSPOT_KEY", description="of a private app's token")
    base_url: BaseUrl = hubspot.BASE_URL
    properties: tuple[str, ...] = Field(
        (), description="further properties of a contact that the mapping uses"
    )
    hours_between_sweeps: float = Field(0.25, ge=0, description="from the end of one sweep to the next")
    most_pages: int = Field(2_000, ge=1, description="of one sweep; the next goes on where it ends")

    def pages(self, world: World, cursor: str | None) -> Iterator[Page]:
        """Pages of contacts, oldest change first; the cursor is a place."""
        headers = hubspot.headers(world.secret(self.key_from))
        session = world.session(
            hubspot.VENDOR, self.base_url, headers=headers, rate=hubspot.RATE, on_account_of=self
        )
        client = hubspot.HubSpot(session)
        place, is_last = Place.of(cursor), False
        while not is_last:
            since = None if place.since is None else datetime.fromtimestamp(place.since / 1000, UTC)
            found = client.contacts(since, place.after, self._properties())
            is_last = found.after is None
            place = _end(place, found.contacts) if is_last else Place(place.since, found.after)
            yield Page(found.contacts, place.cursor, is_last, "hubspot contacts")

    def sweep_again(self, cursor: str | None) -> str | None:
        """From the moment that the sweep had come to."""
        place = Place.of(cursor)
        return Place(hubspot.Window.of(place.after).since if place.after else place.since).cursor

    def _properties(self) -> tuple[str, ...]:
        columns = {**self.usual_mapping, **self.mapping}.values()
        mapped = [
            column.removeprefix("properties.") for column in columns if column.startswith("properties.")
        ]
        return tuple(dict.fromkeys((*mapped, *self.properties)))


def _end(place: Place, contacts: list[dict[str, Any]]) -> Place:
    """Where the next sweep begins: a little before the latest change."""
    if not contacts:
        return Place(place.since)
    return Place(hubspot.changed_at(contacts[-1]) - OVERLAP // timedelta(milliseconds=1))
