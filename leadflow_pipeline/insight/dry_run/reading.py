"""A dry run of routing: past days given away twice in memory, as it is and as it is tried, and what is known of them.

What belongs here: replaying both, and reading which outcomes are known. A door to the database that only reads. What
does not: any count or estimate (the other modules of this room).

"As it is" is not what is stored but a replay too, under the present rules and with the reps there were, so that nothing
but what is tried makes a difference: no earlier version of the file, and nothing that came in late.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign, CampaignVersion
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.insight.dry_run import honesty
from leadflow_pipeline.insight.dry_run.earnings import ESTIMATED, UNWORKED, Earnings, estimate
from leadflow_pipeline.insight.dry_run.moves import (
    HELD,
    NOBODY,
    Moves,
    compare_loads,
    compare_owners,
    owners_of,
)
from leadflow_pipeline.insight.dry_run.off_policy import OffPolicy, from_experiment
from leadflow_pipeline.insight.replay import (
    Replay,
    changes_before_the_score,
    latest_replayed,
    replay,
)
from leadflow_pipeline.lead_fields import columns_holding, with_custom_fields
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.route.owner_days import SCORE_COLUMNS, given_between
from leadflow_pipeline.route.owners.choice.performance import rep_results
from leadflow_pipeline.route.owners.choice.worth import money_of, win_chances
from leadflow_pipeline.route.owners.reps.roster import read_roster, read_rosters
from leadflow_pipeline.route.owners.results import with_moments
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import OVERRIDE
from leadflow_pipeline.route.owners.trial import Trial
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.experiments import read_exposed
from leadflow_pipeline.store.facts import read_handoffs, read_outcomes, read_rep_touches
from leadflow_pipeline.store.partitions import as_of as rows_as_of
from leadflow_pipeline.store.partitions import latest_before, read_partitions

OWNED = ["lead_id", "day", "owner", "method"]
TOLD = ["lead_id", "assignment_number", "decided_at", "first_touch_due_at"]


@dataclass(frozen=True)
class Planned:
    """What the plan expected of the leads that it gave away: conversion x value x match, in the campaign's currency."""

    value: float
    bound: float
    """What no way to give the same leads away, day by day, could have exceeded."""


@dataclass(frozen=True)
class DryRun:
    """Both ways, compared."""

    days: PartitionRange
    currency: str
    moves: Moves
    loads: pd.DataFrame
    """As `moves.compare_loads`."""
    before: Planned
    after: Planned
    earnings: Earnings
    off_policy: tuple[OffPolicy, ...]
    notes: tuple[str, ...]
    """What these numbers cannot say."""


def dry_run(
    engine: Engine,
    present: CampaignVersion,
    days: PartitionRange,
    rules: Campaign,
    trial: Trial,
    now: datetime,
    most: int = 10,
) -> DryRun:
    """Gives the leads of past days away as it is and as it is tried; what is known by `now` tells what that earns.

    Raises PermanentError where the tried rules give no owners.
    """
    if rules.ownership is None:
        raise PermanentError(
            f"the file of {present.campaign} has no section `ownership`, so nobody gets owners: add one"
        )
    before = replay(engine, days, present.rules, trial=replace(trial, reps=None))
    after = replay(engine, days, rules, trial=trial)
    stored = read_partitions(engine, schema.owner_decisions, days.campaign, days.days, OWNED)
    leads = _leads(engine, days, stored, before, after, rules.ownership)
    leads = leads.join(_outcomes(engine, days, leads, now, present.rules.conversion.matures_after_days))
    results = _Results.read(engine, days, present.rules, now)
    reps = results.reps.reindex(sorted({*results.reps.index, *_people(leads)}))
    teams = {rep.rep: rep.team for rep in read_roster(engine, days.campaign, days.last_day).reps}
    tried_reps = read_rosters(engine, days.campaign, [days.last_day], trial)[days.last_day].reps
    teams |= {rep.rep: rep.team for rep in tried_reps}
    reps = reps.assign(team=[teams.get(str(rep), "") for rep in reps.index])
    earnings = estimate(leads, reps, results.mean_chance)
    off_policy = _off_policy(engine, days, present.rules, rules, leads)
    told = read_handoffs(engine, days.campaign, days.last_day)
    told = told[told["decision_day"] >= pd.Timestamp(days.first_day)]
    parts = earnings.parts.set_index("how")["leads"]
    ordered = before.rows[schema.owner_decisions.name]
    newcomers = [rep for rep in sorted(set(leads["after"]) - {HELD, NOBODY}) if rep not in results.reps.index]
    known = honesty.Known(
        as_of=now.date(),
        matures_after_days=present.rules.conversion.matures_after_days,
        estimated=int(parts.get(ESTIMATED, 0)),
        unworked=int(parts.get(UNWORKED, 0)),
        unripe=earnings.unripe,
        wins=int(results.reps["wins"].sum()),
        with_values=int(results.reps["values"].sum()),
        told=told["lead_id"].nunique(),
        honours_handoffs=trial.honours_handoffs,
        ordered=ordered.loc[ordered["method"] == OVERRIDE, "lead_id"].nunique(),
        differing=int((leads["before"] != leads["actual"]).sum()),
        newcomers=newcomers,
        has_model=bool(leads["has_model"].any()),
        upstream=len(changes_before_the_score(present.rules, rules)),
        tries_other_weights=_weights(rules) != _weights(present.rules),
        from_experiments=len(off_policy),
    )
    return DryRun(
        days=days,
        currency=rules.currency,
        moves=compare_owners(leads, most),
        loads=compare_loads(before.rows[schema.rep_days.name], after.rows[schema.rep_days.name]),
        before=_planned(before),
        after=_planned(after),
        earnings=earnings,
        off_policy=off_policy,
        notes=honesty.sentences(known),
    )


