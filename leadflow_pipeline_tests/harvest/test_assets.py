"""The harvest asset in real Dagster: a range, its days, and a mapping mended later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import Engine, func, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.harvest.assets import harvest
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.resource import PartitionIOManager, StoreResource
from leadflow_pipeline.store.schema import harvested_leads, quarantined_records
from leadflow_pipeline_tests.harvest.nasty_files import delimited
from leadflow_pipeline_tests.harvest.test_importing import CAMPAIGN

RESOURCES = {"store": StoreResource(), "io_manager": PartitionIOManager()}


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["fair"])
        yield instance


def run(instance: dg.DagsterInstance, first: str, last: str) -> dg.ExecuteInProcessResult:
    tags = {
        "dagster/asset_partition_range_start": f"fair|{first}",
        "dagster/asset_partition_range_end": f"fair|{last}",
    }
    return dg.materialize([harvest], instance=instance, resources=RESOURCES, tags=tags)


def test_a_range_and_its_days_are_the_same_and_nothing_is_lost(
    engine: Engine, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    register(engine, CAMPAIGN, "fair.yaml")
    path = tmp_path / "stand-1.csv"
    path.write_text(
        delimited() + "bo@leads.example,,New Shop,,2026-05-03\r\n,no key,,,2026-05-03\r\n", encoding="utf-8"
    )
    report = import_file(engine, "fair", path)
    result = run(instance, "2026-05-01", "2026-05-04")
    together = digest(engine, "fair")
    with engine.connect() as connection:
        merged = connection.scalar(select(func.sum(harvested_leads.c.record_count)))
        in_quarantine = connection.scalar(select(func.count()).select_from(quarantined_records))
        corrected = connection.execute(select(harvested_leads).where(~harvested_leads.c.is_new)).one()
    assert merged + in_quarantine == report.rows
    assert (corrected.company, corrected.full_name) == ("New Shop", "Bo, Jr.")
    metadata = {
        event.partition: event.step_materialization_data.materialization.metadata
        for event in result.get_asset_materialization_events()
        if event.asset_key == dg.AssetKey("harvested_leads")
    }
    assert metadata["fair|2026-05-01"]["records_in"].value == 2
    assert metadata["fair|2026-05-04"]["records_in"].value == 0
    for day in (1, 2, 3, 4, 2):
        run(instance, f"2026-05-{day:02d}", f"2026-05-{day:02d}")
    assert digest(engine, "fair") == together


def test_a_mended_mapping_reaches_the_records_of_old_days(
    engine: Engine, instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    register(engine, CAMPAIGN, "fair.yaml")
    path = tmp_path / "stand-1.csv"
    path.write_text(delimited(), encoding="utf-8")
    import_file(engine, "fair", path)
    register(engine, CAMPAIGN.replace("city: City", "region: City"), "fair.yaml")
    run(instance, "2026-05-01", "2026-05-03")
    with engine.connect() as connection:
        regions = connection.scalars(select(harvested_leads.c.region).order_by(harvested_leads.c.email)).all()
    assert regions == ["Lisboa", "Ghent", None, "Łódź"]
