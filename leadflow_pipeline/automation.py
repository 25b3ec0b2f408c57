"""What runs by itself: jobs, schedules and sensors.

What belongs here: when work starts, and that it is not started twice. What does not: what is due
(`store.due_days`, `delivery`), and what a step does.

Everything is switched on from the start: it reads and writes this database, and email leaves only where a
transport was configured (by default messages become files in the home folder).

Annotations are not postponed here: Dagster reads them when it decorates.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import dagster as dg
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.enrich.ordering import order_and_ask
from leadflow_pipeline.errors import LeadflowError, PermanentError
from leadflow_pipeline.harvest.collecting import collect, due_sources
from leadflow_pipeline.harvest.importing import import_landed
from leadflow_pipeline.harvest.landing import landed_files
from leadflow_pipeline.harvest.open_day import leads_of_open_day
from leadflow_pipeline.harvest.sources import AskedSource
from leadflow_pipeline.partitions import (
    CAMPAIGN_PARTITIONS_NAME,
    CAMPAIGN_TAG,
    PartitionRange,
    campaign_partitions,
    days_between,
    last_complete_day,
)
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.checks import LATEST_DAY_PRESENT
from leadflow_pipeline.store.due_days import LAST_TABLE, DueDays, active_campaigns, due_days, known_campaigns
from leadflow_pipeline.store.due_models import campaigns_to_train, training_week
from leadflow_pipeline.store.facts import log_activity
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource

STAGES = ("harvest", "identity", "enrich", "score", "qualify", "route", "nurture")

WORK_TAG = "leadflow/work"
"""On a run that a schedule or sensor started: which piece of work it is an attempt at."""

ATTEMPTS = 3
"""Runs for the same work before a person must look. Another day or another file is other work."""

UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]

LATEST_DAY_CHECK = dg.AssetSelection.checks(
    dg.AssetCheckKey(dg.AssetKey(LAST_TABLE.name), LATEST_DAY_PRESENT)
)

PRESENT = dg.AssetSelection.assets("persons", "accounts", "splink_opinion")
"""Who is who over all campaigns: of no campaign and no day, so no part of a campaign's daily run."""

# --- the daily chain ----------------------------------------------------------------------------------------

