"""`up`, `materialize` and `doctor` as a person calls them: what they say, how they end, what they leave behind.

A process of its own is started where it counts that there is one: Dagster alone takes it two seconds to load.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, insert, text
from typer.testing import CliRunner

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app, main
from leadflow_pipeline.cli.runs import choose_days
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline.insight.health.days import look_at_days, look_at_reviews
from leadflow_pipeline.insight.health.finding import State
from leadflow_pipeline.insight.health.sources import look_at_vendors
from leadflow_pipeline.partitions import last_complete_day
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.schema import match_reviews, source_cursors, vendor_lookups
from leadflow_pipeline_tests.ports import free_port
from leadflow_pipeline_tests.samples import minimal_campaign_text

LEADFLOW = [sys.executable, "-W", "ignore", "-c", "from leadflow_pipeline.cli import main; main()"]
HEADER = "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received"
YESTERDAY = last_complete_day(datetime.now(UTC))
FIRST_DAY = YESTERDAY - timedelta(days=2)
PATIENCE = 60
"""Seconds for everything to stop; it gives its parts 15, and what they leave behind 3 each."""


@pytest.fixture
def environment(database_url: str, tmp_path: Path) -> dict[str, str]:
    """A home of its own, and the fresh database."""
    return {**os.environ, "LEADFLOW_HOME": str(tmp_path / "home"), "LEADFLOW_DATABASE_URL": database_url}


def leadflow(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    return subprocess.run(
        [*LEADFLOW, *arguments], env=environment, capture_output=True, text=True, check=False
    )


@dataclass
class Here:
    """Commands in this process, from their arguments to their exit code."""

    monkeypatch: pytest.MonkeyPatch
    capsys: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        self.monkeypatch.setattr(sys, "argv", ["leadflow", *arguments])
        self.capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), *self.capsys.readouterr())


@pytest.fixture
def here(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Here:
    """In the home and the database of `environment`."""
    monkeypatch.setenv("LEADFLOW_HOME", environment["LEADFLOW_HOME"])
    get_settings.cache_clear()
    for name in ("DAGSTER_HOME", "LEADFLOW_DAGSTER_DATABASE_URL", "DAGSTER_EVENT_BATCH_SIZE",
                 "DAGSTER_CLI_API_GRPC_LOG_FORMAT"):  # fmt: skip
        monkeypatch.setenv(name, "")  # a command sets them for good, and a test for itself
        monkeypatch.delenv(name)
    monkeypatch.setattr("leadflow_pipeline.cli.set_up_logs", lambda: None)  # pytest has set up its own
    return Here(monkeypatch, capsys)


@pytest.fixture
def spring(engine: Engine, tmp_path: Path) -> str:
    """A campaign whose first of two leads came three days ago."""
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    rows = [
        f"{name}@leads.example,{name},Example,Example Ltd,Head of Sales,software,200,DE,,gold,{day}"
        for name, day in (("ida", FIRST_DAY), ("otto", YESTERDAY))
    ]
    leads = tmp_path / "leads.csv"
    leads.write_text("\n".join([HEADER, *rows]) + "\n")
    import_file(engine, "spring", leads)
    return "spring"


def test_due_days_are_computed_once_and_the_doctor_agrees(
    environment: dict[str, str], here: Here, spring: str, engine: Engine
) -> None:
    (before,) = look_at_days(engine)
    assert (before.state, before.sentence) == (State.BROKEN, f"due since {FIRST_DAY}")

    done = leadflow(environment, "materialize", spring, "--json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert (report["first_day"], report["last_day"]) == (str(FIRST_DAY), str(YESTERDAY))
    assert report["rows"]["harvested_leads"] == report["rows"]["qualified_leads"] == 2

    again = here("materialize", spring)
    assert again.stdout == "spring is up to date: no day is due\n"
    told = here("doctor", "--json")
    found = {one["subject"]: (one["state"], one["sentence"]) for one in json.loads(told.stdout)}
    assert told.returncode == int(any(state == "broken" for state, _ in found.values()))
    assert found["campaign spring"] == ("well", "no day is due")


def test_one_stage_of_some_days_under_an_older_version(here: Here, spring: str, engine: Engine) -> None:
    days = ["--from", str(FIRST_DAY), "--to", str(FIRST_DAY)]
    done = here("materialize", spring, *days, "--stage", "harvest", "--version", "1", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == {"harvested_leads": 1, "quarantined_records": 0}
    with engine.connect() as connection:
        written = connection.execute(
            text("SELECT DISTINCT day, campaign_version FROM leadflow.partition_lineage")
        )
        assert written.all() == [(FIRST_DAY, 1)]


@pytest.mark.parametrize(
    ("campaign", "first", "last", "sentence"),
    [
        ("nowhere", None, None, "there is no campaign 'nowhere' (known: spring)"),
        ("spring", None, YESTERDAY + timedelta(days=1), "has not ended yet"),
        ("spring", date(2026, 3, 2), date(2026, 3, 1), "exchange them"),
        ("spring", date(1999, 1, 1), None, "LEADFLOW_FIRST_DAY"),
    ],
)
def test_days_that_cannot_be_computed_are_refused(
    engine: Engine, campaign: str, first: date | None, last: date | None, sentence: str
) -> None:
    register(engine, minimal_campaign_text("spring"), "spring.yaml")
    with pytest.raises(PermanentError, match=re.escape(sentence)):
        choose_days(engine, campaign, first, last)


def test_a_run_that_fails_says_so_in_a_sentence(here: Here, spring: str) -> None:
    done = here("materialize", spring, "--version", "7")
    assert done.returncode == 1
    assert done.stderr.startswith("error: run ")
    assert "has no version 7" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_doctor_says_what_is_broken_and_what_to_do(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE leadflow.alembic_version"))
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "broken  database" in done.stdout
    assert "leadflow db migrate" in done.stdout


def test_the_doctor_says_that_no_server_answers(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_DATABASE_URL", f"postgresql://ida:secret@127.0.0.1:{free_port()}/x")
    get_settings.cache_clear()
    done = CliRunner().invoke(app, ["doctor"])
    assert done.exit_code == 1
    assert "LEADFLOW_DATABASE_URL" in done.stdout
    assert "secret" not in done.output


def test_the_doctor_looks_at_vendors_and_at_what_waits_for_a_person(engine: Engine, spring: str) -> None:
    assert [*look_at_vendors(engine), *look_at_reviews(engine)] == []
    with engine.begin() as connection:
        for source, state in (("crm", "failed"), ("fair", "deferred")):
            row = {"campaign": spring, "source": source, "state": state, "problem": "it says no"}
            connection.execute(insert(source_cursors).values(row))
        asked = {
            "provider": "acme",
            "vendor": "acme",
            "subject_key": "key",
            "question": {},
            "state": "unknown",
        }
        connection.execute(insert(vendor_lookups).values(campaign=spring, lead_id="lead", **asked))
        pair = {"kind": "person", "left_id": "a", "right_id": "b", "match_probability": 0.5, "evidence": []}
        connection.execute(insert(match_reviews).values(pair))
    crm, fair, unknown = look_at_vendors(engine)
    assert (crm.state, crm.sentence) == (State.BROKEN, "it says no")
    assert "leadflow collect spring --source crm" in crm.remedy
    assert (fair.state, fair.remedy) == (State.LOOK, "")
    assert "leadflow enrich settle" in unknown.remedy
    assert "leadflow identity reviews" in next(look_at_reviews(engine)).remedy


class Up:
    """`leadflow up` as a process."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.home, self.port, self.service_port = environment["LEADFLOW_HOME"], free_port(), free_port()
        ports = ["--port", str(self.port), "--service-port", str(self.service_port)]
        self.process = subprocess.Popen(
            [*LEADFLOW, "up", *ports, "--no-browser"],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def wait_for_ui(self) -> None:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert f"http://127.0.0.1:{self.port}" in line, self.process.stderr and self.process.stderr.read()

    def wait_for(self, part: str) -> int:
        """The process that has `part` in its command, once there is one."""
        while not (found := self.others(part)):
            assert self.process.poll() is None
            threading.Event().wait(0.02)
        return found[0]

    def others(self, of: str = "") -> list[int]:
        """Every other process that was started with this home, `of` in its command."""
        found = []
        for folder in Path("/proc").iterdir():
            if folder.name.isdigit() and int(folder.name) != self.process.pid:
                try:
                    environment, command = (
                        (folder / "environ").read_bytes(),
                        (folder / "cmdline").read_bytes(),
                    )
                except OSError:
                    continue
                if f"LEADFLOW_HOME={self.home}\0".encode() in environment and of.encode() in command:
                    found.append(int(folder.name))
        return found


@pytest.fixture
def up(environment: dict[str, str]) -> Iterator[Up]:
    running = Up(environment)
    yield running
    for process in [running.process.pid, *running.others()]:
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            continue
    running.process.communicate()


on_linux = pytest.mark.skipif(not Path("/proc").exists(), reason="finds processes as Linux shows them")


@on_linux
def test_up_serves_the_ui_and_webhooks_and_stops_without_a_trace(up: Up) -> None:
    up.wait_for_ui()
    with urllib.request.urlopen(f"http://127.0.0.1:{up.service_port}/health/ready") as answer:
        assert json.load(answer) == {"status": "ready"}
    with urllib.request.urlopen(f"http://127.0.0.1:{up.port}/server_info") as answer:
        assert json.load(answer)["dagster_version"]
    assert up.others("dagster._daemon")
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(PATIENCE) == 0
    assert up.others() == []


@on_linux
def test_up_may_be_stopped_while_it_starts(up: Up) -> None:
    up.wait_for("dagster._daemon")
    up.process.send_signal(signal.SIGTERM)
    assert up.process.wait(PATIENCE) == 0
    assert up.others() == []


@on_linux
def test_up_stops_everything_and_names_the_log_when_a_part_dies(up: Up) -> None:
    os.kill(up.wait_for("dagster._daemon"), signal.SIGKILL)
    _, errors = up.process.communicate(timeout=PATIENCE)
    assert up.process.returncode == 1
    assert "error: the Dagster daemon stopped" in errors
    assert f"{up.home}/logs/daemon.log" in errors
    assert up.others() == []


@pytest.mark.parametrize("option", ["--port", "--service-port"])
def test_up_says_which_port_is_taken(engine: Engine, option: str) -> None:
    other = "--port" if option == "--service-port" else "--service-port"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ports = [option, str(taken.getsockname()[1]), other, str(free_port())]
        done = CliRunner().invoke(app, ["up", *ports])
    assert done.exit_code == 1
    assert f"choose a {option}" in str(done.exception)


def test_a_database_without_tables_is_told_in_one_sentence(here: Here, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA leadflow CASCADE"))
    done = here("campaign", "list")
    assert done.returncode == 1
    assert done.stderr == "error: the database has no tables of this version: run leadflow db migrate\n"


def test_adding_a_campaign_may_be_the_first_command_of_a_home(tmp_path: Path) -> None:
    file = tmp_path / "spring.yaml"
    file.write_text(minimal_campaign_text("spring"))
    home = Path(tempfile.mkdtemp(prefix="leadflow-home-"))
    home.chmod(0o711)
    environment = {name: value for name, value in os.environ.items() if name != "LEADFLOW_DATABASE_URL"}
    try:
        done = leadflow({**environment, "LEADFLOW_HOME": str(home)}, "campaign", "add", str(file))
        assert (done.returncode, done.stdout) == (0, "spring version 1: new\n"), done.stderr
    finally:
        shutil.rmtree(home)
