"""The asset in a real Dagster instance on a real database: partitions, metadata, and nobody in them."""

from __future__ import annotations

from datetime import date

import dagster as dg
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.enrich.assets import enriched_leads
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, campaign_day_partitions, days_between
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline.store.resource import PartitionIOManager, StoreResource
from leadflow_pipeline_tests.samples import minimal_campaign_text

DAYS = days_between(date(2026, 5, 1), date(2026, 5, 3))


@dg.asset(name="harvested_leads", partitions_def=campaign_day_partitions)
def harvested() -> None:
    """Never run: its table is filled by hand."""


def harvested_rows() -> pd.DataFrame:
    days = pd.to_datetime(["2026-05-01", "2026-05-01", "2026-05-03"])
    return pd.DataFrame(
        {
            "day": days,
            "lead_id": ["a", "b", "a"],
            "is_new": [True, True, False],
            "record_count": 1,
            "source": "website",
            "received_at": days.tz_localize("UTC"),
            "email": ["Ann@leads.example", "not an address", "ann@leads.example"],
            "phone": ["030 23125 123", None, None],
            "job_title": ["Geschäftsführerin", None, "CEO"],
            "custom": '{"plan": "gold"}',
        }
    )


def materialize(instance: dg.DagsterInstance, first: date, last: date) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [harvested, enriched_leads],
        selection=[enriched_leads],
        instance=instance,
        resources={"io_manager": PartitionIOManager(), "store": StoreResource()},
        tags={
            "dagster/asset_partition_range_start": f"spring|{first}",
            "dagster/asset_partition_range_end": f"spring|{last}",
        },
    )


def test_a_range_and_its_days_one_by_one_store_the_same_and_name_nobody(engine: Engine):
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    replace_partitions(
        engine, schema.harvested_leads, "spring", DAYS, harvested_rows(), campaign_version=1, run_id="by hand"
    )
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        assert materialize(instance, DAYS[0], DAYS[-1]).success
        ranged = read_partitions(engine, schema.enriched_leads, "spring", DAYS)
        for day in reversed(DAYS):
            assert materialize(instance, day, day).success
        pd.testing.assert_frame_equal(read_partitions(engine, schema.enriched_leads, "spring", DAYS), ranged)

        assert ranged["email_status"].tolist() == ["valid", "invalid", "valid"]
        assert ranged["is_decision_maker"].tolist() == [True, False, True]
        records = instance.fetch_materializations(enriched_leads.key, limit=10).records
        stamped = {
            record.partition_key: {
                name: value.value for name, value in record.asset_materialization.metadata.items()
            }
            for record in records
        }
        assert stamped["spring|2026-05-01"]["email_valid_rate"] == 0.5
        assert stamped["spring|2026-05-02"]["leads_out"] == 0
        assert "leads.example" not in str(stamped)
