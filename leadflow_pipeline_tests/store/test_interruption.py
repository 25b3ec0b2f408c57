"""A partition while it is being replaced: killed in the middle, raced, watched. Old rows or new ones,
never a mix.
"""

from __future__ import annotations

import multiprocessing
import random
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from time import monotonic

import pytest
from sqlalchemy import Engine, text

from leadflow_pipeline.store.digest import digest
from leadflow_pipeline.store.partitions import replace_partitions, stage_lock
from leadflow_pipeline.store.schema import qualified_leads
from leadflow_pipeline_tests.store.replacing import (
    CAMPAIGN,
    DAYS,
    ROWS,
    replace,
    replace_when_told,
    rows_of,
    versions_seen,
)

OLD, NEW = {1: ROWS + 300}, {2: ROWS + 600}

processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload(["leadflow_pipeline_tests.store.replacing"])


@contextmanager
def replacing(url: str, version: int) -> Iterator[tuple[BaseProcess, Connection]]:
    """A process that is ready to replace the rows by those of a version, as soon as it is told."""
    ours, theirs = processes.Pipe()
    process = processes.Process(target=replace_when_told, args=(url, version, theirs), daemon=True)
    process.start()
    assert ours.recv() == "ready"
    yield process, ours
    process.kill()
    process.join()


def settle(engine: Engine) -> None:
    """Waits until no other session of this database is in a transaction, as a killed one may be for a
    moment.
    """
    with engine.connect() as connection:
        connection.execute(
            text(
                "DO $$ BEGIN WHILE EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state <> 'idle') LOOP "
                "PERFORM pg_stat_clear_snapshot(); PERFORM pg_sleep(0.005); END LOOP; END $$"
            )
        )


def test_killed_at_random_points_leaves_the_old_rows_or_the_new(engine, campaign, database_url, slow):
    campaign(versions=2)
    replace(database_url, 2)
    expected = digest(engine)
    began = monotonic()
    replace(database_url, 1)
    whole = monotonic() - began
    points, outcomes = random.Random(7), []
    for _ in range(50 if slow else 8):
        with replacing(database_url, 2) as (process, told):
            told.send("go")
            process.join(timeout=points.uniform(0, 1.3 * whole))
            process.kill()
        settle(engine)
        outcomes.append(versions_seen(database_url))
        assert outcomes[-1] in (OLD, NEW)
        replace(database_url, 2)
        assert digest(engine) == expected
        replace(database_url, 1)
    if slow:
        assert OLD in outcomes
        assert NEW in outcomes


def test_two_runs_on_one_partition_at_once(engine, campaign, database_url):
    campaign(versions=2)
    replace(database_url, 2)
    expected = digest(engine)
    with replacing(database_url, 2) as (one, tell_one), replacing(database_url, 2) as (other, tell_other):
        tell_one.send("go")
        tell_other.send("go")
        one.join()
        other.join()
        assert (one.exitcode, other.exitcode) == (0, 0)
    assert digest(engine) == expected


def test_readers_see_the_old_rows_until_they_see_the_new(engine, campaign, database_url):
    campaign(versions=2)
    replace(database_url, 1)
    seen = []
    with replacing(database_url, 2) as (process, told):
        told.send("go")
        while process.is_alive():
            seen.append(versions_seen(database_url))
    assert versions_seen(database_url) == NEW
    assert all(versions in (OLD, NEW) for versions in seen)


def test_one_run_at_a_time_computes_a_stage(engine):
    with stage_lock(engine, CAMPAIGN, "scored_leads"):
        with stage_lock(engine, "autumn", "scored_leads"), stage_lock(engine, CAMPAIGN, "routed_leads"):
            pass
        with (
            pytest.raises(
                Exception, match="another run has been computing scored_leads of campaign spring-sale"
            ),
            stage_lock(engine, CAMPAIGN, "scored_leads", wait="10ms"),
        ):
            pytest.fail("the lock was given twice")
    with stage_lock(engine, CAMPAIGN, "scored_leads", wait="10ms"):
        pass


def test_a_refused_row_leaves_every_old_row(engine, campaign, database_url):
    campaign(versions=2)
    replace(database_url, 1)
    rows = rows_of(2)
    rows.loc[17, "status"] = "CANARY"
    with pytest.raises(Exception, match="qualified_leads_status_check") as refusal:
        replace_partitions(engine, qualified_leads, CAMPAIGN, DAYS, rows, campaign_version=2, run_id="run")
    assert "CANARY" not in str(refusal.value)
    assert versions_seen(database_url) == OLD
