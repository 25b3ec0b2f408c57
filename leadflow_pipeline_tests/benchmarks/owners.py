"""How long a day of owners takes, and how good it is: many leads at once, from frames to rows.

    python -m leadflow_pipeline_tests.benchmarks.owners [--leads 100000] [--reps 50]
    python -m leadflow_pipeline_tests.benchmarks.owners --one [--reps 500]

With `--one`: the processor's time for one lead at a time, each of another place and company, in milliseconds.
Without the database: reading and storing are measured by `benchmarks.stages`.
"""

from __future__ import annotations

import argparse
import json
import resource
import time

import numpy as np
import pandas as pd

from leadflow_pipeline.route.owner_days import DECISION_COLUMNS
from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.choice.weighing import Strengths
from leadflow_pipeline.route.owners.one_lead import decide_one
from leadflow_pipeline.route.owners.plan import Given, plan_owners
from leadflow_pipeline.route.owners.reps.eligibility_of_one import ReadyRoster
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import RepRecord, Rosters
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import Earlier
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline_tests.benchmarks.eligibility import RULES, invented_leads, invented_roster
from leadflow_pipeline_tests.route.owners.campaign_days import CAMPAIGN, FIRST

INDUSTRIES = np.array(["mining", "retail", "software", "banking", "health", "transport"], dtype=object)
COUNTRIES = np.array(["DE", "FR", "GB", "US", "ES"], dtype=object)


def given(leads: int, reps: int, random_numbers: np.random.Generator) -> Given:
    """A first day of leads, for which there are places in nine of ten cases."""
    roster = [
        Rep(
            rep=f"rep-{number:03}",
            industries=tuple(random_numbers.choice(INDUSTRIES, 2, replace=False)),
            territories=tuple(Territory(country=place) for place in random_numbers.choice(COUNTRIES, 2)),
            capacity=Capacity(per_day=float(np.ceil(0.9 * leads / reps * random_numbers.uniform(0.5, 1.5)))),
        )
        for number in range(reps)
    ]
    ids = pd.Series(np.arange(leads)).astype(str).str.zfill(9)
    day = pd.Series(np.repeat(np.datetime64(FIRST, "us"), leads))

    def pick(values: np.ndarray) -> pd.Series:
        return pd.Series(values[random_numbers.integers(0, len(values), leads)], dtype="str")

    enriched = pd.DataFrame(
        {
            "lead_id": ids, "day": day, "industry": pick(INDUSTRIES), "country": pick(COUNTRIES),
            "budget": random_numbers.lognormal(9, 1, leads),
            "company_key": pd.Series(random_numbers.integers(0, leads, leads)).astype(str),
            "company_domain": pd.Series(None, index=range(leads), dtype="str"),
        }
    )  # fmt: skip
    scores = pd.DataFrame(
        {
            "lead_id": ids, "day": day, "score": random_numbers.uniform(40, 100, leads),
            "conversion_probability": random_numbers.beta(2, 30, leads),
        }
    )  # fmt: skip
    decisions = empty(schema.owner_decisions)
    return Given(
        routed=pd.DataFrame(
            {"day": day, "lead_id": ids, "status": "ROUTED", "owner": pd.Series(None, index=range(leads), dtype="str")}
        ),
        earlier=Earlier(
            decisions[DECISION_COLUMNS], decisions[DECISION_COLUMNS], decisions["lead_id"],
            decisions[["day", "lead_id", "assignment_number", "owner"]], empty(schema.rep_days),
        ),
        overrides=empty(schema.overrides),
        handoffs=empty(schema.handoffs),
        outcomes=empty(schema.outcomes),
        touches=empty(schema.rep_touches),
        leads=enriched,
        scores=scores,
        accounts=enriched[["lead_id", "day", "company_domain", "company_key"]],
        rosters=Rosters(CAMPAIGN, [FIRST], [RepRecord(1, FIRST, rep) for rep in roster], ()),
    )  # fmt: skip


def one_at_a_time(reps: int, count: int) -> dict[str, float]:
    """Milliseconds of the processor for a decision about one lead, the roster known from the decision before."""
    draw = np.random.default_rng(1)
    leads, roster = invented_leads(draw, count), invented_roster(draw, reps)
    may = Strengths(draw.random(reps), np.ones(reps), np.full(reps, 0.5))
    carried = Carried(dict(zip(roster.ids.tolist(), draw.random(reps).tolist(), strict=True)))
    room, open_leads = np.full(reps, 3), np.zeros(reps, np.int64)
    taken, ready = [], ReadyRoster(roster, RULES)
    for lead in leads.astype(object).where(leads.notna(), None).to_dict("records"):
        begin = time.process_time()
        decide_one(lead, 0.1, 1000.0, ready, may, carried, room, open_leads)
        taken.append(1000 * (time.process_time() - begin))
    median, most = np.percentile(taken[1:], [50, 99])
    return {"median_ms": round(float(median), 2), "p99_ms": round(float(most), 2)}


def main() -> None:
    """Prints a table and JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--reps", type=int, default=50)
    parser.add_argument("--one", action="store_true")
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps({"reps": arguments.reps, **one_at_a_time(arguments.reps, 300)}))
        return
    facts = given(arguments.leads, arguments.reps, np.random.default_rng(1))
    wall, cpu = time.perf_counter(), time.process_time()
    plan = plan_owners(facts, OwnershipRules(), CAMPAIGN, [FIRST])
    rows = conform(plan.decisions, schema.owner_decisions, campaign=CAMPAIGN, campaign_version=1)
    figures = {
        "leads": arguments.leads,
        "reps": arguments.reps,
        "seconds": round(time.perf_counter() - wall, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "peak_gib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, 2),
        "rows": len(rows),
        **{name: value for name, value in plan.summary.iloc[0].items() if name != "by_override"},
    }
    for name, value in figures.items():
        print(f"{name:16} {value}")
    print(json.dumps(figures, default=float))


if __name__ == "__main__":
    main()
