"""How fast experiments are analysed, and whether their promises hold.

    python -m leadflow_pipeline_tests.benchmarks.experiments [FOLDER] --exposures 10000000 --trials 200000

Speed: from ids in memory to an answer: hash, sums of each arm at each of 20 looks, CUPED, tests, boundaries; the
median of `--rounds`, by the wall clock, and the peak memory of the whole process, the invented data included. Promises,
by simulation: false positives of experiments without a difference in 20 looks, and how many differences are found by
as many leads as a test with one look would need for 80 %; regret of bandits over `--runs` runs, and how often 95 %
intervals hold the truth. FOLDER, where it is given, holds `cookie_cats.csv.gz` and `random_men.csv.gz`: what the
published data give is printed too. Prints a table, or JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy.stats import norm

from leadflow_pipeline.experiment.adaptive_estimates import estimate_arms
from leadflow_pipeline.experiment.arrays import Booleans, Floats, Interval, Ints
from leadflow_pipeline.experiment.bandit import probability_best, shares
from leadflow_pipeline.experiment.delays import arrival_curve, counted, ripe_curve
from leadflow_pipeline.experiment.hashing import Holdout, Slot, assign
from leadflow_pipeline.experiment.means import compare_means, cuped
from leadflow_pipeline.experiment.off_policy import (
    Logged,
    PolicyValue,
    cross_fitted_rates,
    doubly_robust,
    inverse_propensity,
    self_normalised,
)
from leadflow_pipeline.experiment.power import proportions_sample_size
from leadflow_pipeline.experiment.sample_ratio import ALARM, check_ratio
from leadflow_pipeline.experiment.sequential import (
    boundaries,
    confidence_sequence,
    inflation,
    mixture_variance,
    power,
    sequential_p_value,
)
from leadflow_pipeline.experiment.tallies import tally
from leadflow_pipeline.experiment.two_proportions import Proportion, compare_proportions, wilson_interval
from leadflow_pipeline_tests.benchmarks.stored_experiments import stored

LOOKS = 20
FRACTIONS = np.arange(1, LOOKS + 1) / LOOKS
RATE, BETTER_RATE = 0.10, 0.12
ARM_RATES = (0.05, 0.03, 0.02)
BANDIT_DAYS, LEADS_A_DAY = 50, 200
FLOOR = 0.05
HOLD = "losing arms, {} 95 % intervals that hold the truth"
BIAS = "losing arms, {} estimate, relative error"
WINDOW_DAYS, MEAN_DELAY_DAYS = 14, 3.0


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--exposures", type=int, default=10_000_000)
    parser.add_argument("--trials", type=int, default=200_000)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", type=int, default=0, metavar="EXPOSURES")
    parser.add_argument("--money", action="store_true", help="of --store: a metric is a value")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured: dict[str, dict[str, float]] = {}
    if arguments.exposures:
        measured["speed"] = speed(arguments.exposures, arguments.rounds)
    if arguments.store:
        measured["through the store"] = stored(arguments.store, arguments.rounds, money=arguments.money)
    if arguments.trials:
        measured["looking 20 times"] = looking(arguments.trials)
    if arguments.runs:
        measured["bandits"] = bandits(arguments.runs)
    if arguments.folder:
        measured["Cookie Cats"] = cookie_cats(arguments.folder)
        measured["Open Bandit"] = open_bandit(arguments.folder)
    if arguments.json:
        print(json.dumps(measured, indent=2))
        return
    for title, figures in measured.items():
        print(f"\n{title}")
        for name, figure in figures.items():
            print(f"  {name:64} {figure:>16,.6g}")


def speed(exposures: int, rounds: int) -> dict[str, float]:
    """Seconds of each step on so many exposures, and the peak memory in GiB."""
    ids, look, before = invented(exposures)
    draw = np.random.default_rng(2)
    noise = draw.normal(size=exposures)
    bought = draw.random(exposures) < RATE
    seconds: dict[str, list[float]] = {}
    for _ in range(rounds):
        begin = time.perf_counter()
        given = assign(ids, "benchmark", [0.5, 0.25, 0.25], 0.8, Slot("emails", 0, 0.9), Holdout("all", 0.05))
        hashed = time.perf_counter()
        value = before * 0.7 + noise + 0.01 * given.variant
        made = time.perf_counter()
        values = tally(given.variant, 3, value, before, look, LOOKS).up_to_each_look()
        sales = tally(given.variant, 3, bought, None, look, LOOKS).up_to_each_look()
        summed = time.perf_counter()
        conclude(values.count, sales.totals())
        arms = cuped([values.moments(LOOKS - 1, arm) for arm in range(3)])
        means = [compare_means(arms.arms[0], arms.arms[arm]) for arm in (1, 2)]
        concluded = time.perf_counter()
        assert all(0 <= test.p_value <= 1 for test in means)
        steps = {"hash, slot and holdout": hashed - begin, "sums by arm and look": summed - made}
        steps["tests, CUPED and boundaries"] = concluded - summed
        steps["all of it"] = sum(steps.values())
        for name, step in steps.items():
            seconds.setdefault(name, []).append(step)
    measured = {"exposures": float(exposures)}
    measured |= {f"{name}, s": statistics.median(taken) for name, taken in seconds.items()}
    measured["variance gone by CUPED"] = arms.variance_reduction
    measured["peak memory, GiB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return measured


def conclude(count: Ints, converted: Floats) -> None:
    """All that is said of conversions at the last look, from leads and conversions up to each look, (looks, arms)."""
    for arm in (1, 2):
        tests = [
            compare_proportions(*(Proportion(int(converted[k, a]), int(count[k, a])) for a in (0, arm)))
            for k in range(LOOKS)
        ]
        fractions = count[:, [0, arm]].sum(axis=1) / count[-1, [0, arm]].sum()
        sequential_p_value([test.z for test in tests], fractions.tolist(), last=True)
        boundaries(fractions.tolist(), last=True)
        last = tests[-1]
        confidence_sequence(last.difference, last.standard_error, last.standard_error)
    check_ratio(count[-1].tolist(), [0.5, 0.25, 0.25])


def invented(exposures: int) -> tuple[pa.Array, Ints, Floats]:
    """Ids of 32 hexadecimal digits as lead ids are, the first look that sees each, and a covariate."""
    draw = np.random.default_rng(1)
    digits = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
    letters = digits[draw.integers(0, 16, exposures * 32, dtype=np.uint8)]
    offsets = np.arange(0, 32 * exposures + 1, 32, dtype=np.int64)
    ids = pa.LargeStringArray.from_buffers(exposures, pa.py_buffer(offsets), pa.py_buffer(letters))
    return ids, draw.integers(0, LOOKS, exposures), draw.normal(size=exposures)


def looking(trials: int) -> dict[str, float]:
    """How often each rule calls a winner, without a difference and with one."""
    size = proportions_sample_size(RATE, BETTER_RATE, power=0.8)
    step = -(-size.control // LOOKS)
    without, even_without = walks(trials, step, RATE, RATE, seed=1)
    with_one, even_with_one = walks(trials, step, RATE, BETTER_RATE, seed=2)
    fixed = float(norm.isf(0.025))
    bounds = boundaries(FRACTIONS.tolist())
    rules = {
        "one look at the end": np.append(np.full(LOOKS - 1, np.inf), fixed),
        "O'Brien-Fleming spending": bounds,
        "confidence sequence": sequence_bounds(),
        "naive peeking at 1.96": np.full(LOOKS, fixed),
        "peeking at P(best) > 95 %": np.full(LOOKS, norm.isf(0.05)),
    }
    measured: dict[str, float] = {"leads in an arm at the end": float(step * LOOKS)}
    for name, rule in rules.items():
        measured[f"{name}: false positives"] = float((np.abs(without) >= rule).any(axis=1).mean())
        measured[f"{name}: power"] = float((with_one >= rule).any(axis=1).mean())
    both = "O'Brien-Fleming spending and sample ratio, as the verdict asks"
    called = (np.abs(without) >= bounds) & even_without
    measured[f"{both}: false positives"] = float(called.any(axis=1).mean())
    measured[f"{both}: power"] = float(((with_one >= bounds) & even_with_one).any(axis=1).mean())
    drift = fixed + float(norm.ppf(0.8))
    measured["O'Brien-Fleming spending: exact power"] = power(FRACTIONS.tolist(), drift)
    measured["O'Brien-Fleming spending: leads for the same power, times"] = inflation(FRACTIONS.tolist())
    return measured


def walks(trials: int, step: int, control: float, variant: float, seed: int) -> tuple[Floats, Booleans]:
    """Pooled z of shares at each look, and whether the sample ratio is no reason for alarm, both (trials, looks).

    Each lead gets one of two arms by a fair coin; `step` leads an arm are expected from look to look.
    """
    draw = np.random.default_rng(seed)
    steps = draw.binomial(2 * step, 0.5, (trials, LOOKS))
    successes = np.cumsum(draw.binomial(steps, control), axis=1)
    others = np.cumsum(draw.binomial(2 * step - steps, variant), axis=1)
    leads = np.cumsum(steps, axis=1)
    together = 2 * step * np.arange(1, LOOKS + 1)
    pooled = (successes + others) / together
    error = np.sqrt(np.maximum(pooled * (1 - pooled), 1e-12) * (1 / leads + 1 / (together - leads)))
    is_even = np.abs(2 * leads - together) < norm.isf(ALARM / 2) * np.sqrt(together)
    return (others / (together - leads) - successes / leads) / error, is_even


def sequence_bounds() -> Floats:
    """|z| from which the confidence sequence leaves 0 out, at each look of a plan of 20."""
    spread = FRACTIONS * mixture_variance(1.0)
    return np.sqrt((1 + spread) / spread * (np.log(1 + spread) - 2 * np.log(0.05)))


def bandits(runs: int) -> dict[str, float]:
    """Conversions lost against always the best arm, of 10,000 leads; and intervals of the arms that lost."""
    measured: dict[str, float] = {"best possible conversions": BANDIT_DAYS * LEADS_A_DAY * max(ARM_RATES)}
    uniform = BANDIT_DAYS * LEADS_A_DAY * (max(ARM_RATES) - float(np.mean(ARM_RATES)))
    measured["uniform: regret"] = uniform
    ways = {
        "Thompson, no floor": (0.0, "thompson", None),
        f"Thompson, floor {FLOOR}": (FLOOR, "thompson", None),
        f"top-two, floor {FLOOR}": (FLOOR, "top_two", None),
        f"Thompson, floor {FLOOR}, late rewards, ripe leads count": (FLOOR, "thompson", "ripe"),
        f"Thompson, floor {FLOOR}, late rewards, leads count by age": (FLOOR, "thompson", "age"),
    }
    for name, (floor, method, delay) in ways.items():
        results = [bandit_run(floor, method, delay, seed) for seed in range(runs)]
        for key in results[0]:
            measured[f"{name}: {key}"] = float(np.mean([result[key] for result in results]))
    return measured


def bandit_run(floor: float, method: str, delay: str | None, seed: int) -> dict[str, float]:
    """One bandit from the first day to the last."""
    draw = np.random.default_rng(seed)
    rates = np.array(ARM_RATES)
    arms = len(rates)
    given = np.zeros((BANDIT_DAYS, arms), dtype=np.int64)
    won = np.zeros((BANDIT_DAYS, arms), dtype=np.int64)
    arrived = np.zeros((BANDIT_DAYS, arms, WINDOW_DAYS), dtype=np.int64)
    share = np.zeros((BANDIT_DAYS, arms))
    for day in range(BANDIT_DAYS):
        successes, trials = known(day, given, won, arrived, delay)
        share[day] = shares(successes, trials, floor, "top_two" if method == "top_two" else "thompson")
        given[day] = draw.multinomial(LEADS_A_DAY, share[day])
        won[day] = draw.binomial(given[day], rates)
        for arm in range(arms):
            delays = np.minimum(draw.exponential(MEAN_DELAY_DAYS, won[day, arm]), WINDOW_DAYS - 1)
            arrived[day, arm] = np.bincount(delays.astype(np.int64), minlength=WINDOW_DAYS)
    found = {"regret": float((given * (rates.max() - rates)).sum())}
    found["how sure of the best arm in the end"] = float(
        probability_best(*known(BANDIT_DAYS, given, won, arrived, delay))[0]
    )
    found |= plain_estimates(given, won)
    return found | estimates(draw, given, won, share) if floor else found


def plain_estimates(given: Ints, won: Ints) -> dict[str, float]:
    """Conversions over leads, as if no bandit had been there."""
    arms = zip(won.sum(axis=0).tolist(), given.sum(axis=0).tolist(), strict=True)
    plain = [Proportion(hits, leads) for hits, leads in arms]
    rates = np.array([arm.rate for arm in plain])
    return {
        HOLD.format("plain"): held([wilson_interval(arm) for arm in plain]),
        BIAS.format("plain"): relative_error(rates),
    }


def known(
    day: int, given: Ints, won: Ints, arrived: Ints, delay: str | None
) -> tuple[Floats | Ints, Floats | Ints]:
    """Successes and trials of each arm that count on the morning of the day."""
    if delay is None:
        return won[:day].sum(axis=0), given[:day].sum(axis=0)
    arms = given.shape[1]
    exposed = np.zeros((arms, BANDIT_DAYS + 1), dtype=np.int64)
    converted = np.zeros_like(exposed)
    delays: list[Ints] = []
    for earlier in range(day):
        age = day - earlier
        exposed[:, age] += given[earlier]
        converted[:, age] += arrived[earlier, :, :age].sum(axis=1)
        if age >= WINDOW_DAYS:
            delays.append(np.repeat(np.arange(WINDOW_DAYS), arrived[earlier].sum(axis=0)))
    ripe = np.concatenate(delays) if delays else np.empty(0, dtype=np.int64)
    curve = ripe_curve(WINDOW_DAYS) if delay == "ripe" else arrival_curve(ripe, WINDOW_DAYS)
    return counted(exposed, converted, curve)


def estimates(draw: np.random.Generator, given: Ints, won: Ints, share: Floats) -> dict[str, float]:
    """Whether the intervals of the losing arms hold the truth: weighted, and by the floor's leads alone."""
    arms = given.shape[1]
    day = np.repeat(np.repeat(np.arange(BANDIT_DAYS), arms), given.ravel())
    arm = np.repeat(np.tile(np.arange(arms), BANDIT_DAYS), given.ravel())
    reward = np.concatenate(
        [
            np.arange(leads) < hits
            for leads, hits in zip(given.ravel().tolist(), won.ravel().tolist(), strict=True)
        ]
    ).astype(np.float64)
    weighted = estimate_arms(day, arm, reward, share)
    kept = draw.random(len(arm)) < FLOOR / share[day, arm]
    floor = [
        wilson_interval(Proportion(int(reward[kept & (arm == a)].sum()), int((kept & (arm == a)).sum())))
        for a in range(arms)
    ]
    ways = {"weighted": [estimate.interval for estimate in weighted], "floor": floor}
    found = {HOLD.format(way): held(intervals) for way, intervals in ways.items()}
    found[BIAS.format("weighted")] = relative_error(np.array([estimate.value for estimate in weighted]))
    return found


