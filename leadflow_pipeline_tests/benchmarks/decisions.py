"""How long whoever asks for a lead's owner waits, on a real socket, and whether anything is decided twice or too much.

    python -m leadflow_pipeline_tests.benchmarks.decisions alone burst closed paced --rate 300 500 [--seconds 10]

The service is a process of its own, on the embedded database with all its durability, and so is whoever asks: they
share the machine's cores. Each request is about another lead that has no owner yet; with `--newcomers` about somebody
of whom nothing is known, who is taken in, enriched, scored, qualified and routed first.

    alone    one connection asks, is answered, and asks again
    burst    1,000 connections (`--connections`) each ask once, at the same moment; a second after the last is answered
             they do so again
    closed   all connections ask again as soon as they are answered, which is as much as the service can do
    paced    all connections are open, and requests come at `--rate` a second on average, whatever the answers (arrivals
             by chance; a wait counts from the moment at which the request should have been sent)

Afterwards the database is asked: every answer that said ROUTED is a hand-over, no lead has two, and no rep has more
than its limit. Prints a line of JSON for each.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import uvloop
from sqlalchemy import Engine, delete, func, select, text

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.store.schema import handoffs, owner_decisions
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.webhooks import cpu_seconds, free_port, started
from leadflow_pipeline_tests.delivery.owners_world import OwnersWorld

INDUSTRIES = ("software", "retail", "mining", "banking", "health")
HEADERS = "POST /api/v1/routing/decide HTTP/1.1\r\nHost: it\r\nContent-Type: application/json\r\n"


def invented(
    engine: Engine, home: Path, leads: int, reps: int, day: datetime, each: int | None = None
) -> None:
    """Leads that were routed yesterday and have no owner, and reps who can have `each` so many: left out, enough."""
    world = OwnersWorld(engine, home)
    world.register()
    each = each or -(-leads // reps) + 5
    for number in range(reps):
        world.rep(
            f"rep-{number:03}",
            capacity={"per_day": each, "open_leads": each},
            industries=[INDUSTRIES[number % len(INDUSTRIES)]],
        )
    ids = [f"lead-{number:07}" for number in range(leads)]
    industry = {"industry": [INDUSTRIES[number % len(INDUSTRIES)] for number in range(leads)]}
    companies = {
        "company": [f"Company {number} Ltd" for number in range(leads)],
        "company_key": [f"company {number}" for number in range(leads)],
    }
    world.plan({lead: [] for lead in ids}, day=(day - timedelta(days=1)).date(), fields=industry | companies)
    with engine.begin() as connection:
        connection.execute(delete(owner_decisions))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE"))


class Asker(asyncio.Protocol):
    """One connection with one request at a time, as light as it can be: it shares the cores with the service."""

    def __init__(self, answered: Callable[[Asker, int, float], None]) -> None:
        self._answered = answered
        self._rest = b""
        self._due = 0.0
        self._is_asking = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._write = transport.write  # type: ignore[attr-defined]

    def ask(self, request: bytes, due: float) -> None:
        """`due` is when it should have been sent: from then on it waits."""
        self._due, self._is_asking = due, True
        self._write(request)

    def data_received(self, data: bytes) -> None:
        rest = self._rest = self._rest + data if self._rest else data
        end = rest.find(b"\r\n\r\n")
        begin = rest.find(b"content-length: ", 0, end) + 16
        if end < 0 or len(rest) < end + 4 + int(rest[begin : rest.index(b"\r", begin)]):
            return
        self._rest, self._is_asking = b"", False
        self._answered(self, int(rest[9:12]), 1000 * (time.perf_counter() - self._due))

    def connection_lost(self, error: Exception | None) -> None:
        if self._is_asking:
            self._is_asking = False
            self._answered(self, 0, 0.0)


@dataclass
class Tally:
    """Waits in milliseconds, and answers by status; 0: hung up."""

    waits: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)

    def add(self, status: int, wait: float) -> None:
        self.waits.append(wait)
        self.statuses[status] = self.statuses.get(status, 0) + 1


def request_of(token: str, lead_id: str, *, is_newcomer: bool = False) -> bytes:
    who = {"lead": {"email": f"new-{lead_id}@leads.example"}} if is_newcomer else {"lead_id": lead_id}
    body = json.dumps({"campaign": "spring", **who})
    return (
        f"{HEADERS}Authorization: Bearer {token}\r\nIdempotency-Key: key-{lead_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def connected(port: int, count: int, answered: Callable[[Asker, int, float], None]) -> list[Asker]:
    loop = asyncio.get_running_loop()
    return [
        (await loop.create_connection(lambda: Asker(answered), "127.0.0.1", port))[1] for _ in range(count)
    ]


async def ask_closed(port: int, connections: int, seconds: float, requests: Iterator[bytes]) -> Tally:
    """Each connection asks, is answered, and asks again."""
    tally, done, open_askers = Tally(), asyncio.Event(), connections
    ends = time.perf_counter() + 3600

    def answered(asker: Asker, status: int, wait: float) -> None:
        tally.add(status, wait)
        ask(asker)

    def ask(asker: Asker) -> None:
        nonlocal open_askers
        now = time.perf_counter()
        request = next(requests, None) if now < ends else None
        if request is not None:
            asker.ask(request, now)
            return
        open_askers -= 1
        if not open_askers:
            done.set()

    askers = await connected(port, connections, answered)
    ends = time.perf_counter() + seconds
    for asker in askers:
        ask(asker)
    await done.wait()
    return tally


async def ask_burst(port: int, connections: int, seconds: float, requests: Iterator[bytes]) -> Tally:
    """All connections ask at the same moment, once; again when all are answered and it has been quiet for a second."""
    tally, done, left = Tally(), asyncio.Event(), 0

    def answered(_: Asker, status: int, wait: float) -> None:
        nonlocal left
        tally.add(status, wait)
        left -= 1
        if not left:
            done.set()

    askers = await connected(port, connections, answered)
    for _ in range(max(1, int(seconds))):
        await asyncio.sleep(1)
        left = len(askers)
        done.clear()
        due = time.perf_counter()
        for asker in askers:
            asker.ask(next(requests), due)
        await done.wait()
    return tally


async def ask_paced(
    port: int, connections: int, seconds: float, rate: float, requests: Iterator[bytes]
) -> Tally:
    """Requests go out at random moments, `rate` a second, each on the next connection that is free."""
    tally, done = Tally(), asyncio.Event()
    free: deque[Asker] = deque()
    late: deque[float] = deque()
    gaps = np.random.default_rng(1).exponential(1 / rate, int(rate * seconds))
    left = len(gaps)

    def answered(asker: Asker, status: int, wait: float) -> None:
        nonlocal left
        tally.add(status, wait)
        left -= 1
        if not left:
            done.set()
        elif late:
            asker.ask(next(requests), late.popleft())
        else:
            free.append(asker)

    free.extend(await connected(port, connections, answered))
    for due in (time.perf_counter() + 0.1 + np.cumsum(gaps)).tolist():
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        if free:
            free.popleft().ask(next(requests), due)
        else:
            late.append(due)
    await done.wait()
    return tally


def summary(mode: str, connections: int, tally: Tally, seconds: float) -> dict:
    waits = tally.waits
    median, high, most = np.percentile(waits, [50, 99, 100]).tolist() if waits else (0.0, 0.0, 0.0)
    return {
        "mode": mode, "connections": connections, "requests": len(waits),
        "a second": round(len(waits) / seconds, 1), "p50_ms": round(median, 2), "p99_ms": round(high, 2),
        "longest_ms": round(most, 2), "statuses": tally.statuses,
    }  # fmt: skip


def check(engine: Engine) -> dict[str, int]:
    """What the database says of it. Raises AssertionError where a lead has two owners or a rep more than it may."""
    with engine.connect() as connection:
        leads = connection.scalar(select(func.count()).select_from(handoffs))
        twice = connection.scalar(text("SELECT count(*) FROM leadflow.handoffs WHERE assignment_number > 1"))
        over = connection.scalar(
            text(
                "SELECT count(*) FROM (SELECT rep, count(*) AS had FROM leadflow.handoffs GROUP BY rep) AS given "
                "JOIN leadflow.reps USING (rep) WHERE had > (document -> 'capacity' ->> 'per_day')::float"
            )
        )
        unkept = connection.scalar(
            text(
                "SELECT count(*) FROM leadflow.routing_decisions AS told LEFT JOIN leadflow.handoffs AS given "
                "USING (campaign, lead_id) WHERE told.answer ->> 'status' = 'ROUTED' "
                "AND given.rep IS DISTINCT FROM told.answer ->> 'owner'"
            )
        )
    assert (twice, over, unkept) == (0, 0, 0), (twice, over, unkept)
    return {"hand-overs": int(leads or 0), "leads decided twice": 0, "reps over their limit": 0}


def ask_in_own_process(arguments: argparse.Namespace) -> None:
    """What the process that asks does; its last line is the summary."""
    requests = (
        request_of(arguments.token, f"lead-{number:07}", is_newcomer=arguments.newcomers)
        for number in range(arguments.first, arguments.last)
    )
    begin = time.perf_counter()
    mode = arguments.modes[0]
    connections = 1 if mode == "alone" else arguments.connections
    if mode == "paced":
        done = ask_paced(arguments.port, connections, arguments.seconds, arguments.rate[0], requests)
    elif mode == "burst":
        done = ask_burst(arguments.port, connections, arguments.seconds, requests)
    else:
        done = ask_closed(arguments.port, connections, arguments.seconds, requests)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        tally = runner.run(done)
    print(json.dumps(summary(mode, connections, tally, time.perf_counter() - begin)))


def main() -> None:
    """Prints a line of JSON for each mode."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modes", nargs="+", choices=["alone", "burst", "closed", "paced"])
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, nargs="+", default=[300], help="of paced, one after the other")
    parser.add_argument("--leads", type=int, default=60_000)
    parser.add_argument("--reps", type=int, default=50)
    parser.add_argument("--newcomers", action="store_true")
    parser.add_argument("--port", type=int)
    parser.add_argument("--token", help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    parser.add_argument("--last", type=int, default=0, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.token:
        ask_in_own_process(arguments)
        return
    with fresh_home() as engine:
        invented(
            engine, Path(os.environ["LEADFLOW_HOME"]), arguments.leads, arguments.reps, datetime.now(UTC)
        )
        token = create_token(engine, "benchmark", Scope.OPERATE, requests_a_minute=10_000_000)
        port = free_port()
        server = started(port)
        try:
            own = [sys.executable, "-m", __spec__.name, "--token", token, "--port", str(port)]
            own += ["--connections", str(arguments.connections), *["--newcomers"] * arguments.newcomers]
            # Once, so that nobody measures what is read at the first request.
            modes = [("alone", 0.0)]
            for mode in arguments.modes:
                modes += [(mode, rate) for rate in (arguments.rate if mode == "paced" else [0.0])]
            share = arguments.leads // len(modes)
            for number, (mode, rate) in enumerate(modes):
                seconds = 4.0 if number == 0 else arguments.seconds
                before = cpu_seconds(server.pid)
                some = ["--first", str(number * share), "--last", str((number + 1) * share)]
                found = subprocess.run(
                    [*own, mode, "--seconds", str(seconds), *some, "--rate", str(rate)],
                    check=True,
                    stdout=subprocess.PIPE,
                    env=dict(os.environ),
                )
                if number:
                    told = json.loads(found.stdout)
                    told["server_cpu_seconds"] = round(cpu_seconds(server.pid) - before, 2)
                    if rate:
                        told["rate"] = rate
                    print(json.dumps(told | check(engine)), flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
