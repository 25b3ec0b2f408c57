"""The service on a real socket, and somebody who sends to it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from fastapi import FastAPI
from sqlalchemy import Engine

from leadflow_pipeline.campaign import register
from leadflow_pipeline.service.app import build_app, server_of
from leadflow_pipeline_tests.service.senders import CAMPAIGN, SECRETS, Clock, Sender


@pytest.fixture
def fair(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> str:
    """A campaign with a webhook, whose secrets are in the environment."""
    register(engine, CAMPAIGN, "fair.yaml")
    for name, secret in SECRETS.items():
        monkeypatch.setenv(name, secret)
    return "fair"


@pytest.fixture
def sender(fair: str) -> Iterator[Sender]:
    """Somebody who sends to a service that runs in a thread of this process."""
    clock = Clock()
    with served(build_app(now=clock)) as url:
        yield Sender(url, clock)


@contextmanager
def served(app: FastAPI) -> Iterator[str]:
    """The address of an application that runs in a thread of this process."""
    server = server_of(app, "127.0.0.1", 0)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()
