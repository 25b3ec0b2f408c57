"""Models that learn: each active campaign's conversion model, once a week."""

from collections.abc import Iterator
from datetime import UTC, datetime

import dagster as dg

from leadflow_pipeline.automation.attempts import WORK_TAG, next_attempt
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, CAMPAIGN_TAG
from leadflow_pipeline.store.due_models import campaigns_to_train, training_week
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource

conversion_models = dg.define_asset_job(
    "conversion_models",
    selection=dg.AssetSelection.assets("conversion_model"),
    description="Trains a campaign's conversion model, and promotes it where it is better. Changes no computed day.",
)


@dg.schedule(
    job=conversion_models,
    cron_schedule="30 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description=(
        "One training a week for each active campaign, from Monday 03:30 UTC on. Looks every hour, because what is due "
        "comes from the database: a week that was slept through or failed is made good within the hour."
    ),
)
def training_schedule(
    context: dg.ScheduleEvaluationContext, store: StoreResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Requests the trainings that are due this week."""
    now = datetime.now(UTC)
    with plain_failures():
        due = campaigns_to_train(store.engine, now)
    registered = set(context.instance.get_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME))
    requests = [
        request
        for campaign in due
        if campaign in registered
        and (request := training_request(context.instance, campaign, now)) is not None
    ]
    yield from requests
    if not requests:
        yield dg.SkipReason(f"{len(due)} campaigns are not trained yet this week, and none needs a new run")


def training_request(instance: dg.DagsterInstance, campaign: str, now: datetime) -> dg.RunRequest | None:
    """The run that trains a campaign in the week of a moment."""
    year, week, _ = training_week(now).isocalendar()
    work = f"{campaign}:conversion:{year}-W{week:02}"
    attempt = next_attempt(instance, campaign, work)
    if attempt is None:
        return None
    return dg.RunRequest(
        run_key=f"{work}:{attempt}", partition_key=campaign, tags={CAMPAIGN_TAG: campaign, WORK_TAG: work}
    )
