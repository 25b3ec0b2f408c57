"""Databases for tests: every test has one that is empty, and most of them one that was used before.

What belongs here: handing databases out and emptying them. What does not: the server, and what is migrated into its
template (`conftest`).

A copy of the template takes 0.1 s on an idle machine and five times that beside other tests; emptying takes 0.01 s over
a connection that stays open, and four times that over a new one, to which the server tells anew what tables there are.
A database that is not exactly as the template is once its rows are gone (a test has changed a table, Dagster has made
its own) is dropped, and so is one that has grown.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from sqlalchemy import Connection, Engine, NullPool, create_engine, make_url, text

MOST_GROWTH = 32 << 20
"""Bytes above the template's size, up to which deleting rows is quicker than a new copy."""

EMPTYING = "emptying"
"""The name of the connection that stays open."""

OURS = "nspname !~ '^pg_' AND nspname <> 'information_schema'"

STRUCTURE = f"""
    WITH relation AS (
        SELECT c.oid, nspname || '.' || relname AS name, relkind, c.relnamespace
        FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {OURS}
    )
    SELECT md5(coalesce(string_agg(part, E'\\n' ORDER BY part), '')) FROM (
        SELECT name || ' ' || relkind::text FROM relation
        UNION ALL SELECT name || ' ' || attname || ' ' || atttypid || ' ' || attnotnull || ' ' || atthasdef
            FROM pg_attribute JOIN relation ON relation.oid = attrelid WHERE attnum > 0
        UNION ALL SELECT conname || ' ' || pg_get_constraintdef(pg_constraint.oid)
            FROM pg_constraint JOIN relation ON relation.oid = conrelid
        UNION ALL SELECT tgname || ' ' || name FROM pg_trigger JOIN relation ON relation.oid = tgrelid
            WHERE NOT tgisinternal
        UNION ALL SELECT proname FROM pg_proc JOIN pg_namespace AS n ON n.oid = pronamespace WHERE {OURS}
    ) AS structure (part)
"""
TABLES = f"""
    SELECT format('%I.%I', schemaname, tablename) FROM pg_tables
    WHERE {OURS.replace("nspname", "schemaname")} AND tablename <> 'alembic_version'
"""
SESSIONS = (
    "FROM pg_stat_activity "
    "WHERE datname = :name AND backend_type = 'client backend' AND application_name <> :ours"
)
REVISION = "SELECT string_agg(version_num, ',') FROM leadflow.alembic_version"


class Databases:
    """The databases of one server that are copies of a template."""

    def __init__(self, server_url: str, template: str) -> None:
        self._url = make_url(server_url)
        self._template = template
        self._server = create_engine(server_url, isolation_level="AUTOCOMMIT")
        self._unused: list[str] = []
        self._engines: dict[str, Engine] = {}
        self.names: Iterator[str] = (f"test_{number}" for number in itertools.count(1))
        with create_engine(self._url.set(database=template), poolclass=NullPool).connect() as connection:
            self._structure = connection.scalar(text(STRUCTURE))
            self._revision = connection.scalar(text(REVISION))
            self._size = _size(connection)
            self._tables = list(connection.scalars(text(TABLES)))

    def take(self) -> str:
        """The URL of an empty database that nobody else has."""
        name = self._unused.pop() if self._unused else self._copied()
        return self._url.set(database=name).render_as_string(hide_password=False)

    def give_back(self, url: str) -> None:
        """Ends whoever is connected to it still, and empties it for the next one, or drops it."""
        name = str(make_url(url).database)
        self._end_sessions(name)
        if self._is_emptied(name):
            self._unused.append(name)
            return
        self._engines.pop(name).dispose()
        with self._server.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))

    def close(self) -> None:
        """Lets go of the server."""
        for engine in (*self._engines.values(), self._server):
            engine.dispose()

    def _end_sessions(self, name: str) -> None:
        """All at once, until they are gone: asked to wait for one, the server looks every tenth of a second."""
        asked = {"name": name, "ours": EMPTYING}
        with self._server.connect() as connection:
            while connection.scalar(text(f"SELECT count(pg_terminate_backend(pid)) {SESSIONS}"), asked):
                connection.execute(text("SELECT pg_sleep(0.005)"))

    def _on(self, name: str) -> Engine:
        """An engine whose one connection stays open; where somebody ended it, the next is another."""
        if name not in self._engines:
            self._engines[name] = create_engine(
                self._url.set(database=name),
                pool_size=1,
                pool_pre_ping=True,
                connect_args={"application_name": EMPTYING},
            )
        return self._engines[name]

    def _copied(self) -> str:
        name = next(self.names)
        with self._server.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {self._template} STRATEGY FILE_COPY"))
        return name

    def _is_emptied(self, name: str) -> bool:
        """Deletes every row, where what is left is the template then."""
        with self._on(name).begin() as connection:
            if connection.scalar(text(STRUCTURE)) != self._structure:
                return False
            if connection.scalar(text(REVISION)) != self._revision:
                return False
            if _size(connection) > self._size + MOST_GROWTH:
                return False
            filled = " UNION ALL ".join(
                f"SELECT '{table}' WHERE EXISTS (SELECT FROM {table})" for table in self._tables
            )
            # Foreign keys are not looked at: the rows that they point at go as well.
            connection.execute(text("SET LOCAL session_replication_role = replica"))
            for table in connection.scalars(text(filled)).all():
                connection.execute(text(f"DELETE FROM {table}"))
            connection.execute(text("SELECT setval(seqrelid::regclass, seqstart, false) FROM pg_sequence"))
        return True


def _size(connection: Connection) -> int:
    return int(connection.scalar(text("SELECT pg_database_size(current_database())")) or 0)
