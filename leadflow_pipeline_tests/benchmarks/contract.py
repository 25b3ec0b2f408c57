"""Invented requests against the whole API: whether the service ever breaks, and whether it answers as it is documented.

    python -m leadflow_pipeline_tests.benchmarks.contract --requests 20000
    python -m leadflow_pipeline_tests.benchmarks.contract --requests 2000 --only routing --show

schemathesis makes them of the OpenAPI document, as documented and not, with the token of an administrator. The service
is a process of its own, on the embedded database that `leadflow demo` has filled: campaigns, leads of every stage,
messages; and where it has none, a model, an experiment, an endpoint and an absence. Two of three requests name things
that there are (`known_things`). Prints a line of JSON: requests by status, server errors, and contract breaks by kind;
ends with 1 where there is a server error or a break. `--show` prints the first of each kind, with the request to send
again; `--home` keeps what the demo made for the next time, and
`--seconds` makes a piece of it.

Beside schemathesis's own statuses these are allowed: 412 (an ETag that is none) and 410 (an address that is no more)
for requests that are as documented, which a schema cannot say; 413 for those that are not. What a campaign file or an
experiment must say no schema can say whole (that weights sum to 1, that a sequence is there): there 422 is an answer to
what is as documented too. Texts with NUL are left out: the schemas forbid them where they name a text, and cannot where
they leave it open. No webserver of Dagster runs: what would launch a run answers 503 where nothing else is wrong.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation
from schemathesis.engine import from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.generation.case import Case
from schemathesis.hooks import HookContext
from schemathesis.schemas import BaseSchema

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.known_things import OF_THE_SPARE, SPARE, Known, known_things
from leadflow_pipeline_tests.benchmarks.webhooks import free_port, started

ALLOWED = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "429", "503"]
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "503"]
OF_FILES = [
    "POST /api/v1/campaigns",
    "PUT /api/v1/campaigns/{campaign}",
    "POST /api/v1/campaigns/{campaign}/experiments",
]
NAMES_OF_NOTHING = 1 / 3
"""How many requests go on naming what was made up."""

FILLED = "filled"
"""A file that says that the demo is over."""

LEADFLOW = [sys.executable, "-c", "from leadflow_pipeline.cli import main; main()"]


class Count:
    """What came of the requests so far."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.unanswered = 0
        self.breaks: Counter[str] = Counter()
        self.first: dict[str, str] = {}

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.statuses.total() + self.unanswered

    def add(self, recorder: ScenarioRecorder) -> None:
        """Counts those of one scenario."""
        for interaction in recorder.interactions.values():
            if interaction.response is None:
                self.unanswered += 1
            else:
                self.statuses[interaction.response.status_code] += 1
        for checks in recorder.checks.values():
            for check in checks:
                if check.failure_info is not None:
                    self._note(check.name, check.failure_info.failure, check.failure_info.code_sample)

    def _note(self, name: str, failure: Failure, request: str) -> None:
        kind = f"{name}: {failure.operation}"
        self.breaks[kind] += 1
        self.first.setdefault(kind, f"{failure.title}\n{failure.message}\n{request[:1_500]}")


