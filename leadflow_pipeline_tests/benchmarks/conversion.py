"""How well a model that learns from outcomes tells who converts, on the data of the shipped campaign files.

    python -m leadflow_pipeline_tests.benchmarks.conversion [FOLDER]

The bank's data are shipped. FOLDER may hold those of the other campaigns, in `xeducation/` and `olist/`, under the
names their campaign files ask for. Everything goes the way it goes in the pipeline: read, mapped and enriched by the
rules of the campaign file, scored by its rules as of the lead's day; no step here knows a column of any data by name,
but for those that are put back to see whether the alarm rings.

The order of time is the day, then the order of the file. Outcomes count as known when the next model is trained, as in
the figures this is compared with; `ripe` says what remains if they are known only as many days later as the file says.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from leadflow_pipeline.campaign import Campaign, parse_campaign
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.harvest.arrivals import arrivals
from leadflow_pipeline.harvest.landing import source_of
from leadflow_pipeline.harvest.mapping import custom_fields
from leadflow_pipeline.harvest.plan import LEAD_COLUMNS, plan_harvested, read_records
from leadflow_pipeline.lead_fields import with_custom_fields
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.leakage import feature_alarms, jump_alarm
from leadflow_pipeline.score.conversion.measures import auc, measure
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.conversion.training import Kind, decayed_weights, train
from leadflow_pipeline.score.plan import Terms, plan_features

SEED = 1
LEARNED_SHARE = 0.7
LEADS_A_MODEL = 1_000
COLD_STARTS = 20
BY_RULES = [RULE_SCORE, "icp_fit"]
AFTER_CONTACT = (
    "Tags", "Lead Quality", "Lead Profile", "Asymmetrique Activity Index", "Asymmetrique Profile Index",
    "Asymmetrique Activity Score", "Asymmetrique Profile Score", "Last Activity", "Last Notable Activity",
)  # fmt: skip


@dataclass(frozen=True)
class History:
    """Leads of a campaign in order of time, with what a model may know of each, and what became of it."""

    features: pd.DataFrame
    day: pd.Series
    converted: pd.Series

    def of(self, rows: Any) -> History:
        """Some of the leads."""
        return History(self.features.iloc[rows], self.day.iloc[rows], self.converted.iloc[rows])

    def without(self, columns: Sequence[str]) -> History:
        """Less is known of the leads."""
        return replace(self, features=self.features.drop(columns=columns))


def shipped_campaign(folder: str) -> Campaign:
    """A campaign file of the samples."""
    text = (files("leadflow_pipeline.samples") / folder / "campaign.yaml").read_text(encoding="utf-8")
    return parse_campaign(text, f"{folder}/campaign.yaml")


def history_of(
    campaign: Campaign, paths: Sequence[Path], rules: ConversionRules, also: dict[str, str] | None = None
) -> History:
    """The leads of some files, each as of its first day. `also` maps further fields to columns of the first source."""
    if also:
        first, *rest = campaign.sources
        widened = first.model_copy(update={"mapping": {**first.mapping, **also}})
        campaign = campaign.model_copy(update={"sources": (widened, *rest)})
    records, outcomes = [], []
    received, first_day = datetime(2026, 6, 1, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)
    for path in paths:
        source = source_of(path.name, campaign.sources)
        rules_of_file = next(each for each in campaign.sources if each.name == source.name)
        for arrival in arrivals(path, campaign.campaign, rules_of_file, received, first_day):
            records.append(arrival.records.assign(source=source.name))
            outcomes += [
                frame for frame in (arrival.told_outcomes, arrival.lead_facts) if "outcome" in frame.columns
            ]
    stored = pd.concat([frame for frame in records if len(frame)], ignore_index=True)
    stored = stored.sort_values("occurred_at", kind="stable", ignore_index=True)
    stored["day"] = stored["occurred_at"].dt.tz_localize(None).dt.normalize()
    stored["origin"] = ""
    mapped, _ = read_records(campaign.campaign, stored, campaign.sources)
    harvested = plan_harvested(mapped, pd.DataFrame(columns=LEAD_COLUMNS), campaign.sources)
    harvested = harvested.astype({"day": "datetime64[us]"})
    enriched = plan_enriched(harvested, campaign.enrichment)
    leads = with_custom_fields(enriched, custom_fields(campaign.sources)).drop_duplicates("lead_id")
    leads = leads.set_index("lead_id", drop=False).loc[mapped["lead_id"].drop_duplicates()]
    leads = leads.reset_index(drop=True)
    events = pd.DataFrame(
        {
            "lead_id": pd.Series(dtype="str"),
            "behaviour": pd.Series(dtype="str"),
            "occurred_at": pd.Series(dtype="datetime64[us, UTC]"),
            "is_machine": pd.Series(dtype="boolean"),
        }
    )
    features = plan_features(
        leads,
        events,
        pd.DataFrame({"lead_id": pd.Series(dtype="str"), "temperature": pd.Series(dtype="str")}),
        Terms(
            campaign.ideal_customer_profile,
            campaign.scoring,
            {source.name: source.channel for source in campaign.sources},
        ),
        rules.excluded,
    )
    features = features.droplevel("day").loc[leads["lead_id"]].reset_index(drop=True)
    told = pd.concat(outcomes, ignore_index=True)
    won = set(told.loc[told["outcome"] == "won", "lead_id"])
    return History(features, leads["day"], leads["lead_id"].isin(won).astype("int64"))


def once(
    history: History, rules: ConversionRules, ripe: int = 0, kind: Kind = "logistic"
) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and probabilities of the last leads, by a model of the first."""
    cut = int(len(history.day) * LEARNED_SHARE)
    return history.converted.to_numpy()[cut:], _predict(history, cut, len(history.day), rules, ripe, kind)


