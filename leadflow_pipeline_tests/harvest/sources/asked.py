"""A campaign that asks stand-ins, and a clock that waiting moves: what the tests of sources share.

What belongs here: campaign files for each kind, and collecting them. What does not: the stand-ins themselves.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.harvest.collecting import CollectReport, collect
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.store.schema import source_cursors, source_records, vendor_lookups
from leadflow_pipeline_tests.fakes.people import Person
from leadflow_pipeline_tests.samples import minimal_campaign_text

NOW = datetime(2026, 5, 4, 9, 0, tzinfo=UTC)
SECRETS = ("LEADFLOW_APOLLO_KEY", "LEADFLOW_DROPCONTACT_KEY", "LEADFLOW_HUBSPOT_KEY", "LEADFLOW_API_KEY")


def apollo(url: str, extra: str = "") -> str:
    """People whom Apollo finds."""
    return f"{{name: found, kind: apollo, base_url: '{url}', search: {{}}{extra}}}"


def hubspot(url: str, extra: str = "") -> str:
    """Contacts of a CRM."""
    return f"{{name: crm, kind: hubspot, base_url: '{url}'{extra}}}"


def dropcontact(url: str, extra: str = "") -> str:
    """Addresses for the people of the files."""
    return f"{{name: addresses, kind: dropcontact, base_url: '{url}', people_from: website{extra}}}"


MAPPING = (
    "mapping: {source_key: id, email: person.email, first_name: person.first_name, last_name: person.last_name, "
    "company: company.name, company_size: company.employees, country: country}"
)


def json_api(url: str, paging: str = "", extra: str = "") -> str:
    """A partner's API, by page numbers where nothing else is said."""
    paging = paging or "paging: {kind: number, size_parameter: per_page, size: 10}, records_at: leads"
    return (
        f"{{name: partner, kind: json, url: '{url}/leads', auth: {{kind: bearer, key_from: LEADFLOW_API_KEY}}, "
        f"requests_per_minute: 6000, {paging}, {MAPPING}{extra}}}"
    )


BY_CURSOR = "records_at: data.items, query: {per_page: 10}, paging: {kind: cursor, next_at: next_cursor}"
BY_LINK = "query: {per_page: 10}, paging: {kind: link}"


def web(url: str, path: str = "/members", extra: str = "") -> str:
    """The members that a website lists."""
    host = url.removeprefix("http://")
    return (
        f"{{name: members, kind: web, urls: ['{url}{path}'], allowed_hosts: ['{host}'], records: li.member, "
        "next_page: a.next, cells: {name: {css: .name}, mail: {css: a.email, attribute: href}, "
        "firm: {css: .company}, profile: {css: a.profile, attribute: href}}, "
        "mapping: {full_name: name, email: mail, company: firm, linkedin_url: profile}, "
        f"seconds_between_requests: 0.5, allow_private_hosts: true{extra}}}"
    )


@dataclass
class Clock:
    """A clock that stands still, but for waiting."""

    at: datetime = NOW
    waited: float = 0.0

    def now(self) -> datetime:
        return self.at

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)
        self.waited += seconds


@dataclass
class AskingWorld:
    """A database with a campaign that asks, and what came of it."""

    engine: Engine
    clock: Clock = field(default_factory=Clock)
    campaign: str = "spring"

    def register(self, *sources: str, campaign: str | None = None) -> None:
        """The campaign with these sources, beside its files."""
        listed = "".join(f"  - {source}\n" for source in sources)
        text = minimal_campaign_text(campaign or self.campaign)
        register(
            self.engine, text.replace("sources:\n", f"sources:\n{textwrap.indent(listed, '')}"), "spring.yaml"
        )

    def import_people(self, folder: Path, people: Sequence[Person], number: int = 0) -> None:
        """People without an email come in by a file, for those who are asked about them."""
        file = folder / f"people-{number}.csv"
        header = "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received"
        rows = [
            f",{person.first_name},{person.last_name},{person.company},,,,,,,2026-05-01" for person in people
        ]
        file.write_text("\n".join([header, *rows]), "utf-8")
        import_file(self.engine, self.campaign, file, source="website")

    def collect(self, **arguments: Any) -> list[CollectReport]:
        """One job, by the clock."""
        return collect(
            self.engine, self.campaign, **{"now": self.clock.now, "wait": self.clock.wait} | arguments
        )

    def collect_one(self, **arguments: Any) -> CollectReport:
        """One job of the only asked source."""
        (report,) = self.collect(**arguments)
        assert report.rows == report.new + report.repeated + report.quarantined + report.erased
        return report

    def collect_all(self, jobs: int = 50) -> list[CollectReport]:
        """Jobs until the source is at its end, or something keeps it."""
        reports = []
        for _ in range(jobs):
            reports.append(self.collect_one())
            if reports[-1].state != "more" or not (reports[-1].rows or reports[-1].ordered):
                return reports
            self.clock.at += timedelta(minutes=1)
        raise AssertionError("the source has no end")

    def records(self, source: str) -> list[dict[str, str]]:
        """What is stored of a source, in the order in which it came in."""
        query = select(source_records.c.payload).where(source_records.c.source == source)
        with self.engine.connect() as connection:
            return list(connection.scalars(query.order_by(source_records.c.record_id)))

    def emails(self, source: str, column: str) -> Sequence[str]:
        """One column of what is stored of a source."""
        return [record[column] for record in self.records(source)]

    def row(self, source: str) -> Any:
        """How far the source is."""
        with self.engine.connect() as connection:
            return connection.execute(select(source_cursors).where(source_cursors.c.source == source)).one()

    def lookups(self) -> list[str]:
        """The states of all questions."""
        query = select(vendor_lookups.c.state).order_by(vendor_lookups.c.lookup_id)
        with self.engine.connect() as connection:
            return list(connection.scalars(query))

    def has_unknown_questions(self, source: str) -> bool:
        """Whether it has asked something of which nobody knows what became."""
        lookup = vendor_lookups.c
        query = select(lookup.lookup_id).where(lookup.source == source, lookup.state == "unknown")
        with self.engine.connect() as connection:
            return connection.scalar(query.limit(1)) is not None

    def collect_to_the_end(self, source: str) -> None:
        """A job a day of one source, until it is done."""
        start = self.clock.at
        for _ in range(8):
            (report,) = self.collect(source=source)
            if report.state == "done":
                self.clock.at = start
                return
            self.clock.at += timedelta(days=1)
        raise AssertionError(f"{source} never gets done: {report}")