def main() -> None:
    """Prints a line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--requests", type=int, default=20_000, help="at least so many")
    parser.add_argument("--seconds", type=float, default=math.inf, help="end after so long, however few")
    parser.add_argument("--only", metavar="TEXT", help="only paths that hold this text")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--home", type=Path, metavar="FOLDER", help="filled the first time, and kept")
    parser.add_argument("--show", action="store_true", help="the first break of each kind, whole")
    arguments = parser.parse_args()
    with fresh_home(arguments.home) as engine:
        if not (get_settings().home / FILLED).exists():
            subprocess.run([*LEADFLOW, "demo"], check=True, stdout=subprocess.DEVNULL)
            (get_settings().home / FILLED).touch()
        token = create_token(
            engine, f"schemathesis {time.time_ns()}", Scope.ADMIN, requests_a_minute=10_000_000
        )
        port = free_port()
        os.environ["LEADFLOW_DAGSTER_URL"] = f"http://127.0.0.1:{free_port()}"
        server = started(port)
        begun = time.perf_counter()
        try:
            url = f"http://127.0.0.1:{port}"
            count = ask(url, token, arguments, known_things(engine, url, token))
            resident = memory(server.pid)
            has_survived = server.poll() is None
        finally:
            server.terminate()
            server.wait()
    told = {
        "requests": count.requests,
        "seconds": round(time.perf_counter() - begun, 1),
        "statuses": {str(status): number for status, number in sorted(count.statuses.items())},
        "server errors": sum(number for status, number in count.statuses.items() if status == 500),
        "unanswered": count.unanswered,
        "contract breaks": count.breaks.total(),
        "of kinds": dict(count.breaks.most_common()),
        "service MiB": resident,
        "service survived": has_survived,
    }
    if arguments.show:
        for kind, first in count.first.items():
            print(f"{kind}\n{first}\n", file=sys.stderr)
    print(json.dumps(told), flush=True)
    sys.exit(1 if told["server errors"] or told["contract breaks"] or not has_survived else 0)


def ask(url: str, token: str, arguments: argparse.Namespace, known: Known) -> Count:
    """Asks until there were as many requests as wanted: first the edges of each schema, then what comes to mind."""
    count, seed = Count(), arguments.seed
    operations = 1
    name_known_things(known, Random(seed))
    until = time.monotonic() + arguments.seconds
    while count.requests < arguments.requests and time.monotonic() < until:
        left = arguments.requests - count.requests
        schema: BaseSchema = schemathesis.openapi.from_url(
            f"{url}/openapi.json",
            config=SchemathesisConfig.from_dict(config(token, seed, left // operations + 5)),
        )
        if arguments.only:
            schema = schema.include(path_regex=re.escape(arguments.only))
        operations = max(1, sum(1 for _ in schema.get_all_operations()))
        before = count.requests
        for event in from_schema(schema).execute():
            recorder = getattr(event, "recorder", None)
            if isinstance(recorder, ScenarioRecorder):
                count.add(recorder)
            if time.monotonic() > until or (count.requests >= arguments.requests and seed > arguments.seed):
                break
        if count.requests == before:
            break
        seed += 1
    return count


def name_known_things(known: Known, random: Random) -> None:
    """Puts what there is in the place of what was made up, where that was as documented."""

    @schemathesis.hook("before_call")
    def put_in(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
        if case.meta is None or random.random() < NAMES_OF_NOTHING:
            return
        is_valid = {where: part.mode.is_positive for where, part in case.meta.components.items()}
        if is_valid.get(ParameterLocation.PATH):
            there_is = dict(known.in_paths)
            if re.match(OF_THE_SPARE, case.path):
                there_is["campaign"] = SPARE
            case.path_parameters = {
                name: there_is.get(name, made_up) for name, made_up in case.path_parameters.items()
            }
        if is_valid.get(ParameterLocation.BODY) and isinstance(case.body, dict):
            case.body = {name: known.in_bodies.get(name, made_up) for name, made_up in case.body.items()}


def config(token: str, seed: int, examples: int) -> dict[str, Any]:
    """How schemathesis goes about it."""
    return {
        "seed": seed,
        "headers": {"Authorization": f"Bearer {token}"},
        "request-timeout": 60,
        "generation": {"allow-x00": False, "max-examples": min(examples, 100)},
        "phases": {"stateful": {"enabled": False}},
        "checks": {
            "positive_data_acceptance": {"expected-statuses": ALLOWED},
            "negative_data_rejection": {"expected-statuses": REFUSED},
        },
        "operations": [
            {
                "include-name": name,
                "checks": {"positive_data_acceptance": {"expected-statuses": [*ALLOWED, "422"]}},
            }
            for name in OF_FILES
        ],
        "warnings": False,
    }


def memory(process: int) -> int:
    """MiB that a process holds (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


if __name__ == "__main__":
    main()
