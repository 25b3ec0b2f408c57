"""What every route leans on: cursors, ETags, and requests that are carried out once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any

import pytest
from pydantic import BaseModel
from sqlalchemy import Connection, Engine, func, select

from leadflow_pipeline.service.access.audit import note
from leadflow_pipeline.service.access.scopes import Caller, Scope
from leadflow_pipeline.service.access.tokens import create_token, token_id_of
from leadflow_pipeline.service.api.etags import etag_of, require_match
from leadflow_pipeline.service.api.idempotency import once
from leadflow_pipeline.service.api.paging import after, cursor_of, page_of, values_of
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.store.schema import activity_log


class Lead(BaseModel):
    """Something to tag."""

    score: float


def test_a_cursor_holds_what_it_was_given_and_is_nobody_elses() -> None:
    place = ["a", 7, 0.5, datetime(2026, 6, 1, 9, tzinfo=UTC), date(2026, 6, 1)]
    kinds = [str, int, float, datetime, date]
    assert values_of(cursor_of(place), kinds) == place
    for values in (place[:4], ["a", "7", *place[2:]], ["\x00", *place[1:]], ["a", 2**63, *place[2:]]):
        with pytest.raises(Problem):
            values_of(cursor_of(values), kinds)
    for made_up in ("x", "bm90aGluZw", cursor_of(["\ud800"])):
        with pytest.raises(Problem):
            values_of(made_up, [str])
    page = page_of([1, 2, 3], 2, lambda row: [row])
    assert (page.items, values_of(page.next_cursor, [int])) == ([1, 2], [2])
    assert page_of([1, 2], 2, lambda row: [row]).next_cursor is None
    columns = [activity_log.c.occurred_at, activity_log.c.activity_id]
    assert "<" in str(after(columns, [datetime.now(UTC), 1], descending=True))


def test_a_change_is_bound_to_what_was_seen() -> None:
    tag = etag_of(Lead(score=1))
    for held in (None, tag, f'"other", {tag}', "*"):
        require_match(held, Lead(score=1))
    for held in (tag, f"W/{etag_of(Lead(score=2))}", ""):
        with pytest.raises(Problem) as refused:
            require_match(held, Lead(score=2))
        assert refused.value.status == 412


def test_a_request_is_carried_out_once_however_often_it_is_sent(engine: Engine) -> None:
    """At the same time too; a refusal is not remembered, and another request under the same key is refused."""
    caller = Caller(token_id_of(create_token(engine, "site", Scope.OPERATE)), "site", Scope.OPERATE, None)

    def act(connection: Connection) -> Any:
        note(connection, caller, "lead.changed", campaign="spring")
        return {"changes": 1}

    def refuse(connection: Connection) -> Any:
        act(connection)
        raise Problem(HTTPStatus.CONFLICT, "not now")

    with pytest.raises(Problem):
        once(engine, caller, "key", "asked", refuse)
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: once(engine, caller, "key", "asked", act), range(16)))
    assert {bytes(answer.body) for answer in answers} == {b'{"changes":1}'}
    assert sum("idempotent-replayed" in answer.headers for answer in answers) == 15
    with pytest.raises(Problem) as refused:
        once(engine, caller, "key", "asked otherwise", act)
    assert refused.value.status == 409
    with engine.connect() as connection:
        changes = select(func.count()).where(activity_log.c.action == "lead.changed")
        assert connection.scalar(changes) == 1
