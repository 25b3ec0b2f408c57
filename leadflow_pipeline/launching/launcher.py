"""Launches a run, once for each ticket. A door to Dagster's queue.

What belongs here: that a run is launched, that the same request never launches two, and that it is in the activity
log. What does not: which run (`wanted`), and HTTP (`webserver`).

    launch(engine: Engine, wanted: WantedRun, *, ticket: str, asked: str, actor: str, now: datetime,
           correlation_id: str | None = None) -> LaunchedRun

Before Dagster is asked, the ticket is written and committed; the run carries it as a tag. Whoever comes again with the
ticket gets the run that has it. Where there is none yet, the first request may still be on its way: only when
`TO_SETTLE` has passed, which is longer than the webserver is given to answer, is it asked again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, insert, select, update
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.launching.wanted import WantedRun
from leadflow_pipeline.launching.webserver import LOCATION, WebserverAway, WebserverRefused, ask, run_page
from leadflow_pipeline.partition_keys import CAMPAIGN_PARTITIONS_NAME
from leadflow_pipeline.store.schema import activity_log, run_launches
from leadflow_pipeline.telemetry.correlation import CORRELATION_TAG

LAUNCH_TAG: Final = "leadflow/launch"
"""On a run: the ticket that it was launched for."""
ACTOR_TAG: Final = "leadflow/actor"

TO_SETTLE: Final = timedelta(minutes=3)


class OtherRequest(PermanentError):
    """The ticket was used for another request."""


class LaunchUnderWay(TransientError):
    """The ticket's run is being launched, or the answer was lost: come again."""


@dataclass(frozen=True)
class LaunchedRun:
    """A run in Dagster's queue, or beyond."""

    run_id: str
    page: str
    """Where people see it."""
    is_new: bool


def launch(
    engine: Engine,
    wanted: WantedRun,
    *,
    ticket: str,
    asked: str,
    actor: str,
    now: datetime,
    correlation_id: str | None = None,
) -> LaunchedRun:
    """The run of a ticket: launched now, or before.

    `asked` is a key of the whole request. Raises OtherRequest, LaunchUnderWay, and as `webserver.ask` does; after
    WebserverAway and WebserverRefused nothing was launched, and the ticket is as good as new.
    """
    with engine.begin() as connection:
        is_first = _begin(connection, wanted, ticket, asked, actor, now, correlation_id)
    if not is_first:
        run_id = _run_before(engine, ticket, asked, now)
        if run_id is not None:
            return LaunchedRun(run_id, run_page(run_id), is_new=False)
    try:
        if wanted.campaign is not None:
            _add_partition(wanted.campaign)
        run_id = _launch(wanted, _tags(wanted, ticket, actor, correlation_id))
    except (WebserverAway, WebserverRefused):
        with engine.begin() as connection:
            connection.execute(
                delete(run_launches).where(run_launches.c.ticket == ticket, run_launches.c.run_id.is_(None))
            )
            _log(connection, "run.not_launched", wanted, actor, correlation_id, {})
        raise
    _keep(engine, ticket, run_id)
    return LaunchedRun(run_id, run_page(run_id), is_new=True)


def wanted_before(engine: Engine, ticket: str, asked: str) -> WantedRun | None:
    """What the ticket was used for; None where it is new. What is due may have changed since. Raises OtherRequest."""
    with engine.connect() as connection:
        row = connection.execute(select(run_launches).where(run_launches.c.ticket == ticket)).first()
    if row is None:
        return None
    _require_same(row.request_key, asked)
    return WantedRun.from_json(row.wanted)


def _require_same(before: str, asked: str) -> None:
    if before != asked:
        raise OtherRequest("the idempotency key came before with another request: use a new key")


def _begin(
    connection: Connection,
    wanted: WantedRun,
    ticket: str,
    asked: str,
    actor: str,
    now: datetime,
    correlation_id: str | None,
) -> bool:
    """Whether the ticket is new; then it is written, and so is who asked for what."""
    row = {"ticket": ticket, "request_key": asked, "begun_at": now, "wanted": asdict(wanted)}
    written = insert_or_skip(run_launches).values(row).on_conflict_do_nothing()
    if connection.scalar(written.returning(run_launches.c.ticket)) is None:
        return False
    detail = {
        "job": wanted.job,
        "first": wanted.partitions[0] if wanted.partitions else None,
        "last": wanted.partitions[-1] if wanted.partitions else None,
        "stages": list(wanted.stages),
        "assets": list(wanted.assets),
        "ticket": ticket,
    }
    _log(connection, "run.launch", wanted, actor, correlation_id, detail)
    return True


