"""How fast similar accounts are built and found, and how many of the true neighbours.

    LEADFLOW_HOME=.similar python -m leadflow_pipeline_tests.benchmarks.similar_accounts --companies 100000

Stores that many invented companies, a lead of each, as the pipeline would have, in the database of LEADFLOW_HOME or
LEADFLOW_DATABASE_URL (use one of your own: a campaign is registered there, with a new name each time). Then builds, in
whole and in parts, and asks for `--questions` leads: the first question is told apart, because it loads the model.
Compared in the same run, on the same vectors: comparing all in numpy (the truth), comparing all in SQL, and with
`--hnsw` an index of that kind. Recall is the share of the ten true neighbours, where a tie is as good. Prints a table,
or JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any, TypeVar
from uuid import uuid4

import numpy as np
import pandas as pd
from sqlalchemy import Engine, select, text

from leadflow_pipeline.campaign import register
from leadflow_pipeline.insight.similar_accounts.builds import build_similar_accounts
from leadflow_pipeline.insight.similar_accounts.companies import find_companies
from leadflow_pipeline.insight.similar_accounts.likeness import similar_accounts
from leadflow_pipeline.insight.similar_accounts.rules import SimilarityWeights
from leadflow_pipeline.insight.similar_accounts.vectors import learn
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.migrate import upgrade
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import enriched_leads, similar_account_builds
from leadflow_pipeline.store.vectors import as_text
from leadflow_pipeline_tests.benchmarks.invented_companies import invented_companies, nothing_happened
from leadflow_pipeline_tests.samples import minimal_campaign_text

DAY = date(2026, 1, 5)
NEIGHBOURS = 10
TIE = 1e-5
Result = TypeVar("Result")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--companies", type=int, default=100_000)
    parser.add_argument("--questions", type=int, default=200)
    parser.add_argument(
        "--hnsw", action="store_true", help="compare with an HNSW index (half a minute to make)"
    )
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    engine = get_engine()
    upgrade(engine)
    measured = measure(engine, arguments.companies, arguments.questions, with_hnsw=arguments.hnsw)
    if arguments.json:
        print(json.dumps(measured, indent=2))
        return
    for name, figure in measured.items():
        print(f"{name:58} {figure:>12,.4g}")


def measure(engine: Engine, count: int, questions: int, *, with_hnsw: bool) -> dict[str, float]:
    """Seconds of building and of its parts, milliseconds of questions, and recalls."""
    leads = invented_companies(count)
    campaign = store(engine, leads)
    known, finding = timed(lambda: find_companies(leads, nothing_happened()))
    weights = SimilarityWeights()
    (_, vectors), learning = timed(lambda: learn(known.texts, count, weights))
    as_of = DAY + timedelta(days=1)
    _, building = timed(lambda: build_similar_accounts(engine, campaign, as_of))
    _, again = timed(lambda: build_similar_accounts(engine, campaign, as_of + timedelta(days=1)))
    measured: dict[str, float] = {
        "companies": count,
        "finding companies, s": finding,
        "learning and vectors, s": learning,
        "whole build, s": building,
        "whole build beside another, s": again,
    }
    number_of = pd.Series(known.accounts.index, index=known.accounts["domain"])
    asked = leads.iloc[np.random.default_rng(2).permutation(count)[:questions]]
    ask: Callable[[str], Any] = lambda lead_id: similar_accounts(  # noqa: E731
        engine, campaign, as_of=as_of + timedelta(days=2), lead_id=lead_id, k=NEIGHBOURS
    )
    ask_of: Callable[[dict[str, Any]], Any] = lambda company: similar_accounts(  # noqa: E731
        engine, campaign, as_of=as_of, company=company, k=NEIGHBOURS
    )
    strangers = invented_companies(50, seed=3)[["company", "industry", "company_size", "city"]].to_dict(
        "records"
    )
    _, first = timed(lambda: ask(asked["lead_id"].iloc[0]))
    answers = [timed(lambda lead_id=lead_id: ask(lead_id)) for lead_id in asked["lead_id"]]
    milliseconds = sorted(1000 * seconds for _, seconds in answers)
    measured |= {
        "first question, ms": 1000 * first,
        "a question, median, ms": statistics.median(milliseconds),
        "a question, p99, ms": milliseconds[int(0.99 * len(milliseconds))],
        "a company that no build has, median, ms": statistics.median(
            1000 * timed(lambda described=described: ask_of(described))[1] for described in strangers
        ),
    }
    own = number_of[asked["company_domain"]].to_numpy()
    names = known.accounts["name_key"].to_numpy()
    truths = [true_neighbours(vectors, place, names) for place in own]
    found = [[number_of[account.account] for account in answer] for answer, _ in answers]
    measured["recall"] = recall(vectors, own, truths, found)
    measured["comparing all in numpy, median, ms"] = statistics.median(
        1000 * timed(lambda place=place: np.argpartition(-(vectors @ vectors[place]), NEIGHBOURS))[1]
        for place in own
    )
    with engine.connect() as connection:
        build = connection.scalar(
            select(similar_account_builds.c.build_id).where(similar_account_builds.c.campaign == campaign)
        )
        others = text(
            "SELECT account_number FROM leadflow.similar_account_vectors WHERE build_id = :build "
            "ORDER BY embedding <=> CAST(:vector AS vector) LIMIT 10"
        )
        measured["comparing all in SQL, median, ms"] = statistics.median(
            1000 * timed(lambda q=q: connection.execute(others, q).all())[1]
            for q in [{"build": build, "vector": as_text(vectors[place])} for place in own[:50]]
        )
        if with_hnsw:
            measured |= hnsw(connection, build, vectors, own, names)
    return measured


def hnsw(connection: Any, build: int, vectors: Any, own: Any, names: Any) -> dict[str, float]:
    """An index of one build alone, which flatters it: readers would find several in it."""
    connection.execute(text("SET maintenance_work_mem = '512MB'"))
    connection.execute(
        text(
            "CREATE TEMPORARY TABLE one AS SELECT account_number, embedding FROM leadflow.similar_account_vectors "
            "WHERE build_id = :build"
        ),
        {"build": build},
    )
    _, making = timed(
        lambda: connection.execute(text("CREATE INDEX ON one USING hnsw (embedding vector_cosine_ops)"))
    )
    query = text("SELECT account_number FROM one ORDER BY embedding <=> CAST(:vector AS vector) LIMIT 20")
    answers = [
        timed(lambda q=q: connection.execute(query, {"vector": q}).all()) for q in map(as_text, vectors[own])
    ]
    found = [
        [row.account_number for row in rows if names[row.account_number] != names[place]][:NEIGHBOURS]
        for place, (rows, _) in zip(own, answers, strict=True)
    ]
    truths = [true_neighbours(vectors, place, names) for place in own]
    return {
        "HNSW: making the index, s": making,
        "HNSW: a question, median, ms": 1000 * statistics.median(seconds for _, seconds in answers),
        "HNSW: recall": recall(vectors, own, truths, found),
    }


def store(engine: Engine, leads: pd.DataFrame) -> str:
    """Registers a campaign of a new name, and stores its leads; its name."""
    campaign = f"similar-{uuid4().hex[:8]}"
    register(engine, minimal_campaign_text(campaign), f"{campaign}.yaml")
    constants: dict[str, Any] = {
        "day": pd.Timestamp(DAY).as_unit("us"), "source": "list", "custom": "{}", "provenance": "{}",
        "social_urls": "{}", "email_status": "missing", "phone_status": "missing", "enrichment_status": "none",
        "is_new": True, "email_is_role": False, "email_is_disposable": False, "email_is_free": False,
        "is_decision_maker": False, "recent_job_change": False, "company_funded_recently": False,
        "company_hiring": False,
    }  # fmt: skip
    rows = conform(leads.assign(**constants), enriched_leads, campaign=campaign, campaign_version=1)
    replace_partitions(engine, enriched_leads, campaign, [DAY], rows, campaign_version=1, run_id="benchmark")
    return campaign


def true_neighbours(vectors: Any, place: int, names: Any) -> float:
    """The likeness of the last of the true neighbours."""
    alike = vectors @ vectors[place]
    alike[names == names[place]] = -1
    return float(np.partition(alike, -NEIGHBOURS)[-NEIGHBOURS])


def recall(vectors: Any, own: Any, truths: list[float], found: list[list[int]]) -> float:
    """Share of those found that are as near as the last of the true ones."""
    hits = [
        int((vectors[places] @ vectors[place] >= truth - TIE).sum()) if places else 0
        for place, truth, places in zip(own, truths, found, strict=True)
    ]
    return sum(hits) / (NEIGHBOURS * len(own))


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """What it gives, and its seconds."""
    begin = time.perf_counter()
    result = work()
    return result, time.perf_counter() - begin


if __name__ == "__main__":
    main()
