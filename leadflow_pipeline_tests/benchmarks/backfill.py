"""A backfill of one campaign with few leads a day, beside what Dagster itself takes for as many empty days.

    python -m leadflow_pipeline_tests.benchmarks.backfill --days 120

Both are one run of a range of days: as many assets, checks and partitions, on the same instance in PostgreSQL, in the
same executor, with events stored in the same batches. The empty graph (`empty_days`) reads and writes no table of
ours, so the ratio is what computing costs on top of recording. It is run twice: with our storage of events, which
writes those of a range in one go, and with the one that Dagster brings, which is what a backfill costs elsewhere.
`--days 900` is the longest backfill that is promised.
Processor time is this process's, without PostgreSQL's.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import dagster as dg

from leadflow_pipeline.cli.runs import QUIET, run_days
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.dagster_home import dagster_instance
from leadflow_pipeline_tests.benchmarks.empty_days import empty_job
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home, tell_leads
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN

FIRST_DAY = date(2022, 3, 2)

STOCK_STORAGE = """
storage: {postgres: {postgres_url: {env: LEADFLOW_DAGSTER_DATABASE_URL}}}
telemetry: {enabled: false}
"""


@dataclass(frozen=True)
class Measured:
    """One of the two, over all the days."""

    graph: str
    days: int
    seconds: float
    processor_seconds: float


def measure(days: int, leads_a_day: int) -> list[Measured]:
    """The empty graph, then the pipeline; one day of each beforehand, so that nothing is done for the first time."""
    warm_up = PartitionRange(CAMPAIGN, (FIRST_DAY,))
    first = FIRST_DAY + timedelta(days=1)
    partitions = PartitionRange(CAMPAIGN, days_between(first, first + timedelta(days=days - 1)))
    with fresh_home() as engine:
        tell_leads(engine, leads_a_day * (days + 1), day=FIRST_DAY, days=days + 1)
        with dagster_instance() as instance:

            def pipeline(range_of_days: PartitionRange) -> None:
                report = run_days(instance, engine, range_of_days)
                if not report.is_success or report.failed_checks:
                    raise SystemExit(f"the backfill failed: {report.failures} {report.failed_checks}")

            def empty(range_of_days: PartitionRange) -> None:
                run_empty(instance, range_of_days)

            def empty_elsewhere(range_of_days: PartitionRange) -> None:
                with stock_instance(get_settings().home / "stock") as stock:
                    run_empty(stock, range_of_days)

            for work in (pipeline, empty, empty_elsewhere):
                work(warm_up)
            return [
                _measured("empty, Dagster's storage", empty_elsewhere, partitions),
                _measured("empty, our storage", empty, partitions),
                _measured("pipeline", pipeline, partitions),
            ]


def run_empty(instance: dg.DagsterInstance, range_of_days: PartitionRange) -> None:
    """The empty graph over these days."""
    job = dg.reconstructable(empty_job)
    dg.execute_job(job, instance, run_config=QUIET, tags=range_of_days.tags, raise_on_error=True)


def stock_instance(folder: Path) -> dg.DagsterInstance:
    """An instance on the same database with the storage that Dagster brings."""
    folder.mkdir(exist_ok=True)
    (folder / "dagster.yaml").write_text(STOCK_STORAGE)
    return dg.DagsterInstance.from_config(str(folder))


def _measured(graph: str, work: Callable[[PartitionRange], None], partitions: PartitionRange) -> Measured:
    started, started_processor = time.perf_counter(), time.process_time()
    work(partitions)
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - started_processor
    return Measured(graph, len(partitions.days), round(seconds, 2), round(processor_seconds, 2))


def table(measured: list[Measured]) -> str:
    """The figures as text, each with the ratio of the pipeline to it."""
    pipeline = measured[-1]
    lines = [f"{'graph':<26}{'days':>6}{'seconds':>9}{'processor':>11}{'pipeline / it':>15}"]
    lines += [
        f"{row.graph:<26}{row.days:>6,}{row.seconds:>9.2f}{row.processor_seconds:>11.2f}"
        f"{pipeline.seconds / row.seconds:>15.2f}"
        for row in measured
    ]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--days", type=int, default=120)
    parser.add_argument("--leads-a-day", type=int, default=5)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    measured = measure(arguments.days, arguments.leads_a_day)
    sys.stdout.write(table(measured) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in measured], indent=2))


if __name__ == "__main__":
    main()
