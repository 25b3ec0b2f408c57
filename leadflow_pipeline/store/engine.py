"""The one way to the database: its URL, and engines that keep quiet about what they carry.

What belongs here: normalising URLs, creating engines, and keeping personal data out of database errors. What
does not: queries, and starting a server (see `embedded`).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

import psycopg
from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.engine.interfaces import ExceptionContext
from sqlalchemy.exc import ArgumentError, DBAPIError

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import embedded
from leadflow_pipeline.store.silence import attend

PIPELINE_DRIVER = "postgresql+psycopg"
DAGSTER_DRIVER = "postgresql+psycopg2"
"""Dagster's own storage sends statements that psycopg 3 refuses, so it is named a URL of its own."""

APPLICATION = "leadflow"
"""How our sessions call themselves to the server."""

PATIENCE = {
    "connect_timeout": 10,
    "keepalives_idle": 30,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
"""How long a server may be silent, in seconds and the last in milliseconds: of one that vanished without a word (its
machine, or the network to it) the system's own limits tell only after minutes, a quarter of an hour or never. A server
that is merely busy answers these questions of the network all the same. The names are libpq's (PostgreSQL manual,
34.1.2), and a URL that has them decides itself.
"""

SECONDS_FOR_A_CONNECTION = 30
"""Of the pool, where all are in use. It does not tell who waits that others could not be made either."""

RAISED_BY_A_FUNCTION = "exec_stmt_raise"
"""Where in PostgreSQL's source an error begins that PL/pgSQL's RAISE words."""


def database_url() -> str:
    """The pipeline's database, `postgresql+psycopg://...`; starts the embedded server where no other is
    named.
    """
    return _database_url().render_as_string(hide_password=False)


def dagster_database_url() -> str:
    """The same database as Dagster's storage wants it: its tables live in schema `public`, ours in
    `leadflow`.

    The search path is set, because PostgreSQL looks into a schema named like the user first, and a user
    called `leadflow` would mix Dagster's tables, and its migrations, with ours.
    """
    url = _database_url().set(drivername=DAGSTER_DRIVER)
    return url.update_query_dict({"options": "-csearch_path=public"}).render_as_string(hide_password=False)


def plain_database_url() -> str:
    """The same database as psql and other programs take it: `postgresql://...`."""
    return _database_url().set(drivername="postgresql").render_as_string(hide_password=False)


def get_engine(patience: float | None = None) -> Engine:
    """The engine of this process (one for each URL and patience). Migrations are not run here."""
    return engine_for(database_url(), patience)


@lru_cache(maxsize=8)
def engine_for(url: str, patience: float | None = None) -> Engine:
    """An engine for `url` whose sessions are in UTC, whose errors name no values.

    `patience`: seconds after which it gives up on a server that says nothing at all (`silence`). Without it a statement
    is waited for until the network tells that the server is gone, as befits a run, to whom an hour may be well spent.
    """
    named = make_url(url)
    engine = create_engine(
        named,
        hide_parameters=True,
        pool_pre_ping=True,
        pool_timeout=SECONDS_FOR_A_CONNECTION if patience is None else patience,
        connect_args={
            "application_name": APPLICATION,
            **{name: limit for name, limit in PATIENCE.items() if name not in named.query},
        },
    )
    event.listen(engine, "connect", _prepare_session)
    event.listen(engine, "handle_error", _forget_values)
    if patience is not None:
        attend(engine, patience)
    return engine


@lru_cache(maxsize=8)
def normalise_url(url: str) -> URL:
    """Any way to write a PostgreSQL address, as psycopg 3 takes it. Raises PermanentError for another
    database.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        # The text is not repeated: it may hold a password.
        raise PermanentError(
            "LEADFLOW_DATABASE_URL cannot be read: write postgresql://user:password@host:5432/database"
        ) from None
    backend = parsed.drivername.partition("+")[0]
    if backend not in ("postgresql", "postgres"):
        raise PermanentError(
            f"LEADFLOW_DATABASE_URL names {backend}, and the store needs PostgreSQL 14 or later"
        )
    return parsed.set(drivername=PIPELINE_DRIVER)


def _database_url() -> URL:
    named = get_settings().database_url
    return normalise_url(
        named.get_secret_value() if named is not None else embedded.acquire(get_settings().home)
    )


def _prepare_session(connection: psycopg.Connection[Any], _: object) -> None:
    """What a session of ours relies on: days are UTC days, and our tables are always named with their schema.

    Statements and not start-up options, which connection poolers refuse.
    """
    connection.execute("SET timezone = 'UTC'; SET datestyle = 'ISO'; SET search_path = public; SET jit = off")
    connection.commit()


def _forget_values(context: ExceptionContext) -> None:
    """PostgreSQL quotes the offending row in its DETAIL and CONTEXT: take both out before anyone logs
    them.
    """
    original = context.original_exception
    if isinstance(original, psycopg.Error):
        original.args = (safe_message(original),)
        if isinstance(context.sqlalchemy_exception, DBAPIError):
            kind = f"{type(original).__module__}.{type(original).__qualname__}"
            context.sqlalchemy_exception.args = (f"({kind}) {original.args[0]}",)


def safe_message(error: psycopg.Error) -> str:
    """What a database error says, without any value of a row.

    Class 22 (a value that does not fit its type) names the value in the message itself, and a trigger of
    somebody else's may say anything, so of these only the kind is kept.
    """
    if error.sqlstate is not None and error.sqlstate.startswith("22"):
        column = f" in column {error.diag.column_name}" if error.diag.column_name else ""
        return f"a value does not fit its column{column} ({type(error).__name__}, SQLSTATE {error.sqlstate})"
    if error.diag.source_function == RAISED_BY_A_FUNCTION:
        return f"a function in the database refused it ({type(error).__name__}, SQLSTATE {error.sqlstate})"
    primary = error.diag.message_primary or str(error)
    return re.split(r"\n(?:DETAIL|CONTEXT|LINE \d+|HINT):?", primary, maxsplit=1)[0]
