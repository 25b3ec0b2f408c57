"""Dagster's own home: its settings file, its environment, its database.

What belongs here: what every process of ours that talks to Dagster needs before it can. What does not: what
is then run (`operate`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import PROJECT_ROOT, get_settings
from leadflow_pipeline.store import migrate
from leadflow_pipeline.store.engine import dagster_database_url, get_engine

PACKAGE_ROOT = Path(__file__).resolve().parent.parent

EVENT_BATCH_SIZE = "1000"
"""A range of days makes an event a table and day. Stored in batches an event costs a third."""


def shipped_file(name: str) -> Path:
    """A file of the project's top folder, which an installed wheel carries inside the package."""
    for folder in (PROJECT_ROOT, PACKAGE_ROOT):
        if (folder / name).is_file():
            return folder / name
    raise PermanentError(f"{name} is missing beside the package {PACKAGE_ROOT}: install the project again")


def prepare_home() -> Path:
    """Makes `DAGSTER_HOME` and puts the shipped `dagster.yaml` there where it differs."""
    home = get_settings().dagster_home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    shipped, used = shipped_file("dagster.yaml").read_bytes(), home / "dagster.yaml"
    if not used.is_file() or used.read_bytes() != shipped:
        used.write_bytes(shipped)
    return home


def dagster_environment() -> dict[str, str]:
    """What the environment of a process that talks to Dagster must hold.

    Starts the embedded database if need be.
    """
    return {
        "DAGSTER_HOME": str(prepare_home()),
        "LEADFLOW_DAGSTER_DATABASE_URL": dagster_database_url(),
        "DAGSTER_EVENT_BATCH_SIZE": os.environ.get("DAGSTER_EVENT_BATCH_SIZE", EVENT_BATCH_SIZE),
        # For code servers, which the webserver and the daemon start without telling them theirs.
        "DAGSTER_CLI_API_GRPC_LOG_FORMAT": "json" if get_settings().log_format == "json" else "colored",
    }


@contextmanager
def dagster_instance() -> Iterator[dg.DagsterInstance]:
    """The instance that the UI shows too, for work in this process.

    Brings the leads' tables up to date first.
    """
    os.environ.update(dagster_environment())
    migrate.upgrade(get_engine())
    with dg.DagsterInstance.get() as instance:
        yield instance
