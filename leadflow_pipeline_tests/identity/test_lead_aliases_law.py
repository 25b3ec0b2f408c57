"""The law with people who come twice: day by day, one range and re-runs give the same bytes, through every stage.

People come from a website and, days later or earlier, from a fair with another address and typing errors; what they do
and what is decided about them is told under either name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.harvest.importing import Contents, import_file
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline.store.schema import DERIVED_TABLES, partition_lineage

CAMPAIGN = "twice"
DAYS = days_between(date(2026, 3, 2), date(2026, 3, 5))
PEOPLE = 32

RULES = f"""
campaign: {CAMPAIGN}
name: People who come twice
sender: {{name: Ida Example, email: ida@leads.example}}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: Europe/Berlin
sources:
  - {{name: website, channel: inbound, files: "website*.csv", day: {{column: received}}}}
  - {{name: fair, channel: event, files: "fair*.csv", day: {{column: received}}}}
enrichment: {{default_country: DE, allow_test_domains: true}}
qualification: {{threshold: 10, review_band: 5}}
routing: {{nurture_low_score: true, reroute_on_tier_rise: true}}
"""

Compute = Callable[[date, date], None]


@pytest.fixture
def compute(engine: Engine) -> Iterator[Compute]:
    """Computes days of the campaign as one Dagster run, without the checks."""
    resources = build_defs().resources
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [CAMPAIGN])

        def run(first: date, last: date) -> None:
            tags = PartitionRange(CAMPAIGN, days_between(first, last)).tags
            result = dg.materialize(
                list(STAGE_ASSETS), instance=instance, resources=resources, tags=tags, run_config=QUIET
            )
            assert result.success

        yield run


def test_people_who_come_twice_obey_the_law(engine: Engine, compute: Compute, tmp_path: Path) -> None:
    tell_the_facts(engine, tmp_path)
    for day in DAYS:
        compute(day, day)
    day_by_day = digest(engine)
    assert_people_are_met_once(engine)

    forget_derived_rows(engine)
    compute(DAYS[0], DAYS[-1])
    assert digest(engine) == day_by_day, "one range differs from day by day"

    for first, last in ((2, 3), (0, 1)):
        compute(DAYS[first], DAYS[last])
        assert digest(engine) == day_by_day, f"computing from {DAYS[first]} again changed something"


def tell_the_facts(engine: Engine, folder: Path) -> None:
    """What happened, the same for every way of computing."""
    register(engine, RULES, "twice.yaml")
    random = np.random.default_rng(7)
    website = people(random)
    fair = as_the_fair_has_them(website.iloc[::2], random)
    again = website.iloc[::4].assign(
        received=day_texts(random, len(website.iloc[::4])), job_title="Head of Sales", city="Berlin"
    )
    events = pd.DataFrame(
        {
            "event_id": [f"event-{number}" for number in range(120)],
            "email": random.choice(np.concatenate([website["email"], fair["email"]]), 120),
            "behaviour": random.choice(np.array(["open", "click", "visit", "reply"], dtype=object), 120),
            "occurred_at": [f"2026-03-{day:02d}T08:00:00Z" for day in random.integers(2, 6, 120)],
        }
    )
    outcomes = pd.DataFrame(
        {"email": fair["email"].iloc[:4], "outcome": "won", "occurred_at": "2026-03-05T12:00:00Z"}
    )
    for name, contents, frame in (
        ("website.csv", Contents.LEADS, website),
        ("fair.csv", Contents.LEADS, fair),
        ("website-again.csv", Contents.LEADS, again),
        ("events.csv", Contents.EVENTS, events),
        ("outcomes.csv", Contents.OUTCOMES, outcomes),
    ):
        frame.to_csv(folder / name, index=False)
        assert import_file(engine, CAMPAIGN, folder / name, contents=contents).quarantined == 0
    decide_by_hand(engine)


def people(random: np.random.Generator) -> pd.DataFrame:
    """Each of another company, spread over the days."""
    names = ["Ada", "Bruno", "Carla", "Dmitri", "Elif", "Farid", "Greta", "Hugo"]
    number = pd.Series(range(PEOPLE))
    first = pd.Series(names).iloc[number % len(names)].reset_index(drop=True)
    last = pd.Series(
        [f"{'bcdfghjkl'[n % 9]}{'aeiou'[n % 5]}{'lmnrst'[n % 6]}{'aeiou'[n // 5 % 5]}rsen" for n in number]
    )
    return pd.DataFrame(
        {
            "email": first.str.lower() + "." + last + "@company" + number.astype("str") + ".leads.example",
            "first_name": first,
            "last_name": last.str.title(),
            "company": "Company " + number.astype("str") + " GmbH",
            "phone": "030 23125 " + (number + 100).astype("str"),
            "job_title": "",
            "city": "",
            "received": day_texts(random, PEOPLE),
        }
    )


def as_the_fair_has_them(known: pd.DataFrame, random: np.random.Generator) -> pd.DataFrame:
    """The same people: a private address, no accent on typing, a phone in another way, a title."""
    return known.assign(
        email=known["first_name"].str.lower() + known["last_name"].str.lower() + "@private.example",
        last_name=known["last_name"].where(np.arange(len(known)) % 3 > 0, known["last_name"] + "n"),
        phone="+49 " + known["phone"].str.lstrip("0"),
        job_title="Director",
        received=day_texts(random, len(known)),
    )


def day_texts(random: np.random.Generator, count: int) -> list[str]:
    return [DAYS[number].isoformat() for number in random.integers(0, len(DAYS), count)]


def decide_by_hand(engine: Engine) -> None:
    """Decisions about leads of either name, before and after they are known to be one."""
    with engine.connect() as connection:
        statement = text("SELECT DISTINCT lead_id FROM leadflow.engagement_events ORDER BY 1")
        leads = connection.scalars(statement).all()
    for number, lead_id in enumerate(leads[::3]):
        field, value = (("status", "QUALIFIED"), ("tier", "HOT"), ("nurture", "pause"))[number % 3]
        decided_at = datetime(2026, 3, 3 + number % 3, 9, tzinfo=UTC)
        add_override(
            engine, campaign=CAMPAIGN, lead_id=lead_id, field=field, value=value, actor="reviewer-1",
            reason="looked at it", occurred_at=decided_at,
            expires_at=decided_at + timedelta(days=2) if number % 2 else None,
        )  # fmt: skip


def forget_derived_rows(engine: Engine) -> None:
    """Back to the facts."""
    names = ", ".join(table.fullname for table in (*DERIVED_TABLES, partition_lineage))
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {names}"))


def assert_people_are_met_once(engine: Engine) -> None:
    """Everybody who came twice is one lead after harvest, and has what both records say."""
    with engine.connect() as connection:

        def count(query: str) -> int:
            return int(connection.scalar(text(query)) or 0)

        assert count("SELECT count(DISTINCT lead_id) FROM leadflow.harvested_leads") == PEOPLE * 3 // 2
        assert count("SELECT count(*) FROM leadflow.lead_aliases") == PEOPLE // 2
        assert count("SELECT count(DISTINCT lead_id) FROM leadflow.enriched_leads") == PEOPLE
        for table in ("enriched_leads", "scored_leads", "qualified_leads", "routed_leads", "nurtured_leads"):
            own = f"SELECT count(*) FROM leadflow.{table} WHERE lead_id IN (SELECT lead_id FROM leadflow.lead_aliases)"
            assert count(own) == 0, table
        assert count("SELECT count(*) FROM leadflow.nurture_touches") > 0
        titled = """
            SELECT count(DISTINCT alias_of) FROM leadflow.lead_aliases AS alias
            JOIN leadflow.enriched_leads AS lead ON lead.lead_id = alias.alias_of AND lead.day >= alias.day
            WHERE lead.job_title IS NOT NULL"""
        assert count(titled) == PEOPLE // 2
