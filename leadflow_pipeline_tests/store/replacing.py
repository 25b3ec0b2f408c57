"""What a process does that is killed, raced or watched while it replaces partitions.

Imported by processes of their own: nothing here depends on the test process.
"""

from __future__ import annotations

from datetime import date
from multiprocessing.connection import Connection

import pandas as pd

from leadflow_pipeline.store.engine import engine_for
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline.store.schema import qualified_leads

CAMPAIGN = "spring-sale"
DAYS = [date(2026, 5, day) for day in range(1, 4)]
ROWS = 6_000


def rows_of(version: int) -> pd.DataFrame:
    """All rows of a version; each version has its own number of rows."""
    count = ROWS + 300 * version
    numbers = pd.Series(range(count))
    return pd.DataFrame(
        {
            "lead_id": numbers.map("lead-{:05d}".format).astype("str"),
            "day": pd.to_datetime(pd.Series(DAYS)).iloc[(numbers % len(DAYS)).to_numpy()].to_numpy(),
            "source": "fair",
            "icp_fit": version / 100,
            "score": numbers % 100,
            "status": "PENDING",
            "reasons": "[]",
            "is_override": False,
        }
    )


def replace(url: str, version: int) -> None:
    """One run."""
    replace_partitions(
        engine_for(url),
        qualified_leads,
        CAMPAIGN,
        DAYS,
        rows_of(version),
        campaign_version=version,
        run_id="run",
    )


def replace_when_told(url: str, version: int, told: Connection) -> None:
    """One run, begun at the word of another process, with nothing left to load."""
    read_partitions(engine_for(url), qualified_leads, CAMPAIGN, DAYS)
    told.send("ready")
    told.recv()
    replace(url, version)


def versions_seen(url: str) -> dict[int, int]:
    """Campaign version -> number of rows that a reader sees."""
    rows = read_partitions(engine_for(url), qualified_leads, CAMPAIGN, DAYS, columns=["campaign_version"])
    return {int(version): int(count) for version, count in rows["campaign_version"].value_counts().items()}
