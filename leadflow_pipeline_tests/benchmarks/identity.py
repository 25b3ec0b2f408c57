"""How well, and how fast, records of one person find each other.

    python -m leadflow_pipeline_tests.benchmarks.identity FOLDER --leads 1000000

FOLDER may hold sets with known truth, as FEBRL (`rec_id`, ...) and splink (`unique_id`, `cluster`, ...) publish them,
anywhere below it; each is loaded by its columns. Beside them invented leads, matched all at once, and some thousands of
new ones into those known. Prints a table: pairwise precision, recall and F1 of the clusters, seconds of the wall clock
and of the processor, and peak memory. Each row is a process of its own. What is timed is the matching itself: from raw
columns in memory to clusters, and for the new ones from those known and normalised to their pairs. Files and the
database are not; `--database` times that too, from the lead tables of PostgreSQL to persons in it, and back.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
from sqlalchemy import Engine, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.identity.clusters import components
from leadflow_pipeline.identity.matching import match_pairs
from leadflow_pipeline.identity.people import match_fields
from leadflow_pipeline.identity.present import resolve_persons
from leadflow_pipeline.identity.rules import IdentityRules
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import enriched_leads, harvested_leads, person_leads
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN, campaign_text
from leadflow_pipeline_tests.benchmarks.invented_people import invented_people

COLUMNS = {
    "given_name": "first_name", "surname": "last_name", "address_1": "street", "suburb": "city", "dob": "birth_date",
    "date_of_birth": "birth_date", "soc_sec_id": "identifier", "postcode_fake": "postcode",
}  # fmt: skip
"""Column of a published set -> column of `match_fields`; others have its names already."""

NEW = 10_000
DAY = date(2026, 3, 2)
SIGNALS = ("is_decision_maker", "recent_job_change", "company_funded_recently", "company_hiring")

Leads = tuple[pd.DataFrame, pd.Series]


@dataclass(frozen=True)
class Measured:
    """One set matched: how well, how long, how much memory."""

    name: str
    records: int
    precision: float
    recall: float
    f1: float
    seconds: float
    processor_seconds: float
    peak_mebibytes: int


@dataclass(frozen=True)
class PublishedSet:
    """A file with known truth."""

    path: Path

    def __call__(self) -> Leads:
        """Its records in our columns, and the person of each."""
        records = pd.read_csv(self.path, dtype="str", skipinitialspace=True).rename(columns=str.strip)
        if "rec_id" in records:
            truth = records["rec_id"].str.extract(r"^rec-(\d+)", expand=False)
        else:
            truth = records["cluster"]
        return records.rename(columns=COLUMNS), truth


@dataclass(frozen=True)
class InventedLeads:
    """Invented leads, in any number."""

    count: int

    def __call__(self) -> Leads:
        """The records, and the person of each."""
        return invented_people(self.count)


def published_sets(folder: Path) -> Iterator[Path]:
    """Files below a folder that say who is who."""
    for path in sorted(folder.rglob("*.csv")):
        columns = {name.strip() for name in path.open(encoding="utf-8").readline().split(",")}
        if "rec_id" in columns or {"unique_id", "cluster"} <= columns:
            yield path


def quality(truth: pd.Series, found: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 of all pairs that the clusters hold."""
    table = pd.DataFrame({"truth": truth.to_numpy(), "found": found})
    right, wanted, given = (
        _pairs(table.groupby(columns).size()) for columns in (["truth", "found"], ["truth"], ["found"])
    )
    return right / max(given, 1), right / max(wanted, 1), 2 * right / max(given + wanted, 1)


