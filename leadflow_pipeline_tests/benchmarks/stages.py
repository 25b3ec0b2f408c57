"""Generated leads through every stage, with time and peak memory per stage, and the plain way beside it.

    python -m leadflow_pipeline_tests.benchmarks.stages --sizes 10000 100000 1000000

Each stage runs as a Dagster run in a process of its own (so that its peak memory is its own), on an embedded
PostgreSQL server in a temporary folder with the settings users get. Prints a table, and with `--json` the figures.
Seconds are of the wall clock; `processor` is user and system time of the stage's process without PostgreSQL's, which
stays comparable on a machine that has other work too.
"""

from __future__ import annotations

import argparse
import importlib
import json
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path

from leadflow_pipeline_tests.benchmarks.generated_leads import (
    CAMPAIGN,
    campaign_text,
    generated_leads,
    write_csv,
)

DAY = date(2026, 3, 2)
STAGES = ("harvest", "identity", "enrich", "score", "qualify", "route", "nurture")
PLAIN_WAY_LEADS = 1_000


@dataclass(frozen=True)
class Measured:
    """One stage at one size."""

    leads: int
    stage: str
    seconds: float
    processor_seconds: float
    peak_mebibytes: float
    rows: int


def measure(stage: str, leads: int, work: Callable[[], int]) -> Measured:
    """Runs `work` in a fresh process; its result is the number of rows it made."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_report, args=(work, answers))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"{stage} at {leads:,} leads failed: its output stands above")
    seconds, processor_seconds, rows, mebibytes = answers.get()
    return Measured(leads, stage, round(seconds, 2), round(processor_seconds, 2), round(mebibytes), rows)


def _report(work: Callable[[], int], answers: multiprocessing.Queue[tuple[float, float, int, float]]) -> None:
    importlib.import_module("leadflow_pipeline.definitions")  # starting Python is no part of a stage
    started, started_processor = time.perf_counter(), time.process_time()
    rows = work()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.put((time.perf_counter() - started, time.process_time() - started_processor, rows, peak))


@dataclass(frozen=True)
class ImportFile:
    """Imports the file of generated leads as facts."""

    path: str

    def __call__(self) -> int:
        """Records added."""
        from leadflow_pipeline.harvest.importing import import_file
        from leadflow_pipeline.store.engine import get_engine

        return import_file(get_engine(), CAMPAIGN, Path(self.path)).new


@dataclass(frozen=True)
class MaterializeStage:
    """Materializes the assets of one stage for the one day."""

    stage: str

    def __call__(self) -> int:
        """Rows of the stage's tables."""
        import dagster as dg
        from sqlalchemy import func, select

        from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
        from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, partition_key
        from leadflow_pipeline.store import schema
        from leadflow_pipeline.store.engine import get_engine

        with dg.DagsterInstance.ephemeral() as instance:
            instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, [CAMPAIGN])
            result = dg.materialize(
                list(STAGE_ASSETS),
                selection=dg.AssetSelection.groups(self.stage),
                partition_key=partition_key(CAMPAIGN, DAY),
                instance=instance,
                resources=build_defs().resources,
                run_config={"loggers": {"console": {"config": {"log_level": "ERROR"}}}},
            )
            names = [
                event.asset_key.to_user_string()
                for event in result.get_asset_materialization_events()
                if event.asset_key is not None
            ]
        lineage = schema.partition_lineage
        with get_engine().connect() as connection:
            return int(
                connection.scalar(
                    select(func.coalesce(func.sum(lineage.c.rows), 0)).where(lineage.c.table_name.in_(names))
                )
                or 0
            )


@dataclass(frozen=True)
class PlainWay:
    """The plain way on a few leads."""

    leads: int

    def __call__(self) -> int:
        """Leads taken through."""
        from leadflow_pipeline.store.engine import get_engine
        from leadflow_pipeline_tests.benchmarks.plain_way import run_plain_way

        run_plain_way(get_engine(), generated_leads(self.leads))
        return self.leads


def run_size(leads: int, folder: Path) -> list[Measured]:
    """Every stage at one size, in a fresh database."""
    from leadflow_pipeline.campaign import register
    from leadflow_pipeline.settings import get_settings
    from leadflow_pipeline.store import embedded, migrate
    from leadflow_pipeline.store.engine import get_engine

    os.environ["LEADFLOW_HOME"] = str(folder / str(leads))
    get_settings.cache_clear()
    home = get_settings().home
    engine = get_engine()
    migrate.upgrade(engine)
    register(engine, campaign_text(), "benchmark.yaml")
    path = write_csv(generated_leads(leads), folder / f"leads-{leads}.csv")
    measured = [measure("import", leads, ImportFile(str(path)))]
    measured += [measure(stage, leads, MaterializeStage(stage)) for stage in STAGES]
    if leads <= 10_000:
        measured.append(measure("plain way", PLAIN_WAY_LEADS, PlainWay(PLAIN_WAY_LEADS)))
    engine.dispose()
    embedded.release(home)
    return measured


def table(measured: list[Measured]) -> str:
    """The figures as text, a line a stage and a total a size."""
    lines = [
        f"{'leads':>10}  {'stage':<10}{'seconds':>9}{'processor':>11}{'leads/s':>12}{'peak MiB':>10}{'rows':>12}"
    ]
    for size in dict.fromkeys(row.leads for row in measured if row.stage != "plain way"):
        rows = [row for row in measured if row.leads == size and row.stage != "plain way"]
        seconds = round(sum(row.seconds for row in rows), 2)
        processor_seconds = round(sum(row.processor_seconds for row in rows), 2)
        total = Measured(size, "all", seconds, processor_seconds, max(row.peak_mebibytes for row in rows), 0)
        lines += [_line(row) for row in [*rows, total]] + [""]
    lines += [_line(row) for row in measured if row.stage == "plain way"]
    return "\n".join(lines)


def _line(row: Measured) -> str:
    rate = row.leads / row.seconds if row.seconds else float("inf")
    rows = f"{row.rows:,}" if row.rows else ""
    return (
        f"{row.leads:>10,}  {row.stage:<10}{row.seconds:>9.2f}{row.processor_seconds:>11.2f}{rate:>12,.0f}"
        f"{row.peak_mebibytes:>10,.0f}{rows:>12}"
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadflow-benchmark-") as folder:
        Path(folder).chmod(0o711)
        measured = [row for size in arguments.sizes for row in run_size(size, Path(folder))]
    sys.stdout.write(table(measured) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in measured], indent=2))


if __name__ == "__main__":
    main()