daily_pipeline = dg.define_asset_job(
    "daily_pipeline",
    selection=dg.AssetSelection.groups(*STAGES) - PRESENT - LATEST_DAY_CHECK,
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


def next_attempt(instance: dg.DagsterInstance, campaign: str, work: str) -> int | None:
    """Which attempt at this work comes next; None while the campaign has a run, or after the last one.

    A run key is used up by its first run, failed or not, so it must hold this number.
    """
    if instance.get_runs_count(dg.RunsFilter(tags={CAMPAIGN_TAG: campaign}, statuses=UNFINISHED)):
        return None
    attempts = instance.get_runs_count(dg.RunsFilter(tags={WORK_TAG: work}))
    return attempts + 1 if attempts < ATTEMPTS else None


# --- campaigns and files that appear ------------------------------------------------------------------------


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
    with plain_failures():
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


# --- vendors --------------------------------------------------------------------------------------------------


def ask_campaign(engine: Engine, campaign: str) -> list[dg.TableRecord]:
    """Reads the campaign's due sources, then asks its providers about recent leads, today's included.

    What vendors do is in the rows, one for each of them; what is wrong with the campaign itself is a row too, so that
    the other campaigns are served.
    """
    rows: list[dg.TableRecord] = []
    try:
        for read in collect(engine, campaign, only_due=True):
            rows.append(
                asked_row(campaign, read.source, read.state, read.rows, read.new, read.credits, read.problem)
            )
        if load(engine, campaign).rules.enrichment.needs_facts:
            for told in order_and_ask(
                engine, campaign, leads_of_open_day(engine, campaign, datetime.now(UTC))
            ):
                state = "deferred" if told.deferred_until else "failed" if told.problem else "done"
                asked = asked_row(
                    campaign, told.provider, state, told.asked, told.answered, told.credits, told.problem
                )
                rows.append(asked)
    except LeadflowError as error:
        rows.append(asked_row(campaign, "-", "failed", problem=str(error)))
    return rows


def asked_row(
    campaign: str,
    who: str,
    state: str,
    asked: int = 0,
    new: int = 0,
    credits: float = 0,
    problem: str | None = None,
) -> dg.TableRecord:
    """What came of asking one source or provider: counts, and one plain line where something is in the way."""
    return dg.TableRecord(
        {
            "campaign": campaign,
            "asked": who,
            "state": state,
            "records or questions": asked,
            "new": new,
            "credits": credits,
            "problem": problem or "",
        }
    )


@dg.op
def ask_vendors_now(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Asks for every active campaign. A vendor that fails is a row of the table, and fails nothing."""
    with plain_failures():
        rows = [
            row for campaign in asking_campaigns(store.engine) for row in ask_campaign(store.engine, campaign)
        ]
    states = [row.data["state"] for row in rows]
    context.add_output_metadata(
        {
            "asked": len(rows),
            "new": sum(int(row.data["new"] or 0) for row in rows),
            "credits": sum(float(row.data["credits"] or 0) for row in rows),
            "deferred": states.count("deferred"),
            "failed": states.count("failed"),
            **({"who was asked": dg.MetadataValue.table(rows)} if rows else {}),
        }
    )


@dg.job(
    description="Reads the sources that are asked, and asks vendors about leads. What fails is tried again later.",
    tags={"dagster/max_retries": "0", WORK_TAG: "ask_vendors"},
)
def ask_vendors() -> None:
    """One step. Not retried: what stayed behind is due at a later tick."""
    ask_vendors_now()


@dg.schedule(
    job=ask_vendors,
    cron_schedule="*/10 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every ten minutes, where a source is due or a campaign has providers, and no such run is under way.",
)
def ask_vendors_schedule(
    context: dg.ScheduleEvaluationContext, store: StoreResource
) -> dg.RunRequest | dg.SkipReason:
    """Requests a run where there is somebody to ask."""
    now = datetime.now(UTC)
    with plain_failures():
        asking = asking_campaigns(store.engine, now)
    if not asking:
        return dg.SkipReason("no active campaign has a source that is due or a provider to ask")
    under_way = dg.RunsFilter(tags={WORK_TAG: "ask_vendors"}, statuses=UNFINISHED)
    if context.instance.get_runs_count(under_way):
        return dg.SkipReason("vendors are being asked already")
    return dg.RunRequest(run_key=now.isoformat())


def asking_campaigns(engine: Engine, now: datetime | None = None) -> list[str]:
    """The active campaigns that ask anybody; given a moment, those that have somebody to ask then."""
    asking = []
    with engine.connect() as connection:
        active = active_campaigns(connection)
    for campaign in active:
        try:
            rules = load(engine, campaign).rules
        except PermanentError:  # told by the run that computes it
            continue
        sources = [source for source in rules.sources if isinstance(source, AskedSource)]
        has_source = bool(due_sources(engine, campaign, sources, now) if now and sources else sources)
        if has_source or rules.enrichment.needs_facts:
            asking.append(campaign)
    return asking


# --- what goes out ------------------------------------------------------------------------------------------


@dg.op
def dispatch_due_messages(context: dg.OpExecutionContext, store: StoreResource) -> None:
    """Releases touches that are due now into the outbox, and sends what it holds."""
    with plain_failures():
        summary = dispatch_due(store.engine, get_settings())
    context.add_output_metadata(summary.to_dict())


@dg.job(
    description="Sends what is due now, each message once. What was due long ago expires unsent.",
    tags={"dagster/max_retries": "0"},
)
def dispatch() -> None:
    """One step. Not retried: what stayed behind is due at the next tick."""
    dispatch_due_messages()


@dg.schedule(
    job=dispatch,
    cron_schedule="*/10 * * * *",
    default_status=dg.DefaultScheduleStatus.RUNNING,
    description="Every ten minutes, where something is due.",
)
def dispatch_schedule(store: StoreResource) -> dg.RunRequest | dg.SkipReason:
    """Requests a run where there is a touch to release or a message to send."""
    now = datetime.now(UTC)
    with plain_failures():
        would = dispatch_due(store.engine, get_settings(), now, dry_run=True)
    if not would.released + would.waiting:
        return dg.SkipReason("no message is due")
    return dg.RunRequest(run_key=now.isoformat())


# --- reports --------------------------------------------------------------------------------------------------

report_automation = dg.AutomationConditionSensorDefinition(
    "report_automation",
    target=dg.AssetSelection.groups("insight") | PRESENT,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes persons, accounts and a campaign's report again when daily tables have changed.",
)

# --- models that learn ---------------------------------------------------------------------------------------

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


# --- watching -----------------------------------------------------------------------------------------------

latest_day_watch = dg.define_asset_job(
    "latest_day_watch",
    selection=LATEST_DAY_CHECK,
    description="Checks that every active campaign has been computed up to yesterday.",
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
    with plain_failures():
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


JOBS = (daily_pipeline, import_landed_files, ask_vendors, dispatch, conversion_models, latest_day_watch)
SCHEDULES = (daily_schedule, ask_vendors_schedule, dispatch_schedule, training_schedule, latest_day_schedule)
SENSORS = (register_campaigns, landing_folders, report_automation, record_failures)
