"""Dispatchers that are killed, and many at once: no key is taken twice, and `sent` is only what was answered with 250.

Each dispatcher is a process of its own, killed with SIGKILL at a named point or at any moment.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from datetime import datetime, timedelta
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from sqlalchemy import create_engine

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.transports import EmlFolder, Smtp
from leadflow_pipeline_tests.delivery.world import NOW, World
from leadflow_pipeline_tests.fakes.smtp import MailServer

POINTS = ("claimed", "asked", "before_wire", "on_wire", "dot", "accepted", "settled")
MESSAGES = 6
FORK = multiprocessing.get_context("fork")


def work(world: World, port: int | None, at: datetime, point: str, number: int) -> None:
    """One dispatcher, which is killed when it comes to `point` for the `number`-th time."""
    seen = 0

    def at_point(name: str) -> None:
        nonlocal seen
        seen += name == point
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    engine = create_engine(world.engine.url, hide_parameters=True)
    transport: Any = (
        EmlFolder(world.settings.outbox_folder, at_point)
        if port is None
        else Smtp("127.0.0.1", port, security="none", command_seconds=10, at_point=at_point)
    )
    dispatch_due(engine, world.settings, at, transport=transport, at_point=at_point)
    os._exit(0)


def start(
    world: World, port: int | None, at: datetime = NOW, point: str = "", number: int = 1
) -> BaseProcess:
    process = FORK.Process(target=work, args=(world, port, at, point, number), daemon=True)
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


@pytest.mark.parametrize("point", POINTS)
def test_a_dispatcher_killed_at_any_point_sends_nothing_twice(world: World, point: str) -> None:
    world.register()
    world.plan(MESSAGES)
    with MailServer() as server:
        killed = start(world, server.port, NOW, point, number=2 if point != "claimed" else 1)
        killed.join(60)
        assert killed.exitcode == -signal.SIGKILL
        let_the_rest_out(world, server.port, NOW + timedelta(hours=1))
        check({row["rfc_message_id"]: row["state"] for row in world.rows()}, server, MESSAGES)
        states = world.states()
    assert states.get("unknown", 0) == (1 if point in ("on_wire", "dot", "accepted") else 0)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_dispatchers_killed_at_any_moment_send_nothing_twice(world: World, slow: bool) -> None:
    chance = random.Random(7)
    for turn in range(100 if slow else 4):
        campaign = f"turn-{turn}"
        world.register(campaign)
        world.plan([{"lead_id": f"{turn}-{number}"} for number in range(2 * MESSAGES)], campaign=campaign)
        at = NOW + timedelta(hours=turn / 10)
        with MailServer() as server:
            killed = [start(world, server.port, at) for _ in range(2)]
            assert server.has_taken.wait(30)
            killed[0].join(chance.uniform(0, 0.1))
            for process in killed:
                process.kill()
                process.join()
            world.end_leases()
            let_the_rest_out(world, server.port, at + timedelta(minutes=5))
            rows = {
                row["rfc_message_id"]: row["state"] for row in world.rows() if row["campaign"] == campaign
            }
        check(rows, server, 2 * MESSAGES)


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
