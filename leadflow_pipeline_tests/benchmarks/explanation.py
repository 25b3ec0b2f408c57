"""Explaining one lead among many: from what a person types to the whole story, queries and words.

    python -m leadflow_pipeline_tests.benchmarks.explanation --leads 100000 --days 365

Generated leads are computed through every stage first; those that are asked about did something on a hundred days, so
that they have a history and a last score to compare with. Each is found by the beginning of its id and told in this
process, as a service would; the campaign file is parsed once.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.cli.runs import run_days
from leadflow_pipeline.insight.known_leads import find_lead
from leadflow_pipeline.insight.lead_story import tell_story
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.store.dagster_home import dagster_instance
from leadflow_pipeline.store.facts import add_engagement_events
from leadflow_pipeline.store.partitions import read_partitions
from leadflow_pipeline.store.schema import harvested_leads
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home, tell_leads
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN

FIRST_DAY = date(2025, 3, 2)
ASKED = 200
ACTIVE_DAYS = 100


@dataclass(frozen=True)
class Measured:
    """Milliseconds of one step over all leads that were asked about."""

    step: str
    leads: int
    days: int
    median: float
    p99: float
    worst: float


def measure(leads: int, days: int) -> list[Measured]:
    """Finding, telling, and both."""
    with fresh_home() as engine:
        partitions = PartitionRange(CAMPAIGN, days_between(FIRST_DAY, FIRST_DAY + timedelta(days=days - 1)))
        tell_leads(engine, leads, day=FIRST_DAY, days=days)
        with dagster_instance() as instance:
            run_days(instance, engine, partitions, stage="harvest")
            asked = act(engine, partitions)
            report = run_days(instance, engine, partitions)
            if not report.is_success:
                raise SystemExit(f"the days failed: {report.failures}")
        finding, telling = [], []
        tell_story(engine, CAMPAIGN, asked[0])
        for lead_id in asked:
            started = time.perf_counter()
            found = find_lead(engine, lead_id[:16])
            known = time.perf_counter()
            story = tell_story(engine, *found)
            told = time.perf_counter()
            if story.scored is None or story.since_last is None:
                raise SystemExit(f"{lead_id} has no two scores to tell of")
            finding.append(known - started)
            telling.append(told - known)
        both = [sum(pair) for pair in zip(finding, telling, strict=True)]
        return [
            _measured(step, leads, days, seconds)
            for step, seconds in (
                ("finding the lead", finding),
                ("telling its story", telling),
                ("both", both),
            )
        ]


def act(engine: Engine, partitions: PartitionRange) -> list[str]:
    """Some leads of the first half do something on many days after their first; their ids."""
    known = read_partitions(engine, harvested_leads, CAMPAIGN, partitions.days, ["lead_id", "day"])
    early = known["day"] < pd.Timestamp(partitions.first_day) + pd.Timedelta(days=len(partitions.days) // 2)
    first = known[early].drop_duplicates("lead_id").sample(ASKED, random_state=7).reset_index(drop=True)
    number = np.arange(len(first) * ACTIVE_DAYS)
    lead = number // ACTIVE_DAYS
    left = (pd.Timestamp(partitions.last_day) - first["day"]).dt.days.to_numpy()[lead]
    day = first["day"].to_numpy()[lead] + pd.to_timedelta(
        left * (number % ACTIVE_DAYS) // ACTIVE_DAYS, unit="D"
    )
    events = pd.DataFrame(
        {
            "campaign": CAMPAIGN,
            "event_id": [f"event-{each}" for each in number],
            "lead_id": first["lead_id"].to_numpy()[lead],
            "behaviour": np.array(["open", "click", "visit", "reply"])[number % 4],
            "occurred_at": pd.DatetimeIndex(day).tz_localize("UTC") + pd.Timedelta(hours=9),
            "is_machine": False,
            "origin": "benchmark",
        }
    )
    add_engagement_events(engine, events)
    return first["lead_id"].tolist()


def _measured(step: str, leads: int, days: int, seconds: list[float]) -> Measured:
    median, p99, worst = (round(float(value) * 1000, 1) for value in np.quantile(seconds, [0.5, 0.99, 1]))
    return Measured(step, leads, days, median, p99, worst)


def table(measured: list[Measured]) -> str:
    """The figures as text."""
    lines = [f"{'milliseconds':<20}{'leads':>12}{'days':>6}{'median':>9}{'p99':>9}{'worst':>9}"]
    lines += [
        f"{row.step:<20}{row.leads:>12,}{row.days:>6}{row.median:>9.1f}{row.p99:>9.1f}{row.worst:>9.1f}"
        for row in measured
    ]
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    measured = measure(arguments.leads, arguments.days)
    sys.stdout.write(table(measured) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in measured], indent=2))


if __name__ == "__main__":
    main()