def as_the_calendar_goes_on(
    history: History, rules: ConversionRules, ripe: int = 0, kind: Kind = "logistic"
) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and probabilities of the last leads, each thousand by a model of all before it."""
    cut, end = int(len(history.day) * LEARNED_SHARE), len(history.day)
    parts = [
        _predict(history, start, min(start + LEADS_A_MODEL, end), rules, ripe, kind)
        for start in range(cut, end, LEADS_A_MODEL)
    ]
    return history.converted.to_numpy()[cut:], np.concatenate(parts)


def shuffled(
    history: History, rules: ConversionRules, kind: Kind = "logistic"
) -> tuple[np.ndarray, np.ndarray]:
    """Outcomes and probabilities of all leads, each fifth by a model of the other four."""
    outcome = history.converted.to_numpy()
    probability = np.empty(len(outcome))
    for rows, held_out in StratifiedKFold(5, shuffle=True, random_state=SEED).split(outcome, outcome):
        learned = _learned(history.of(rows), history.day.max(), rules, kind)
        probability[held_out] = learned(history.of(held_out))
    return outcome, probability


def cold_start(history: History, labels: int) -> Iterator[tuple[float, float]]:
    """AUC of a model of so many outcomes and of the rules alone, on all other leads, draw by draw."""
    for seed in range(COLD_STARTS):
        chosen = np.random.default_rng(seed).permutation(len(history.day))
        known, rest = history.of(np.sort(chosen[:labels])), history.of(np.sort(chosen[labels:]))
        outcome = rest.converted.to_numpy()
        trained = train(known.features, known.converted, np.ones(labels), SEED)
        rules_score = rest.features[RULE_SCORE].to_numpy()
        yield (
            auc(outcome, trained.model.logits(rest.features) if trained else rules_score),
            auc(outcome, rules_score),
        )


def _predict(
    history: History, start: int, stop: int, rules: ConversionRules, ripe: int, kind: Kind
) -> np.ndarray:
    now = history.day.iloc[start]
    known = np.arange(start)
    if ripe:
        known = known[((now - history.day.iloc[:start]).dt.days >= ripe).to_numpy()]
    return _learned(history.of(known), now, rules, kind)(history.of(slice(start, stop)))


def _learned(examples: History, now: pd.Timestamp, rules: ConversionRules, kind: Kind) -> Any:
    weights = decayed_weights(examples.day, now, rules.half_life_days)
    trained = train(examples.features, examples.converted, weights, SEED, kind)
    if trained is None:
        return lambda asked: np.full(len(asked.day), examples.converted.mean())
    return lambda asked: trained.model.probabilities(asked.features)


def main() -> None:
    """Measures and prints, as a table and as JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, nargs="?", help="holds xeducation/ and olist/")
    parser.add_argument("--half-life", type=float, default=ConversionRules().half_life_days)
    parser.add_argument("--only", choices=["bank", "xeducation", "olist", "speed", "training"])
    chosen = parser.parse_args()
    rules = ConversionRules(half_life_days=chosen.half_life)
    rows: list[dict[str, Any]] = []

    def note(data: str, what: str, outcome: np.ndarray, probability: np.ndarray) -> None:
        found = measure(outcome, probability)
        row = {"data": data, "what": what, "leads": found.leads, "wins": found.wins, "auc": round(found.auc, 4),
               "brier": round(found.brier, 4), "calibration_error": round(found.calibration_error, 4)}  # fmt: skip
        rows.append(row)
        print(json.dumps(row), flush=True)

    if chosen.only in (None, "training"):
        measure_training()
    if chosen.only in (None, "bank", "speed"):
        measure_bank(rules, note, rows, chosen.only == "speed")
    if chosen.folder and chosen.only in (None, "xeducation"):
        measure_xeducation(chosen.folder / "xeducation", rules, note)
    if chosen.folder and chosen.only in (None, "olist"):
        measure_olist(chosen.folder / "olist", rules, note)


