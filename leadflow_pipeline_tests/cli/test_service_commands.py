"""`serve` and `webhook` as a person uses them: a secret, a server, a lead sent by hand."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli import app
from leadflow_pipeline.insight.health.finding import State
from leadflow_pipeline.insight.health.sources import look_at_webhooks
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.signatures import key_of
from leadflow_pipeline_tests.cli.test_operate import LEADFLOW
from leadflow_pipeline_tests.ports import free_port
from leadflow_pipeline_tests.service.senders import CAMPAIGN, IDA, SECRETS, count


@pytest.fixture
def environment(engine: Engine, database_url: str, tmp_path: Path) -> dict[str, str]:
    """A home of its own, a campaign that takes webhooks, and the address where they are taken."""
    register(engine, CAMPAIGN, "fair.yaml")
    (tmp_path / "ida.json").write_text(json.dumps(IDA))
    own = {"LEADFLOW_HOME": str(tmp_path), "LEADFLOW_DATABASE_URL": database_url}
    return {**os.environ, **SECRETS, **own, "LEADFLOW_SERVICE_PORT": str(free_port())}


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """`leadflow serve`, answering."""
    process = subprocess.Popen([*LEADFLOW, "serve"], env=environment, stderr=subprocess.PIPE, text=True)
    url = f"http://127.0.0.1:{environment['LEADFLOW_SERVICE_PORT']}/health/ready"
    while process.poll() is None:
        try:
            with urllib.request.urlopen(url):
                break
        except OSError:  # nobody listens yet, or nobody answers yet
            threading.Event().wait(0.05)
    yield process
    process.kill()
    process.communicate()


def leadflow(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command, and what it said."""
    return subprocess.run(
        [*LEADFLOW, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def test_a_lead_sent_by_hand_comes_in(
    environment: dict[str, str],
    server: subprocess.Popen[str],
    engine: Engine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = str(tmp_path / "ida.json")
    sent = leadflow(environment, "webhook", "send", "fair", file, "--id", "by-hand")
    assert (sent.returncode, sent.stdout) == (0, '202 {"id":"by-hand","leads":1}\n')
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    signed = CliRunner().invoke(app, ["webhook", "sign", "fair", file, "--id", "by-hand"])
    curl = shlex.split(signed.stdout)
    headers = dict(part.split(": ") for flag, part in pairwise(curl) if flag == "-H")
    request = urllib.request.Request(curl[4], Path(file).read_bytes(), headers)
    with urllib.request.urlopen(request) as answer:
        assert answer.status == 200
    assert count(engine) == 1
    server.send_signal(signal.SIGINT)
    assert server.wait(60) in (0, -signal.SIGINT, 130)


@pytest.mark.parametrize(
    ("spoilt", "source", "sentence"),
    [
        ({}, "form", "nothing answers at http://127.0.0.1:"),
        ({}, "nothing", "name one with --source"),
        ({"LEADFLOW_FAIR_HOOK": ""}, "form", "LEADFLOW_FAIR_HOOK is not set"),
        ({"LEADFLOW_FAIR_HOOK": "short"}, "form", "leadflow webhook secret"),
    ],
)
def test_what_is_missing_is_said_in_a_sentence(
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoilt: dict[str, str],
    source: str,
    sentence: str,
) -> None:
    for name, value in (environment | spoilt).items():
        monkeypatch.setenv(name, value)
    get_settings.cache_clear()
    done = CliRunner().invoke(
        app, ["webhook", "send", "fair", str(tmp_path / "ida.json"), "--source", source]
    )
    assert done.exit_code == 1
    assert sentence in done.stderr + str(done.exception)


def test_a_new_secret_is_one_that_senders_take() -> None:
    assert len(key_of(CliRunner().invoke(app, ["webhook", "secret"]).stdout.strip())) == 32


def test_the_doctor_misses_secrets_and_the_service(
    environment: dict[str, str], engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_FAIR_HOOK", SECRETS["LEADFLOW_FAIR_HOOK"])
    monkeypatch.setenv("LEADFLOW_SERVICE_PORT", environment["LEADFLOW_SERVICE_PORT"])
    get_settings.cache_clear()
    old_secret, service = look_at_webhooks(engine)
    assert (old_secret.subject, old_secret.state) == ("webhook form of fair", State.BROKEN)
    assert "LEADFLOW_FAIR_HOOK_OLD is not set" in old_secret.sentence
    assert (service.subject, service.state) == ("HTTP service", State.BROKEN)
