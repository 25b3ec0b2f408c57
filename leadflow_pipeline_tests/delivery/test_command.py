"""`leadflow dispatch` and `leadflow messages` as a person types them."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import typer
from sqlalchemy import text
from typer.testing import CliRunner, Result

from leadflow_pipeline.cli import dispatch
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline_tests.delivery.world import World

app = typer.Typer()
dispatch.register(app)


@pytest.fixture
def due_now(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """Two touches that are due at this very moment."""
    monkeypatch.setenv("LEADFLOW_HOME", str(world.home))
    get_settings.cache_clear()
    now = datetime.now(UTC)
    world.register()
    world.plan(2, day=(now - timedelta(days=1)).date(), planned_at=now - timedelta(minutes=1))
    return world


def leadflow(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments, catch_exceptions=False)


def as_json(*arguments: str) -> Any:
    return json.loads(leadflow(*arguments, "--json").stdout)


def test_a_person_looks_sends_and_looks_again(due_now: World) -> None:
    assert "would release 2 messages" in leadflow("dispatch", "--dry-run").stdout
    assert "released 2, sent 2 to " in leadflow("dispatch").stdout
    assert as_json("dispatch")["sent"] == 0

    listed = as_json("messages", "list", "--state", "sent", "--campaign", "spring-sale")
    assert [row["lead_id"] for row in listed] == ["lead-1", "lead-0"]
    assert "leads.example" not in leadflow("messages", "list").stdout
    shown = as_json("messages", "show", str(listed[0]["message_id"]))
    assert shown["recipient"] == "lead-1@leads.example"
    assert [attempt["phase"] for attempt in shown["attempt_records"]] == ["done"]
    assert leadflow("messages", "list", "--state", "unknown").stdout == "no such messages\n"


def test_a_person_settles_what_is_unknown(due_now: World) -> None:
    leadflow("dispatch")
    number = str(due_now.rows()[0]["message_id"])
    with pytest.raises(PermanentError, match="not unknown"):
        leadflow("messages", "settle", number, "again")
    with due_now.engine.begin() as connection:
        connection.execute(
            text("UPDATE leadflow.messages SET state = 'unknown', sent_at = NULL WHERE message_id = :number"),
            {"number": number},
        )
    assert leadflow("messages", "settle", number, "again").stdout == f"message {number} is planned\n"
    assert as_json("dispatch")["sent"] == 1


def test_what_does_not_exist_is_said_plainly(due_now: World) -> None:
    with pytest.raises(PermanentError, match="there is no message 404"):
        leadflow("messages", "show", "404")
