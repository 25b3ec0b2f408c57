"""A server that is slow and one that is silent are told apart. A frozen one, with the service: `service.test_kill`."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import OperationalError

from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.store.engine import engine_for
from leadflow_pipeline.store.silence import require_word

PATIENCE = 0.5


@pytest.fixture
def attentive(engine: Engine) -> Iterator[Engine]:
    """An engine with little patience."""
    found = engine_for(engine.url.render_as_string(hide_password=False), PATIENCE)
    yield found
    found.dispose()


def test_a_statement_that_takes_longer_than_the_patience_is_waited_for(attentive: Engine) -> None:
    with attentive.connect() as connection:
        assert connection.scalar(text("SELECT 'done' FROM pg_sleep(:long)"), {"long": 2 * PATIENCE}) == "done"
    require_word(attentive)


def test_nobody_waits_for_a_server_that_is_known_to_say_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        engine = engine_for(f"postgresql+psycopg://leadflow@127.0.0.1:{mute.getsockname()[1]}/x", PATIENCE)
        with pytest.raises(OperationalError, match="timeout"):
            engine.connect()
        begun = time.monotonic()
        with pytest.raises(OperationalError, match="says nothing"):
            engine.connect()
        with pytest.raises(TransientError, match="says nothing"):
            require_word(engine)
        assert time.monotonic() - begun < 1
    end = time.monotonic() + 30
    while (
        time.monotonic() < end
    ):  # the port is closed: its machine says so, and the server is no longer silent
        try:
            require_word(engine)
        except TransientError:
            time.sleep(0.02)
        else:
            break
    with pytest.raises(OperationalError, match="refused"):
        engine.connect()
