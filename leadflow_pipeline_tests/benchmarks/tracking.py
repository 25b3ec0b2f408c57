"""Opens and clicks at a steady rate on a real socket: how long each waits, and whether every one is kept.

    python -m leadflow_pipeline_tests.benchmarks.tracking --rate 500 --seconds 20
    python -m leadflow_pipeline_tests.benchmarks.tracking --rate 500 --seconds 20 --restart-database
    python -m leadflow_pipeline_tests.benchmarks.tracking --scan 1000

The service is a process of its own on the embedded database with all its durability, and so is whoever asks; both share
the machine. Requests leave by a timetable, whether or not those before were answered, and each is timed from when it
should have left: a stall of the service counts for all that waited. `--restart-database` stops the database and starts
it again in the middle. `--scan` follows every address of so many emails, as a scanner does, and counts what it changed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psutil
from sqlalchemy import Engine, func, select

from leadflow_pipeline.inbound.tracking.judging import judge_due
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import embedded
from leadflow_pipeline.store.cluster import locate
from leadflow_pipeline.store.schema import engagement_events, suppressions, tracking_hits
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.webhooks import cpu_seconds, free_port
from leadflow_pipeline_tests.inbound.letters import BROWSER, Letter, send

CONNECTIONS = 32
OPENS_OF_TEN = 6
SECONDS_TO_STORE = 60


def main() -> None:
    """Prints a line of JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=500, help="requests a second")
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--messages", type=int, default=5_000)
    parser.add_argument("--restart-database", action="store_true")
    parser.add_argument("--scan", type=int, metavar="EMAILS")
    arguments = parser.parse_args()
    with fresh_home() as engine:
        letters = send(
            engine, arguments.scan or arguments.messages, sent_at=datetime.now(UTC) - timedelta(hours=2)
        )
        port = free_port()
        server = started(port)
        try:
            if arguments.scan:
                told = scan(engine, port, letters)
            else:
                told = measure(engine, port, letters, arguments, server.pid)
        finally:
            server.terminate()
            server.wait()
    print(json.dumps(told), flush=True)


def started(port: int) -> subprocess.Popen[bytes]:
    """The service, ready."""
    command = [sys.executable, "-m", "leadflow_pipeline.service"]
    server = subprocess.Popen(command, env=os.environ | {"LEADFLOW_SERVICE_PORT": str(port)})
    asyncio.run(until_ready(port))
    return server


async def until_ready(port: int) -> None:
    """Waits for the service."""
    while True:
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(0.1)
            continue
        writer.write(request("GET", "/health/ready"))
        status = (await answer(reader))[0]
        writer.close()
        if status == 200:
            return
        await asyncio.sleep(0.1)


def measure(
    engine: Engine, port: int, letters: Sequence[Letter], arguments: argparse.Namespace, service: int
) -> dict[str, Any]:
    """Asks at a steady rate, then counts what is in the database."""
    count = int(arguments.rate * arguments.seconds)
    paths = [
        letters[number % len(letters)].pixel
        if number % 10 < OPENS_OF_TEN
        else letters[number % len(letters)].link(number % 2 + 1)
        for number in range(count)
    ]
    before = cpu_seconds(service)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        asked = pool.apply_async(ask_all, (port, paths, arguments.rate))
        if arguments.restart_database:
            time.sleep(arguments.seconds / 2)
            restarted = restart_database(engine)
        waits, statuses = asked.get()
    used = cpu_seconds(service) - before
    stored = wait_for(engine, count)
    half, most, worst = np.percentile([wait for _, wait in waits], [50, 99, 100]) * 1_000
    told = {
        "rate": arguments.rate,
        "requests": count,
        "statuses": statuses,
        "p50 ms": round(half, 2),
        "p99 ms": round(most, 2),
        "worst ms": round(worst, 1),
        "p99 ms of opens": round(
            np.percentile([wait for status, wait in waits if status == 200], 99) * 1_000, 2
        ),
        "stored": stored,
        "lost": count - stored,
        "CPU ms a request": round(used / count * 1_000, 2),
    }
    return told | ({"database away s": round(restarted, 2)} if arguments.restart_database else {})


def ask_all(port: int, paths: Sequence[str], rate: int) -> tuple[list[tuple[int, float]], dict[str, int]]:
    """What each request waited from when it should have left, and what was answered; in a process of its own."""
    return asyncio.run(ask(port, paths, rate))


async def ask(port: int, paths: Sequence[str], rate: int) -> tuple[list[tuple[int, float]], dict[str, int]]:
    """Sends by the timetable over a pool of connections that grows where all of them wait."""
    idle = deque([await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)])
    waits: list[tuple[int, float]] = []
    statuses: Counter[str] = Counter()

    async def one(path: str, due: float) -> None:
        # In turn, so that none is closed for being idle.
        reader, writer = idle.popleft() if idle else await asyncio.open_connection("127.0.0.1", port)
        writer.write(request("GET", path))
        status, _ = await answer(reader)
        waits.append((status, time.perf_counter() - due))
        statuses[str(status)] += 1
        idle.append((reader, writer))

    tasks = []
    begun = time.perf_counter()
    for number, path in enumerate(paths):
        due = begun + number / rate
        ahead = due - time.perf_counter()
        if ahead > 0:
            await asyncio.sleep(ahead)
        tasks.append(asyncio.create_task(one(path, due)))
    await asyncio.gather(*tasks)
    for _, writer in idle:
        writer.close()
    return waits, dict(statuses)


def request(method: str, path: str) -> bytes:
    """A request as bytes."""
    head = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", f"user-agent: {BROWSER}", "accept: */*", "", ""]
    return "\r\n".join(head).encode()


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Status and head of an answer whose body is read too."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    await reader.readexactly(int(length[0].partition(b":")[2]) if length else 0)
    return int(head[9:12]), head


def wait_for(engine: Engine, count: int) -> int:
    """How many requests are stored, when they all are or no more come."""
    for _ in range(SECONDS_TO_STORE * 4):
        stored = counted(engine, tracking_hits)
        if stored >= count:
            break
        time.sleep(0.25)
    return stored


def counted(engine: Engine, table: Any, *conditions: Any) -> int:
    """Rows of a table."""
    with engine.connect() as connection:
        return connection.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def restart_database(engine: Engine) -> float:
    """Stops the server at once, as a restart does, and starts it again; how long it was away."""
    engine.dispose()
    cluster = locate(get_settings().home)
    begun = time.perf_counter()
    # Not by pg_ctl: it waits until no server runs, and the service may have started the next one by then.
    postmaster = psutil.Process(int((cluster.data / "postmaster.pid").read_text().split()[0]))
    postmaster.send_signal(signal.SIGINT)
    postmaster.wait(60)
    embedded.acquire(get_settings().home)
    return time.perf_counter() - begun


def scan(engine: Engine, port: int, letters: Sequence[Letter]) -> dict[str, Any]:
    """Follows every address of every email and judges what came; what it changed."""
    paths = [path for letter in letters for path in letter.everything()]
    _waits, statuses = ask_all(port, paths, 1_000)
    hits = sum(len(letter.everything()) - 1 for letter in letters)
    stored = wait_for(engine, hits)
    judged = judge_due(engine, datetime.now(UTC) + timedelta(minutes=10))
    return {
        "emails": len(letters),
        "requests": len(paths),
        "statuses": statuses,
        "hits stored": stored,
        "judged machines": judged.machines,
        "events that count": counted(engine, engagement_events, ~engagement_events.c.is_machine),
        "unsubscribes": counted(engine, suppressions),
    }


if __name__ == "__main__":
    main()
