"""The daily chain: every stage of a campaign, for the days that are due."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.automation.attempts import WORK_TAG, next_attempt
from leadflow_pipeline.automation.selections import ABOUT_NOW, PRESENT, STAGES
from leadflow_pipeline.partitions import (
    PartitionRange,
    days_between,
    last_complete_day,
)
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.due_days import DueDays, due_days
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource

daily_pipeline = dg.define_asset_job(
    "daily_pipeline",
    selection=dg.AssetSelection.groups(*STAGES) - PRESENT - ABOUT_NOW,
    description="Every stage of one campaign, for a day or a range of days, with its checks.",
)


@dg.schedule(
    job=daily_pipeline,
    cron_schedule="15 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=(
        "One run for each active campaign with due days. Looks every hour, because what is due comes from "
        "the database: a missed night, a late file or a failed run is made good within the hour."
    ),
)
def daily_schedule(
    context: dg.ScheduleEvaluationContext, store: StoreResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Requests the runs of the due days."""
    with plain_failures():
        due = due_days(store.engine, get_settings().first_day, last_complete_day(datetime.now(UTC)))
    requests = [request for days in due if (request := daily_request(context.instance, days)) is not None]
    yield from requests
    if not requests:
        yield dg.SkipReason(f"{len(due)} campaigns have due days, and none needs a new run")


def daily_request(instance: dg.DagsterInstance, due: DueDays) -> dg.RunRequest | None:
    """The run that computes these days, as one range."""
    partitions = PartitionRange(due.campaign, days_between(due.first, due.last))
    work = f"{due.campaign}:{due.first.isoformat()}:{due.last.isoformat()}"
    attempt = next_attempt(instance, due.campaign, work)
    if attempt is None:
        return None
    return dg.RunRequest(run_key=f"{work}:{attempt}", tags={**partitions.tags, WORK_TAG: work})
