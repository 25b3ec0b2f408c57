"""Whatever a vendor sends, what is read of it is JSON that the database takes."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from leadflow_pipeline.vendors.reading import objects, parsed

LETTERS = st.text(st.characters() | st.sampled_from("\x00\ud800\udfff"), max_size=5)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | LETTERS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(LETTERS, inner, max_size=3),
    max_leaves=8,
)


@given(value=VALUES)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_an_answer_can_be_stored(engine: Engine, value: object) -> None:
    answer = json.dumps(parsed(json.dumps(value)), ensure_ascii=False, allow_nan=False)
    with engine.connect() as connection:
        connection.execute(text("SELECT CAST(:answer AS jsonb)"), {"answer": answer})


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b'{"a": [1', b"\xff\xfe\x00", b"[" * 100_000, b"9" * 5_000], ids=range(6)
)
def test_what_is_no_json_is_none(body: bytes) -> None:
    assert parsed(body) is None


def test_numbers_keep_their_digits() -> None:
    assert parsed(b'{"request_id": -8039995589705121901}') == {"request_id": -8039995589705121901}
    assert parsed(b"[1e999, NaN, -Infinity]") == [None, None, None]


def test_only_the_objects_of_a_list_are_read() -> None:
    assert objects([{"a": 1}, None, "x", 3, {"b": 2}]) == [{"a": 1}, {"b": 2}]
    assert objects({"a": 1}) == objects(None) == objects("x") == []
