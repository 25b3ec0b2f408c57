"""The `leadflow` command: one module a family of commands, composed here.

What belongs here: arguments, output, exit codes. What does not: any rule; a command calls the same functions
as the assets and the service do.
"""

from __future__ import annotations

import gc

import typer
from sqlalchemy.exc import OperationalError, ProgrammingError

from leadflow_pipeline.cli import (
    alerts,
    attribution,
    campaign,
    collect,
    database,
    demo,
    dispatch,
    enrichment,
    experiment,
    explain,
    handover,
    hooks,
    identity,
    inbox,
    leads,
    model,
    nurture,
    operate,
    permission,
    preview,
    rep_performance,
    reps,
    retention,
    review,
    route,
    sending,
    service,
    similar,
    timeline,
    token,
    tracking,
    what_if,
)
from leadflow_pipeline.cli.output import fail
from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.telemetry.correlation import correlated, new_correlation_id
from leadflow_pipeline.telemetry.logs import set_up_logs

TABLES_OF_ANOTHER_VERSION = ("42P01", "42703", "3F000")
"""SQLSTATEs of a table, a column or a schema that is not there."""

app = typer.Typer(
    name="leadflow",
    help="Takes sales leads from first sight to a booked conversation.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
demo.register(app)
operate.register(app)
service.register(app)
alerts.register(app)
leads.register(app)
collect.register(app)
handover.register(app)
dispatch.register(app)
permission.register(app)
preview.register(app)
sending.register(app)
hooks.register(app)
retention.register(app)
attribution.register(app)
explain.register(app)
timeline.register(app)
similar.register(app)
what_if.register(app)
route.register(app)
app.add_typer(campaign.app, name="campaign")
app.add_typer(enrichment.app, name="enrich")
app.add_typer(identity.app, name="identity")
app.add_typer(inbox.app, name="inbox")
app.add_typer(model.app, name="model")
app.add_typer(nurture.app, name="nurture")
rep_performance.register(reps.app)
app.add_typer(reps.app, name="reps")
app.add_typer(experiment.app, name="experiment")
app.add_typer(review.app, name="review")
app.add_typer(token.app, name="token")
app.add_typer(tracking.app, name="tracking")
app.add_typer(database.app, name="db")


OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""Loading Dagster makes a million objects that stay. To look for garbage among them after every few hundred costs a
command a third of a second."""


def main() -> None:
    """Runs the command; what a person can act on is said in one sentence, with exit code 1."""
    gc.set_threshold(OBJECTS_BETWEEN_COLLECTIONS)
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
