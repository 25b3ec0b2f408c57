"""What is said of every request: its id to whoever asked, and one line of the log without anything that was sent."""

from __future__ import annotations

import asyncio
import logging

import httpx
import pytest

from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.telemetry.correlation import HEADER
from leadflow_pipeline.telemetry.logs import FIELDS

CANARY = "canaryq"


def asked(path: str, **headers: str) -> httpx.Response:
    """The answer of a service without a database."""

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(build_app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service.example") as client:
            return await client.get(path, headers=headers)

    return asyncio.run(ask())


def test_an_id_is_taken_over_or_made_and_answered() -> None:
    assert asked("/health/live", **{HEADER: "request-0001"}).headers[HEADER] == "request-0001"
    made = asked("/health/live", **{HEADER: f"{CANARY}@leads.example"}).headers[HEADER]
    assert made
    assert CANARY not in made
    problem = asked("/nothing")
    assert problem.json()["correlation_id"] == problem.headers[HEADER]
    assert asked("/nothing").headers[HEADER] != asked("/nothing").headers[HEADER]


def test_the_log_has_the_route_and_nothing_that_was_sent(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "leadflow_pipeline")
    asked(f"/health/live?email={CANARY}@leads.example", Authorization=f"Bearer lf_{CANARY}")
    asked(f"/{CANARY}")
    lines = [getattr(each, FIELDS) for each in caplog.records if each.getMessage() == "answered"]
    assert [(line["route"], line["status"]) for line in lines] == [("/health/live", 200), ("(none)", 404)]
    told = [f"{record.getMessage()} {record.__dict__}" for record in caplog.records if record.name != "httpx"]
    assert CANARY not in "\n".join(told)
