"""How fast credit is divided, and how right.

    python -m leadflow_pipeline_tests.benchmarks.attribution [FOLDER] --people 1000000

Times cutting touches into journeys, and each model on them; four touches for each person, of twelve channels, and a
conversion for one person in ten, so that there are a little more journeys than people. Times are the median of
`--rounds`, by the wall clock, from frames in memory to credits; the database is not timed. Prints a table, or JSON.
FOLDER, where it is given, holds `path_data.csv` and `reference_first_last_linear.csv` as ChannelAttribution 2.2.5
writes them: the largest difference to them is printed too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pandas as pd

from leadflow_pipeline.insight.attribution.journeys import Journeys, cut_into_journeys
from leadflow_pipeline.insight.attribution.models import credits_of
from leadflow_pipeline.insight.attribution.rules import AttributionRules, Model
from leadflow_pipeline_tests.insight.attribution.paths import journeys_of

TOUCHES_A_PERSON = 4
CHANNELS = tuple(f"channel {number}" for number in range(12))
FIRST = pd.Timestamp("2026-01-01", tz="UTC")
QUARTER = 90 * 86_400_000_000
"""Microseconds."""

Result = TypeVar("Result")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--people", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured = measure(arguments.people, arguments.rounds)
    if arguments.folder:
        measured["largest difference to the reference"] = largest_difference(arguments.folder)
    if arguments.json:
        print(json.dumps(measured, indent=2))
        return
    for name, figure in measured.items():
        print(f"{name:40} {figure:>16,.9g}")


def measure(people: int, rounds: int) -> dict[str, float]:
    """Seconds of each step, how many journeys, and the largest error of the sums."""
    touches, conversions = invented(people)
    journeys, cutting = timed(lambda: cut_into_journeys(touches, conversions, 90), rounds)
    measured: dict[str, float] = {
        "touches": len(touches),
        "journeys": len(journeys.lengths),
        "cutting": cutting,
    }
    rules, models, error = AttributionRules(), 0.0, 0.0
    for model in Model:
        credits, seconds = timed(lambda model=model: credits_of(fresh(journeys), model, rules), rounds)
        measured[model.value] = seconds
        models += seconds
        error = max(
            error,
            abs(credits["conversions"].sum() - len(conversions)),
            abs(credits["value"].sum() - conversions["value"].sum()),
        )
    measured["all models"] = models
    measured["cutting and all models"] = cutting + models
    measured["largest error of a sum"] = error
    return measured


def invented(people: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Touches and conversions of a quarter, in no order."""
    draw = np.random.default_rng(1)

    def some(number: int) -> pd.DataFrame:
        moments = FIRST + pd.to_timedelta(draw.integers(0, QUARTER, number), unit="us")
        return pd.DataFrame({"person": draw.integers(0, people, number), "occurred_at": moments})

    count = TOUCHES_A_PERSON * people
    channel = pd.Series(np.array(CHANNELS)[draw.integers(0, len(CHANNELS), count)], dtype="str")
    sold = some(people // 10)
    return some(count).assign(channel=channel), sold.assign(value=draw.integers(0, 100_000, len(sold)) / 100)


def fresh(journeys: Journeys) -> Journeys:
    """The same journeys with nothing computed on them yet."""
    fields = {name: value for name, value in vars(journeys).items() if name not in ("lengths", "journey")}
    return Journeys(**fields)


def timed(work: Callable[[], Result], rounds: int) -> tuple[Result, float]:
    """What it gives, and the median of its seconds."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return result, statistics.median(seconds)


def largest_difference(folder: Path) -> float:
    """Of first, last and linear touch, conversions and value, to those of another program."""
    paths = pd.read_csv(folder / "path_data.csv")
    expected = pd.read_csv(folder / "reference_first_last_linear.csv").set_index("channel_name")
    columns = ("total_conversions", "total_conversion_value", "total_null")
    journeys = journeys_of(paths["path"].tolist(), *(paths[column].tolist() for column in columns))
    differences = []
    for model in (Model.FIRST, Model.LAST, Model.LINEAR):
        found = credits_of(journeys, model, AttributionRules()).set_index("channel").reindex(expected.index)
        for what in ("conversions", "value"):
            differences.append((found[what] - expected[f"{model}_touch_{what}"]).abs().max())
    return float(max(differences))


if __name__ == "__main__":
    main()
