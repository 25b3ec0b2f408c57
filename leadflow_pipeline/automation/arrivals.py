"""What appears: campaigns in the database, and files in the landing folders."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import dagster as dg

from leadflow_pipeline.automation.attempts import WORK_TAG, next_attempt
from leadflow_pipeline.harvest.importing import import_landed
from leadflow_pipeline.harvest.landing import landed_files
from leadflow_pipeline.partitions import (
    CAMPAIGN_PARTITIONS_NAME,
    CAMPAIGN_TAG,
    campaign_partitions,
)
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.due_days import known_campaigns
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


@dg.sensor(
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes a partition for every campaign in the database. Removes none: history stays.",
)
def register_campaigns(
    context: dg.SensorEvaluationContext, store: StoreResource
) -> dg.SensorResult | dg.SkipReason:
    """Adds the partitions that are missing."""
    with plain_failures(), store.engine.connect() as connection:
        campaigns = known_campaigns(connection)
    missing = sorted(set(campaigns) - set(context.instance.get_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME)))
    if not missing:
        return dg.SkipReason("every campaign has its partition")
    return dg.SensorResult(dynamic_partitions_requests=[campaign_partitions.build_add_request(missing)])


class LandingFolder(dg.Config):
    """Which campaign's landing folder a run imports."""

    campaign: str


@dg.op
def import_files(context: dg.OpExecutionContext, config: LandingFolder, store: StoreResource) -> None:
    """Imports what has landed; a file that cannot be read is set aside beside the reason."""
    with run_step(context):
        files = import_landed(store.engine, config.campaign)
    reports = [file.report for file in files if file.report is not None]
    context.add_output_metadata(
        {
            "files": len(files),
            "refused": len(files) - len(reports),
            **{
                name: sum(getattr(report, name) for report in reports)
                for name in ("rows", "new", "repeated", "quarantined", "erased")
            },
        }
    )


@dg.job(description="Imports a campaign's landed files as records; the daily schedule finds their days due.")
def import_landed_files() -> None:
    """One step."""
    import_files()


@dg.sensor(
    job=import_landed_files,
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Watches a folder for each campaign; a complete file there is imported once.",
)
def landing_folders(
    context: dg.SensorEvaluationContext, store: StoreResource
) -> Iterator[dg.RunRequest | dg.SkipReason]:
    """Requests a run for each campaign with landed files."""
    with plain_failures(), store.engine.connect() as connection:
        landed = {
            campaign: files
            for campaign in known_campaigns(connection)
            if (files := landed_files(get_settings().landing_folder / campaign, datetime.now(UTC)))
        }
        # Within, because a file that is gone by now would be named.
        requests = [
            request
            for campaign, files in landed.items()
            if (request := import_request(context.instance, campaign, files)) is not None
        ]
    yield from requests
    if not requests:
        yield dg.SkipReason(f"{len(landed)} campaigns have landed files, and none needs a new run")


def import_request(
    instance: dg.DagsterInstance, campaign: str, files: Sequence[Path]
) -> dg.RunRequest | None:
    """The run that imports these files. Its key is a hash: a file's name may tell a person's."""
    contents = "\n".join(f"{file.name} {file.stat().st_mtime_ns}" for file in files)
    work = f"{campaign}:{sha256(contents.encode()).hexdigest()[:16]}"
    attempt = next_attempt(instance, campaign, work)
    if attempt is None:
        return None
    return dg.RunRequest(
        run_key=f"{work}:{attempt}",
        run_config=dg.RunConfig(ops={"import_files": LandingFolder(campaign=campaign)}),
        tags={CAMPAIGN_TAG: campaign, WORK_TAG: work},
    )
