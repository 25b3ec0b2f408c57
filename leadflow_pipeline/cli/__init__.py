"""The `leadflow` command: one module a family of commands, loaded when one of them is called (`commands`).

What belongs here: arguments, output, exit codes. What does not: any rule; a command calls the same functions
as the assets and the service do.
"""

from __future__ import annotations

import atexit
import gc

import typer
from sqlalchemy.exc import OperationalError, ProgrammingError

from leadflow_pipeline.cli.commands import CommandsOnDemand
from leadflow_pipeline.cli.output import fail
from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.telemetry.correlation import correlated, new_correlation_id
from leadflow_pipeline.telemetry.logs import set_up_logs

TABLES_OF_ANOTHER_VERSION = ("42P01", "42703", "3F000")
"""SQLSTATEs of a table, a column or a schema that is not there."""

OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Loading Dagster makes a million objects that stay. To look for garbage among them after every few hundred costs a
command half a second."""

app = typer.Typer(
    name="leadflow",
    cls=CommandsOnDemand,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


@app.callback()
def leadflow() -> None:
    """Takes sales leads from first sight to a booked conversation."""


def main() -> None:
    """Runs the command; what a person can act on is said in one sentence, with exit code 1."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
    # At the end they go with the process: to look through them once more takes another half second.
    atexit.register(gc.freeze)
    set_up_logs()
    try:
        with correlated(new_correlation_id()):
            app()
    except LeadflowError as error:
        fail(str(error))
    except OperationalError as error:
        fail(f"the database does not answer ({type(error.orig).__name__}): leadflow doctor says more")
    except ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) not in TABLES_OF_ANOTHER_VERSION:
            raise
        fail("the database has no tables of this version: run leadflow db migrate")
