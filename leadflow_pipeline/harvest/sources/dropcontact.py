"""Dropcontact: finds the email addresses of people whom another source of the campaign knows without one.

A door. What belongs here: what a campaign file may say of it, whom it is asked about, and what its answer becomes. What
does not: Dropcontact's protocol (`vendors.dropcontact`), and that nothing is bought twice (`vendors.lookups`).

Shapes and limits: https://developer.dropcontact.com.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal

import pandas as pd
from pydantic import Field

from leadflow_pipeline.harvest.sources.base import BaseUrl, BoughtSource, Page, SecretName
from leadflow_pipeline.harvest.sources.world import World
from leadflow_pipeline.vendors import dropcontact
from leadflow_pipeline.vendors.questions import Answer, Submitted

RECORDS_PER_PAGE = 1_000

GIVEN = {
    "first_name": "first_name",
    "last_name": "last_name",
    "full_name": "full_name",
    "company": "company",
    "website": "website",
    "linkedin_url": "linkedin",
    "phone": "phone",
    "country": "country",
    "job_title": "job",
}
"""Field of a lead -> how Dropcontact calls it, going in and coming out."""


class DropcontactSource(BoughtSource):
    """People of another source, with the address that Dropcontact found for them."""

    vendor: ClassVar[str] = dropcontact.VENDOR
    may_repeat_itself: ClassVar[bool] = False
    """Its pages come from our own table, and the same people may stand on two of them."""
    usual_mapping: ClassVar[Mapping[str, str]] = MappingProxyType(
        {"email": "email", "company_size": "nb_employees", **GIVEN}
    )

    kind: Literal["dropcontact"]
    people_from: str = Field(
        description="the source of this campaign whose people without an email are asked about"
    )
    key_from: SecretName = "LEADFLOW_DROPCONTACT_KEY"
    base_url: BaseUrl = dropcontact.BASE_URL
    language: Literal["en", "fr"] = Field("en", description="of qualifications and industries")
    hours_between_sweeps: float = Field(0, ge=0, description="from the end of one sweep to the next")

    def pages(self, world: World, cursor: str | None) -> Iterator[Page]:
        """Pages of people without an address, none of them fetched; the cursor is the last record looked at."""
        last, is_last = int(cursor or 0), False
        while not is_last:
            leads = world.leads_after(self.people_from, last, RECORDS_PER_PAGE)
            last, is_last = leads.attrs["last"], leads.attrs["is_last"]
            yield Page(_questions(leads), str(last), is_last, f"people of {self.people_from}")

    def sweep_again(self, cursor: str | None) -> str | None:
        """Where it stood: records are never looked at twice."""
        return cursor

    def asker(self, world: World) -> AddressAsker:
        """Asks for 250 people at a time."""
        headers = dropcontact.headers(world.secret(self.key_from))
        session = world.session(
            dropcontact.VENDOR, self.base_url, headers=headers, rate=dropcontact.RATE, on_account_of=self
        )
        return AddressAsker(dropcontact.Dropcontact(session), self.language)

    def subject(self, question: Mapping[str, Any]) -> str:
        """Everything that is told of the person, in small letters."""
        return f"enrich {json.dumps(question, sort_keys=True, ensure_ascii=False).casefold()}"

    def record(self, question: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:
        """What was found beside what was given, which stays, so that both records can be told to be one person's."""
        found = {name: value for name, value in answer.items() if name != "email" and value not in (None, "")}
        addresses = (
            {"email": email.address, "email_local_part": email.local_part, "email_domain": email.domain}
            if (email := next(iter(dropcontact.found_emails(answer)), None))
            else {}
        )
        return {**found, **question, **addresses}


class AddressAsker:
    """Submits people to Dropcontact and asks for the answers until they are ready."""

    vendor = DropcontactSource.vendor
    most_at_once = dropcontact.MOST_RECORDS
    is_repeatable = False
    credits_at_most = 1.0

    def __init__(self, client: dropcontact.Dropcontact, language: str) -> None:
        self._client = client
        self._language = language

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Submitted:
        """Hands in a batch; the answers come later."""
        return Submitted(self._client.submit(questions, self._language), dropcontact.POLL_AFTER)

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | None:
        """The answers in the order of the questions. An address that was found costs a credit."""
        records = self._client.result(request_id)
        if records is None:
            return None
        return [
            Answer(record or None, dropcontact.credits_of(question, record))
            for question, record in zip(questions, records, strict=False)
        ]


def _questions(leads: pd.DataFrame) -> list[dict[str, str]]:
    """What to ask about those who have no email, yet a name and a company, or a profile: else nobody can be found."""
    fields = leads[list(GIVEN)].rename(columns=GIVEN)
    has_name = fields["full_name"].notna() | (fields["first_name"].notna() & fields["last_name"].notna())
    has_company = fields["company"].notna() | fields["website"].notna()
    is_asked = leads["email"].isna() & ((has_name & has_company) | fields["linkedin"].notna())
    people = fields[is_asked].to_dict("records")
    return [{str(name): text for name, text in person.items() if isinstance(text, str)} for person in people]
