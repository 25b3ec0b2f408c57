"""Qualify and route as assets, in a real Dagster instance on a real database: the law, metadata, no names."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, campaign_day_partitions, days_between
from leadflow_pipeline.qualify.assets import qualified_leads
from leadflow_pipeline.route.assets import route
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.facts import add_outcomes, add_override
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline.store.resource import PartitionIOManager, StoreResource
from leadflow_pipeline_tests.samples import minimal_campaign_text

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 4)
DAYS = days_between(FIRST, LAST)
CANARY = "zanzibar-canary"
RULES = """
qualification:
  required_fields: [email, custom.plan]
  filters:
    - name: size
      field: company_size
      at_least: 10
routing:
  max_leads: 2
  nurture_low_score: true
  intent_signals:
    is_decision_maker: 0.5
    custom.plan: 0.5
"""
LEADS = [
    # lead, day of May, score, fit, company size, plan
    ("a", 1, 80.0, 0.72, 50, "yes"),
    ("b", 1, 70.0, 0.72, 50, "no"),
    ("c", 1, 65.0, 0.9, 50, "no"),
    ("d", 1, 64.0, 0.9, 50, "no"),
    ("e", 2, 20.0, 0.9, 50, "no"),
    ("f", 2, 90.0, 0.9, 3, "no"),
    ("a", 3, 85.0, 0.95, 50, "yes"),
    ("g", 3, 55.0, 0.3, None, None),
]


@dg.asset(name="scored_leads", partitions_def=campaign_day_partitions)
def scored() -> None:
    """Never run: its table is filled by hand."""


def rows(*columns: str) -> pd.DataFrame:
    made = pd.DataFrame(LEADS, columns=["lead_id", "day", "score", "icp_fit", "company_size", "plan"])
    made["day"] = [pd.Timestamp(2026, 5, day) for day in made["day"]]
    made["email"] = made["lead_id"] + f"@{CANARY}.example"
    made["source"] = "website"
    plans = made["plan"].map(lambda plan: f'{{"plan": "{plan}"}}' if isinstance(plan, str) else "{}")
    made["custom"] = plans.astype("str")
    return made[["lead_id", "day", "email", "source", *columns]]


def fill(engine: Engine) -> None:
    enriched = rows("company_size", "custom").assign(
        is_new=True,
        email_status="valid",
        phone_status="missing",
        social_urls="{}",
        enrichment_status="none",
        provenance="{}",
    )
    enriched["received_at"] = enriched["day"].dt.tz_localize("UTC")
    for name in [column.name for column in schema.enriched_leads.columns]:
        if name.startswith(("email_is", "is_", "recent_", "company_funded", "company_hiring")):
            enriched[name] = False
    scores = rows("score", "icp_fit").assign(
        engagement=0.0, temperature="cold", score_breakdown="{}", reasons="[]"
    )
    for table, frame in ((schema.enriched_leads, enriched), (schema.scored_leads, scores)):
        replace_partitions(engine, table, "spring", DAYS, frame, campaign_version=1, run_id="by hand")


@pytest.fixture
def instance(engine: Engine) -> Iterator[dg.DagsterInstance]:
    """Leads of four days, a limit of two a day, an override and an outcome."""
    register(engine, minimal_campaign_text("spring", extra=RULES), "spring.yaml")
    fill(engine)
    add_override(
        engine, campaign="spring", lead_id="f", field="status", value="QUALIFIED",
        actor=CANARY, reason=CANARY,
        occurred_at=datetime(2026, 5, 2, 9, tzinfo=UTC),
    )  # fmt: skip
    lost = {"campaign": "spring", "lead_id": "d", "outcome": "lost", "origin": "test"}
    add_outcomes(engine, pd.DataFrame([{**lost, "occurred_at": pd.Timestamp("2026-05-03T10:00Z")}]))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        yield instance


def materialize(instance: dg.DagsterInstance, first: date, last: date) -> dg.ExecuteInProcessResult:
    result = dg.materialize(
        [scored, qualified_leads, route],
        selection=[qualified_leads, route],
        instance=instance,
        resources={"io_manager": PartitionIOManager(), "store": StoreResource()},
        tags={
            "dagster/asset_partition_range_start": f"spring|{first}",
            "dagster/asset_partition_range_end": f"spring|{last}",
        },
    )
    assert result.success
    return result


def test_leads_are_qualified_and_routed_through_the_store(engine, instance):
    materialize(instance, FIRST, LAST)
    qualified = read_partitions(engine, schema.qualified_leads, "spring", DAYS)
    statuses = dict(zip(qualified["lead_id"], qualified["status"], strict=True))
    assert statuses == {
        "a": "QUALIFIED", "b": "QUALIFIED", "c": "QUALIFIED", "d": "QUALIFIED",
        "e": "REJECTED", "f": "QUALIFIED", "g": "PENDING",
    }  # fmt: skip
    routed = read_partitions(engine, schema.routed_leads, "spring", DAYS)
    told = zip(
        routed["day"].dt.day, routed["lead_id"], routed["status"], routed["tier"].fillna(""), strict=True
    )
    assert list(told) == [
        (1, "a", "ROUTED", "HOT"),
        (1, "b", "ROUTED", "WARM"),
        (1, "c", "QUALIFICATION_PENDING", "HOT"),
        (1, "d", "QUALIFICATION_PENDING", "HOT"),
        (2, "c", "ROUTED", "HOT"),
        (2, "e", "QUALIFICATION_PENDING", "COLD"),
        (2, "f", "ROUTED", "HOT"),
        (3, "a", "ALREADY_ROUTED", "HOT"),
        (3, "d", "REJECTED_LEAD", ""),
        (3, "e", "ROUTED", "COLD"),
        (3, "g", "QUALIFICATION_PENDING", ""),
    ]


def test_a_range_day_by_day_and_days_again_give_the_same_bytes(engine, instance):
    materialize(instance, FIRST, LAST)
    whole = digest(engine, "spring")
    for day in (*DAYS, DAYS[2], DAYS[0], DAYS[3]):
        materialize(instance, day, day)
        assert digest(engine, "spring") == whole


def test_each_partition_has_metadata_of_its_own_that_name_nobody(instance):
    result = materialize(instance, FIRST, LAST)
    [first] = instance.fetch_materializations(
        dg.AssetRecordsFilter(dg.AssetKey(schema.routed_leads.name), asset_partitions=[f"spring|{FIRST}"]),
        limit=1,
    ).records
    found = {name: value.value for name, value in first.asset_materialization.metadata.items()}
    counts = {
        name: found[name]
        for name in ("processed_count", "routed_count", "hot_count", "boosted_count", "hot_ratio")
    }
    assert counts == {
        "processed_count": 4, "routed_count": 2, "hot_count": 1, "boosted_count": 1, "hot_ratio": 0.5,
    }  # fmt: skip
    assert CANARY not in "".join(str(event) for event in result.all_events)
