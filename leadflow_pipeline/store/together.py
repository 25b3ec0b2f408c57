"""Several statements of one transaction sent in one go: the way to the database and back once, not once for each.

What belongs here: PostgreSQL's pipeline mode below SQLAlchemy, for the few places where somebody waits for
milliseconds. What does not: statements.

They are carried out one after the other, so each sees what those before it did and waited for (locks among it). Where
one fails, none after it is carried out. Statements are prepared: the server plans them once a connection.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, Final, TypeAlias

import psycopg
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.elements import TextClause

from leadflow_pipeline.store.engine import safe_message

PSYCOPG: Final = PGDialect_psycopg()  # type: ignore[no-untyped-call]

Sent: TypeAlias = tuple[TextClause, Mapping[str, Any]]
"""A statement and its values, which go to the database as they are: JSON as its text."""


def together(connection: Connection, *sent: Sent) -> list[list[tuple[Any, ...]]]:
    """The rows of each of these statements, in the connection's transaction."""
    driver = _driver(connection)
    with _told_as_ours(connection):
        with driver.pipeline():
            cursors = [driver.execute(_written(each[0]), each[1], prepare=True) for each in sent]
        return [cursor.fetchall() if cursor.description else [] for cursor in cursors]


def commit_together(connection: Connection, *sent: Sent) -> None:
    """Carries out these statements and commits the connection's transaction; nothing of it where one of them fails."""
    driver = _driver(connection)
    transaction = connection.get_transaction()
    assert transaction is not None  # noqa: S101 - whoever commits has begun
    with _told_as_ours(connection), driver.pipeline():
        for each in sent:
            driver.execute(_written(each[0]), each[1], prepare=True)
        driver.execute(b"COMMIT")
    transaction.commit()  # finds nothing left to do but to say that it is over


def _driver(connection: Connection) -> psycopg.Connection[Any]:
    driver = connection.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)  # noqa: S101 - `store.engine` makes no other
    return driver


@lru_cache(maxsize=256)
def _written(statement: TextClause) -> str:
    """As psycopg takes it."""
    return str(statement.compile(dialect=PSYCOPG))


@contextmanager
def _told_as_ours(connection: Connection) -> Iterator[None]:
    """Errors are SQLAlchemy's, as those of any other statement, and name no values."""
    try:
        yield
    except psycopg.Error as error:
        error.args = (safe_message(error),)
        raise DBAPIError.instance(
            None, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        ) from None