def held(intervals: list[Interval]) -> float:
    """Share of the losing arms whose interval holds the arm's rate."""
    return float(np.mean([ARM_RATES[arm] in intervals[arm] for arm in range(1, len(ARM_RATES))]))


def relative_error(values: Floats) -> float:
    """Of the losing arms, on average; what is below 0 is too low."""
    rates = np.array(ARM_RATES)
    return float(np.mean(values[1:] / rates[1:] - 1))


def cookie_cats(folder: Path) -> dict[str, float]:
    """What the published experiment gives."""
    players = pd.read_csv(folder / "cookie_cats.csv.gz")
    by_arm = players.groupby("version")
    sizes = by_arm.size()
    measured = {"sample ratio: p": check_ratio([sizes["gate_30"], sizes["gate_40"]], [1, 1]).p_value}
    for metric in ("retention_1", "retention_7"):
        hits = by_arm[metric].sum()
        arms = [Proportion(int(hits[arm]), int(sizes[arm])) for arm in ("gate_40", "gate_30")]
        test = compare_proportions(*arms)
        measured[f"{metric}: z of gate_30 against gate_40"] = test.z
        measured[f"{metric}: lift"] = test.lift
        measured[f"{metric}: lift at least"] = test.lift_interval.low
        measured[f"{metric}: lift at most"] = test.lift_interval.high
    return measured