def _pairs(sizes: pd.Series) -> int:
    return int((sizes * (sizes - 1) // 2).sum())


def match_all(name: str, load: Callable[[], Leads]) -> Measured:
    """Everything at once, from raw columns to clusters."""
    leads, truth = load()
    started, started_processor = time.perf_counter(), time.process_time()
    pairs = match_pairs(match_fields(leads), None, (rules := IdentityRules()))
    same = pairs[pairs["probability"] >= rules.same_above]
    found = components(len(leads), same["left"], same["right"])
    return _measured(name, len(leads), quality(truth, found), started, started_processor)


def match_new(name: str, load: Callable[[], Leads]) -> Measured:
    """The last few thousand into the others, which are known and normalised; quality is of pairs with a new one."""
    leads, truth = load()
    known = match_fields(leads.iloc[:-NEW])
    started, started_processor = time.perf_counter(), time.process_time()
    people = pd.concat([known, match_fields(leads.iloc[-NEW:])], ignore_index=True)
    is_new = pd.Series(np.arange(len(leads)) >= len(leads) - NEW)
    pairs = match_pairs(people, is_new, (rules := IdentityRules()))
    same = pairs[pairs["probability"] >= rules.same_above]
    ended = time.perf_counter(), time.process_time()
    person = truth.to_numpy()
    right = int((person[same["left"]] == person[same["right"]]).sum())
    wanted = _pairs(truth.value_counts()) - _pairs(truth.iloc[:-NEW].value_counts())
    scores = (right / max(len(same), 1), right / max(wanted, 1), 2 * right / max(len(same) + wanted, 1))
    return _measured(name, len(leads), scores, started, started_processor, ended)


def match_in_database(count: int) -> list[Measured]:
    """Persons in PostgreSQL: of all leads, then with some thousands of new ones; everything is timed."""
    leads, truth = invented_people(count + NEW)
    measured = []
    with fresh_home() as engine:
        register(engine, campaign_text(), "benchmark.yaml")
        for name, start, end in (
            ("all, in PostgreSQL", 0, count),
            (f"{NEW:,} more, there", count, count + NEW),
        ):
            _tell(engine, leads.iloc[start:end], DAY + timedelta(days=start > 0))
            started, started_processor = time.perf_counter(), time.process_time()
            resolve_persons(engine)
            ended = time.perf_counter(), time.process_time()
            with engine.connect() as connection:
                known = read(connection, select(person_leads.c.lead_id, person_leads.c.person_id))
            found = known.set_index("lead_id")["person_id"].reindex(_lead_ids(leads.iloc[:end]))
            scores = quality(truth.iloc[:end], found.to_numpy())
            measured.append(_measured(name, end, scores, started, started_processor, ended))
    return measured


def _tell(engine: Engine, leads: pd.DataFrame, day: date) -> None:
    """A day of leads, as harvest and enrichment leave them."""
    received_at = pd.Timestamp(day, tz="UTC") + pd.to_timedelta(leads.index, unit="ms")
    hosts = leads["website"].str.extract(r"www\.([^/]+)", expand=False)
    rows = leads.assign(
        **dict.fromkeys(("email_is_role", "email_is_disposable", "email_is_free", *SIGNALS), False),
        day=pd.Timestamp(day).as_unit("us"), lead_id=_lead_ids(leads), record_count=1, source="list", is_new=True,
        received_at=received_at, custom="{}", email_status="valid", phone_status="valid", enrichment_status="none",
        provenance="{}", social_urls="{}", company_domain=hosts,
    )  # fmt: skip
    for table in (harvested_leads, enriched_leads):
        own = conform(
            rows[[name for name in rows if name in table.c]], table, campaign=CAMPAIGN, campaign_version=1
        )
        replace_partitions(engine, table, CAMPAIGN, [day], own, campaign_version=1, run_id="benchmark")


def _lead_ids(leads: pd.DataFrame) -> pd.Series:
    return leads.index.astype("str").str.zfill(32)


def _measured(
    name: str,
    records: int,
    scores: tuple[float, float, float],
    started: float,
    started_processor: float,
    ended: tuple[float, float] | None = None,
) -> Measured:
    wall, processor = ended or (time.perf_counter(), time.process_time())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Measured(
        name, records, *scores, round(wall - started, 2), round(processor - started_processor, 2), peak
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="sets with known truth, anywhere below it")
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument(
        "--database", action="store_true", help="in PostgreSQL too, reading and writing timed"
    )
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    works: list[tuple[Callable[..., Measured], str, Callable[[], Leads]]] = []
    for path in published_sets(arguments.folder) if arguments.folder else ():
        works.append((match_all, path.stem, PublishedSet(path)))
    if arguments.leads:
        works.append((match_all, "invented leads", InventedLeads(arguments.leads)))
        works.append((match_new, f"{NEW:,} new into known", InventedLeads(arguments.leads + NEW)))
    lines = [
        f"{'set':<24}{'records':>10}{'precision':>11}{'recall':>9}{'F1':>9}{'seconds':>9}{'processor':>11}{'MiB':>7}"
    ]
    measured = []
    for work, name, load in works:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            row = pool.apply(work, (name, load))
        measured.append(row)
    if arguments.database and arguments.leads:
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            measured += pool.apply(match_in_database, (arguments.leads,))
    for row in measured:
        lines.append(
            f"{row.name:<24}{row.records:>10,}{row.precision:>11.4f}{row.recall:>9.4f}{row.f1:>9.4f}"
            f"{row.seconds:>9.2f}{row.processor_seconds:>11.2f}{row.peak_mebibytes:>7,}"
        )
    sys.stdout.write("\n".join(lines) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(row) for row in measured], indent=2))


if __name__ == "__main__":
    main()
