"""The one law, with vendors: answers come on later days, and days one by one, a range and any re-run agree on them.

Asking happens at the door while the days pass; computing them afterwards, in any way, reaches nobody.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine, insert, text

from leadflow_pipeline.enrich.assets import enriched_leads
from leadflow_pipeline.enrich.ordering import order_and_ask
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, campaign_day_partitions, days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.due_days import first_due_day
from leadflow_pipeline.store.partitions import read_partitions
from leadflow_pipeline.store.resource import PartitionIOManager, StoreResource
from leadflow_pipeline_tests.enrich.answered import KEY
from leadflow_pipeline_tests.enrich.asking import (
    CAMPAIGN,
    DAY,
    PEOPLE,
    Clock,
    campaign_text,
    harvest,
    provider,
    start,
    step,
)
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.clearbit import FakeClearbit
from leadflow_pipeline_tests.fakes.dns import FakeDns
from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.n8n_step import FakeN8nStep
from leadflow_pipeline_tests.fakes.rdap import FakeRdap
from leadflow_pipeline_tests.fakes.whois import FakeWhois

DAYS = days_between(DAY, DAY + timedelta(days=4))


@dg.asset(name="harvested_leads", partitions_def=campaign_day_partitions)
def harvested() -> None:
    """Never run: its table is filled by hand."""


@dg.asset(name="lead_aliases", partitions_def=campaign_day_partitions)
def aliases() -> None:
    """Never run: its table is filled by hand."""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [CAMPAIGN])
        yield instance


def compute(instance: dg.DagsterInstance, first: date, last: date) -> None:
    result = dg.materialize(
        [harvested, aliases, enriched_leads],
        selection=[enriched_leads],
        instance=instance,
        resources={"io_manager": PartitionIOManager(), "store": StoreResource()},
        tags={
            "dagster/asset_partition_range_start": f"{CAMPAIGN}|{first}",
            "dagster/asset_partition_range_end": f"{CAMPAIGN}|{last}",
        },
        run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
    )
    assert result.success


def rows(engine: Engine) -> pd.DataFrame:
    return read_partitions(engine, schema.enriched_leads, CAMPAIGN, DAYS)


def noon(day: date) -> Clock:
    return Clock(datetime.combine(day, time(12), UTC))


def test_every_way_of_computing_agrees_and_reaches_nobody(engine, instance, monkeypatch):
    monkeypatch.setenv(KEY, "test-key")
    with ExitStack() as stack:
        clearbit, apollo, dropcontact, n8n = (
            stack.enter_context(server)
            for server in (
                FakeClearbit(PEOPLE[:3]),
                FakeApollo(PEOPLE[:6]),
                FakeDropcontact(PEOPLE[:8]),
                FakeN8nStep(),
            )
        )
        servers = (clearbit, apollo, dropcontact, n8n)
        live_through_the_days(engine, clearbit, apollo, dropcontact, n8n)
        requests = [len(server.requests) for server in servers]

        compute(instance, DAYS[0], DAYS[-1])
        ranged = rows(engine)
        with engine.begin() as connection:
            connection.execute(text("TRUNCATE leadflow.enriched_leads, leadflow.partition_lineage"))
        for day in DAYS:
            compute(instance, day, day)
        pd.testing.assert_frame_equal(rows(engine), ranged)
        for day in (DAYS[3], DAYS[0], DAYS[1]):
            compute(instance, day, day)
            pd.testing.assert_frame_equal(rows(engine), ranged)

        assert [len(server.requests) for server in servers] == requests
    assert_answers_came_on_later_days(ranged)


def live_through_the_days(engine, clearbit, apollo, dropcontact, n8n) -> None:
    """Five days: Clearbit is down on the first two, Dropcontact takes its time, a lead of the first day is found to be
    another one's alias, and the door opens at noon."""
    start(
        engine,
        campaign_text(
            provider(clearbit, "clearbit", "company, company_size"),
            provider(apollo, "apollo", "company, company_size, custom.technologies"),
            provider(dropcontact, "dropcontact", "company, company_size"),
            step(n8n.step_url, ", is_repeatable: true"),
            more="recipes: {all: {when: {field: company_size, at_least: 1}, steps: "
            "[{provider: dropcontact}, {set: {custom.book: known}}]}}",
        ),
        PEOPLE[:5],
    )
    harvest(engine, CAMPAIGN, PEOPLE[4:], DAYS[2])
    clearbit.misbehave("unavailable for long", ALWAYS)
    for day in DAYS:
        if day == DAYS[2]:
            clearbit.recover()
            alias = {"lead_id": "lead08", "alias_of": "lead00", "match_probability": 1.0, "evidence": []}
            with engine.begin() as connection:
                connection.execute(
                    insert(schema.lead_aliases).values(
                        campaign=CAMPAIGN, day=day, campaign_version=1, **alias
                    )
                )
        clock = noon(day)
        for _ in range(2):
            order_and_ask(engine, CAMPAIGN, None, clock, wait=clock.wait)
            clock.wait(3_600)


