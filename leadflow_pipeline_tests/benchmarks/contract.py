"""Invented requests against the whole API: whether the service ever breaks, and whether it answers as it is documented.

    python -m leadflow_pipeline_tests.benchmarks.contract --requests 20000
    python -m leadflow_pipeline_tests.benchmarks.contract --requests 2000 --only routing --show

schemathesis makes them of the OpenAPI document, as documented and not, with the token of an administrator. The service
is a process of its own, on the embedded database that `leadflow demo` has filled: campaigns, leads of every stage,
messages. Every other round names a campaign and a lead that there are. Prints a line of JSON: requests by status,
server errors, and contract breaks by kind; ends with 1 where there is a server error or a break. `--show` prints the
first of each kind, with the request to send again.

Beside schemathesis's own statuses these are allowed: 412 (an ETag that is none) and 410 (an address that is no more)
for requests that are as documented, which a schema cannot say; 413 for those that are not. Texts with NUL are left out:
the schemas forbid them where they name a text, and cannot where they leave it open.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import from_schema
from schemathesis.engine.recorder import ScenarioRecorder
from sqlalchemy import Engine, select

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.store.schema import routed_leads
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.webhooks import free_port, started

ALLOWED = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "429", "503"]
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "503"]
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
    parser.add_argument("--only", metavar="TEXT", help="only paths that hold this text")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--empty", action="store_true", help="on an empty database")
    parser.add_argument("--show", action="store_true", help="the first break of each kind, whole")
    arguments = parser.parse_args()
    with fresh_home() as engine:
        if not arguments.empty:
            subprocess.run([*LEADFLOW, "demo"], check=True, stdout=subprocess.DEVNULL)
        token = create_token(engine, "schemathesis", Scope.ADMIN, requests_a_minute=10_000_000)
        port = free_port()
        server = started(port)
        begun = time.perf_counter()
        try:
            count = ask(f"http://127.0.0.1:{port}", token, arguments, what_there_is(engine))
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


def what_there_is(engine: Engine) -> dict[str, str]:
    """A campaign and a lead to ask about."""
    newest = (
        select(routed_leads.c.campaign, routed_leads.c.lead_id).order_by(routed_leads.c.day.desc()).limit(1)
    )
    with engine.connect() as connection:
        row = connection.execute(newest).first()
    return {} if row is None else {"path.campaign": row.campaign, "path.lead_id": row.lead_id}


def ask(url: str, token: str, arguments: argparse.Namespace, there_is: dict[str, str]) -> Count:
    """Asks until there were as many requests as wanted: first the edges of each schema, then what comes to mind."""
    count, seed = Count(), arguments.seed
    operations = 1
    while count.requests < arguments.requests:
        left = arguments.requests - count.requests
        schema = schemathesis.openapi.from_url(
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
            if count.requests >= arguments.requests and seed > arguments.seed:
                break
        if count.requests == before:
            break
        seed += 1
    return count


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
        "warnings": False,
    }


def memory(process: int) -> int:
    """MiB that a process holds (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


if __name__ == "__main__":
    main()
