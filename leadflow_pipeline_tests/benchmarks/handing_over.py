"""How long it takes to tell owners of their leads, and to go through the leads that nobody was in touch with.

    python -m leadflow_pipeline_tests.benchmarks.handing_over [--leads 1000] [--reps 50] [--together 50]

Planned owners are handed over on a fresh database, each with a brief, a notice and a reminder; what was handed over is
gone through again, which changes nothing; then every promise of a first touch is broken, and each lead passed on to its
next best owner, with the messages of that. Reps have a limit a day and one of open leads, so that room is counted. A
single decision is one lead given to one of five reps in a transaction of its own, as a service decides. With
`--similar` the campaign has a build of similar accounts, and each brief names the companies most like the lead's.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Engine

from leadflow_pipeline.delivery.claiming import Claim, claim_owner
from leadflow_pipeline.delivery.first_touch import sweep_first_touches
from leadflow_pipeline.delivery.handover import TOGETHER, hand_over_due
from leadflow_pipeline.insight.similar_accounts.builds import build_similar_accounts
from leadflow_pipeline.insight.similar_accounts.for_briefs import similar_accounts_of
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.delivery.owners_world import NOW, TODAY, YESTERDAY, OwnersWorld

T = TypeVar("T")
SINGLE = 200
LATER = timedelta(days=4)
"""By then every first touch is overdue."""


def invented(engine: Engine, home: Path, leads: int, reps: int, *, similar: bool) -> OwnersWorld:
    """A campaign, its reps, and leads of which each has five candidates."""
    world = OwnersWorld(engine, home)
    world.register()
    for number in range(reps):
        capacity = {"per_day": 2 * leads // reps + 1, "open_leads": 10 * leads // reps}
        world.rep(f"rep-{number:03}", capacity=capacity)
    draw = np.random.default_rng(1)
    if similar:
        ended = [f"old-{number}" for number in range(500)]
        named = {"company": [f"Company {number} Ltd" for number in range(500)]}
        keys = {"company_key": [f"company {number}" for number in range(500)]}
        world.plan({lead: [] for lead in ended}, day=YESTERDAY - timedelta(days=30), fields=named | keys)
        for number, lead in enumerate(ended):
            world.outcome(lead, ("won", "lost")[number % 2], NOW - timedelta(days=9))
        build_similar_accounts(engine, "spring", TODAY)
    candidates = draw.permuted(np.tile(np.arange(reps), (leads, 1)), axis=1)[:, :5]
    world.plan(
        {f"lead-{lead:06}": [f"rep-{rep:03}" for rep in row] for lead, row in enumerate(candidates.tolist())}
    )
    return world


def measure(leads: int, reps: int, together: int, *, similar: bool) -> dict[str, float]:
    """Milliseconds a lead of each step."""
    with fresh_home() as engine, tempfile.TemporaryDirectory() as home:
        world = invented(engine, Path(home), leads, reps, similar=similar)
        alike = similar_accounts_of if similar else None

        def hand_over() -> Any:
            return hand_over_due(engine, NOW, similar=alike, together=together)

        told, telling = timed(hand_over)
        _, again = timed(hand_over)
        swept, sweeping = timed(lambda: sweep_first_touches(engine, NOW + LATER, similar=alike))
        assert (told.handed_over, swept.overdue) == (leads, leads), "some lead was left out"
        singles = [f"single-{number}" for number in range(SINGLE)]
        _, deciding = timed(
            lambda: [decided(world, lead, number, reps) for number, lead in enumerate(singles)]
        )
    return {
        "leads": leads,
        "reps": reps,
        "together": together,
        "messages of the hand-over": sum(told.messages.values()),
        "hand-over, ms a lead": 1000 * telling / leads,
        "again, ms in all": 1000 * again,
        "first touches, ms a lead": 1000 * sweeping / leads,
        "passed on": swept.reassigned,
        "a single decision, ms": 1000 * deciding / SINGLE,
    }


def decided(world: OwnersWorld, lead: str, number: int, reps: int) -> None:
    """One lead, at once."""
    candidates = tuple(f"rep-{(number + further) % reps:03}" for further in range(5))
    claim = Claim("spring", lead, (NOW + LATER).date(), candidates, "service", first_touch_hours=8)
    with world.engine.begin() as connection:
        claim_owner(connection, claim, NOW + LATER)


def timed(work: Callable[[], T]) -> tuple[T, float]:
    """What it gives, and its seconds."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


def main() -> None:
    """Prints a table and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000)
    parser.add_argument("--reps", type=int, default=50)
    parser.add_argument("--together", type=int, default=TOGETHER)
    parser.add_argument("--similar", action="store_true")
    arguments = parser.parse_args()
    measured = measure(arguments.leads, arguments.reps, arguments.together, similar=arguments.similar)
    for name, figure in measured.items():
        print(f"{name:28} {figure:>10,.4g}")
    print(json.dumps(measured))


if __name__ == "__main__":
    main()
