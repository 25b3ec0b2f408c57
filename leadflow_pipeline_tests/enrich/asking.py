"""A campaign with providers that are stand-ins, and its harvested leads: what tests of the door stand on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline_tests.enrich.answered import KEY
from leadflow_pipeline_tests.fakes.people import Person, invented_people
from leadflow_pipeline_tests.samples import minimal_campaign_text

PEOPLE = invented_people(9)
DAY = date(2026, 5, 3)
CAMPAIGN = "spring"


class Clock:
    """A clock that stands still unless somebody waits."""

    def __init__(self, start: datetime = datetime(2026, 5, 3, 12, tzinfo=UTC)) -> None:
        self.moment = start

    def __call__(self) -> datetime:
        return self.moment

    def wait(self, seconds: float) -> None:
        """Waiting takes no time but the clock's."""
        self.moment += timedelta(seconds=seconds)


def provider(server: object, kind: str, fields: str, more: str = "") -> str:
    """A line of `enrichment.providers`."""
    url = server.url  # type: ignore[attr-defined]
    return f'- {{name: {kind}, kind: {kind}, key_from: {KEY}, base_url: "{url}", fields: [{fields}]{more}}}'


def step(url: str, more: str = "") -> str:
    """An HTTP provider."""
    return (
        f'- {{name: step, kind: http, url: "{url}", key_from: {KEY}, send: [email, company], '
        f"take: {{custom.company_hiring: company_hiring, custom.zone: '\"custom.region\"'}}{more}}}"
    )


def campaign_text(*providers: str, slug: str = CAMPAIGN, more: str = "") -> str:
    """A campaign with these providers; calls to this machine are allowed on every port they name."""
    hosts = [line.split("//")[1].split("/")[0] for line in providers if "kind: http" in line]
    lines = [
        f"allowed_hosts: {hosts}",
        *more.splitlines(),
        "providers:",
        *(f"  {line}" for line in providers),
    ]
    section = "".join(f"  {line}\n" for line in lines)
    return minimal_campaign_text(slug).replace(
        "  allow_test_domains: true\n", f"  allow_test_domains: true\n{section}"
    )


def start(engine: Engine, text: str, people: Sequence[Person] = PEOPLE, day: date = DAY) -> None:
    """Registers the campaign and harvests people on a day, of whom only the address is known."""
    campaign = register(engine, text, "spring.yaml").campaign
    harvest(engine, campaign, people, day)


def harvest(engine: Engine, campaign: str, people: Sequence[Person], day: date) -> None:
    """Rows of `harvested_leads`, as harvest would have made them."""
    rows = pd.DataFrame(
        {
            "day": pd.Timestamp(day),
            "lead_id": [f"lead{person.number:02d}" for person in people],
            "is_new": True,
            "record_count": 1,
            "source": "website",
            "received_at": pd.Timestamp(day, tz="UTC"),
            "email": [person.email for person in people],
            "custom": "{}",
        }
    )
    replace_partitions(
        engine, schema.harvested_leads, campaign, [day], rows, campaign_version=1, run_id="by hand"
    )
