"""Scoring by rules, and by rules and a conversion model: time and peak memory of the plan.

    python -m leadflow_pipeline_tests.benchmarks.scoring --leads 1000000 --events 10000000

The frames are made first and are no part of the figures; what they take in memory is, because the plan cannot do
without them. `shipped` scores with the rules of a campaign file that says nothing, `industry` with those of the
shipped SaaS campaign (own factors over fields and behaviours, groups, a daily cap, dimensions). With `--model` a model
takes part that looks at every feature these leads have, learned from some of them with invented outcomes; learning it
is no part of the figures. Each runs in a process of its own, so that its peak memory is its own. Bar of the project,
with the model: 40 s and 5 GiB.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from leadflow_pipeline.campaign import parse_campaign
from leadflow_pipeline.score.conversion.training import train
from leadflow_pipeline.score.learned import Champions
from leadflow_pipeline.score.plan import RULES_ALONE, Terms, plan_features, plan_scored
from leadflow_pipeline.score.rules import IdealCustomerProfile, ScoreRules
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import empty

DAY = pd.Timestamp("2026-03-10")
BEHAVIOURS = ["open", "click", "visit", "form", "reply", "meeting", "trial_login", "webinar"]
LIKELY = [0.4, 0.2, 0.2, 0.03, 0.02, 0.01, 0.12, 0.02]
CHANNELS = {"website": "inbound", "partner": "referral", "search": "ads", "feed": "social", "list": "list"}

NONE_BEFORE = pd.DataFrame({"lead_id": [], "temperature": []}, dtype="str")
LEARNED_FROM = 20_000

Rules = tuple[IdealCustomerProfile, ScoreRules]


def leads(count: int, random: np.random.Generator) -> pd.DataFrame:
    """Due leads with the fields that the rules ask for, all of one day."""

    def pick(*values: object) -> np.ndarray:
        return np.array(values, dtype=object)[random.integers(0, len(values), count)]

    number = pd.Series(np.arange(count)).astype("str").str.zfill(8)
    frame = pd.DataFrame(
        {
            "lead_id": "lead-" + number,
            "day": DAY,
            "email": "lead" + number + "@leads.example",
            "source": pick(*CHANNELS),
            "company": pick("Acme", "Globex", None),
            "job_title": pick("Head of Sales", "Clerk", None),
            "phone_status": pick("valid", "invalid", "missing"),
            "linkedin_url": pick("https://leads.example/in/x", None),
            "industry": pick("software", "retail", "mining", None),
            "company_size": pick(3, 70, 900, None),
            "country": pick("DE", "FR", "US"),
            "email_status": pick("valid", "risky"),
            "department": pick("engineering", "finance", None),
            "seniority": pick("executive", "staff", None),
            "is_decision_maker": pick(True, False),
            "budget": pick(900.0, 30_000.0, None),
        }
    )
    types = empty(schema.enriched_leads).dtypes
    custom = pd.Series(pick("trial", "free", None), dtype="str")
    return frame.astype({name: types[name] for name in frame.columns}).assign(**{"custom.plan": custom})


def events(count: int, lead_count: int, random: np.random.Generator) -> pd.DataFrame:
    """What they did in the 120 days before."""
    lead_ids = ("lead-" + pd.Series(np.arange(lead_count)).astype("str").str.zfill(8)).astype("str")
    kinds = pd.Series(BEHAVIOURS, dtype="str")
    moments = (DAY + pd.Timedelta(days=1)).value // 1000 - random.integers(1, 120 * 86_400_000_000, count)
    return pd.DataFrame(
        {
            "lead_id": lead_ids.take(random.integers(0, lead_count, count)).reset_index(drop=True),
            "behaviour": kinds.take(random.choice(len(BEHAVIOURS), count, p=LIKELY)).reset_index(drop=True),
            "occurred_at": pd.to_datetime(moments, unit="us", utc=True).as_unit("us"),
            "is_machine": random.random(count) < 0.05,
        }
    )


def shipped() -> Rules:
    """A profile of two criteria and the rules that hold where a file says nothing."""
    criteria = [
        {"name": "industry", "field": "industry", "one_of": ["software", "retail"], "weight": 2},
        {"name": "size", "field": "company_size", "between": [50, 1000]},
    ]
    return IdealCustomerProfile.model_validate({"criteria": criteria}), ScoreRules()


def industry() -> Rules:
    """What the shipped SaaS campaign says."""
    file = files("leadflow_pipeline.samples") / "industries" / "saas.yaml"
    campaign = parse_campaign(file.read_text(encoding="utf-8"), "saas.yaml")
    return campaign.ideal_customer_profile, campaign.scoring


KINDS_OF_RULES: dict[str, Callable[[], Rules]] = {"shipped": shipped, "industry": industry}


def measure(rules: str, with_model: bool, lead_count: int, event_count: int) -> dict[str, Any]:
    """One kind of rules in a fresh process."""
    context = multiprocessing.get_context("spawn")
    answers = context.Queue()
    process = context.Process(target=_score, args=(rules, with_model, lead_count, event_count, answers))
    process.start()
    process.join()
    if process.exitcode != 0:
        raise SystemExit(f"scoring with {rules} rules failed: its output stands above")
    found: dict[str, Any] = answers.get()
    return found


def learned(due: pd.DataFrame, happened: pd.DataFrame, rules: Rules) -> Champions:
    """A model of the first leads, who are said to convert by what they are and did, and by chance."""
    some = due.head(LEARNED_FROM)
    theirs = happened[happened["lead_id"] <= some["lead_id"].iloc[-1]]
    features = plan_features(some, theirs, NONE_BEFORE, Terms(*rules, CHANNELS))
    logit = -2.5 + features["rule_score"] / 40 + features["did.visit"] - (features["country"] == "US")
    chance = np.random.default_rng(2).random(len(features))
    converted = pd.Series(chance < 1 / (1 + np.exp(-logit)), index=features.index).astype("int64")
    trained = train(features, converted, np.ones(len(features)), seed=1)
    if trained is None:
        raise SystemExit("nobody or everybody converted: ask for more leads")
    model = trained.model
    return Champions(0.5, {model.version: model}, {DAY.date(): model.version})


def _score(
    rules: str, with_model: bool, lead_count: int, event_count: int, answers: multiprocessing.Queue[Any]
) -> None:
    random = np.random.default_rng(1)
    due, happened = leads(lead_count, random), events(event_count, lead_count, random)
    said = KINDS_OF_RULES[rules]()
    champions = learned(due, happened, said) if with_model else RULES_ALONE
    started, started_processor = time.perf_counter(), time.process_time()
    scored = plan_scored(due, happened, NONE_BEFORE, Terms(*said, CHANNELS, champions=champions))
    answers.put(
        {
            "rules": rules,
            "features": sum(len(model.feature_names) for model in champions.models.values()),
            "leads": lead_count,
            "events": event_count,
            "seconds": round(time.perf_counter() - started, 2),
            "processor_seconds": round(time.process_time() - started_processor, 2),
            "peak_mebibytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "mean_score": round(float(scored["score"].mean()), 3),
            "explanations": int(scored["reasons"].nunique()),
            "breakdown_bytes": round(float(scored["score_breakdown"].str.len().mean())),
        }
    )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--leads", type=int, default=100_000)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rules", nargs="+", choices=list(KINDS_OF_RULES), default=list(KINDS_OF_RULES))
    parser.add_argument("--model", action="store_true", help="with a conversion model")
    arguments = parser.parse_args()
    for rules in arguments.rules:
        found = measure(rules, arguments.model, arguments.leads, arguments.events)
        sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