def assert_answers_came_on_later_days(computed: pd.DataFrame) -> None:
    """Else the law would hold for nothing."""
    by_day = {day: part.set_index("lead_id") for day, part in computed.groupby("day")}
    first, third = (by_day[pd.Timestamp(day)] for day in (DAYS[0], DAYS[2]))
    assert set(first["enrichment_status"]) == {"waiting"}
    assert first["company"].isna().all()
    assert set(third.index) == {f"lead{number:02d}" for number in range(8)}
    assert not third.loc["lead00", "is_new"]
    assert third.loc["lead00", "company"] == PEOPLE[0].company
    assert json.loads(third.loc["lead00", "provenance"])["company"]["by"] == "clearbit"
    assert computed["custom"].str.contains("book").any()
    assert {"waiting", "complete"} <= set(computed["enrichment_status"])


def test_an_answer_makes_its_day_due(engine, instance, monkeypatch):
    monkeypatch.setenv(KEY, "test-key")
    with FakeClearbit(PEOPLE) as clearbit:
        start(engine, campaign_text(provider(clearbit, "clearbit", "company")), PEOPLE[:2])
        compute(instance, DAYS[0], DAYS[-1])
        with engine.begin() as connection:
            connection.execute(
                text("UPDATE leadflow.partition_lineage SET facts_until = '2026-05-04T00:30:00Z'")
            )
        order_and_ask(engine, CAMPAIGN, None, noon(DAYS[1]))
    with engine.connect() as connection:
        assert first_due_day(connection, CAMPAIGN, DAYS[0], DAYS[-1]) == DAYS[1]


def test_a_domain_that_turns_out_to_take_no_mail_brings_its_leads_back(engine, instance):
    text_of_campaign = campaign_text("- {name: post, kind: mail_servers}")
    start(engine, text_of_campaign, PEOPLE[:2])
    address = {"email": "ada@no-mail.example"}
    with engine.begin() as connection:
        connection.execute(
            schema.harvested_leads.update()
            .where(schema.harvested_leads.c.lead_id == "lead00")
            .values(**address)
        )
    with FakeDns() as server:
        order_and_ask(engine, CAMPAIGN, None, noon(DAYS[1]), resolver=server.resolver())
    compute(instance, DAYS[0], DAYS[-1])
    ranged = rows(engine)
    told = ranged.set_index(["day", "lead_id"])["email_status"]
    assert told[pd.Timestamp(DAYS[0]), "lead00"] == "valid"
    assert told[pd.Timestamp(DAYS[1]), "lead00"] == "invalid"
    for day in reversed(DAYS):
        compute(instance, day, day)
    pd.testing.assert_frame_equal(rows(engine), ranged)


def test_the_age_of_a_domain_brings_its_leads_back(engine, instance):
    with FakeRdap({"by-rdap.example": date(2001, 2, 3)}) as rdap, FakeWhois() as whois:
        registry = f'base_url: "{rdap.url}", whois_server: "{whois.address}"'
        start(
            engine, campaign_text(f"- {{name: registry, kind: domain_registration, {registry}}}"), PEOPLE[:2]
        )
        for lead, domain in (("lead00", "by-rdap.example"), ("lead01", "leads.example")):
            with engine.begin() as connection:
                connection.execute(
                    schema.harvested_leads.update()
                    .where(schema.harvested_leads.c.lead_id == lead)
                    .values(email=f"ada@{domain}")
                )
        clock = noon(DAYS[1])
        (report,) = order_and_ask(engine, CAMPAIGN, None, clock, wait=clock.wait)
        assert (report.answered, report.problem) == (2, None)
        assert whois.asked == ["example", "leads.example"]
    compute(instance, DAYS[0], DAYS[-1])
    ranged = rows(engine)
    told = ranged.set_index(["day", "lead_id"])["domain_registered_on"]
    assert told[pd.Timestamp(DAYS[0])].isna().all()
    assert told[pd.Timestamp(DAYS[1])].astype(str).to_dict() == {
        "lead00": "2001-02-03",
        "lead01": "1997-09-15",
    }
    for day in reversed(DAYS):
        compute(instance, day, day)
    pd.testing.assert_frame_equal(rows(engine), ranged)
