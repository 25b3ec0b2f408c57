"""Qualification of a day by plain and by rich rules, what its log costs, and how long the review queue takes.

    python -m leadflow_pipeline_tests.benchmarks.qualification --leads 1000000

The rich rules have five compound rules, three segments and a tree of fifteen questions. Invented leads are judged in
this process; then their rows are stored as the stage stores them, in a fresh embedded server: for the first time,
again with nothing changed, and again with every judgement changed, each with and without the log.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, text

from leadflow_pipeline.campaign import register
from leadflow_pipeline.insight.decision_trees import read_reasons
from leadflow_pipeline.qualify.plan import plan_qualified
from leadflow_pipeline.qualify.review_queue import count_waiting, waiting_leads
from leadflow_pipeline.qualify.rules import QualifyRules
from leadflow_pipeline.store import decision_log, schema
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline_tests.benchmarks.fresh_home import fresh_home
from leadflow_pipeline_tests.benchmarks.generated_leads import CAMPAIGN, campaign_text

DAY = date(2026, 3, 2)
INDUSTRIES = ("software", "retail", "manufacturing", "farming", "logistics", "banking")


def compound(name: str, *parts: dict[str, Any], then: str, combination: str = "all") -> dict[str, Any]:
    """A rule of several conditions."""
    return {"name": name, "when": {combination: list(parts)}, "then": then, "if_unknown": "pass"}


def rich_rules() -> QualifyRules:
    """Five compound rules, three segments, and a tree of fifteen questions."""
    large, rich = {"field": "company_size", "at_least": 1000.0}, {"field": "budget", "at_least": 20_000.0}
    software, active = {"field": "industry", "equals": "software"}, {"field": "engagement", "at_least": 50.0}
    french = {"field": "country", "equals": "FR"}
    questions = {
        f"q{number}": {
            "when": [
                {"any": [{"field": "company_size", "at_least": number * 300.0}, software]},
                {"all": [{"field": "budget", "at_least": number * 4000.0}, {"not": french}]},
                {"field": "engagement", "at_least": number * 6.0},
            ][number % 3],
            "yes": f"q{2 * number}" if number < 8 else {"then": "qualify", "because": f"yes at {number}"},
            "no": f"q{2 * number + 1}" if number < 8 else {"then": "threshold", "because": f"no at {number}"},
            "unknown": {"then": "review", "because": f"unknown at {number}"},
        }
        for number in range(1, 16)
    }  # fmt: skip
    return QualifyRules.model_validate(
        {
            "segments": [
                {"name": "enterprise", "when": large, "threshold": 45.0},
                {"name": "software", "when": {"all": [software, rich]}, "threshold": 50.0},
                {"name": "active", "when": active, "threshold": 55.0},
            ],
            "rules": [
                compound("rich and large", rich, large, then="qualify"),
                compound("farms", {"field": "industry", "equals": "farming"}, {"not": rich}, then="reject"),
                compound("nobody knows", {"field": "industry", "is_missing": True}, active, then="review"),
                compound(
                    "far away", {"field": "country", "none_of": ["DE", "PT", "FR"]}, large, then="pending"
                ),
                compound("either", software, {"all": [active, rich]}, then="review", combination="any"),
            ],
            "trees": [{"name": "fit first", "first": "q1", "questions": questions}],
        }
    )


def invented(count: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scored leads of a day, and what is known of them."""
    random = np.random.default_rng(7)

    def words(choices: tuple[str, ...], known: float = 0.8) -> pd.Series:
        texts = pd.Series(pd.Categorical.from_codes(random.integers(0, len(choices), count), choices)).astype(
            "str"
        )
        return texts.where(random.random(count) < known)

    keys = pd.DataFrame(
        {
            "day": pd.Timestamp(DAY).as_unit("us"),
            "lead_id": pd.Series(range(count)).map("l{:07d}".format).astype("str"),
        }
    )
    scored = keys.assign(
        email=(keys["lead_id"] + "@leads.example").astype("str"),
        source="fair",
        icp_fit=random.random(count).round(2),
        engagement=(random.random(count) * 100).round(1),
        temperature="cold",
        score=(random.random(count) * 100).round(2),
        model_version=pd.Series("m" * 12, index=keys.index, dtype="str"),
    )
    leads = keys.assign(
        email=scored["email"],
        email_status=np.where(random.random(count) < 0.03, "invalid", "valid"),
        email_reason=pd.Series(None, index=keys.index, dtype="str"),
        industry=words(INDUSTRIES),
        country=words(("DE", "PT", "FR", "ES")),
        company_size=pd.Series(random.integers(1, 5000, count), dtype="Int64").where(
            random.random(count) < 0.8
        ),
        budget=pd.Series(random.integers(0, 80, count) * 1000.0).where(random.random(count) < 0.6),
    )
    return scored, leads


def measure(count: int) -> dict[str, float]:
    """Seconds of each step."""
    scored, leads = invented(count)
    made = empty(schema.overrides)
    seconds: dict[str, float] = {}

    def timed(step: str, work: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = work()
        seconds[step] = round(time.perf_counter() - started, 2)
        return result

    timed("judged by plain rules", lambda: plan_qualified(scored, leads, made, QualifyRules()))
    judged = timed("judged by rich rules", lambda: plan_qualified(scored, leads, made, rich_rules()))
    changed = judged.assign(score=judged["score"].sub(0.01).abs())
    with fresh_home() as engine:
        register(engine, campaign_text(), "benchmark.yaml")
        for logs in ("without", "with"):
            with engine.begin() as connection:
                connection.execute(text("TRUNCATE leadflow.qualified_leads"))
            with without_logs() if logs == "without" else nothing_else():
                for step, frame in (
                    ("first", judged),
                    ("again, the same", judged),
                    ("again, all changed", changed),
                ):
                    timed(f"stored {step}, {logs} log", lambda frame=frame: store(engine, frame))
        with engine.connect() as connection:
            timed("review queue, the first 50", lambda: waiting_leads(connection, CAMPAIGN, limit=50))
            waiting, _ = timed("review queue, counted", lambda: count_waiting(connection, CAMPAIGN))
        timed("reasons counted for the report", lambda: read_reasons(engine, CAMPAIGN, date(2026, 3, 3)))
        with engine.connect() as connection:
            lines = connection.scalar(text("SELECT count(*) FROM leadflow.qualification_log"))
    assert lines == 2 * count, f"{lines} lines of the log"
    seconds["leads in review"] = waiting
    return seconds


def store(engine: Engine, frame: pd.DataFrame) -> None:
    """As the stage does."""
    rows = conform(frame, schema.qualified_leads, campaign=CAMPAIGN, campaign_version=1)
    replace_partitions(
        engine, schema.qualified_leads, CAMPAIGN, [DAY], rows, campaign_version=1, run_id="benchmark"
    )


@contextmanager
def without_logs() -> Iterator[None]:
    """As if no table had a log."""
    kept = dict(decision_log.LOGS)
    decision_log.LOGS.clear()
    try:
        yield
    finally:
        decision_log.LOGS.update(kept)


@contextmanager
def nothing_else() -> Iterator[None]:
    """As it is."""
    yield


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--json", type=Path, help="write the figures to this file too")
    arguments = parser.parse_args()
    found = measure(arguments.leads)
    sys.stdout.write("\n".join(f"{step:<45}{value:>10,.2f}" for step, value in found.items()) + "\n")
    if arguments.json:
        arguments.json.write_text(json.dumps({"leads": arguments.leads, **found}, indent=2))


if __name__ == "__main__":
    main()
