"""How near to the best, and how fast, a day's leads are given to reps.

    python -m leadflow_pipeline_tests.benchmarks.assignment --sizes 1000x50 5000x500 100000x500

Days are invented (`route.owners.invented_days`): specialties, territories that leave most pairs out, a few leads that
are worth most, uneven capacities; with fewer places than leads (0.7) and with more (1.2). Then days that are hard on
purpose: values that are all equal, one rep who is the best for every lead, values that are lead times rep, floors that
cannot all be kept. Each day runs in a process of its own: seconds by the wall clock and of the processor, of `assign`
alone, the peak of the whole process's memory. Printed are the share of the certified bound, of the best that greedy in
order of arrival, greedy with the best leads first (a lead's best match is its best value here) and chance reach, what a
floor of half the fair share costs, and how many choices the prices explain.
Prints a table, or JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np

from leadflow_pipeline.route.owners.choice.assignment import Assignment, assign, one_after_the_other, value_of
from leadflow_pipeline.route.owners.choice.fairness import floors
from leadflow_pipeline_tests.route.owners.invented_days import invented_day

SCARCE, AMPLE = 0.7, 1.2
HARD = ("equal", "dominant", "products", "impossible floors")


def main() -> None:
    """Measures each day in a process of its own, and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", nargs="+", default=["1000x50", "5000x500", "100000x500"])
    parser.add_argument("--hard", default="20000x200", help="size of the hard days; empty: none")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--day", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.day:
        kind, size = arguments.day
        print(json.dumps(measure(kind, *_numbers(size), arguments.seed)))
        return
    days = [(kind, size) for size in arguments.sizes for kind in ("scarce", "ample")]
    days += [(kind, arguments.hard) for kind in HARD if arguments.hard]
    measured = [_in_a_process_of_its_own(kind, size, arguments.seed) for kind, size in days]
    if arguments.json:
        print(json.dumps(measured, indent=2))
        return
    for name in measured[0]:
        print(f"{name:34}" + "".join(f"{_shown(row[name]):>18}" for row in measured))


def measure(kind: str, leads: int, reps: int, seed: int) -> dict[str, str | float | None]:
    """One day: seconds, shares of the bound and of the best, memory."""
    values, capacity, least = _day(kind, leads, reps, seed)
    before, processor = time.perf_counter(), time.process_time()
    best = assign(values, capacity, least)
    seconds, processor = time.perf_counter() - before, time.process_time() - processor
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    given = best.rep >= 0
    counts = np.bincount(best.rep[given], minlength=reps)
    if (counts > capacity).any() or np.isnan(value_of(values, best.rep)):
        raise AssertionError("capacity or eligibility is broken")
    half = floors(~np.isnan(values), capacity, capacity, 0.5, 1)
    held = assign(values, capacity, half) if kind in ("scarce", "ample") else None
    best_first = np.argsort(-np.fmax.reduce(values, axis=1, initial=0), kind="stable")
    chance = np.where(np.isnan(values), np.nan, np.random.default_rng(seed).random(values.shape))
    return {
        "day": kind,
        "leads x reps": f"{leads}x{reps}",
        "method": best.method,
        "seconds": seconds,
        "of the processor": processor,
        "peak GiB": peak,
        "given / leads": float(given.mean()),
        "share of the bound": best.value / best.bound,
        "greedy, of the best": value_of(values, one_after_the_other(values, capacity)) / best.value,
        "greedy, best leads first": value_of(values, one_after_the_other(values, capacity, best_first))
        / best.value,
        "by chance": value_of(values, one_after_the_other(chance, capacity)) / best.value,
        "floor of half costs": 1 - held.value / best.value if held else None,
        "choices that prices explain": _explained(values, best),
    }


def _day(kind: str, leads: int, reps: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    draw = np.random.default_rng(seed)
    even = np.full(reps, max(1, int(leads * SCARCE) // reps))
    if kind == "equal":
        return np.ones((leads, reps)), even, None
    if kind == "dominant":
        values = draw.random((leads, reps))
        values[:, 0] += 5
        return values, even, None
    if kind == "products":
        return np.outer(draw.lognormal(5, 1, leads), draw.beta(4, 4, reps)), even, None
    values, capacity = invented_day(leads, reps, SCARCE if kind == "scarce" else AMPLE, seed)
    return values, capacity, capacity if kind == "impossible floors" else None


def _explained(values: np.ndarray, best: Assignment) -> float:
    """Of the leads that are given, how many are with the rep of their highest value - price."""
    given = np.flatnonzero(best.rep >= 0)
    right = 0
    for part in np.array_split(given, max(1, len(given) // 1000)):
        net = values[part] - best.prices
        right += int((np.where(np.isnan(net), -np.inf, net).argmax(axis=1) == best.rep[part]).sum())
    return right / max(1, len(given))


def _in_a_process_of_its_own(kind: str, size: str, seed: int) -> dict[str, str | float | None]:
    command = [sys.executable, "-m", "leadflow_pipeline_tests.benchmarks.assignment"]
    done = subprocess.run(
        [*command, "--seed", str(seed), "--day", kind, size], check=True, capture_output=True, text=True
    )
    found: dict[str, str | float | None] = json.loads(done.stdout)
    return found


def _numbers(size: str) -> tuple[int, int]:
    leads, reps = size.split("x")
    return int(leads), int(reps)


def _shown(figure: str | float | None) -> str:
    if figure is None:
        return "-"
    return figure if isinstance(figure, str) else f"{figure:.6g}"


if __name__ == "__main__":
    main()