def open_bandit(folder: Path) -> dict[str, float]:
    """Estimates from a log of uniform choices: of the uniform policy itself, and of one that learned from clicks."""
    log = pd.read_csv(folder / "random_men.csv.gz").sort_values("timestamp")
    item = log["item_id"].to_numpy(np.int64)
    click = log["click"].to_numpy(np.float64)
    propensity = log["propensity_score"].to_numpy(np.float64)
    same = inverse_propensity(Logged(click, propensity, propensity))
    measured = {"choices": float(len(log)), "clicks": click.sum(), "observed rate": click.mean()}
    measured |= told("uniform, inverse propensity", same)
    half = len(log) // 2
    items = int(item.max()) + 1
    clicks = np.bincount(item[:half], click[:half], items)
    policy = shares(clicks, np.maximum(np.bincount(item[:half], minlength=items), clicks), 0.005)
    later = slice(half, None)
    logged = Logged(click[later], propensity[later], policy[item[later]])
    rates = cross_fitted_rates(item[later], items, click[later])
    predicted = rates[np.arange(len(rates)), item[later]]
    measured["later half: observed rate"] = click[later].mean()
    measured |= told("Thompson of the first half, inverse propensity", inverse_propensity(logged))
    measured |= told("Thompson of the first half, self-normalised", self_normalised(logged, resamples=1000))
    measured |= told(
        "Thompson of the first half, doubly robust", doubly_robust(logged, predicted, rates @ policy)
    )
    return measured


def told(name: str, estimate: PolicyValue) -> dict[str, float]:
    """An estimate as figures."""
    return {
        f"{name}: value": estimate.value,
        f"{name}: at least": estimate.interval.low,
        f"{name}: at most": estimate.interval.high,
        f"{name}: effective sample size": estimate.effective_sample_size,
        f"{name}: warnings": float(len(estimate.warnings)),
    }


if __name__ == "__main__":
    main()
