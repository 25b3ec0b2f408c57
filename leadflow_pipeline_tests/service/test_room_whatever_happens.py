"""Any order of service decisions, hand-overs, absences and people's words: no rep over room, one owner a number.

What belongs here: one process after the other, so that each step can be judged. What does not: many at once, and kills
(`test_decision_kill`, `delivery.test_claiming`).
"""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete, insert, text

from leadflow_pipeline.service.decisions.asked import Asked
from leadflow_pipeline.service.decisions.decision_queue import DecisionQueue, States
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline_tests.delivery.owners_world import NOW, TODAY, OwnersWorld

REPS = ("anke", "tom", "elin")
LEADS = tuple(f"lead-{number}" for number in range(12))
PLANNED = LEADS[:6]
"""Of which a plan names the owner; the others are routed, and nobody has planned whose they are."""

BY_HAND = "decided by hand"

reps, leads = st.sampled_from(REPS), st.sampled_from(LEADS)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("decide"), st.lists(leads, min_size=1, max_size=8), st.integers(0, 1)),
        st.tuples(st.just("hand over"), st.none(), st.none()),
        st.tuples(st.just("away"), reps, st.booleans()),
        st.tuples(st.just("name"), leads, reps),
        st.tuples(st.just("limit"), reps, st.sampled_from([{"per_day": 1}, {"per_week": 3}, {"open_leads": 2}, {}])),
        st.tuples(st.just("end"), leads, st.none()),
    ),
    max_size=9,
)  # fmt: skip


@pytest.fixture
def plain(engine: Engine, tmp_path: Path) -> OwnersWorld:
    """Leads that are routed, and a plan for some."""
    world = OwnersWorld(engine, tmp_path)
    world.register()
    world.plan({lead: ["anke", "tom", "elin"] for lead in LEADS})
    decided = schema.owner_decisions
    with engine.begin() as connection:
        connection.execute(delete(decided).where(decided.c.lead_id.not_in(PLANNED)))
    return world


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
@example(
    steps=[
        ("limit", "anke", {}), ("away", "tom", True), ("away", "elin", True), ("decide", list(LEADS[:6]), 1),
        ("decide", [LEADS[6]], 0), ("limit", "anke", {"open_leads": 2}), ("decide", list(LEADS[7:9]), 0),
    ]
)  # fmt: skip
@example(
    steps=[
        ("decide", list(LEADS[5:]), 0), ("name", LEADS[0], "anke"), ("hand over", None, None),
        ("decide", list(LEADS), 1), ("end", LEADS[7], None), ("limit", "tom", {"per_day": 1}),
        ("decide", list(LEADS), 0), ("hand over", None, None),
    ]
)  # fmt: skip
def test_no_rep_is_given_more_than_it_has_room_for_and_nobody_is_given_twice(
    plain: OwnersWorld, steps: list[tuple[str, Any, Any]]
) -> None:
    begin_anew(plain)
    services = [service_of(plain.engine), service_of(plain.engine)]
    limits: dict[str, dict[str, int]] = {rep: {"per_day": 3} for rep in REPS}
    away: set[str] = set()
    numbers = count()
    before = plain.handoffs()
    for what, whom, how in steps:
        match what:
            case "decide":
                asked = [
                    Asked("spring", lead, f"key-{next(numbers)}", "asked", "test")
                    for lead in dict.fromkeys(whom)
                ]
                services[how].decide_now(asked)
            case "hand over":
                plain.hand_over()
            case "away":
                take_leave(plain, whom, leaves=how)
                (away.add if how else away.discard)(whom)
            case "name":
                add_override(
                    plain.engine, campaign="spring", lead_id=whom, field="owner", value=how, actor="test",
                    reason="old friends", occurred_at=NOW - timedelta(hours=1),
                )  # fmt: skip
            case "limit":
                limits[whom] = how
                plain.rep(whom, from_day=TODAY, capacity=how)
            case "end":
                plain.outcome(whom, "won", NOW - timedelta(minutes=next(numbers) + 1))
        before = judge(plain, before, limits, away)


def service_of(engine: Engine) -> DecisionQueue:
    """What one process of the service decides with, and remembers of the reps."""
    return DecisionQueue(lambda: engine, States(lambda: engine, lambda: NOW), lambda: NOW)


def begin_anew(world: OwnersWorld) -> None:
    world.forget()
    tables = ("reps", "rep_absences", "overrides", "outcomes", "routing_decisions")
    with world.engine.begin() as connection:
        for table in tables:
            connection.execute(text(f"DELETE FROM leadflow.{table}"))
    for rep in REPS:
        world.rep(rep, capacity={"per_day": 3})


def take_leave(world: OwnersWorld, rep: str, *, leaves: bool) -> None:
    with world.engine.begin() as connection:
        connection.execute(delete(schema.rep_absences).where(schema.rep_absences.c.rep == rep))
        if leaves:
            row = {"rep": rep, "first_day": TODAY, "last_day": TODAY, "actor": "test"}
            connection.execute(insert(schema.rep_absences).values(row))


def judge(
    world: OwnersWorld, before: list[dict[str, Any]], limits: dict[str, dict[str, int]], away: set[str]
) -> list[dict[str, Any]]:
    """What a step gave away was there to give; what was given before stays given."""
    now = world.handoffs()
    known = {(row["lead_id"], row["assignment_number"]): row["rep"] for row in before}
    given = {(row["lead_id"], row["assignment_number"]): row["rep"] for row in now}
    assert known.items() <= given.items(), "somebody's lead was given to another under the same number"
    new = [row for row in now if (row["lead_id"], row["assignment_number"]) not in known]
    for lead, numbers in _numbers(now).items():
        assert numbers == list(range(1, len(numbers) + 1)), f"{lead} has a number twice or not at all"
    assert all(row["assignment_number"] == 1 or row["reason"] == BY_HAND for row in new), "decided twice"
    by_rule = {row["rep"] for row in new if row["reason"] != BY_HAND}
    assert not by_rule & away
    latest = {row["lead_id"]: row["rep"] for row in now}
    ended = _ended(world.engine)
    counts = {
        "open_leads": Counter(rep for lead, rep in latest.items() if lead not in ended),
        "per_day": Counter((row["rep"], row["decision_day"]) for row in now),
        "per_week": Counter(row["rep"] for row in now),
    }
    named = Counter(row["rep"] for row in new if row["reason"] == BY_HAND)
    for rep in by_rule:
        days = {row["decision_day"] for row in new if row["rep"] == rep and row["reason"] != BY_HAND}
        for limit, most in limits[rep].items():
            keys = [(rep, day) for day in days] if limit == "per_day" else [rep]
            for key in keys:
                assert counts[limit][key] - named[rep] <= most, f"{key} was given more than {limit}: {most}"
    return now


def _numbers(rows: list[dict[str, Any]]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for row in rows:
        found.setdefault(row["lead_id"], []).append(row["assignment_number"])
    return found


def _ended(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(text("SELECT lead_id FROM leadflow.outcomes")))
