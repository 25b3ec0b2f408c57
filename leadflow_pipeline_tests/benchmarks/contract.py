"""Invented requests against the whole API: whether the service ever breaks, and whether it answers as it is documented.

    python -m leadflow_pipeline_tests.benchmarks.contract --requests 20000
    python -m leadflow_pipeline_tests.benchmarks.contract --requests 2000 --only routing --show
    python -m leadflow_pipeline_tests.benchmarks.contract --home H --tally H/tally.json --seconds 200    # repeatedly

schemathesis makes them of the OpenAPI document, as documented and not, with the token of an administrator. The service
is a process of its own, on the embedded database that `leadflow demo` has filled: campaigns, leads of every stage,
messages; and where it has none, a model, an experiment, an endpoint and an absence. Two of three requests name things
that there are (`known_things`). In the place of Dagster's webserver stands one that queues every run; at the end it is
switched off, and what needs it is to answer 503. The first round asks the edges of every schema, the others what comes
to mind, some of every address in each. What wants a signature is signed as its sender would (`signing_providers`), and
what went wrong is there to be mended (`broken_things`).

Tells on stderr how far it is, and of each kind of break when it is met; `--show` with the request to send again. Prints
a line of JSON: requests by status, by address at least, addresses that never succeeded, server errors, and breaks by
kind; ends with 1 where there is a server error or a break. `--home` keeps what the demo made for the next time,
`--seconds` makes a piece of it, and `--tally` goes on where the piece before ended, in the midst of the edges too, and
adds up. A seed and those just above it make one run: choose another far from it.

Beside schemathesis's own statuses these are allowed: 412 (an ETag that is none) and 410 (an address that is no more)
for any request, which a schema cannot say; 413 for those that are not as documented. What a campaign file or an
experiment must say no schema can say whole (that weights sum to 1, that a sequence is there), nor what of a provider's
event is understood (addresses and moments in many spellings): there 422 is an answer to what is as documented too.
Texts with NUL are left out: the schemas forbid them where they name a text, and cannot where they leave it open.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Self

import httpx
import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import Failure
from schemathesis.engine import from_schema
from schemathesis.engine.events import FatalError, NonFatalError, ScenarioFinished
from schemathesis.engine.recorder import ScenarioRecorder
from schemathesis.engine.run import PhaseName
from schemathesis.schemas import BaseSchema

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.known_things import known_things, name_known_things
from leadflow_pipeline_tests.benchmarks.signing_providers import SigningProviders
from leadflow_pipeline_tests.benchmarks.webhooks import SECRET, free_port, started
from leadflow_pipeline_tests.fakes.dagster_webserver import FakeDagsterWebserver
from leadflow_pipeline_tests.fakes.http import REFUSED as CONNECTION_REFUSED

ALLOWED = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "429", "503"]
REFUSED = [
    *("400", "401", "403", "404", "405", "406", "409", "410", "412", "413", "415", "422", "428", "429"),
    "503",
]
OF_FILES = [
    "POST /api/v1/campaigns",
    "PUT /api/v1/campaigns/{campaign}",
    "POST /api/v1/campaigns/{campaign}/experiments",
    "POST /webhooks/provider/generic",
    "POST /webhooks/provider/ses",
    "POST /webhooks/provider/sendgrid",
]
NEEDS_DAGSTER: list[tuple[str, str]] = [
    ("POST", "execute/score"),
    ("POST", "models/train"),
    ("POST", "similar-accounts/rebuild"),
    ("GET", "runs"),
    ("GET", "runs/00000000-0000-0000-0000-000000000000"),
]
"""Behind a campaign's address."""

EXAMPLES = 8
"""Of each address in a round, so that a piece of the whole has some of every address."""

FILLED = "filled"
"""A file that says that the demo is over."""

LEADFLOW = [sys.executable, "-c", "from leadflow_pipeline.cli import main; main()"]


COUNTERS = ("statuses", "addresses", "successes", "breaks", "not_made")


