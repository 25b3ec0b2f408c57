"""How many emails a second leave, beside smtplib by hand to the same server.

    python -m leadflow_pipeline_tests.benchmarks.dispatch [--messages 10000] [--dispatchers 4]

Touches that are due are released into the outbox of a fresh database, then sent to a mail server in a process of its
own, by some dispatchers at once, each a process with a connection of its own. The plain way, half before and half
after: as many processes with `smtplib`, over one connection each, of the same bytes, with nothing written down: what it
sent twice or lost nobody would know. The server keeps nothing but a count. Prints a table and JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import smtplib
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, Envelope, Session
from sqlalchemy import create_engine, func, select

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.delivery.transports import Smtp
from leadflow_pipeline.delivery.ways import letter_of
from leadflow_pipeline.store.schema import messages
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.delivery.world import NOW, World

FORK = multiprocessing.get_context("fork")


class Counting:
    """Takes every message."""

    def __init__(self) -> None:
        self.count = 0

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        self.count += 1
        return "250 OK"


def serve(channel: Connection) -> None:
    """A mail server that tells its port, and how many it took whenever it is asked."""

    async def run() -> None:
        loop, handler = asyncio.get_running_loop(), Counting()
        server = await loop.create_server(
            lambda: SMTP(handler, hostname="mail.example.org", enable_SMTPUTF8=True, loop=loop),
            "127.0.0.1",
            0,
        )
        channel.send(server.sockets[0].getsockname()[1])
        while await loop.run_in_executor(None, channel.recv):
            channel.send(handler.count)

    asyncio.run(run())


def dispatcher(world: World, port: int) -> None:
    """One dispatcher, until nothing is due."""
    transport = Smtp("127.0.0.1", port, security="none", connections=world.settings.smtp_connections)
    dispatch_due(create_engine(world.engine.url), world.settings, NOW, transport=transport)
    os._exit(0)


def plain_loop(letters: list[tuple[str, str, bytes]], port: int) -> None:
    """The same bytes by hand."""
    with smtplib.SMTP("127.0.0.1", port) as client:
        for sender, recipient, content in letters:
            client.sendmail(sender, [recipient], content)
    os._exit(0)


def side_by_side(work: Callable[..., None], arguments: list[tuple[Any, ...]]) -> float:
    """Seconds until the last of some processes has ended. Raises where one fails."""
    begin = time.perf_counter()
    processes = [FORK.Process(target=work, args=each) for each in arguments]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        if process.exitcode:
            raise SystemExit(f"a process ended with {process.exitcode}")
    return time.perf_counter() - begin


def measure(count: int, dispatchers: int) -> dict[str, float]:
    """Messages a second of both ways, and of the release."""
    with fresh_home() as engine, tempfile.TemporaryDirectory() as home:
        world = World(engine, Path(home))
        world.register()
        world.plan(count)
        begin = time.perf_counter()
        released = release_due(engine, world.settings, NOW)
        releasing = time.perf_counter() - begin
        with engine.connect() as connection:
            rows = connection.execute(select(messages)).mappings().all()
        letters = [letter_of(row, NOW) for row in rows]
        plain = [(letter.sender, letter.recipient, letter.content) for letter in letters]
        ours, theirs = FORK.Pipe()
        server = FORK.Process(target=serve, args=(theirs,), daemon=True)
        server.start()
        port = ours.recv()
        engine.dispose()
        halves = [plain[0::2], plain[1::2]]
        loops = [[(half[part::dispatchers], port) for part in range(dispatchers)] for half in halves]
        by_hand = side_by_side(plain_loop, loops[0])
        sending = side_by_side(dispatcher, [(world, port)] * dispatchers)
        by_hand += side_by_side(plain_loop, loops[1])
        ours.send(True)
        taken = ours.recv()
        ours.send(False)
        server.join()
        with engine.connect() as connection:
            sent = connection.scalar(select(func.count()).where(messages.c.state == "sent"))
    assert (released.count, sent, taken) == (count, count, 2 * count), "a message was lost or sent twice"
    return {
        "messages": count,
        "dispatchers": dispatchers,
        "released a second": count / releasing,
        "sent a second": count / sending,
        "by smtplib a second": count / by_hand,
        "of the plain rate": by_hand / sending,
    }


def main() -> None:
    """Prints a table and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--dispatchers", type=int, nargs="+", default=[4])
    arguments = parser.parse_args()
    measured = [measure(arguments.messages, number) for number in arguments.dispatchers]
    for name in measured[0]:
        print(f"{name:22}" + "".join(f"{each[name]:>12,.4g}" for each in measured))
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