def _leads(
    engine: Engine,
    days: PartitionRange,
    stored: pd.DataFrame,
    before: Replay,
    after: Replay,
    rules: OwnershipRules,
) -> pd.DataFrame:
    """Every lead that was decided about in the days, in any of the ways: its owners, tier, chance, money and worth."""
    decided = {
        "before": before.rows[schema.owner_decisions.name][OWNED],
        "after": after.rows[schema.owner_decisions.name][OWNED],
        "actual": stored,
    }
    first_day = pd.concat(list(decided.values())).groupby("lead_id")["day"].min().rename("first_day")
    ids = pd.Series(first_day.index, dtype="str")
    earlier = latest_before(
        engine, schema.owner_decisions, days.campaign, days.first_day, lead_ids=ids, columns=OWNED
    )
    leads = first_day.to_frame()
    for name, rows in decided.items():
        owners = owners_of(pd.concat([earlier, rows], ignore_index=True))
        leads[name] = owners.reindex(leads.index).fillna(NOBODY)
    tiers = [
        latest_replayed(engine, way, schema.routed_leads, ["lead_id", "day", "tier"]).set_index("lead_id")[
            "tier"
        ]
        for way in (before, after)
    ]
    leads["tier"] = tiers[0].reindex(leads.index).fillna(tiers[1].reindex(leads.index))
    chances = _chances(engine, days.campaign, first_day.reset_index().rename(columns={"first_day": "day"}))
    leads = leads.join(chances.set_index("lead_id")[["chance", "has_model"]])
    leads = leads.fillna({"chance": 0.0, "has_model": False})
    leads["money"] = _money(engine, days, leads, rules)
    return leads.assign(worth=leads["chance"] * leads["money"])


def _chances(engine: Engine, campaign: str, keys: pd.DataFrame) -> pd.DataFrame:
    """`lead_id`, `day`, and how likely each lead was to be won as of that day: `chance`; by a model if `has_model`."""
    scored = rows_as_of(engine, schema.scored_leads, campaign, keys, SCORE_COLUMNS)
    chance = win_chances(scored["conversion_probability"], scored["score"])
    return scored[["lead_id", "day"]].assign(
        chance=chance, has_model=scored["conversion_probability"].notna()
    )


def _money(engine: Engine, days: PartitionRange, leads: pd.DataFrame, rules: OwnershipRules) -> pd.Series:
    keys = leads["first_day"].rename("day").reset_index()
    field = rules.value.field
    enriched = rows_as_of(engine, schema.enriched_leads, days.campaign, keys, columns_holding([field]))
    money = money_of(with_custom_fields(enriched, [field]), rules.value)
    known = pd.Series(money, index=pd.Index(enriched["lead_id"]))
    return known.reindex(leads.index).fillna(rules.value.otherwise)


