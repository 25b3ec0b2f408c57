"""Seeing what did not happen: days that were not computed, and runs that failed."""

import dagster as dg

from leadflow_pipeline.automation.selections import ABOUT_NOW
from leadflow_pipeline.partitions import CAMPAIGN_TAG
from leadflow_pipeline.store.facts import log_activity
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.telemetry.correlation import CORRELATION_TAG, correlated

latest_day_watch = dg.define_asset_job(
    "latest_day_watch",
    selection=ABOUT_NOW,
    description="Checks that every active campaign has been computed up to yesterday, and no failure stands.",
)

latest_day_schedule = dg.ScheduleDefinition(
    job=latest_day_watch,
    cron_schedule="0 6,18 * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Twice a day, late enough for the night's runs to have ended.",
)


@dg.run_failure_sensor(
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Notes every failed run in the activity log, where people look who do not open this page.",
)
def record_failures(context: dg.RunFailureSensorContext, store: StoreResource) -> None:
    """Writes the run's name, job and failed steps; never a message, which might quote a lead."""
    run = context.dagster_run
    with plain_failures(), correlated(run.tags.get(CORRELATION_TAG, run.run_id)):
        log_activity(
            store.engine,
            actor="dagster",
            action="run_failed",
            campaign=run.tags.get(CAMPAIGN_TAG),
            detail={
                "run_id": run.run_id,
                "job": run.job_name,
                "steps": [event.step_key for event in context.get_step_failure_events()],
            },
        )
