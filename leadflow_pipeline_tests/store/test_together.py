"""Statements sent in one go: their rows, one transaction, and what is left of a session where one of them fails."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from sqlalchemy import ARRAY, BigInteger, Date, Text, bindparam, text
from sqlalchemy.exc import DBAPIError, OperationalError

from leadflow_pipeline.store.schema import Timestamp
from leadflow_pipeline.store.together import commit_together, together

ECHO = text(
    "SELECT word, :word AS said, CAST(:day AS date) AS day, :moment AS moment, cardinality(:numbers) AS numbers "
    "FROM unnest(:words) WITH ORDINALITY AS asked(word, place) ORDER BY place"
).bindparams(
    bindparam("word", type_=Text),
    bindparam("day", type_=Date),
    bindparam("moment", type_=Timestamp),
    bindparam("numbers", type_=ARRAY(BigInteger)),
    bindparam("words", type_=ARRAY(Text)),
)
MAKE = text("CREATE TEMPORARY TABLE kept (word text PRIMARY KEY) ON COMMIT PRESERVE ROWS")
KEEP = text("INSERT INTO kept VALUES (:word)").bindparams(bindparam("word", type_=Text))
KEPT = text("SELECT word FROM kept ORDER BY word")
NOW = datetime(2026, 5, 6, 9, 30, tzinfo=UTC)


def values(**other: object) -> dict[str, object]:
    asked = {"word": "a", "day": date(2026, 5, 6), "moment": NOW, "numbers": [1, 2**62], "words": ["a"]}
    return asked | other


def test_values_come_back_as_they_were_sent(engine):
    words = ["", "it's", 'a "b", {c}', "\\", "50 %", "ÅÄ $1 :word %(x)s", "NULL", "x" * 100_000]
    with engine.connect() as connection:
        rows, none, missing = together(
            connection,
            (ECHO, values(words=words, word="%s $2")),
            (ECHO, values(words=[])),
            (ECHO, values(word=None, day=None, numbers=[])),
        )
    assert rows == [(word, "%s $2", date(2026, 5, 6), NOW, 2) for word in words]
    assert none == []
    assert missing == [("a", None, None, NOW, 0)]


def test_what_both_sides_send_may_be_longer_than_what_is_on_the_way(engine):
    many = ["x" * 1000] * 5000
    with engine.connect() as connection:
        first, second = together(connection, (ECHO, values(words=many)), (ECHO, values(words=many)))
    assert [len(first), len(second)] == [5000, 5000]


def test_they_are_one_transaction(engine):
    with engine.connect() as connection:
        with connection.begin():
            together(connection, (MAKE, {}), (KEEP, {"word": "a"}))
            commit_together(connection, (KEEP, {"word": "b"}))
        with connection.begin():
            together(connection, (KEEP, {"word": "c"}))
            connection.rollback()
        assert together(connection, (KEPT, {})) == [[("a",), ("b",)]]


def test_where_one_fails_none_after_it_is_carried_out_and_the_session_goes_on(engine):
    with engine.connect() as connection:
        with connection.begin():
            commit_together(connection, (MAKE, {}), (KEEP, {"word": "a"}))
        with pytest.raises(DBAPIError) as failed, connection.begin():
            commit_together(connection, (KEEP, {"word": "b"}), (KEEP, {"word": "a"}), (KEPT, {}))
        assert failed.value.orig.sqlstate == "23505"
        assert "(a)" not in str(failed.value)  # the row, which PostgreSQL quotes
        with connection.begin():
            assert together(connection, (KEPT, {}), (ECHO, values())) == [
                [("a",)],
                together(connection, (ECHO, values()))[0],
            ]


def test_a_session_that_was_ended_is_an_error_and_the_next_is_none(engine):
    with engine.connect() as connection:
        (((pid,),),) = together(connection, (text("SELECT pg_backend_pid()"), {}))
        with engine.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid, 10000)"), {"pid": pid})
        with pytest.raises(OperationalError):
            together(connection, (ECHO, values()))
        connection.invalidate()
    with engine.connect() as connection:
        assert len(together(connection, (ECHO, values()))[0]) == 1
