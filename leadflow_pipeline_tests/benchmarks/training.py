"""How long it takes to train as many examples as are ever learned from, and how much memory.

    python -m leadflow_pipeline_tests.benchmarks.training

The bank's contacts, drawn with replacement, over the days of the data. Measured are one fit, the backtest of four more
models, and the look for fields that give the outcome away; reading features from the store comes on top.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from importlib.resources import files
from pathlib import Path

import pandas as pd
from threadpoolctl import threadpool_limits

from leadflow_pipeline.score.conversion.backtest import backtest, day_of_half_the_wins
from leadflow_pipeline.score.conversion.examples import SEED, Examples
from leadflow_pipeline.score.conversion.leakage import feature_alarms
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.conversion.training import MOST_EXAMPLES, candidates, train
from leadflow_pipeline.score.model_training import MOST_LOOKED_THROUGH
from leadflow_pipeline_tests.benchmarks.conversion import History, history_of, shipped_campaign

RIPE = 62


def examples_of(history: History, rows: int) -> Examples:
    """So many leads drawn from a history, each on its day."""
    drawn = history.of(pd.Series(range(len(history.day))).sample(rows, replace=True, random_state=SEED))
    order = drawn.day.argsort(kind="stable").to_numpy()
    drawn = drawn.of(order)
    lead_ids = pd.Series([f"lead-{number:07d}" for number in range(rows)], dtype="str")
    day = drawn.day.reset_index(drop=True)
    index = pd.MultiIndex.from_arrays([day, lead_ids], names=["day", "lead_id"])
    won_on = (day + timedelta(days=30)).where(drawn.converted.to_numpy() == 1)
    leads = pd.DataFrame({"lead": lead_ids, "day": day, "won_on": won_on, "matures_after_days": RIPE})
    return Examples(drawn.features.set_axis(index), leads)


@contextmanager
def timed(what: str) -> Iterator[None]:
    """Prints how long it took, and the most memory so far."""
    started = time.perf_counter()
    yield
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{what}: {time.perf_counter() - started:.1f} s, {most:.2f} GiB", flush=True)


def main() -> None:
    """Measures and prints."""
    path = Path(str(files("leadflow_pipeline.samples") / "bank" / "bank-marketing.csv.gz"))
    examples = examples_of(history_of(shipped_campaign("bank"), [path], ConversionRules()), MOST_EXAMPLES)
    as_of = examples.leads["day"].max().date() + timedelta(days=RIPE)
    ripe = examples.ripe(as_of, None)
    cut = day_of_half_the_wins(ripe)
    assert cut is not None
    print(f"{len(ripe.weight)} examples, {ripe.features.shape[1]} features, {int(ripe.converted.sum())} wins")
    with threadpool_limits(1):
        kinds = candidates(len(ripe.outcome), int(ripe.outcome.sum()))
        for kind in kinds:
            with timed(f"learn, {kind}"):
                train(ripe.features, ripe.converted, ripe.weight, SEED, kind)
        with timed("backtest of all kinds"):
            backtest(examples, as_of, None, None, cut, kinds)
        with timed("look for leaks"):
            feature_alarms(
                ripe.features.tail(MOST_LOOKED_THROUGH), ripe.converted.tail(MOST_LOOKED_THROUGH), SEED
            )


if __name__ == "__main__":
    main()
