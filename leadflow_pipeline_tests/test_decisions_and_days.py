"""The one law, with owners that the service gave in the middle of a day: whole days come to the same, in any order.

What belongs here: one campaign over three days, computed by real runs between which somebody asks the service. What
does not: which owner is right (`route`), and the service's answers one by one (`service.test_decisions`).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.delivery.handover import hand_over_due
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep
from leadflow_pipeline.route.owners.reps.roster import import_reps
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline.store.schema import (
    handoffs,
    harvested_leads,
    messages,
    owner_decisions,
    routing_decisions,
    scored_leads,
)
from leadflow_pipeline_tests.service.conftest import served

FIRST = date(2026, 3, 2)
DAYS = days_between(FIRST, FIRST + timedelta(days=2))
"""From a Monday on."""

CAMPAIGN = """
campaign: spring
name: Spring
sender: {name: Ida Example, email: ida@sender.example.org}
postal_address: 1 Test Street, 10115 Berlin, Germany
time_zone: UTC
ideal_customer_profile:
  criteria: [{name: size, field: company_size, between: [50, 1000], weight: 2}]
sources:
  - {name: list, mapping: {email: email, company_size: size, job_title: title}, day: {column: received}}
  - {name: form, mapping: {email: email, job_title: title}}
scoring: {fit_weight: 1}
qualification: {threshold: 30, review_band: 0}
enrichment: {allow_test_domains: true}
ownership: {keep_account_owner: false}
"""

REPS = ("ana", "bo", "cy")
LEADS = """email,size,title,received
lead0@leads.example,200,CEO,2026-03-02
lead1@leads.example,300,CEO,2026-03-02
lead2@leads.example,200,Head of Sales,2026-03-02
lead3@leads.example,90,CEO,2026-03-02
lead4@leads.example,800,CEO,2026-03-02
lead5@leads.example,200,CEO,2026-03-03
both@leads.example,400,,2026-03-03
lead6@leads.example,60,CEO,2026-03-04
"""


class Days:
    """A campaign whose days are computed while its owners are asked for."""

    def __init__(self, engine: Engine, folder: Path, instance: dg.DagsterInstance) -> None:
        self.engine, self.instance = engine, instance
        self.now = datetime(2026, 3, 3, 10, tzinfo=UTC)
        self.client = httpx.Client(timeout=60)
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        register(engine, CAMPAIGN, "spring.yaml")
        (folder / "leads.csv").write_text(LEADS, encoding="utf-8")
        import_file(engine, "spring", folder / "leads.csv", source="list")
        reps = [
            Rep(rep=name, name=name, email=f"{name}@sales.example.org", capacity=Capacity(per_day=4))
            for name in REPS
        ]
        import_reps(engine, reps, actor="tester", origin="test", from_day=FIRST - timedelta(days=30))

    def compute(self, first: date, last: date) -> None:
        result = dg.materialize(
            list(STAGE_ASSETS),
            instance=self.instance,
            resources=build_defs().resources,
            tags=PartitionRange("spring", days_between(first, last)).tags,
            run_config=QUIET,
        )
        assert result.success

    def decide(self, key: str, **lead: Any) -> dict[str, Any]:
        answer = self.client.post(
            "/decide", json={"campaign": "spring", **lead}, headers={"Idempotency-Key": key}
        )
        assert answer.status_code == 200, answer.text
        told: dict[str, Any] = answer.json()
        return told

    def rows(self, query: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def owners(self) -> dict[str, str]:
        """Who has each lead. Raises AssertionError where one was decided about twice."""
        given = self.rows(select(handoffs))
        assert all(each["assignment_number"] == 1 for each in given)
        return {each["lead_id"]: each["rep"] for each in given}

    def of_day(self, table: Any, day: date) -> dict[str, dict[str, Any]]:
        return {row["lead_id"]: row for row in self.rows(select(table).where(table.c.day == day))}


@pytest.fixture
def days(engine: Engine, tmp_path: Path) -> Iterator[Days]:
    with dg.DagsterInstance.ephemeral() as instance:
        days = Days(engine, tmp_path, instance)
        with served(build_app(now=lambda: days.now)) as url:
            token = create_token(engine, "crm", Scope.OPERATE)
            days.client.base_url = f"{url}/api/v1/routing"
            days.client.headers["Authorization"] = f"Bearer {token}"
            yield days


def test_days_come_to_the_same_bytes_whoever_was_given_an_owner_meanwhile(days: Days) -> None:
    days.compute(DAYS[0], DAYS[0])
    planned = {lead: row["owner"] for lead, row in days.of_day(owner_decisions, DAYS[0]).items()}
    known = sorted(planned)[:2]
    other = next(rep for rep in REPS if rep != planned[known[0]])
    add_override(
        days.engine, campaign="spring", lead_id=known[0], field="owner", value=other, actor="tester",
        reason="old friends", occurred_at=days.now - timedelta(hours=1),
    )  # fmt: skip

    # The next day, before anybody was told: leads of the plan, and others that no run knows yet.
    told = {lead: days.decide(lead, lead_id=lead) for lead in known}
    new = {
        name: days.decide(
            name, lead={"email": f" {name.upper()}@Leads.example", "title": "CEO"}, source="form"
        )
        for name in ("both", "alone")
    }
    told |= {each["lead_id"]: each for each in new.values()}
    assert [told[lead]["status"] for lead in known] == ["ROUTED", "ROUTED"]
    assert [told[lead]["owner"] for lead in known] == [other, planned[known[1]]]
    assert (new["both"]["status"], new["alone"]["owner"]) == ("ROUTED", None)
    again = days.decide("both", lead={"email": " BOTH@Leads.example", "title": "CEO"}, source="form")
    assert again == new["both"]

    # All of them are told, each once; what the plan gave and nobody asked about is handed over beside.
    handed = hand_over_due(days.engine, days.now)
    owners = days.owners()
    decided = {lead: each["owner"] for lead, each in told.items() if each["owner"]}
    assert handed.handed_over == len(owners) == len(planned) + 1
    assert {lead: owners[lead] for lead in decided} == decided
    sent = days.rows(select(messages))
    assert all(each["told_at"] is not None for each in days.rows(select(handoffs)))
    assert hand_over_due(days.engine, days.now).handed_over == 0

    # The day's own run finds the same leads with the same scores, and their owners are the plan's.
    days.compute(DAYS[1], DAYS[1])
    harvested, scored = (days.of_day(table, DAYS[1]) for table in (harvested_leads, scored_leads))
    for name, records in (("both", 2), ("alone", 1)):
        lead = new[name]["lead_id"]
        assert harvested[lead]["record_count"] == records
        assert round(scored[lead]["score"], 2) == new[name]["score"]
    assert days.of_day(owner_decisions, DAYS[1])[new["both"]["lead_id"]]["owner"] == new["both"]["owner"]
    assert days.decide("later", lead_id=new["both"]["lead_id"])["status"] == "ALREADY_ROUTED"

    days.now += timedelta(days=1)
    days.compute(DAYS[2], DAYS[2])
    hand_over_due(days.engine, days.now)
    computed, owners, sent = digest(days.engine), days.owners(), days.rows(select(messages))
    answers = days.rows(select(routing_decisions))
    for first, last in ((1, 1), (0, 0), (0, 2)):
        days.compute(DAYS[first], DAYS[last])
        assert digest(days.engine) == computed, f"computing days {first} to {last} again changed something"
        assert hand_over_due(days.engine, days.now).handed_over == 0
    assert (days.owners(), days.rows(select(messages))) == (owners, sent), "somebody was told twice"
    assert {lead: owners[lead] for lead in decided} == decided
    assert days.rows(select(routing_decisions)) == answers
