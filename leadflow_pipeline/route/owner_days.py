"""What the plan of owners rests on, read for a range of days; the plan made with it. A door that only reads.

What belongs here: which rows are needed and no more. What does not: any rule (`owners/plan.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import ARRAY, Engine, Select, Table, Text, any_, exists, func, literal, or_, select

from leadflow_pipeline.experiment.exposure import Exposures
from leadflow_pipeline.lead_fields import columns_holding
from leadflow_pipeline.partitions import PartitionRange, end_of
from leadflow_pipeline.route.owners.plan import Given, OwnerPlan, Worked, plan_owners
from leadflow_pipeline.route.owners.reps.eligibility import fields_read
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.reps.roster import read_rosters
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import OVERRIDE, Earlier
from leadflow_pipeline.route.owners.trial import Trial
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.experiments import read_exposed
from leadflow_pipeline.store.facts import read_handoffs, read_outcomes, read_overrides, read_rep_touches
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.partitions import latest_before, read_partitions

DECISION_COLUMNS = [
    "lead_id", "day", "status", "assignment_number", "owner", "previous_owner", "method",
]  # fmt: skip
ACCOUNT_COLUMNS = ["lead_id", "day", "company_domain", "company_key"]
SCORE_COLUMNS = ["lead_id", "day", "score", "conversion_probability"]


def plan_owner_days(
    engine: Engine,
    partitions: PartitionRange,
    routed: pd.DataFrame,
    rules: OwnershipRules,
    exposures: Exposures | None = None,
    trial: Trial | None = None,
    scored: pd.DataFrame | None = None,
) -> OwnerPlan:
    """Plans the owners of the routed leads of consecutive days; writes nothing.

    `exposures` has who met which experiment, after these days; `trial` what is supposed of the past; `scored` the
    scored rows of the days, where they are not those that are stored.
    """
    given = read_given(engine, partitions, routed, rules, trial, scored)
    if exposures is not None and exposures.tries_routing:
        leads = given.leads["lead_id"].drop_duplicates()
        before = read_exposed(engine, partitions.campaign, partitions.first_day, lead_ids=leads, whole=())
        given = replace(given, tried=exposures.about(leads.tolist(), before))
    return plan_owners(given, rules, partitions.campaign, partitions.days)


def read_given(
    engine: Engine,
    partitions: PartitionRange,
    routed: pd.DataFrame,
    rules: OwnershipRules,
    trial: Trial | None = None,
    scored: pd.DataFrame | None = None,
) -> Given:
    """Everything that the plan of these days rests on."""
    given = _of_no_lead(engine, partitions, routed, rules, trial)
    needed = leads_that_may_need_an_owner(
        routed, given.earlier, given.overrides, given.handoffs, given.rosters
    )
    leads = _history(engine, schema.enriched_leads, partitions, needed, given.leads.columns.tolist())
    return replace(
        given,
        leads=leads,
        scores=_history(engine, schema.scored_leads, partitions, needed, SCORE_COLUMNS, scored),
        accounts=_of_the_same_accounts(engine, partitions, leads)
        if rules.keep_account_owner
        else leads.iloc[:0],
    )


def read_present(engine: Engine, campaign: str, day: date, rules: OwnershipRules) -> Given:
    """What `present_day` rests on: it decides about no lead, so nothing is read of what leads are, nor of those that
    nobody has.
    """
    days = PartitionRange(campaign, (day,))
    return _of_no_lead(engine, days, empty(schema.routed_leads), rules, are_all_given=True)


def _of_no_lead(
    engine: Engine,
    partitions: PartitionRange,
    routed: pd.DataFrame,
    rules: OwnershipRules,
    trial: Trial | None = None,
    *,
    are_all_given: bool = False,
) -> Given:
    """All but what is known of leads: of those there is no row."""
    campaign, as_of = partitions.campaign, partitions.as_of
    handoffs = read_handoffs(engine, campaign, partitions.last_day)
    worked = None
    if trial is not None:
        worked = Worked(_given_until(engine, partitions, rules), handoffs)
        if not trial.honours_handoffs:
            handoffs = handoffs[handoffs["decision_day"] < pd.Timestamp(partitions.first_day)]
    since = end_of(partitions.first_day - timedelta(days=rules.performance_days + 1))
    lead_columns = ["day", *columns_holding([*ACCOUNT_COLUMNS[2:], *fields_read(rules)])]
    known = [name for name in lead_columns if name in schema.enriched_leads.c]
    nothing = empty(schema.enriched_leads)
    return Given(
        routed=routed,
        earlier=read_earlier(engine, campaign, partitions.first_day, rules, are_all_given=are_all_given),
        overrides=read_overrides(engine, campaign, as_of),
        handoffs=handoffs,
        outcomes=read_outcomes(engine, campaign, before=as_of),
        touches=read_rep_touches(engine, campaign, since=since, before=as_of),
        leads=nothing[known],
        scores=empty(schema.scored_leads)[SCORE_COLUMNS],
        accounts=nothing[ACCOUNT_COLUMNS],
        rosters=read_rosters(engine, campaign, partitions.days, trial),
        worked=worked,
    )


def read_earlier(
    engine: Engine, campaign: str, first_day: date, rules: OwnershipRules, *, are_all_given: bool = False
) -> Earlier:
    """What was decided before a day. `are_all_given`: of leads about which nothing was, those that were handed over."""
    decisions = latest_before(engine, schema.owner_decisions, campaign, first_day, columns=DECISION_COLUMNS)
    ordered = decisions.loc[decisions["method"] == OVERRIDE, "lead_id"]
    return Earlier(
        decisions=decisions,
        by_rule=_latest_by_rule(engine, campaign, first_day, ordered),
        undecided=_undecided(engine, campaign, first_day, are_all_given=are_all_given),
        given=given_between(
            engine, campaign, first_day - timedelta(days=max(rules.performance_days, 7)), first_day
        ),
        rep_days=_latest_rep_days(engine, campaign, first_day),
    )


def leads_that_may_need_an_owner(
    routed: pd.DataFrame,
    earlier: Earlier,
    overrides: pd.DataFrame,
    handoffs: pd.DataFrame,
    rosters: Mapping[date, Roster],
) -> pd.Series[str]:
    """Whoever is routed in the range or was and has no owner, whose override may end, or whose owner may have left."""
    leavers = {rep.rep for roster in rosters.values() for rep in roster.reps if rep.status == "left"}
    decisions = earlier.decisions
    needed = pd.concat(
        [
            routed.loc[routed["status"] == "ROUTED", "lead_id"],
            earlier.undecided,
            decisions.loc[decisions["owner"].isna() | decisions["owner"].isin(leavers), "lead_id"],
            decisions.loc[decisions["method"] == OVERRIDE, "lead_id"],
            overrides.loc[overrides["field"] == "owner", "lead_id"],
            handoffs.loc[handoffs["rep"].isin(leavers), "lead_id"],
        ]
    )
    distinct: pd.Series[str] = needed.drop_duplicates()
    return distinct


def _history(
    engine: Engine,
    table: Table,
    partitions: PartitionRange,
    lead_ids: pd.Series[str],
    columns: Sequence[str],
    within: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """The rows of leads as they stood before the range, and every one in it; those `within`, if they are given."""
    before = latest_before(
        engine, table, partitions.campaign, partitions.first_day, lead_ids=lead_ids, columns=columns
    )
    if within is None:
        within = read_partitions(engine, table, partitions.campaign, partitions.days, columns)
    within = within.loc[within["lead_id"].isin(lead_ids), list(columns)]
    return pd.concat([before, within], ignore_index=True)


def _of_the_same_accounts(engine: Engine, partitions: PartitionRange, leads: pd.DataFrame) -> pd.DataFrame:
    """The history of the companies of every lead that ever was of a company of these."""
    table = schema.enriched_leads
    keys, domains = (leads[name].dropna().unique().tolist() for name in ("company_key", "company_domain"))
    theirs = (
        select(table.c.lead_id)
        .where(
            table.c.campaign == partitions.campaign,
            table.c.day <= partitions.last_day,
            or_(
                table.c.company_key == any_(literal(keys, ARRAY(Text))),
                table.c.company_domain == any_(literal(domains, ARRAY(Text))),
            ),
        )
        .distinct()
    )
    return _history(engine, table, partitions, _read(engine, theirs)["lead_id"], ACCOUNT_COLUMNS)


def _latest_by_rule(engine: Engine, campaign: str, first_day: date, lead_ids: pd.Series[str]) -> pd.DataFrame:
    table = schema.owner_decisions
    query = (
        select(*(table.c[name] for name in DECISION_COLUMNS))
        .where(
            table.c.campaign == campaign,
            table.c.day < first_day,
            table.c.method != OVERRIDE,
            table.c.lead_id == any_(literal(lead_ids.tolist(), ARRAY(Text))),
        )
        .order_by(table.c.lead_id, table.c.day.desc())
        .distinct(table.c.lead_id)
    )
    return _read(engine, query)


def _undecided(engine: Engine, campaign: str, first_day: date, *, are_all_given: bool) -> pd.Series[str]:
    """Leads that were routed before the day, and about whose owner no day has decided."""
    routed, decided, given = schema.routed_leads, schema.owner_decisions, schema.handoffs
    has_decision = exists().where(
        decided.c.campaign == campaign, decided.c.day < first_day, decided.c.lead_id == routed.c.lead_id
    )
    query = (
        select(routed.c.lead_id)
        .where(
            routed.c.campaign == campaign,
            routed.c.day < first_day,
            routed.c.status == "ROUTED",
            ~has_decision,
        )
        .distinct()
    )
    if are_all_given:
        query = query.where(exists().where(given.c.campaign == campaign, given.c.lead_id == routed.c.lead_id))
    return _read(engine, query)["lead_id"]


def _given_until(engine: Engine, partitions: PartitionRange, rules: OwnershipRules) -> pd.DataFrame:
    """Who was given a lead by the end of the days, as far back as results count."""
    since = partitions.first_day - timedelta(days=rules.performance_days)
    return given_between(engine, partitions.campaign, since, partitions.last_day + timedelta(days=1))


def given_between(engine: Engine, campaign: str, since: date, before: date) -> pd.DataFrame:
    """Every stored decision of some days that gave a lead an owner: `day`, `lead_id`, `assignment_number`, `owner`."""
    table = schema.owner_decisions
    query = (
        select(table.c.day, table.c.lead_id, table.c.assignment_number, table.c.owner)
        .where(
            table.c.campaign == campaign,
            table.c.day >= since,
            table.c.day < before,
            table.c.owner.is_not(None),
        )
        .order_by(table.c.day, table.c.lead_id)
    )
    return _read(engine, query)


def _latest_rep_days(engine: Engine, campaign: str, first_day: date) -> pd.DataFrame:
    table = schema.rep_days
    latest = (
        select(func.max(table.c.day))
        .where(table.c.campaign == campaign, table.c.day < first_day)
        .scalar_subquery()
    )
    query = select(table).where(table.c.campaign == campaign, table.c.day == latest).order_by(table.c.rep)
    return _read(engine, query)


def _read(engine: Engine, query: Select[Any]) -> pd.DataFrame:
    with engine.connect() as connection:
        return read(connection, query)
