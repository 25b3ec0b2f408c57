"""Asking others: sources that are read, providers that know more of a lead, a language model for its opinion.

What they answer is kept as facts; the daily chain reads those and asks nobody.
"""

from datetime import UTC, datetime

import dagster as dg
from sqlalchemy import Engine

from leadflow_pipeline.automation.attempts import UNFINISHED, WORK_TAG
from leadflow_pipeline.campaign import load
from leadflow_pipeline.enrich.ordering import order_and_ask
from leadflow_pipeline.errors import LeadflowError, PermanentError
from leadflow_pipeline.harvest.collecting import collect, due_sources
from leadflow_pipeline.harvest.open_day import leads_of_open_day
from leadflow_pipeline.harvest.sources import AskedSource
from leadflow_pipeline.score.opinion.asking import ask_opinions
from leadflow_pipeline.store.due_days import active_campaigns
from leadflow_pipeline.store.failures import plain_failures
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import run_step


def ask_campaign(engine: Engine, campaign: str) -> list[dg.TableRecord]:
    """Reads the campaign's due sources, then asks its providers about recent leads, today's included, and a language
    model for its opinion if the campaign wants one.

    What vendors do is in the rows, one for each of them; what is wrong with the campaign itself is a row too, so that
    the other campaigns are served.
    """
    rows: list[dg.TableRecord] = []
    try:
        for read in collect(engine, campaign, only_due=True):
            rows.append(
                asked_row(campaign, read.source, read.state, read.rows, read.new, read.credits, read.problem)
            )
        reports = []
        if load(engine, campaign).rules.enrichment.needs_facts:
            reports += order_and_ask(engine, campaign, leads_of_open_day(engine, campaign, datetime.now(UTC)))
        reports += ask_opinions(engine, campaign)
        for told in reports:
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
    with run_step(context):
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
        if has_source or rules.enrichment.needs_facts or rules.opinion is not None:
            asking.append(campaign)
    return asking
