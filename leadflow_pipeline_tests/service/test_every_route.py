"""Every address of the OpenAPI document: whom it refuses, and whether it answers as it says."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import httpx
import pandas as pd
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from sqlalchemy import Engine
from starlette.routing import compile_path

from leadflow_pipeline.harvest.keys import lead_ids
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token, revoke_token, token_id_of
from leadflow_pipeline.service.app import build_app

PUBLIC = {
    "/health/live",
    "/health/ready",
    "/unsubscribe/{token}",
    "/webhooks/lead/{campaign}",
    "/webhooks/lead/{campaign}/{source}",
    "/webhooks/provider/generic",
    "/webhooks/provider/sendgrid",
    "/webhooks/provider/ses",
}
"""What the world asks without a token: signed, or harmless."""

WRITES_NOTHING = re.compile(
    r"/(predict|validate|validate-only|validation|preview|analyse|analysis|search|scores?|what-if|lint|power|similar)$"
)
"""Questions with a body: whoever may read may ask them."""

ADDRESSES_PER_HEAD = 8
OPERATIONS_OF_A_QUICK_RUN = 10
"""`benchmarks.contract` asks all of them, thousands of times."""


@pytest.fixture
def app(engine: Engine) -> FastAPI:
    return build_app()


def operations(app: FastAPI) -> Iterator[tuple[str, str, str]]:
    """Method, path and scope of everything that needs a token."""
    for path, methods in app.openapi()["paths"].items():
        for method, operation in methods.items():
            if path in PUBLIC:
                assert "security" not in operation
                continue
            (needed,) = operation["security"]
            (scope,) = needed
            assert scope in {each.word for each in Scope}, f"{method} {path} needs {scope}"
            if method != "get" and not WRITES_NOTHING.search(path):
                assert scope != "read", f"{method} {path} changes something: who may read must not"
            yield method.upper(), path, scope


def test_nobody_gets_in_who_may_not(app: FastAPI, engine: Engine, campaign: Callable[..., str]) -> None:
    """Missing, wrong, expired, revoked, under-scoped and another campaign's token, on every route there is."""
    campaign("spring")
    campaign("autumn")
    now = datetime.now(UTC)
    admin = create_token(engine, "admin", Scope.ADMIN, requests_a_minute=1_000_000)
    revoked = create_token(engine, "gone", Scope.ADMIN)
    revoke_token(engine, token_id_of(revoked), now=now, actor="ida")
    strangers = {
        "missing": None,
        "made up": "lf_0123456789ab_" + "0" * 64,
        "wrong": admin[:-1] + ("0" if admin[-1] != "0" else "1"),
        "expired": create_token(engine, "old", Scope.ADMIN, expires_at=now - timedelta(seconds=1)),
        "revoked": revoked,
        "no token": "x",
    }
    lesser = {
        "operate": create_token(engine, "reader", Scope.READ, requests_a_minute=1_000_000),
        "admin": create_token(engine, "operator", Scope.OPERATE, requests_a_minute=1_000_000),
    }
    of_autumn = create_token(
        engine, "autumn", Scope.ADMIN, campaigns=frozenset({"autumn"}), requests_a_minute=1_000_000
    )

    async def walk() -> int:
        count = 0
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:

            async def status(method: str, path: str, token: str | None) -> int:
                who = {} if token is None else {"Authorization": f"Bearer {token}"}
                sent = None if method == "GET" else {}
                return (await client.request(method, path, headers=who, json=sent)).status_code

            for method, template, scope in operations(app):
                path = re.sub(r"\{[^}]+\}", "1", template.replace("{campaign}", "spring"))
                for why, token in strangers.items():
                    assert await status(method, path, token) == 401, (method, template, why)
                if scope in lesser:
                    assert await status(method, path, lesser[scope]) == 403, (method, template)
                if "{campaign}" in template:
                    assert await status(method, path, of_autumn) == 404, (method, template)
                count += 1
        return count

    assert asyncio.run(walk()) >= 1


