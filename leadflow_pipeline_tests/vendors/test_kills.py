"""Askers that are killed, and two at once: no credit is spent twice, and nothing that was paid for is forgotten.

Each asker is a process of its own, killed with SIGKILL at a named point or at any moment, while a vendor on a real
socket counts what it charges.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import threading
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy import create_engine

from leadflow_pipeline_tests.vendors.vendor_world import CAMPAIGNS, World

FORK = multiprocessing.get_context("fork")

AT_ONCE = ("on_wire", "charged", "answered", "before_commit")
SUBMITTED = ("on_wire", "charged", "answered", "stored", "collected", "before_commit")


def work(world: World, campaign: str, is_submitting: bool, point: str, number: int) -> None:
    """One asker, which is killed when it comes to `point` for the `number`-th time."""
    seen = 0

    def at_point(name: str) -> None:
        nonlocal seen
        seen += name == point
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    mine = World(create_engine(world.engine.url, hide_parameters=True), world.server, world.now)
    mine.keep = lambda *_: at_point("before_commit")  # type: ignore[method-assign]
    options = {"is_submitting": is_submitting, "at_point": at_point}
    for _ in range(2):
        mine.round(campaign, **options)
    os._exit(0)


def start(world: World, campaign: str, is_submitting: bool, point: str = "", number: int = 1) -> BaseProcess:
    process = FORK.Process(target=work, args=(world, campaign, is_submitting, point, number), daemon=True)
    process.start()
    return process


def let_all_finish(world: World, is_submitting: bool) -> None:
    """Living askers go on until there is nothing to do any more, which the database may see a moment later."""
    for _ in range(200):
        rounds = [world.round(slug, is_submitting=is_submitting) for slug in CAMPAIGNS]
        is_idle = not any(done.asked or done.problem or done.states.total() for done in rounds)
        if is_idle and "on_wire" not in world.states().values():
            return


def check(world: World) -> None:
    charges = world.server.charges
    assert set(charges.values()) <= {1}, "a credit was spent twice"
    states = {(row["campaign"], row["subject"]): row["state"] for row in world.rows()}
    unknown = {subject for (_, subject), state in states.items() if state == "unknown"}
    # A question waits only for one of unknown fate, and everything else was answered and paid for once.
    assert {subject for (_, subject), state in states.items() if state == "planned"} <= unknown
    assert set(states.values()) <= {"answered", "unknown", "planned"}
    answered = {subject for (_, subject), state in states.items() if state == "answered"}
    assert answered <= set(charges)
    assert set(charges) <= answered | unknown


@pytest.mark.parametrize(
    ("is_submitting", "point"),
    [*((False, point) for point in AT_ONCE), *((True, point) for point in SUBMITTED)],
)
def test_an_asker_killed_at_any_point_pays_nothing_twice(
    world: World, is_submitting: bool, point: str
) -> None:
    names = [f"lead{number}" for number in range(6)]
    for slug in CAMPAIGNS:
        world.order(slug, *names)
    number = 1
    if point == "charged":
        # The vendor has charged and not answered yet: the asker dies waiting for it.
        victim: list[BaseProcess] = []
        is_started, is_dead = threading.Event(), threading.Event()

        def kill() -> None:
            is_started.wait(30)
            victim[0].kill()
            # Only here: of two threads that wait for a process, one may learn nothing of its end.
            victim[0].join()
            is_dead.set()

        world.server.on_charge = kill
        victim.append(start(world, "spring", is_submitting))
        is_started.set()
        assert is_dead.wait(60)
        world.server.on_charge = lambda: None
    else:
        victim = [start(world, "spring", is_submitting, point, number)]
        victim[0].join(60)
    assert victim[0].exitcode == -signal.SIGKILL
    let_all_finish(world, is_submitting)
    check(world)
    unknown = sum(row["state"] == "unknown" for row in world.rows())
    is_known = is_submitting and point in ("stored", "collected", "before_commit")
    assert unknown == (0 if is_known else 2), "one batch of two was on the wire"


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_askers_killed_at_any_moment_pay_nothing_twice(world: World, slow: bool) -> None:
    chance = random.Random(11)
    for turn in range(100 if slow else 8):
        is_submitting = bool(turn % 2)
        names = [f"turn{turn}-{number}" for number in range(12)]
        for slug in CAMPAIGNS:
            world.order(slug, *names)
        reached = threading.Event()
        world.server.on_charge = reached.set
        askers = [start(world, slug, is_submitting) for slug in (*CAMPAIGNS, CAMPAIGNS[turn % 2])]
        assert reached.wait(60)
        askers[0].join(chance.uniform(0, 0.15))
        for process in askers:
            process.kill()
            process.join()
        let_all_finish(world, is_submitting)
        check(world)
        world.now += timedelta(hours=1)


def test_two_processes_of_two_campaigns_pay_once_for_each(world: World) -> None:
    names = [f"lead{number}" for number in range(20)]
    for slug in CAMPAIGNS:
        world.order(slug, *names)
    askers = [start(world, slug, False) for slug in CAMPAIGNS * 2]
    for process in askers:
        process.join(60)
    assert [process.exitcode for process in askers] == [0] * 4
    let_all_finish(world, False)
    assert world.server.charges == dict.fromkeys(names, 1)
    assert {row["state"] for row in world.rows()} == {"answered"}


def test_a_living_asker_is_never_taken_for_dead_however_long_the_vendor_takes(world: World) -> None:
    world.order("spring", "ida")
    world.order("autumn", "ida")
    is_charged, may_answer = threading.Event(), threading.Event()

    def hold() -> None:
        is_charged.set()
        may_answer.wait(30)

    world.server.on_charge = hold
    asker = start(world, "spring", False)
    assert is_charged.wait(30)
    assert world.round("autumn").asked == 0
    assert world.round("spring").problem is not None
    assert world.states("spring") == {"ida": "on_wire"}
    may_answer.set()
    asker.join(60)
    assert asker.exitcode == 0
    world.round("autumn")
    assert set(world.states().values()) == {"answered"}
    assert world.server.charges == {"ida": 1}


def test_a_dead_asker_of_another_campaign_is_noticed(world: World) -> None:
    world.order("spring", "ida")
    killed = start(world, "spring", False, "on_wire")
    killed.join(60)
    assert world.states("spring") == {"ida": "on_wire"}
    world.round("autumn")
    assert world.states("spring") == {"ida": "unknown"}
