"""From a file to an email, and then again: what was sent is not sent again, and what was computed does not change."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.policy import default
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register, set_status
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.delivery.dispatch import DispatchSummary, dispatch_due
from leadflow_pipeline.harvest.importing import Contents, import_file
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.digest import digest
from leadflow_pipeline_tests.samples import minimal_campaign_text

LEADFLOW = [sys.executable, "-W", "ignore", "-c", "from leadflow_pipeline.cli import main; main()"]

FIRST_DAY, LAST_DAY = date(2026, 3, 2), date(2026, 3, 6)
NOW = datetime(2026, 3, 7, 12, tzinfo=UTC)
"""On the day after the last one: what was planned for it is due, and what is older is not yet stale."""

ALWAYS = """
    qualification: {threshold: 0, review_band: 0}
    nurture:
      send_window: {start: "00:00", end: "23:59", weekdays: [mon, tue, wed, thu, fri, sat, sun]}
    """
LEADS = 20


class Chain:
    """A campaign whose leads were harvested, routed and planned for."""

    def __init__(self, engine: Engine, home: Path) -> None:
        self.engine, self.settings = engine, Settings(home=home)
        self.instance = dg.DagsterInstance.ephemeral()
        self.instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        register(engine, minimal_campaign_text("spring", extra=ALWAYS), "spring.yaml")
        self.tell_the_facts(home)

    def tell_the_facts(self, folder: Path) -> None:
        """Four leads a day, and a click of each on its day."""
        numbers = pd.Series(range(LEADS))
        days = (pd.Timestamp(FIRST_DAY) + pd.to_timedelta(numbers % 5, unit="D")).dt.strftime("%Y-%m-%d")
        email = "lead" + numbers.astype("str") + "@leads.example"
        leads = pd.DataFrame(
            {"Email": email, "First name": "Ida", "Company": "Example Ltd", "Title": "CEO", "Received": days}
        ).reindex(columns=["Email", "First name", "Last name", "Company", "Title", "Industry", "Employees",
                           "Country", "Phone", "Plan", "Received"])  # fmt: skip
        clicks = pd.DataFrame({"email": email, "behaviour": "click", "occurred_at": days + "T12:00:00Z"})
        for name, contents, frame in (
            ("leads.csv", Contents.LEADS, leads),
            ("clicks.csv", Contents.EVENTS, clicks),
        ):
            frame.to_csv(folder / name, index=False)
            assert import_file(self.engine, "spring", folder / name, contents=contents).new == LEADS

    def compute(self) -> dict[str, str]:
        """Every day as one range; the digests."""
        result = dg.materialize(
            list(STAGE_ASSETS),
            instance=self.instance,
            resources=build_defs().resources,
            tags=PartitionRange("spring", days_between(FIRST_DAY, LAST_DAY)).tags,
            run_config=QUIET,
        )
        assert result.success
        return digest(self.engine)

    def dispatch(self, now: datetime) -> DispatchSummary:
        """Sends what is due into a folder."""
        return dispatch_due(self.engine, self.settings, now)

    def recipients(self) -> list[str]:
        """Whom the emails in the folder are for, each as often as it was written to."""
        folder = self.settings.outbox_folder
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return [str(message_from_bytes(file.read_bytes(), policy=default)["To"]) for file in files]


@pytest.fixture
def chain(engine: Engine, tmp_path: Path) -> Chain:
    return Chain(engine, tmp_path)


def test_a_backfill_after_dispatch_sends_nothing_and_changes_nothing(chain: Chain) -> None:
    computed = chain.compute()
    first = chain.dispatch(NOW)
    written_to = chain.recipients()
    assert first.sent == len(written_to) > 0
    assert len(set(written_to)) == len(written_to), "nobody is written to twice"

    assert chain.compute() == computed, "what was sent is no part of what is computed"
    register(chain.engine, minimal_campaign_text("spring", extra=OTHER_RULES), "spring.yaml")
    assert chain.compute() != computed
    assert chain.dispatch(NOW + timedelta(minutes=5)).sent == 0
    assert chain.recipients() == written_to


OTHER_RULES = (
    ALWAYS
    + """
    routing: {nurture_low_score: true}
    scoring: {fit_weight: 0.9}
    """
)
"""Other scores, tiers and sequences for the same leads."""


def test_nothing_stale_leaves(chain: Chain) -> None:
    chain.compute()
    late = chain.dispatch(NOW + timedelta(days=10))
    assert (late.released, late.sent) == (0, 0)
    assert chain.recipients() == []


def test_a_paused_campaign_releases_nothing_until_it_goes_on(chain: Chain) -> None:
    chain.compute()
    set_status(chain.engine, "spring", "paused", actor="a person")
    paused = chain.dispatch(NOW)
    assert (paused.released, paused.sent) == (0, 0)
    assert chain.recipients() == []
    set_status(chain.engine, "spring", "active", actor="a person")
    assert chain.dispatch(NOW + timedelta(minutes=1)).sent > 0


@pytest.mark.timeout(600)
def test_the_demo_twice(engine: Engine, database_url: str, tmp_path: Path) -> None:
    """A newcomer's first command, and the same again."""
    environment = {
        **os.environ, "LEADFLOW_HOME": str(tmp_path / "home"), "LEADFLOW_DATABASE_URL": database_url,
    }  # fmt: skip

    def demo() -> str:
        """What the demo says that it changed."""
        done = subprocess.run(
            [*LEADFLOW, "demo"], env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        (sentence,) = (
            line for line in done.stdout.splitlines() if line.startswith(("Added", "Nothing changed"))
        )
        return sentence

    assert demo().startswith("Added 45,3")
    computed = digest(engine)
    sent = sorted((tmp_path / "home" / "outbox").glob("*.eml"))
    assert demo().startswith("Nothing changed: ")
    assert digest(engine) == computed
    assert sorted((tmp_path / "home" / "outbox").glob("*.eml")) == sent