def _run_before(engine: Engine, ticket: str, asked: str, now: datetime) -> str | None:
    """The run that a ticket has already; None where it is to be launched again, because nothing came of it.

    Raises OtherRequest, LaunchUnderWay.
    """
    with engine.connect() as connection:
        row = connection.execute(select(run_launches).where(run_launches.c.ticket == ticket)).first()
    if row is None:
        raise LaunchUnderWay("the request before was given up at this moment: send it again")
    _require_same(row.request_key, asked)
    if row.run_id is not None:
        return str(row.run_id)
    launched = _run_with(ticket)
    if launched is not None:
        _keep(engine, ticket, launched)
        return launched
    claim = (
        update(run_launches)
        .where(
            run_launches.c.ticket == ticket,
            run_launches.c.run_id.is_(None),
            run_launches.c.begun_at == row.begun_at,
        )
        .values(begun_at=now)
    )
    if now - row.begun_at >= TO_SETTLE:
        with engine.begin() as connection:
            if connection.execute(claim).rowcount == 1:
                return None
    raise LaunchUnderWay("the run of this idempotency key is being launched: send it again in some seconds")


def _keep(engine: Engine, ticket: str, run_id: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(run_launches).where(run_launches.c.ticket == ticket).values(run_id=run_id))


def _tags(wanted: WantedRun, ticket: str, actor: str, correlation_id: str | None) -> dict[str, str]:
    tags = {**wanted.tags, LAUNCH_TAG: ticket, ACTOR_TAG: actor}
    return tags if correlation_id is None else {**tags, CORRELATION_TAG: correlation_id}


ADD_PARTITION = """
mutation($campaign: String!, $definition: String!, $repository: RepositorySelector!) {
  addDynamicPartition(
    partitionKey: $campaign, partitionsDefName: $definition, repositorySelector: $repository
  ) { __typename }
}
"""

LAUNCH = """
mutation($params: ExecutionParams!) {
  launchRun(executionParams: $params) {
    __typename
    ... on LaunchRunSuccess { run { runId } }
  }
}
"""

RUN_WITH = """
query($filter: RunsFilter!) {
  runsOrError(filter: $filter, limit: 1) { ... on Runs { results { runId } } }
}
"""

ASSETS = """
query($job: PipelineSelector!) {
  assetNodes(pipeline: $job) { groupName assetKey { path } }
}
"""

WHY_NOT: Final = {
    "PipelineNotFoundError": "Dagster has not loaded our definitions: see the page Deployment of its UI",
    "UnauthorizedError": "this Dagster webserver launches no runs: it is read-only",
}


def _add_partition(campaign: str) -> None:
    """Makes the campaign's partition where it has none, as the sensor does for those who wait for it."""
    answer = ask(
        ADD_PARTITION,
        {"campaign": campaign, "definition": CAMPAIGN_PARTITIONS_NAME, "repository": LOCATION},
    )["addDynamicPartition"]
    if answer["__typename"] not in ("AddDynamicPartitionSuccess", "DuplicateDynamicPartitionError"):
        raise WebserverRefused(_why_not(answer["__typename"]))


def _launch(wanted: WantedRun, tags: Mapping[str, str]) -> str:
    selector: dict[str, Any] = {"jobName": wanted.job, **LOCATION}
    assets = [*wanted.assets, *_assets_of(wanted)]
    if assets:
        selector["assetSelection"] = [{"path": name.split("/")} for name in assets]
    params = {
        "selector": selector,
        "runConfigData": dict(wanted.config),
        "executionMetadata": {"tags": [{"key": key, "value": value} for key, value in tags.items()]},
    }
    answer = ask(LAUNCH, {"params": params})["launchRun"]
    if answer["__typename"] != "LaunchRunSuccess":
        raise WebserverRefused(_why_not(answer["__typename"]))
    return str(answer["run"]["runId"])


def _assets_of(wanted: WantedRun) -> list[str]:
    """The job's assets that belong to the stages."""
    if not wanted.stages:
        return []
    nodes = ask(ASSETS, {"job": {"pipelineName": wanted.job, **LOCATION}})["assetNodes"]
    names = ["/".join(node["assetKey"]["path"]) for node in nodes if node["groupName"] in wanted.stages]
    if not names:
        raise WebserverRefused(WHY_NOT["PipelineNotFoundError"])
    return sorted(names)


def _run_with(ticket: str) -> str | None:
    runs = ask(RUN_WITH, {"filter": {"tags": [{"key": LAUNCH_TAG, "value": ticket}]}})["runsOrError"]
    found = runs.get("results") or []
    return str(found[0]["runId"]) if found else None


def _why_not(kind: str) -> str:
    return WHY_NOT.get(kind, f"Dagster did not launch the run ({kind}): its webserver's log says why")


def _log(
    connection: Connection,
    action: str,
    wanted: WantedRun,
    actor: str,
    correlation_id: str | None,
    detail: Mapping[str, Any],
) -> None:
    row = {"actor": actor, "action": action, "campaign": wanted.campaign, "detail": dict(detail)}
    connection.execute(insert(activity_log).values(**row, correlation_id=correlation_id))
