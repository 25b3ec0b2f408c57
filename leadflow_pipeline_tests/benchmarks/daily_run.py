"""The daily run: one campaign-day through every table and check, from the launch of the command to its end.

    python -m leadflow_pipeline_tests.benchmarks.daily_run --leads 1000

The days before are computed first. Then the next days are computed one after another, each by `leadflow materialize`
in a new process (as a person would) and each by `run_days` in this process (what is left of it once Python and Dagster
are loaded). Seconds of processor time are of our processes and not of PostgreSQL's; the wall clock has both. The
Dagster instance is the one users get, in PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

from leadflow_pipeline.cli.runs import run_days
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.store.dagster_home import dagster_instance
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home, tell_leads
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN

FIRST_DAY = date(2026, 3, 2)
DAYS_BEFORE = 5
COMMAND = (sys.executable, "-c", "from leadflow_pipeline.cli import main; main()", "materialize", CAMPAIGN)


@dataclass(frozen=True)
class Measured:
    """One way to run a day: medians over the repetitions."""

    way: str
    leads: int
    repetitions: int
    seconds: float
    processor_seconds: float


def measure(leads: int, repetitions: int) -> list[Measured]:
    """Both ways, each on days of its own."""
    with fresh_home() as engine:
        days = DAYS_BEFORE + 2 * repetitions
        tell_leads(engine, leads * days, day=FIRST_DAY, days=days)
        first = FIRST_DAY + timedelta(days=DAYS_BEFORE)

        def by_command(number: int) -> None:
            day = (first + timedelta(days=number)).isoformat()
            subprocess.run([*COMMAND, "--from", day, "--to", day, "--json"], check=True, capture_output=True)

        with dagster_instance() as instance:

            def in_this_process(number: int) -> None:
                day = first + timedelta(days=repetitions + number)
                report = run_days(instance, engine, PartitionRange(CAMPAIGN, (day,)))
                if not report.is_success or report.failed_checks:
                    raise SystemExit(f"{day} failed: {report.failures} {report.failed_checks}")

            before = days_between(FIRST_DAY, first - timedelta(days=1))
            run_days(instance, engine, PartitionRange(CAMPAIGN, before))
            return [
                _measured("command, from launch to end", leads, repetitions, by_command),
                _measured("run_days in a process at hand", leads, repetitions, in_this_process),
            ]


def _measured(way: str, leads: int, repetitions: int, work: Callable[[int], None]) -> Measured:
    seconds, processor_seconds = [], []
    for number in range(repetitions):
        started, started_processor = time.perf_counter(), processor_time()
        work(number)
        seconds.append(time.perf_counter() - started)
        processor_seconds.append(processor_time() - started_processor)
    return Measured(
        way,
        leads,
        repetitions,
        round(statistics.median(seconds), 2),
        round(statistics.median(processor_seconds), 2),
    )


def processor_time() -> float:
    """Seconds of this process and of its children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def table(measured: list[Measured]) -> str:
    """The figures as text."""
    lines = [f"{'':<32}{'leads/day':>10}{'seconds':>9}{'processor s':>13}"]
    lines += [
        f"{row.way:<32}{row.leads:>10,}{row.seconds:>9.2f}{row.processor_seconds:>13.2f}" for row in measured
    ]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000, help="of one campaign-day")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    measured = measure(arguments.leads, arguments.repetitions)
    sys.stdout.write(table(measured) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in measured], indent=2))


if __name__ == "__main__":
    main()