def _outcomes(
    engine: Engine, days: PartitionRange, leads: pd.DataFrame, now: datetime, matures_after_days: int
) -> pd.DataFrame:
    """What became of each lead: `is_ripe`, `is_won`, `value`."""
    outcomes = read_outcomes(engine, days.campaign, before=now)
    won = outcomes[outcomes["outcome"] == "won"].groupby("lead_id")["value"].max()
    lost = outcomes.loc[outcomes["outcome"] == "lost", "lead_id"]
    is_won = leads.index.isin(won.index)
    is_old = leads["first_day"] + pd.Timedelta(days=matures_after_days) < pd.Timestamp(now.date())
    return pd.DataFrame(
        {
            "is_ripe": is_won | leads.index.isin(lost) | is_old.to_numpy(),
            "is_won": is_won,
            "value": won.reindex(leads.index).astype("float64").to_numpy(),
        },
        index=leads.index,
    )


@dataclass(frozen=True)
class _Results:
    """What reps made of the leads that they really had."""

    reps: pd.DataFrame
    """By rep: the columns of `rep_results`, and `trials`: decided leads, in leads of average chance."""
    mean_chance: float

    @classmethod
    def read(cls, engine: Engine, days: PartitionRange, rules: Campaign, now: datetime) -> _Results:
        ownership = rules.ownership or OwnershipRules()
        since = days.first_day - timedelta(days=ownership.performance_days)
        given = given_between(engine, days.campaign, since, now.date() + timedelta(days=1))
        given = given.rename(columns={"owner": "rep"})
        told = read_handoffs(engine, days.campaign, now.date())
        moments = with_moments(given, told.loc[told["decided_at"] < pd.Timestamp(now), TOLD])
        moment = pd.Timestamp(now)
        results = rep_results(
            moments,
            read_outcomes(engine, days.campaign, before=now),
            read_rep_touches(engine, days.campaign, since=now - timedelta(days=1), before=now),
            moment,
            (now.date() - since).days + 2,
            lost_after_days=rules.conversion.matures_after_days,
        )
        chances = _chances(engine, days.campaign, given[["lead_id", "day"]].drop_duplicates())
        given = given.merge(chances, on=["lead_id", "day"])
        mean = float(given["chance"].mean()) if len(given) else 0.0
        better = (
            given.groupby("rep")["chance"].mean().reindex(results.index) / mean
            if mean > 0
            else pd.Series(1.0, index=results.index)
        )
        trials = np.maximum(results["decided"] * better.fillna(1.0), results["wins"])
        return cls(results.assign(trials=trials), mean)


def _off_policy(
    engine: Engine, days: PartitionRange, present: Campaign, tried: Campaign, leads: pd.DataFrame
) -> tuple[OffPolicy, ...]:
    still = {experiment.key for experiment in tried.experiments}
    ended = [each for each in present.experiments if each.kind == "routing" and each.key not in still]
    if not ended:
        return ()
    ripe = leads.loc[leads["is_ripe"], "is_won"]
    met = read_exposed(
        engine,
        days.campaign,
        days.last_day + timedelta(days=1),
        lead_ids=pd.Series(leads.index, dtype="str"),
        whole=(),
    )

    def of(experiment: Experiment) -> OffPolicy | None:
        exposures = met[met["experiment"] == experiment.key]
        return from_experiment(experiment, exposures, ripe, _weights(present), _weights(tried))

    return tuple(found for found in map(of, ended) if found is not None)


def _weights(rules: Campaign) -> dict[str, float]:
    """The weights of the match that leads have who are in no experiment."""
    ownership = rules.ownership or OwnershipRules()
    return {name: float(weight) for name, weight in ownership.match.model_dump().items()}


def _planned(way: Replay) -> Planned:
    if way.owners is None:
        return Planned(0.0, 0.0)
    return Planned(float(way.owners["value"].sum()), float(way.owners["bound"].sum()))


def _people(leads: pd.DataFrame) -> set[str]:
    return {*leads["before"], *leads["after"], *leads["actual"]} - {HELD, NOBODY}
