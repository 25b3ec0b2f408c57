"""How fast it is found who may have which lead.

    python -m leadflow_pipeline_tests.benchmarks.eligibility --leads 100000 --reps 500

Invented leads all over the world, each of a company of its own, and reps with territories of every kind, three teams,
specialties, languages and named accounts; place, team, specialty and language are hard constraints. Times are the
median of `--rounds`, from frames in memory: finding out, and then spreading who is allowed, the ranks and the match of
specialties over all pairs; and both together for one day of 1,000 leads, and for one lead. The memory is the most that
the process took. Prints a table, or JSON.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from datetime import date
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from leadflow_pipeline.places import country_codes, known_regions
from leadflow_pipeline.route.owners.reps.eligibility import Eligibility, eligibility
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules

INDUSTRIES = ("computer software", "retail", "logistics", "manufacturing", "banking", "healthcare")
LANGUAGES = ("en", "de", "fr", "es", "sv", "ja")
RULES = OwnershipRules.model_validate(
    {
        "teams": [{"team": "Enterprise", "when": [{"field": "company_size", "at_least": 2000}]}],
        "specialties": [
            {"when": [{"field": "industry", "equals": "banking"}], "require_specialties": ["banking"]}
        ],
        "language": "require",
    }
)

Result = TypeVar("Result")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--reps", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured = measure(arguments.leads, arguments.reps, arguments.rounds)
    if arguments.json:
        print(json.dumps(measured, indent=2))
        return
    for name, figure in measured.items():
        print(f"{name:44} {figure:>14,.4g}")


def measure(count: int, reps: int, rounds: int) -> dict[str, float]:
    """Seconds of each step, and how it came out."""
    draw = np.random.default_rng(1)
    leads, roster = invented_leads(draw, count), invented_roster(draw, reps)
    found, finding = timed(lambda: eligibility(leads, roster, RULES), rounds)
    whole = timed(lambda: spread(eligibility(leads, roster, RULES)), rounds)[1]
    day = leads.iloc[:1000].reset_index(drop=True)
    one = leads.iloc[:1].reset_index(drop=True)
    return {
        "leads": count,
        "reps": reps,
        "share of leads somebody may have": float(found.allowed.any(axis=1).mean()),
        "reps who may have a lead, on average": float(found.allowed.sum() / count),
        "seconds to find out": finding,
        "seconds to find out, and spread over all pairs": whole,
        "seconds for 1,000 leads": timed(lambda: spread(eligibility(day, roster, RULES)), rounds)[1],
        "seconds for one lead": timed(lambda: spread(eligibility(one, roster, RULES)), rounds)[1],
        "GiB at most": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def spread(found: Eligibility) -> Eligibility:
    """What a day's plan asks for."""
    _ = found.allowed, found.territory_rank, found.team_rank, found.specialty
    return found


def invented_leads(draw: np.random.Generator, count: int) -> pd.DataFrame:
    """Half of the leads live in a country whose regions are known."""
    regions = known_regions()
    of_region = draw.integers(0, len(regions), count)
    anywhere = draw.choice(sorted(set(country_codes().values())), count)
    is_known = draw.random(count) < 0.5
    code = np.array([region.code[:2] for region in regions])[of_region]
    name = np.array([region.names[0] for region in regions], dtype=object)[of_region]
    number = pd.Series(np.arange(count)).astype(str)
    return pd.DataFrame(
        {
            "country": pd.Series(np.where(is_known, code, anywhere), dtype="str"),
            "region": pd.Series(np.where(is_known, name, None), dtype="str"),
            "city": "city " + pd.Series(draw.integers(0, 3000, count)).astype(str),
            "postcode": pd.Series(draw.integers(10_000, 99_999, count)).astype(str),
            "industry": pd.Series(draw.choice(INDUSTRIES, count), dtype="str"),
            "language": pd.Series(draw.choice([*LANGUAGES, None], count), dtype="str"),
            "company_key": "company " + number,
            "company_domain": "company" + number + ".example.org",
            "company_size": pd.Series(draw.integers(1, 5000, count)),
        }
    )


def invented_roster(draw: np.random.Generator, count: int) -> Roster:
    """Reps with territories of every kind in turn."""
    codes = sorted(set(country_codes().values()))
    regions = known_regions()

    def territories(kind: int) -> list[dict[str, Any]]:
        if kind == 0:
            return [{"country": str(code)} for code in draw.choice(codes, 4)]
        if kind == 1:
            some = (regions[number] for number in draw.integers(0, len(regions), 6))
            return [{"country": region.code[:2], "state": region.names[0]} for region in some]
        if kind == 2:
            return [{"country": "US", "postcode": str(number)} for number in draw.integers(100, 999, 10)]
        if kind == 3:
            return [
                {"region": str(draw.choice(["EMEA", "DACH", "APAC", "LATAM", "Nordics", "North America"]))}
            ]
        return []

    return Roster.of(
        "spring",
        date(2026, 3, 2),
        [
            Rep.model_validate(
                {
                    "rep": f"rep-{number:04}",
                    "team": ("Enterprise", "Mid-market", "Small")[number % 3],
                    "territories": territories(number % 5),
                    "industries": draw.choice(INDUSTRIES, 2).tolist(),
                    "languages": draw.choice(LANGUAGES, 3).tolist(),
                    "named_accounts": [f"Company {number}, Inc.", f"company{number + 1000}.example.org"],
                    "capacity": Capacity(per_day=5),
                }
            )
            for number in range(count)
        ],
    )


def timed(work: Callable[[], Result], rounds: int) -> tuple[Result, float]:
    """What it gives, and the median of its seconds."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return result, statistics.median(seconds)


if __name__ == "__main__":
    main()
