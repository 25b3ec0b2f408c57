"""Many deciders at once: one owner for each lead, no rep over capacity, and nothing half done when one is killed.

The deciders are processes of their own. A "pipeline" goes through the hand-over door, a "service" claims single leads.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from multiprocessing.process import BaseProcess

import pytest
from sqlalchemy import create_engine

from leadflow_pipeline.delivery.claiming import Claim, Handoff, NobodyFree, claim_owner
from leadflow_pipeline.delivery.handover import hand_over_due
from leadflow_pipeline_tests.delivery.owners_world import NOW, TODAY, YESTERDAY, OwnersWorld

FORK = multiprocessing.get_context("fork")
REPS = ("anke", "tom", "elin", "luis")
CAPACITY = 5
LEADS = tuple(f"lead-{number:02}" for number in range(30))
POINTS = ("claimed", "before_messages", "before_commit", "committed")


def claimed(
    world: OwnersWorld, lead: str, candidates: Sequence[str], **options: object
) -> Handoff | NobodyFree:
    claim = Claim("spring", lead, YESTERDAY, tuple(candidates), "service", **options)  # type: ignore[arg-type]
    with world.engine.begin() as connection:
        return claim_owner(connection, claim, NOW)


def pipeline(world: OwnersWorld, point: str = "", number: int = 1) -> None:
    """Hands over what is due, and is killed when it comes to `point` for the `number`-th time."""
    seen = 0

    def at_point(name: str) -> None:
        nonlocal seen
        seen += name == point
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    hand_over_due(create_engine(world.engine.url), NOW, at_point=at_point, together=5)
    os._exit(0)


def service(world: OwnersWorld, seed: int) -> None:
    """Decides about every lead, in an order of its own, with candidates in an order of its own."""
    chance = random.Random(seed)
    engine = create_engine(world.engine.url)
    for lead in chance.sample(LEADS, len(LEADS)):
        claim = Claim("spring", lead, YESTERDAY, tuple(chance.sample(REPS, len(REPS))), "service", 1)
        with engine.begin() as connection:
            claim_owner(connection, claim, NOW)
    os._exit(0)


def start(work: object, *arguments: object) -> BaseProcess:
    process = FORK.Process(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
    process.start()
    return process


@pytest.fixture
def contested(owners: OwnersWorld) -> OwnersWorld:
    """More leads than room, and everybody a candidate for each."""
    owners.register()
    for rep in REPS:
        owners.rep(rep, capacity={"per_day": CAPACITY})
    chance = random.Random(1)
    owners.plan({lead: chance.sample(REPS, len(REPS)) for lead in LEADS})
    return owners


def check(world: OwnersWorld) -> None:
    facts = world.handoffs()
    assert len({fact["lead_id"] for fact in facts}) == len(facts) == CAPACITY * len(REPS), (
        "two owners, or room left"
    )
    assert set(Counter(fact["rep"] for fact in facts).values()) == {CAPACITY}
    told = {(row["lead_id"], row["recipient"]) for row in world.messages(step=1) if row["lead_id"]}
    by_plan = {
        (fact["lead_id"], f"{fact['rep']}@sales.example.org")
        for fact in facts
        if fact["origin"] == "pipeline"
    }
    assert told == by_plan, "an owner who was not told, or somebody told who is no owner"


def test_the_first_candidate_with_room_gets_the_lead_and_keeps_it(owners: OwnersWorld) -> None:
    owners.register()
    owners.rep("anke", capacity={"per_day": 1})
    owners.rep("tom")
    first = claimed(owners, "lead-1", ["anke", "tom"], assignment_number=1)
    again = claimed(owners, "lead-1", ["tom"], assignment_number=1)
    second = claimed(owners, "lead-2", ["anke", "tom"], assignment_number=1)
    assert isinstance(first, Handoff)
    assert isinstance(again, Handoff)
    assert isinstance(second, Handoff)
    assert (first.rep, first.is_new, again.rep, again.is_new, second.rep) == (
        "anke",
        True,
        "anke",
        False,
        "tom",
    )
    assert second.reason == "the next best: whoever was better is not free (1 candidate: 1 full)"
    assert claimed(owners, "lead-3", ["anke", "tim"]) == NobodyFree("2 candidates: 1 full, 1 not known")


def test_many_deciders_at_once_give_each_lead_one_owner_and_no_rep_too_many(contested: OwnersWorld) -> None:
    deciders = [start(pipeline, contested) for _ in range(2)] + [
        start(service, contested, seed) for seed in range(4)
    ]
    killed = start(pipeline, contested, "before_commit", 3)
    for process in (*deciders, killed):
        process.join(60)
    assert [process.exitcode for process in deciders] == [0] * 6
    contested.hand_over()
    check(contested)


@pytest.mark.parametrize("point", POINTS)
def test_a_run_killed_at_any_point_loses_no_hand_over_and_doubles_no_message(
    contested: OwnersWorld, point: str
) -> None:
    killed = start(pipeline, contested, point, 4)
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    contested.hand_over(NOW + timedelta(minutes=5))
    check(contested)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_deciders_killed_at_any_moment(contested: OwnersWorld, slow: bool) -> None:
    """Every turn begins anew: the same leads, nobody's yet."""
    chance, killed = random.Random(3), 0
    turns = 60 if slow else 1
    for turn in range(turns):
        contested.forget()
        deciders = [start(pipeline, contested) for _ in range(2)]
        deciders += [start(service, contested, turn * 10 + seed) for seed in range(4 if slow else 2)]
        for process in chance.sample(deciders, 3 if slow else 1):
            process.join(chance.uniform(0, 0.3))
            process.kill()
        for process in deciders:
            process.join(60)
        killed += sum(process.exitcode == -signal.SIGKILL for process in deciders)
        contested.hand_over()
        check(contested)
    each = len(LEADS) * len(deciders)
    print(f"{turns} turns of {len(deciders)} deciders and {each} decisions; {killed} were killed on the way")


def test_fractions_carry_over_at_the_door(owners: OwnersWorld) -> None:
    owners.register()
    owners.rep("anke", capacity={"per_day": 0.5})
    given = 0
    for day in range(20):
        claim = Claim("spring", f"lead-{day}", TODAY + timedelta(days=day), ("anke",), "service")
        with owners.engine.begin() as connection:
            given += isinstance(claim_owner(connection, claim, NOW + timedelta(days=day)), Handoff)
    assert given == 10
