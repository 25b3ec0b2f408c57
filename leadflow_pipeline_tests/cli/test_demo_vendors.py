"""`leadflow demo --vendors` as a person runs it, twice."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Engine, func, select

from leadflow_pipeline.store.schema import enriched_leads, vendor_lookups

LEADFLOW = [sys.executable, "-W", "ignore", "-c", "from leadflow_pipeline.cli import main; main()"]


def demo(database_url: str, home: Path) -> str:
    """What the demo prints."""
    environment = {**os.environ, "LEADFLOW_HOME": str(home), "LEADFLOW_DATABASE_URL": database_url}
    done = subprocess.run(
        [*LEADFLOW, "demo", "--vendors"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_person_sees_who_said_what_at_what_cost_and_a_second_run_pays_nothing(
    engine: Engine, database_url: str, tmp_path: Path
) -> None:
    first = demo(database_url, tmp_path / "home")
    assert "none were paid for twice" in first
    for name in ("apollo", "crm", "trade-fair", "members", "dropcontact", "clearbit", "intent"):
        assert name in first
    bought = select(func.count(), func.sum(vendor_lookups.c.credits))
    enriched = select(func.count()).where(enriched_leads.c.enrichment_status == "complete")
    with engine.connect() as connection:
        before = tuple(connection.execute(bought).one())
        assert before[1] > 0
        assert connection.scalar(enriched)

    second = demo(database_url, tmp_path / "home")
    assert "The stand-ins charged for nothing" in second
    assert "Nothing changed" in second
    with engine.connect() as connection:
        assert tuple(connection.execute(bought).one()) == before
