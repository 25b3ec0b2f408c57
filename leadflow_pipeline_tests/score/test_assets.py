"""The asset in a real Dagster instance on a real database: who is due, and the law through the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, campaign_day_partitions, days_between
from leadflow_pipeline.score.assets import scored_leads
from leadflow_pipeline.score.model_registry import MODEL_TAG, load_model
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.channel_credits import record_credits
from leadflow_pipeline.store.facts import add_engagement_events
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline.store.resource import PartitionIOManager, StoreResource
from leadflow_pipeline_tests.invented_models import crown, invented_model
from leadflow_pipeline_tests.samples import minimal_campaign_text
from leadflow_pipeline_tests.score.frames import breakdown, events

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 5)
DAYS = days_between(FIRST, LAST)
CUSTOM_RULES = """
scoring:
  behaviours:
    peek: {points: 30, half_life_days: 2}
  factors:
    - name: pays
      field: custom.plan
      one_of: [gold]
      points: 7
"""

CREDIT_RULES = f"{CUSTOM_RULES}  source_credit: {{at_least_conversions: 20}}\n"


@dg.asset(name="enriched_leads", partitions_def=campaign_day_partitions)
def enriched() -> None:
    """Never run: its table is filled by hand."""


def enriched_rows(*rows: tuple[str, int, bool, dict[str, object]]) -> pd.DataFrame:
    frame = pd.DataFrame(
        [
            {
                "lead_id": lead,
                "day": pd.Timestamp(2026, 5, day),
                "is_new": is_new,
                "source": "website",
                **known,
            }
            for lead, day, is_new, known in rows
        ]
    )
    nobody = dict.fromkeys(
        ["email_is_role", "email_is_disposable", "email_is_free", "is_decision_maker", "recent_job_change",
         "company_funded_recently", "company_hiring"],
        False,
    )  # fmt: skip
    return frame.assign(
        received_at=frame["day"].dt.tz_localize("UTC"),
        email=frame["lead_id"] + "@leads.example",
        email_status="valid",
        phone_status="missing",
        social_urls="{}",
        enrichment_status="none",
        provenance="{}",
        custom='{"plan": "gold", "seats": 3}',
        **nobody,
    )


@pytest.fixture
def instance(engine: Engine) -> Iterator[dg.DagsterInstance]:
    """`a` and `b` arrive on the 1st, `c` on the 3rd, when `a` is corrected; some of them act."""
    register(engine, minimal_campaign_text("spring", extra=CUSTOM_RULES), "spring.yaml")
    rows = enriched_rows(
        ("a", 1, True, {}),
        ("b", 1, True, {"company": "Acme"}),
        ("a", 3, False, {"company": "Acme"}),
        ("c", 3, True, {}),
    )
    replace_partitions(
        engine, schema.enriched_leads, "spring", DAYS, rows, campaign_version=1, run_id="by hand"
    )
    happened = events(
        ("b", "reply", "2026-05-02 10:00"),
        ("b", "reply", "2026-05-02 11:00"),
        ("c", "open", "2026-05-02 12:00"),
        ("a", "click", "2026-05-03 12:00"),
        ("b", "visit", "2026-05-05 12:00"),
        ("nobody", "visit", "2026-05-05 12:00"),
        ("c", "visit", "2026-05-06 00:00"),
    )
    add_engagement_events(engine, happened.assign(campaign="spring", origin="test"))
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        yield instance


def materialize(
    instance: dg.DagsterInstance, first: date, last: date, model: str | None = None
) -> dg.ExecuteInProcessResult:
    result = dg.materialize(
        [enriched, scored_leads],
        selection=[scored_leads],
        instance=instance,
        resources={"io_manager": PartitionIOManager(), "store": StoreResource()},
        tags={
            "dagster/asset_partition_range_start": f"spring|{first}",
            "dagster/asset_partition_range_end": f"spring|{last}",
            **({MODEL_TAG: model} if model else {}),
        },
    )
    assert result.success
    return result


def stored(engine: Engine) -> pd.DataFrame:
    return read_partitions(engine, schema.scored_leads, "spring", DAYS)


def test_due_are_the_leads_of_the_day_and_known_ones_who_did_something(engine, instance):
    materialize(instance, FIRST, LAST)
    rows = stored(engine)
    due = [(lead, day.day) for lead, day in zip(rows["lead_id"], rows["day"], strict=True)]
    assert due == [("a", 1), ("b", 1), ("b", 2), ("a", 3), ("c", 3), ("b", 5)]
    assert rows["temperature"].tolist() == ["cold", "cold", "hot", "cold", "cold", "hot"]
    assert "company" in breakdown(rows, 2), "a returning lead is scored with what was known of it"
    assert "email_open" in breakdown(rows, 4), "what a lead did before it was known counts from its first day"
    assert all(breakdown(rows, row)["pays"] == 7 for row in range(len(rows)))


def test_days_computed_again_in_any_order_store_the_same_as_the_range(engine, instance):
    materialize(instance, FIRST, LAST)
    whole = stored(engine)
    for day in (5, 2, 3):
        materialize(instance, date(2026, 5, day), date(2026, 5, day))
    pd.testing.assert_frame_equal(stored(engine), whole, check_exact=True)


def test_a_silent_lead_has_a_row_on_the_day_it_cools_and_a_late_event_moves_it(engine, instance):
    def lives_of_c() -> list[tuple[int, str]]:
        rows = stored(engine)
        of_c = rows[rows["lead_id"] == "c"]
        return [(day.day, level) for day, level in zip(of_c["day"], of_c["temperature"], strict=True)]

    def peek_at(moment: str) -> None:
        late = events(("c", "peek", moment)).assign(event_id=moment, campaign="spring", origin="test")
        add_engagement_events(engine, late)

    peek_at("2026-05-03 12:00")
    materialize(instance, FIRST, LAST)
    whole = stored(engine)
    assert lives_of_c() == [(3, "warm"), (5, "cold")]
    for day in DAYS:
        materialize(instance, day, day)
    pd.testing.assert_frame_equal(stored(engine), whole, check_exact=True)

    peek_at("2026-05-04 10:00")
    materialize(instance, date(2026, 5, 4), LAST)
    overtaken = stored(engine)
    assert lives_of_c() == [(3, "warm"), (4, "warm")]
    assert overtaken["cools_on"].max() == pd.Timestamp(2026, 5, 18), "b, hot after two replies"
    materialize(instance, FIRST, LAST)
    pd.testing.assert_frame_equal(stored(engine), overtaken, check_exact=True)


def test_credits_recorded_between_days_hold_from_their_day_and_a_backfill_finds_them_again(engine, instance):
    register(engine, minimal_campaign_text("spring", extra=CREDIT_RULES), "spring.yaml")
    website_is_best = pd.DataFrame(
        {"channel": ["inbound", "ads"], "leads": [100, 100], "conversions": [40.0, 10.0]}
    )
    ads_are_best = website_is_best.assign(conversions=[10.0, 40.0])
    for day in DAYS:
        recorded = {3: website_is_best, 5: ads_are_best}.get(day.day)
        if recorded is not None:
            record_credits(engine, "spring", day, recorded)
        materialize(instance, day, day)
    daily = stored(engine)
    credits = [breakdown(daily, row).get("source_credit") for row in range(len(daily))]
    days = daily["day"].dt.day.tolist()
    assert days == [1, 1, 2, 3, 3, 5]
    assert credits[:3] == [None] * 3
    assert credits[3:5] == [20, 20]
    assert 0 < credits[5] < 20
    materialize(instance, FIRST, LAST)
    pd.testing.assert_frame_equal(stored(engine), daily, check_exact=True)
    for day in (LAST, date(2026, 5, 3)):
        materialize(instance, day, day)
    pd.testing.assert_frame_equal(stored(engine), daily, check_exact=True)


def test_each_day_keeps_the_model_that_was_champion_on_it(engine, instance):
    materialize(instance, FIRST, LAST)
    by_rules = stored(engine)
    first = crown(engine, "spring", date(2026, 5, 3), invented_model())
    second = crown(engine, "spring", date(2026, 5, 5), invented_model(base=0.5))

    materialize(instance, FIRST, LAST)
    whole = stored(engine)
    versions = dict(zip(whole["day"].dt.day, whole["model_version"].fillna("rules"), strict=True))
    assert versions == {1: "rules", 2: "rules", 3: first, 5: second}
    early = whole["day"] < "2026-05-03"
    pd.testing.assert_frame_equal(whole[early], by_rules[early], check_exact=True)
    late = whole[~early]
    assert late["conversion_probability"].between(0.01, 0.99).all()
    assert (late["score"] != by_rules.loc[~early, "score"]).all()
    for row, total in enumerate(whole["score"]):
        assert sum(breakdown(whole, row).values()) == Decimal(str(total))
    for day in reversed(DAYS):
        materialize(instance, day, day)
    pd.testing.assert_frame_equal(stored(engine), whole, check_exact=True)

    materialize(instance, FIRST, LAST, model="none")
    pd.testing.assert_frame_equal(stored(engine), by_rules, check_exact=True)
    materialize(instance, FIRST, LAST, model=second[:12])
    assert set(stored(engine)["model_version"]) == {second}


def test_a_model_that_was_altered_scores_nobody(engine, instance):
    version = crown(engine, "spring", date(2026, 5, 3), invented_model())
    with engine.begin() as connection:
        models = schema.conversion_models
        connection.execute(models.update().values(artifact=models.c.artifact + " "))
    with pytest.raises(PermanentError, match="is not what was trained"):
        load_model(engine, "spring", version)


def test_each_day_has_its_own_numbers_and_no_names(engine, instance):
    materialize(instance, FIRST, LAST)
    found = {
        record.partition_key: record.asset_materialization.metadata
        for record in instance.fetch_materializations(scored_leads.key, limit=10).records
    }
    third = {name: value.value for name, value in found["spring|2026-05-03"].items()}
    assert {name: third[name] for name in ("rows", "new", "returning", "hot", "warm", "cold")} == {
        "rows": 2, "new": 1, "returning": 1, "hot": 0, "warm": 0, "cold": 2,
    }  # fmt: skip
    assert found["spring|2026-05-04"]["rows"].value == 0
    assert "leads.example" not in str(found)