def test_every_address_takes_what_its_document_says_and_no_more(app: FastAPI, engine: Engine) -> None:
    """Another method is refused and told which there are, where a pattern beside it would take it too; HEAD is GET."""
    token = create_token(engine, "admin", Scope.ADMIN, requests_a_minute=1_000_000)
    paths: Mapping[str, Mapping[str, Any]] = app.openapi()["paths"]

    async def walk() -> None:
        headers = {"Authorization": f"Bearer {token}"}
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://service", headers=headers
        ) as client:
            for number, (template, operations) in enumerate(paths.items()):
                path = re.sub(r"\{[^}]+\}", "1", template)
                taken = {method.upper() for method in operations}
                patterns = {
                    method.upper()
                    for pattern in paths
                    if pattern != template and compile_path(pattern)[0].match(template)
                    for method in paths[pattern]
                }
                for method in {"OPTIONS", *patterns} - taken:
                    answer = await client.request(method, path)
                    told = set(answer.headers["allow"].split(", "))
                    assert (answer.status_code, told) == (
                        405,
                        taken | ({"HEAD"} if "GET" in taken else set()),
                    )
                if "GET" in taken and not number % ADDRESSES_PER_HEAD:
                    got, head = await client.get(path), await client.head(path)
                    assert (head.status_code, head.content) == (got.status_code, b""), template
                    assert head.headers.get("content-type") == got.headers.get("content-type")

    asyncio.run(walk())


def test_no_name_that_somebody_gives_is_shadowed_by_a_word_of_ours(app: FastAPI) -> None:
    """A campaign called `schema` or a rep called `capacity` is found at its address as any other."""
    addresses = [path.split("/") for path in app.openapi()["paths"]]
    shadowed = {
        (pattern, word)
        for literal in addresses
        for named in addresses
        if len(literal) == len(named)
        and all(a == b or "{" in a or "{" in b for a, b in zip(literal, named, strict=True))
        for word, pattern in zip(literal, named, strict=True)
        if "{" in pattern and "{" not in word
    }
    ours = {word for pattern, word in shadowed if pattern == "{lead_id}"}
    assert {pattern for pattern, _ in shadowed} == {"{lead_id}"}
    emails = pd.DataFrame({"email": ["ida@leads.example"], "phone": None, "source_key": None})
    (lead_id,) = lead_ids("spring", "form", emails)
    assert re.fullmatch(r"[0-9a-f]{32}", lead_id), lead_id
    assert not any(re.fullmatch(r"[0-9a-f]{32}", word) for word in ours)


def test_it_answers_as_its_document_says(app: FastAPI, engine: Engine, slow: bool) -> None:
    """Invented requests, some as documented and some not: no server error, and nothing that is not in the document."""
    token = create_token(engine, "admin", Scope.ADMIN, requests_a_minute=1_000_000)
    config = SchemathesisConfig.from_dict(CONFIG)
    schema = schemathesis.openapi.from_asgi("/openapi.json", app, config=config)
    headers = {"Authorization": f"Bearer {token}"}
    found = [each.ok() for each in schema.get_all_operations()]
    Random(7).shuffle(found)
    broken = []
    for operation in found if slow else found[:OPERATIONS_OF_A_QUICK_RUN]:

        @settings(
            max_examples=200 if slow else 2,
            derandomize=not slow,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case: Any) -> None:
            case.call_and_validate(headers=headers)

        try:
            ask()
        except FailureGroup as failures:
            broken += [f"{operation.label}: {each}" for each in failures.exceptions]
    assert not broken, "\n\n".join(broken)


CONFIG: Mapping[str, Any] = {
    # What a campaign file must say, no schema of a text can.
    "operations": [
        {
            "include-path": path,
            "checks": {"positive_data_acceptance": {"expected-statuses": ["2xx", "3xx", "4xx", "503"]}},
        }
        for path in ("/api/v1/campaigns", "/api/v1/campaign-files/validate", "/api/v1/campaigns/{campaign}")
    ],
    "generation": {"allow-x00": False},
    "checks": {
        # What a schema cannot say: that an ETag is stale, or an archived campaign's address gone.
        "positive_data_acceptance": {
            "expected-statuses": ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "429", "503"]
        },
        "negative_data_rejection": {
            "expected-statuses": [
                *("400", "401", "403", "404", "405", "406", "409"),
                *("413", "415", "422", "428", "429", "503"),
            ]
        },
    },
}
