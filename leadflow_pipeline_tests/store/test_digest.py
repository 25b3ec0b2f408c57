"""The digest: blind to where rows lie and when they were written, sharp for everything they say."""

from __future__ import annotations

from datetime import date

import pandas as pd
from sqlalchemy import text

from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import qualified_leads
from leadflow_pipeline_tests.store.test_partitions import DAYS, decisions

ROWS = decisions(("b", 2, "PENDING"), ("é", 1, "PENDING"), ("Z", 1, "QUALIFIED"), ("a", 4, "PENDING"))


def write(engine, days, run_id="run"):
    frame = ROWS[ROWS["day"].isin(pd.to_datetime(days))]
    replace_partitions(engine, qualified_leads, "spring-sale", days, frame, campaign_version=1, run_id=run_id)


def test_the_order_of_writing_leaves_no_trace(engine, campaign):
    campaign()
    write(engine, DAYS)
    whole = digest(engine)
    for day in (DAYS[3], DAYS[0], DAYS[1], DAYS[2], DAYS[0]):
        write(engine, [day], run_id=f"run of {day}")
    assert digest(engine) == whole
    assert digest(engine, "spring-sale") == whole


def test_every_value_counts(engine, campaign):
    campaign()
    write(engine, DAYS)
    whole = digest(engine)
    with engine.begin() as connection:
        connection.execute(
            text("UPDATE leadflow.qualified_leads SET score = 60.00000000000001 WHERE lead_id = 'b'")
        )
    changed = digest(engine)
    assert {table for table in whole if whole[table] != changed[table]} == {"qualified_leads"}


def test_campaigns_are_told_apart(engine, campaign):
    campaign()
    write(engine, [date(2026, 5, 1)])
    assert digest(engine, "autumn") != digest(engine, "spring-sale")
