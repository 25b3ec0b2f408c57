"""Brings a database to the schema of this version of the code, and tells whether it is there.

What belongs here: running Alembic from code. What does not: the revisions (`migrations/versions`), and the
schema as it is today (`schema`).
"""

from __future__ import annotations

from functools import lru_cache

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, func, select
from sqlalchemy.schema import CreateSchema

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store import migrations
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import SCHEMA


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Migrates to `revision`, in one transaction. Two processes may call it at once: the second waits."""
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("migrations"))))
        connection.execute(CreateSchema(SCHEMA, if_not_exists=True))
        config = _config()
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def revision_of(engine: Engine) -> str | None:
    """The revision the database is at; None before the first."""
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table_schema": SCHEMA})
        return context.get_current_revision()


def revisions() -> list[str]:
    """Every revision, the earliest first."""
    return [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]


@lru_cache(maxsize=1)
def latest_revision() -> str:
    """The revision that this version of the code wants."""
    return revisions()[-1]


def check(engine: Engine) -> None:
    """Raises PermanentError, with the remedy, unless the database is at the latest revision."""
    found, known = revision_of(engine), revisions()
    if found is None:
        raise PermanentError("the database has no tables of leadflow yet: run leadflow db migrate")
    if found not in known:
        raise PermanentError(
            f"the database is at revision {found}, newer than this version: install the version it knows"
        )
    if found != known[-1]:
        raise PermanentError(f"the database is at revision {found} of {known[-1]}: run leadflow db migrate")


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", migrations.__path__[0].replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