class Tally:
    """What came of the requests so far; in a file, where it is to be added up."""

    def __init__(self, *, shows: bool = False) -> None:
        self.rounds = 0
        """That were begun, but for the first: that counts once it has ended."""
        self.edges: list[str] = []
        """Addresses whose edges were asked for."""
        self.seconds = 0.0
        self.statuses: Counter[str] = Counter()
        self.addresses: Counter[str] = Counter()
        self.successes: Counter[str] = Counter()
        self.breaks: Counter[str] = Counter()
        self.not_made: Counter[str] = Counter()
        """Addresses for which schemathesis could make no request, and in how many rounds."""
        self._shows = shows

    @classmethod
    def read(cls, file: Path | None, *, shows: bool) -> Self:
        """As the file has it."""
        tally = cls(shows=shows)
        if file is not None and file.exists():
            kept = json.loads(file.read_text("utf-8"))
            tally.rounds, tally.seconds, tally.edges = kept["rounds"], kept["seconds"], kept["edges"]
            for name in COUNTERS:
                getattr(tally, name).update(kept.get(name, {}))
        return tally

    def keep(self, file: Path | None) -> None:
        """Writes it."""
        if file is None:
            return
        names = ("rounds", "seconds", "edges", *COUNTERS)
        file.write_text(json.dumps({name: getattr(self, name) for name in names}), "utf-8")

    @property
    def requests(self) -> int:
        """How many there were."""
        return self.statuses.total()

    def add(self, recorder: ScenarioRecorder) -> None:
        """Counts those of one scenario."""
        for case_id, interaction in recorder.interactions.items():
            response = interaction.response
            status = "none" if response is None else str(response.status_code)
            self.statuses[status] += 1
            address = recorder.cases[case_id].value.operation.label
            self.addresses[address] += 1
            self.successes[address] += status.startswith(("2", "3"))
        for case_id, checks in recorder.checks.items():
            response = recorder.interactions[case_id].response if case_id in recorder.interactions else None
            for check in checks:
                if check.failure_info is not None:
                    told = "" if response is None else response.text
                    self._note(check.name, check.failure_info.failure, check.failure_info.code_sample, told)

    def note(self, kind: str, told: str) -> None:
        """Counts a break."""
        self.breaks[kind] += 1
        if self.breaks[kind] == 1:
            print(f"{kind}\n{told}\n" if self._shows else kind, file=sys.stderr, flush=True)

    def _note(self, name: str, failure: Failure, request: str, answer: str) -> None:
        told = f"{failure.title}\n{failure.message}\n{request[:3_000]}\n{answer[:1_000]}"
        self.note(f"{name}: {failure.operation}", told)

    def told(self) -> dict[str, Any]:
        """In a line of JSON."""
        return {
            "requests": self.requests,
            "seconds": round(self.seconds, 1),
            "statuses": dict(sorted(self.statuses.items())),
            "addresses": len(self.addresses),
            "fewest of one": min(self.addresses.values(), default=0),
            "never succeeded": sorted(name for name in self.addresses if not self.successes[name]),
            "rounds without one": dict(self.not_made),
            "server errors": self.statuses["500"],
            "contract breaks": self.breaks.total(),
            "of kinds": dict(self.breaks.most_common()),
        }


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
    parser.add_argument("--tally", type=Path, metavar="FILE", help="goes on from there, and adds up")
    parser.add_argument("--show", action="store_true", help="the first break of each kind, whole")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended from outside"))  # so that nothing of ours stays
    tally = Tally.read(arguments.tally, shows=arguments.show)
    with fresh_home(arguments.home) as engine, FakeDagsterWebserver() as dagster:
        if not (get_settings().home / FILLED).exists():
            subprocess.run([*LEADFLOW, "demo"], check=True, stdout=subprocess.DEVNULL)
            (get_settings().home / FILLED).touch()
        token = create_token(
            engine, f"schemathesis {time.time_ns()}", Scope.ADMIN, requests_a_minute=10_000_000
        )
        port = free_port()
        providers = SigningProviders()
        command, settings = providers.told_to_the_service(get_settings().home)
        os.environ |= {
            "LEADFLOW_DAGSTER_URL": dagster.url,
            "LEADFLOW_PROVIDER_WEBHOOK_SECRET": SECRET,
            **settings,
        }
        server = started(port, command)
        try:
            url = f"http://127.0.0.1:{port}"
            known = known_things(engine, url, token)
            name_known_things(known, providers, Random(arguments.seed + tally.rounds))
            ask(url, token, arguments, tally)
            dagster.misbehave(CONNECTION_REFUSED)
            ask_without_dagster(url, token, str(known.in_paths["campaign"]), tally)
            resident = memory(server.pid)
            has_survived = server.poll() is None
        finally:
            server.terminate()
            server.wait()
    tally.keep(arguments.tally)
    told = {**tally.told(), "service MiB": resident, "service survived": has_survived}
    print(json.dumps(told), flush=True)
    sys.exit(1 if told["server errors"] or told["contract breaks"] or not has_survived else 0)


