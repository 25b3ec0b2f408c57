"""How long whoever asks for a lead's owner waits, on a real socket, and whether anything is decided twice or too much.

    python -m leadflow_pipeline_tests.benchmarks.decisions alone closed paced [--connections 1000] [--seconds 10]

The service is a process of its own, on the embedded database with all its durability, and so is whoever asks: they
share the machine's cores. Each request is about another lead that has no owner yet.

    alone    one connection asks, is answered, and asks again
    closed   all connections do that at once, which is as much as the service can do
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
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from sqlalchemy import Engine, delete, func, select, text

from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.store.schema import handoffs, owner_decisions
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.webhooks import cpu_seconds, free_port, started
from leadflow_pipeline_tests.delivery.owners_world import OwnersWorld

INDUSTRIES = ("software", "retail", "mining", "banking", "health")
HEADERS = "POST /api/v1/routing/decide HTTP/1.1\r\nHost: it\r\nContent-Type: application/json\r\n"


def invented(engine: Engine, home: Path, leads: int, reps: int, day: datetime) -> None:
    """Leads that were routed yesterday and have no owner, and reps with limits that are just enough."""
    world = OwnersWorld(engine, home)
    world.register()
    for number in range(reps):
        each = -(-leads // reps) + 5
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
    """One connection: what it sends, and when each answer came."""

    def __init__(self) -> None:
        self.rest = b""
        self.waiting: deque[asyncio.Future[tuple[int, bytes]]] = deque()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.rest += data
        while (end := self.rest.find(b"\r\n\r\n")) >= 0:
            head = self.rest[:end].lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            if len(self.rest) < end + 4 + length:
                return
            body, self.rest = self.rest[end + 4 : end + 4 + length], self.rest[end + 4 + length :]
            self.waiting.popleft().set_result((int(head[9:12]), body))

    def connection_lost(self, error: Exception | None) -> None:
        for waiting in self.waiting:
            if not waiting.done():
                waiting.set_exception(ConnectionError("the service hung up"))

    async def ask(self, request: bytes) -> tuple[int, bytes]:
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        self.waiting.append(answer)
        self.transport.write(request)  # type: ignore[attr-defined]
        return await answer


def request_of(token: str, lead_id: str) -> bytes:
    body = json.dumps({"campaign": "spring", "lead_id": lead_id})
    return (
        f"{HEADERS}Authorization: Bearer {token}\r\nIdempotency-Key: key-{lead_id}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode()


async def connected(port: int, count: int) -> list[Asker]:
    loop = asyncio.get_running_loop()
    askers = []
    for _ in range(count):
        askers.append((await loop.create_connection(Asker, "127.0.0.1", port))[1])
    return askers


async def ask_closed(
    port: int, connections: int, seconds: float, requests: Iterator[bytes]
) -> tuple[list[float], dict[int, int]]:
    """Waits in milliseconds, and answers by status."""
    waits: list[float] = []
    statuses: dict[int, int] = {}
    ends = time.perf_counter() + seconds

    async def one(asker: Asker) -> None:
        while time.perf_counter() < ends:
            request = next(requests, None)
            if request is None:
                return
            begin = time.perf_counter()
            status, _ = await asker.ask(request)
            waits.append(1000 * (time.perf_counter() - begin))
            statuses[status] = statuses.get(status, 0) + 1

    await asyncio.gather(*(one(asker) for asker in await connected(port, connections)))
    return waits, statuses


async def ask_paced(
    port: int, connections: int, seconds: float, rate: float, requests: Iterator[bytes]
) -> tuple[list[float], dict[int, int]]:
    """The same; requests go out at random moments, each on the next connection that is free."""
    waits: list[float] = []
    statuses: dict[int, int] = {}
    askers = await connected(port, connections)
    free = deque(askers)
    gaps = np.random.default_rng(1).exponential(1 / rate, int(rate * seconds))
    moments = time.perf_counter() + 0.1 + np.cumsum(gaps)

    async def one(request: bytes, due: float) -> None:
        asker = free.popleft() if free else askers[0]
        status, _ = await asker.ask(request)
        waits.append(1000 * (time.perf_counter() - due))
        statuses[status] = statuses.get(status, 0) + 1
        free.append(asker)

    tasks = []
    for due in moments.tolist():
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        request = next(requests, None)
        if request is None:
            break
        tasks.append(asyncio.create_task(one(request, due)))
    await asyncio.gather(*tasks)
    return waits, statuses


def summary(
    mode: str, connections: int, waits: Sequence[float], statuses: dict[int, int], seconds: float
) -> dict:
    median, high, most = np.percentile(waits, [50, 99, 100]).tolist() if waits else (0.0, 0.0, 0.0)
    return {
        "mode": mode, "connections": connections, "requests": len(waits),
        "a second": round(len(waits) / seconds, 1), "p50_ms": round(median, 2), "p99_ms": round(high, 2),
        "longest_ms": round(most, 2), "statuses": statuses,
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
        request_of(arguments.token, f"lead-{number:07}") for number in range(arguments.first, arguments.last)
    )
    begin = time.perf_counter()
    mode = arguments.modes[0]
    connections = 1 if mode == "alone" else arguments.connections
    if mode == "paced":
        done = ask_paced(arguments.port, connections, arguments.seconds, arguments.rate, requests)
    else:
        done = ask_closed(arguments.port, connections, arguments.seconds, requests)
    waits, statuses = asyncio.run(done)
    print(json.dumps(summary(mode, connections, waits, statuses, time.perf_counter() - begin)))


def main() -> None:
    """Prints a line of JSON for each mode."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("modes", nargs="+", choices=["alone", "closed", "paced"])
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--rate", type=float, default=300)
    parser.add_argument("--leads", type=int, default=60_000)
    parser.add_argument("--reps", type=int, default=50)
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
        share = arguments.leads // (len(arguments.modes) + 1)
        try:
            own = [sys.executable, "-m", __spec__.name, "--token", token, "--port", str(port)]
            own += ["--connections", str(arguments.connections), "--rate", str(arguments.rate)]
            # Once, so that nobody measures what is read at the first request.
            modes = ["alone", *arguments.modes]
            for number, mode in enumerate(modes):
                seconds = 1.0 if number == 0 else arguments.seconds
                before = cpu_seconds(server.pid)
                some = ["--first", str(number * share), "--last", str((number + 1) * share)]
                found = subprocess.run(
                    [*own, mode, "--seconds", str(seconds), *some],
                    check=True,
                    stdout=subprocess.PIPE,
                    env=dict(os.environ),
                )
                if number:
                    told = json.loads(found.stdout)
                    told["server_cpu_seconds"] = round(cpu_seconds(server.pid) - before, 2)
                    print(json.dumps(told | check(engine)), flush=True)
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
