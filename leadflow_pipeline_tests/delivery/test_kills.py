"""Dispatchers that are killed, and many at once: no key is taken twice, and `sent` is only what was answered with 250.

Each dispatcher is a process of its own, killed with SIGKILL at a named point or at any moment.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections import Counter
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from sqlalchemy import create_engine

from leadflow_pipeline.delivery import dispatcher
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.delivery.transports import EmlFolder, Smtp
from leadflow_pipeline.delivery.ways import idempotency_key
from leadflow_pipeline_tests.delivery.world import NOW, World
from leadflow_pipeline_tests.fakes.smtp import MailServer, Manner

POINTS = ("claimed", "asked", "before_wire", "on_wire", "dot", "accepted", "settled")
ONCE_A_BATCH = ("claimed", "asked")
MESSAGES = 6
FORK = multiprocessing.get_context("fork")

DISPATCHERS = 4
PIECES, TURNS, TURNS_IN_SHORT = 4, 15, 2
AT_ONCE = 60
"""Messages of a turn; four dispatchers are killed while they leave."""

CLAIMED_AT_ONCE = 5
"""Messages, where a dispatcher of users takes 50: so that each of the four has some when it is killed."""

CONNECTIONS = 4
"""Of each dispatcher; as many messages are on the wire together."""

MANNERS: tuple[Manner, ...] = (
    "slow", "busy at rcpt", "busy at data", "drop at data", "stall at data", "drop after dot", "keep and drop",
    "busy after dot", "stall after dot", "keep and stall", "drop after 250", "close for service", "refuse at rcpt",
)  # fmt: skip
LEAVES_UNKNOWN = ("drop after dot", "keep and drop", "stall after dot", "keep and stall")


def work(
    world: World, port: int | None, at: datetime, point: str, number: int, connections: int = CONNECTIONS
) -> None:
    """One dispatcher, which is killed when it comes to `point` for the `number`-th time."""
    seen = 0
    dispatcher.BATCH = CLAIMED_AT_ONCE  # type: ignore[misc]

    def at_point(name: str) -> None:
        nonlocal seen
        seen += name == point
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = create_engine(world.engine.url, hide_parameters=True)
    transport: Any = (
        EmlFolder(world.settings.outbox_folder, at_point)
        if port is None
        else Smtp(
            "127.0.0.1", port, security="none", connections=connections,
            command_seconds=2, dot_seconds=1, at_point=at_point,
        )
    )  # fmt: skip
    dispatch_due(engine, world.settings, at, transport=transport, at_point=at_point)
    os._exit(0)


def start(
    world: World,
    port: int | None,
    at: datetime = NOW,
    point: str = "",
    number: int = 1,
    connections: int = CONNECTIONS,
) -> BaseProcess:
    process = FORK.Process(target=work, args=(world, port, at, point, number, connections), daemon=True)
    process.start()
    return process


def let_the_rest_out(world: World, port: int | None, at: datetime) -> None:
    process = start(world, port, at)
    process.join(60)
    assert process.exitcode == 0


def check(rows: dict[str, str], server: MailServer, count: int) -> None:
    """`rows` is Message-ID -> state, after everything due has been let out."""
    assert len(rows) == count
    assert set(server.taken.values()) <= {1}, "a key was accepted twice"
    assert set(rows.values()) <= {"sent", "unknown"}, "something due stayed behind"
    assert {key for key, state in rows.items() if state == "sent"} <= server.answered_250
    # what the server took without our knowing is unknown, never sent again by itself
    assert all(rows[key] in ("sent", "unknown") for key in server.taken)


@pytest.mark.parametrize(
    ("point", "connections"),
    [*((point, 1) for point in POINTS), *((point, CONNECTIONS) for point in ("dot", "accepted", "settled"))],
)
def test_a_dispatcher_killed_at_any_point_sends_nothing_twice(
    world: World, point: str, connections: int
) -> None:
    world.register()
    world.plan(MESSAGES)
    with MailServer() as server:
        killed = start(world, server.port, NOW, point, 1 if point in ONCE_A_BATCH else 2, connections)
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
        let_the_rest_out(world, server.port, NOW + timedelta(hours=1))
        check({row["rfc_message_id"]: row["state"] for row in world.rows()}, server, MESSAGES)
        states = world.states()
    unknown = states.get("unknown", 0)
    if connections == 1:
        assert unknown == (1 if point in ("on_wire", "dot", "accepted") else 0)
    else:
        assert unknown <= connections - (2 if point == "settled" else 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("piece", range(PIECES))
def test_four_dispatchers_killed_at_any_moment_send_nothing_twice(
    world: World, slow: bool, piece: int
) -> None:
    """240 kills where the campaign runs whole, at random instants, while the server misbehaves with a third of all."""
    if piece and not slow:
        pytest.skip("the whole campaign runs with --slow")
    chance = random.Random(7 + piece)
    unknown_by_kill = kills = 0
    fates: Counter[str] = Counter()
    for turn in range(TURNS if slow else TURNS_IN_SHORT):
        campaign, at = world.register(f"turn-{turn}"), NOW + timedelta(hours=turn / 10)
        leads = [{"lead_id": f"{turn}-{number}"} for number in range(AT_ONCE)]
        world.plan(leads, campaign=campaign)
        # Already in the outbox: else the first would release all, and the others find nothing and end.
        release_due(world.engine, world.settings, at)
        odd = dict(zip(chance.sample(range(AT_ONCE), len(MANNERS)), MANNERS, strict=True))
        manner_of = {f"{turn}-{number}@leads.example": manner for number, manner in odd.items()}
        with MailServer(lambda recipient, of=manner_of: of.get(recipient, "accept")) as server:  # type: ignore[misc]
            running = [start(world, server.port, at) for _ in range(DISPATCHERS)]
            assert server.has_taken.wait(30)
            for process in running:
                process.join(chance.uniform(0, 0.03))
                process.kill()
                process.join()
                kills += process.exitcode == -signal.SIGKILL
            on_wire = [row for row in world.rows() if row["state"] == "on_wire"]
            assert max(Counter(row["lease_owner"] for row in on_wire).values(), default=0) <= CONNECTIONS
            world.end_leases()
            unknown_by_kill += len(on_wire)
            manner_of.update({who: "accept" for who, how in manner_of.items() if how not in LEAVES_UNKNOWN})
            for later in range(3):
                let_the_rest_out(world, server.port, at + timedelta(minutes=5 * 10**later))
            rows = [row for row in world.rows() if row["campaign"] == campaign]
        assert len(rows) == AT_ONCE
        was_dropped = {who for who, how in manner_of.items() if how in LEAVES_UNKNOWN}
        may_be_unknown = was_dropped | {row["recipient"] for row in on_wire}
        assert {row["state"] for row in rows} <= {"sent", "failed", "unknown"}, (
            "a key is neither settled nor due"
        )
        assert {row["recipient"] for row in rows if row["state"] == "unknown"} <= may_be_unknown
        assert max(server.keys.values()) == 1, "a key was accepted twice"
        sent = {idempotency_key(row) for row in rows if row["state"] == "sent"}  # type: ignore[arg-type]
        assert sent <= server.keys_answered_250, "sent without the server's 250"
        fates.update(row["state"] for row in rows)
        # a full backfill afterwards: the touches are planned again, and nothing leaves
        world.plan(leads, campaign=campaign)
        taken = server.keys.total()
        again = dispatch_due(world.engine, world.settings, at + timedelta(hours=20))
        assert (again.released, again.sent, server.keys.total()) == (0, 0, taken)
    print(f"{kills} kills, on the wire at a kill: {unknown_by_kill}, of all: {dict(fates)}")


def test_four_dispatchers_at_once_send_each_message_once(world: World) -> None:
    world.register()
    world.plan(60)
    with MailServer() as server:
        processes = [start(world, server.port) for _ in range(4)]
        for process in processes:
            process.join(120)
        assert [process.exitcode for process in processes] == [0] * 4
        let_the_rest_out(world, server.port, NOW + timedelta(minutes=1))
    assert world.states() == {"sent": 60}
    assert len(server.taken) == 60
    assert set(server.taken.values()) == {1}


@pytest.mark.parametrize("point", ["before_wire", "on_wire", "accepted"])
def test_a_folder_never_holds_half_a_message_nor_the_same_twice(world: World, point: str) -> None:
    world.register()
    world.plan(MESSAGES)
    killed = start(world, None, NOW, point, number=2)
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    let_the_rest_out(world, None, NOW + timedelta(hours=1))
    files = list(world.settings.outbox_folder.glob("*.eml"))
    assert len(files) == world.states()["sent"] + (1 if point == "accepted" else 0)
    assert all(file.read_bytes().rstrip().endswith(b"--") for file in files)