def ask(url: str, token: str, arguments: argparse.Namespace, tally: Tally) -> None:
    """Asks until there were as many requests as wanted, or the time is up."""
    begun, before, told_of = time.monotonic(), tally.seconds, tally.requests

    def is_over() -> bool:
        tally.seconds = before + time.monotonic() - begun
        return tally.requests >= arguments.requests or time.monotonic() - begun > arguments.seconds

    while not is_over():
        asked_before = tally.requests
        is_of_edges = not tally.rounds
        schema = asked_of(url, token, arguments, tally)
        tally.rounds += not is_of_edges
        for event in from_schema(schema).execute():
            recorder = getattr(event, "recorder", None)
            if isinstance(event, FatalError):
                raise event.exception
            if isinstance(event, NonFatalError):
                tally.not_made[event.label] += 1
            if not isinstance(recorder, ScenarioRecorder):
                continue
            tally.add(recorder)
            if isinstance(event, ScenarioFinished) and event.phase is PhaseName.COVERAGE:
                tally.edges.append(event.label or "")
            if tally.requests - told_of >= 1_000:
                told_of = tally.requests
                print(f"{told_of:,} requests, {tally.seconds:.0f} s", file=sys.stderr, flush=True)
                tally.keep(arguments.tally)
            if is_over():
                break
        else:
            tally.rounds += is_of_edges
        if tally.requests == asked_before and not is_of_edges:
            break


def asked_of(url: str, token: str, arguments: argparse.Namespace, tally: Tally) -> BaseSchema:
    """The document, and how it is to be asked in this round."""
    left_out = [{"exclude-path-regex": re.escape(arguments.only), "enabled": False}] if arguments.only else []
    if not tally.rounds:
        left_out += [{"include-name": label, "enabled": False} for label in tally.edges]
    told = config(token, arguments.seed + tally.rounds, left_out, has_edges=not tally.rounds)
    settings = SchemathesisConfig.from_dict(told)
    schema: BaseSchema = schemathesis.openapi.from_url(f"{url}/openapi.json", config=settings)
    return schema


def config(
    token: str, seed: int, left_out: Sequence[Mapping[str, Any]], *, has_edges: bool
) -> dict[str, Any]:
    """How schemathesis goes about it."""
    return {
        "seed": seed,
        "headers": {"Authorization": f"Bearer {token}"},
        "request-timeout": 60,
        "continue-on-failure": True,
        "generation": {"allow-x00": False, "max-examples": EXAMPLES},
        "phases": {
            "stateful": {"enabled": False},
            "coverage": {"enabled": has_edges},
            "examples": {"enabled": has_edges},
            "fuzzing": {"enabled": not has_edges},
        },
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
        ]
        + [*left_out],
        "warnings": False,
    }


def ask_without_dagster(url: str, token: str, campaign: str, tally: Tally) -> None:
    """What needs Dagster's webserver says so where it is away, as documented: 503, and when to come again."""
    headers = {"Authorization": f"Bearer {token}"}
    with httpx.Client(base_url=f"{url}/api/v1/campaigns/{campaign}", headers=headers, timeout=60) as client:
        client.post("/resume")
        for method, path in NEEDS_DAGSTER:
            answer = client.request(method, f"/{path}", json={} if path == "models/train" else None)
            if answer.status_code != 503 or "retry-after" not in answer.headers:
                tally.note(f"without Dagster: {method} {path}", f"{answer.status_code} {answer.text}")


def memory(process: int) -> int:
    """MiB that a process holds (Linux)."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


if __name__ == "__main__":
    main()