def measure_bank(rules: ConversionRules, note: Any, rows: list[dict[str, Any]], speed_only: bool) -> None:
    """Time-ordered: once, and as the calendar goes on; 30 outcomes against the rules; the alarm; speed."""
    campaign = shipped_campaign("bank")
    path = Path(str(files("leadflow_pipeline.samples") / "bank" / "bank-marketing.csv.gz"))
    history = history_of(campaign, [path], rules)
    measure_speed(history)
    if speed_only:
        return
    facts_only = history.without(BY_RULES)
    after = campaign.sources[0].outcome
    ripe = after.after_days if after else 0
    note("bank", "first 70 %, without the rule score", *once(facts_only, rules))
    note("bank", "first 70 %", *once(history, rules))
    note("bank", "every 1,000 leads, without the rule score", *as_the_calendar_goes_on(facts_only, rules))
    note("bank", "every 1,000 leads", *as_the_calendar_goes_on(history, rules))
    note("bank", "first 70 %, boosted", *once(history, rules, kind="boosted"))
    note("bank", "every 1,000 leads, boosted", *as_the_calendar_goes_on(history, rules, kind="boosted"))
    note("bank", f"every 1,000 leads, ripe after {ripe} days", *as_the_calendar_goes_on(history, rules, ripe))
    measure_cold_start("bank", history)
    leaked = history_of(campaign, [path], rules, also={"custom.duration": "duration"})
    outcome, with_leak = once(leaked, rules)
    _, without = once(history, rules)
    print("bank with duration:", jump_alarm(outcome, without, with_leak, ("custom.duration",)))


def measure_xeducation(folder: Path, rules: ConversionRules, note: Any) -> None:
    """Shuffled five-fold; the alarm."""
    campaign, paths = shipped_campaign("xeducation"), sorted(folder.glob("*leads*.csv"))
    history = history_of(campaign, paths, rules)
    note("xeducation", "5-fold, without the rule score", *shuffled(history.without(BY_RULES), rules))
    note("xeducation", "5-fold", *shuffled(history, rules))
    note("xeducation", "5-fold, boosted", *shuffled(history, rules, "boosted"))
    measure_cold_start("xeducation", history)
    leaked = history_of(campaign, paths, rules, also={f"custom.{each}": each for each in AFTER_CONTACT})
    print("xeducation alarms:", feature_alarms(history.features, history.converted, SEED))
    print("xeducation, after contact:", feature_alarms(leaked.features, leaked.converted, SEED))


def measure_olist(folder: Path, rules: ConversionRules, note: Any) -> None:
    """Time-ordered, once."""
    paths = sorted([*folder.glob("*marketing_qualified_leads*.csv"), *folder.glob("*closed_deals*.csv")])
    history = history_of(shipped_campaign("olist"), paths, rules)
    note("olist", "first 70 %, without the rule score", *once(history.without(BY_RULES), rules))
    note("olist", "first 70 %", *once(history, rules))
    note("olist", "first 70 %, boosted", *once(history, rules, kind="boosted"))
    measure_cold_start("olist", history)


def measure_cold_start(data: str, history: History) -> None:
    """Few outcomes against the rules alone."""
    for labels in (30, 100, 200, 300, 500, 1_000, 2_000, 3_000):
        if labels < len(history.day) / 2:
            model, alone = np.array(list(cold_start(history, labels))).T
            print(
                f"{data}: {labels} outcomes: model {model.mean():.4f}, rules {alone.mean():.4f}, "
                f"never worse than by {max(alone - model):.4f}",
                flush=True,
            )


def measure_training(examples: int = 200_000, numbers: int = 25, categories: int = 20) -> None:
    """Seconds and memory of learning from invented leads; memory is the peak of the process so far."""
    random = np.random.default_rng(SEED)
    known: dict[str, Any] = {f"number_{place}": random.normal(size=examples) for place in range(numbers)}
    for place in range(categories):
        known[f"category_{place}"] = pd.Series(random.choice(list("abcdefgh"), examples), dtype="str")
    features = pd.DataFrame(known | {RULE_SCORE: random.uniform(0, 100, examples)})
    logit = features[RULE_SCORE] / 40 + features["number_0"] - 3
    converted = (random.uniform(size=examples) < 1 / (1 + np.exp(-logit))).astype("int64")
    kinds: tuple[Kind, ...] = ("boosted", "logistic")
    for kind in kinds:
        started = time.perf_counter()
        train(features, converted, np.ones(examples), SEED, kind)
        seconds = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{examples:,} examples, {kind}: {seconds:.0f} s, peak {peak:,.0f} MiB", flush=True)


def measure_speed(history: History) -> None:
    """Probabilities for a million leads, and the contributions of one."""
    trained = train(history.features, history.converted, np.ones(len(history.day)), SEED)
    if trained is None:
        return
    million = history.features.sample(1_000_000, replace=True, random_state=SEED).reset_index(drop=True)
    started = time.perf_counter()
    trained.model.probabilities(million)
    print(f"1,000,000 probabilities: {time.perf_counter() - started:.2f} s")
    started = time.perf_counter()
    explained = trained.model.contributions(million.head(1)).sum(axis=1).iloc[0] + trained.model.base
    seconds = time.perf_counter() - started
    error = abs(explained - trained.model.logits(million.head(1))[0])
    print(f"one lead explained: {seconds * 1000:.1f} ms, its sum is off by {error:.1e}")


if __name__ == "__main__":
    main()
