"""A stand-in for the Dagster webserver: runs that are launched and never start, and the schedule of the daily chain.

What belongs here: what of Dagster's GraphQL `leadflow_pipeline.launching` asks, answered by Dagster's own schema, so
that a question the real one would not understand is refused here too. What does not: carrying out a run.
"""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Mapping
from functools import cache
from itertools import islice
from typing import Any

from graphql import GraphQLSchema, build_schema, graphql_sync, print_schema

from leadflow_pipeline.definitions import build_defs
from leadflow_pipeline_tests.fakes.http import FakeServer, Received, Reply, json_reply

Run = dict[str, Any]


class FakeDagsterWebserver(FakeServer):
    """POST /graphql. A run that is launched waits in the queue for ever; `runs` has the newest last."""

    def __init__(self) -> None:
        super().__init__()
        self.runs: dict[str, Run] = {}
        self.campaigns: set[str] = set()
        self._root = {
            "launchRun": self._launch,
            "addDynamicPartition": self._add_partition,
            "runsOrError": self._runs,
            "runOrError": self._run,
            "assetNodes": lambda _info, **_: assets(),
            "scheduleOrError": lambda _info, **_: SCHEDULE,
        }

    def respond(self, received: Received) -> Reply:
        if received.method != "POST" or received.path != "/graphql":
            return json_reply({"error": "not found"}, 404)
        asked = json.loads(received.body)
        told = graphql_sync(
            dagsters_schema(), asked["query"], self._root, variable_values=asked.get("variables")
        )
        return json_reply(told.formatted, 200 if told.errors is None else 400)

    def _launch(self, _info: Any, executionParams: Mapping[str, Any], **_: Any) -> dict[str, Any]:
        run_id = str(uuid.uuid4())
        self.runs[run_id] = {
            "__typename": "Run",
            "runId": run_id,
            "jobName": executionParams["selector"]["jobName"],
            "status": "QUEUED",
            "creationTime": time.time(),
            "startTime": None,
            "endTime": None,
            "tags": executionParams["executionMetadata"]["tags"],
            "stepStats": [],
        }
        return {"__typename": "LaunchRunSuccess", "run": self.runs[run_id]}

    def _add_partition(self, _info: Any, partitionKey: str, **_: Any) -> dict[str, Any]:
        is_known = partitionKey in self.campaigns
        self.campaigns.add(partitionKey)
        return {"__typename": "DuplicateDynamicPartitionError" if is_known else "AddDynamicPartitionSuccess"}

    def _runs(
        self, _info: Any, filter: Mapping[str, Any], limit: int | None = None, cursor: str | None = None
    ) -> dict[str, Any]:
        newest = list(reversed(self.runs.values()))
        if cursor is not None:
            place = [run["runId"] for run in newest].index(cursor) if cursor in self.runs else len(newest)
            newest = newest[place + 1 :]
        found = (run for run in newest if _is_wanted(run, filter))
        return {"__typename": "Runs", "results": list(islice(found, limit))}

    def _run(self, _info: Any, runId: str) -> dict[str, Any]:
        return self.runs.get(runId, {"__typename": "RunNotFoundError"})


SCHEDULE: Mapping[str, Any] = {
    "__typename": "Schedule",
    "cronSchedule": "0 1 * * *",
    "scheduleState": {"status": "RUNNING"},
    "futureTicks": {"results": [{"timestamp": 1_900_000_000.0}]},
}


@cache
def dagsters_schema() -> GraphQLSchema:
    """The schema of the installed Dagster, without what answers there."""
    from dagster_graphql.schema import create_schema

    return build_schema(print_schema(create_schema().graphql_schema))


@cache
def assets() -> list[dict[str, Any]]:
    """Our assets, as nodes of the graph."""
    keys = build_defs().resolve_asset_graph().asset_nodes
    return [{"groupName": node.group_name, "assetKey": {"path": list(node.key.path)}} for node in keys]


def _is_wanted(run: Run, wanted: Mapping[str, Any]) -> bool:
    has_tags = all(tag in run["tags"] for tag in wanted.get("tags") or ())
    return has_tags and run["status"] in (wanted.get("statuses") or (run["status"],))
