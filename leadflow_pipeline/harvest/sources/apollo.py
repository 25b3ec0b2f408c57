"""Apollo: people are searched for, which costs nothing and tells no address; then each is bought, once. A door.

What belongs here: what a campaign file may say of it, and the questions. What does not: Apollo's protocol
(`vendors.apollo`), and that nothing is bought twice (`vendors.lookups`).

Shapes and limits: https://docs.apollo.io/reference/people-api-search and /bulk-people-enrichment.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

from pydantic import Field

from leadflow_pipeline.harvest.sources.base import BaseUrl, BoughtSource, Page, SecretName
from leadflow_pipeline.harvest.sources.world import World
from leadflow_pipeline.vendors import apollo
from leadflow_pipeline.vendors.questions import Answer


class ApolloSource(BoughtSource):
    """People whom Apollo finds."""

    vendor: ClassVar[str] = apollo.VENDOR
    usual_mapping: ClassVar[Mapping[str, str]] = MappingProxyType(
        {
            "source_key": "id",
            "email": "email",
            "first_name": "first_name",
            "last_name": "last_name",
            "full_name": "name",
            "job_title": "title",
            "linkedin_url": "linkedin_url",
            "city": "city",
            "region": "state",
            "country": "country",
            "company": "organization.name",
            "website": "organization.primary_domain",
            "industry": "organization.industry",
            "company_size": "organization.estimated_num_employees",
        }
    )

    kind: Literal["apollo"]
    key_from: SecretName = "LEADFLOW_APOLLO_KEY"
    base_url: BaseUrl = apollo.BASE_URL
    search: dict[str, Any] = Field(
        default_factory=dict, description="Apollo's own filters, e.g. person_titles: [head of sales]"
    )
    only_with_email: bool = Field(True, description="buy only people whose address Apollo says it has")
    reveal_personal_emails: bool = Field(False, description="private addresses too, which cost more")

    def pages(self, world: World, cursor: str | None) -> Iterator[Page]:
        """Pages of people found; the cursor is the number of a page."""
        client = self._client(world)
        number, is_last = int(cursor or 1), False
        while not is_last:
            found = client.search(self.search, number)
            is_last = found.is_last
            people = [
                {"id": person["id"]}
                for person in found.people
                if person.get("id") and not (self.only_with_email and person.get("has_email") is False)
            ]
            yield Page(people, None if is_last else str(number + 1), is_last, f"apollo search, page {number}")
            number += 1

    def asker(self, world: World) -> PeopleAsker:
        """Asks for ten people at a time."""
        return PeopleAsker(self._client(world), self.reveal_personal_emails)

    def subject(self, question: Mapping[str, Any]) -> str:
        """The person, by Apollo's own id."""
        private = " with personal emails" if self.reveal_personal_emails else ""
        return f"people/match id={question['id']}{private}"

    def _client(self, world: World) -> apollo.Apollo:
        headers = apollo.headers(world.secret(self.key_from))
        session = world.session(
            apollo.VENDOR, self.base_url, headers=headers, rate=apollo.RATE, on_account_of=self
        )
        return apollo.Apollo(session)


class PeopleAsker:
    """Carries people's ids to Apollo and brings back whole people."""

    vendor = ApolloSource.vendor
    most_at_once = apollo.MOST_DETAILS
    is_repeatable = False
    credits_at_most = 1.0

    def __init__(self, client: apollo.Apollo, reveal_personal_emails: bool) -> None:
        self._client = client
        self._reveal_personal_emails = reveal_personal_emails

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer]:
        """One bulk call. Its credits are told for the whole, and spread evenly over those who were found."""
        matches = self._client.bulk_match(questions, reveal_personal_emails=self._reveal_personal_emails)
        found = sum(person is not None for person in matches.people)
        each = matches.credits / found if found else 0.0
        return [Answer(person, each) if person is not None else Answer(None) for person in matches.people]

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> None:
        """Never called: Apollo answers at once."""
