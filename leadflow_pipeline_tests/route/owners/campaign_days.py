"""Small campaigns of days for the tests of owners: leads, reps and facts, planned a range at a time as the asset does.

What belongs here: invented leads and reps, and what `route/owner_days.py` reads, from frames in the place of tables.
What does not: expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Table

from leadflow_pipeline.route.owner_days import DECISION_COLUMNS, leads_that_may_need_an_owner
from leadflow_pipeline.route.owners.plan import Given, OwnerPlan, plan_owners
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, RepRecord, Rosters
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.standing import OVERRIDE, Earlier
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import dtypes_of, empty

FIRST = date(2026, 3, 2)
"""A Monday."""
CAMPAIGN = "spring"


def day(number: int) -> date:
    """The day that is `number` days after the first."""
    return FIRST + timedelta(days=number)


def moment(number: int, hour: int = 12) -> pd.Timestamp:
    """An hour (UTC) of a day by number."""
    return pd.Timestamp(day(number), tz="UTC") + pd.Timedelta(hours=hour)


def typed(rows: Sequence[dict[str, Any]], table: Table, columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows as a frame with the dtypes of a table, in all of its columns or some."""
    names = list(columns) if columns else [column.name for column in table.columns]
    dtypes = dtypes_of(table.columns)
    frame = pd.DataFrame(rows, columns=names).astype(object)
    return frame.astype({name: dtypes[name] for name in names})


def rep(name: str, per_day: float | None = None, **record: Any) -> Rep:
    """A rep who takes part everywhere."""
    return Rep(rep=name, **{"capacity": Capacity(per_day=per_day), **record})


def lead(number: int, lead_id: str, score: float = 50.0, **columns: Any) -> dict[str, Any]:
    """A lead that is routed on a day by number."""
    return {"day": day(number), "lead_id": lead_id, "score": score, **columns}


@dataclass(frozen=True)
class Facts:
    """What happened in a campaign, and its reps."""

    leads: tuple[dict[str, Any], ...] = ()
    records: tuple[tuple[int, Rep], ...] = ()
    """The day by number from which a record holds, and the record."""
    absences: tuple[Absence, ...] = ()
    overrides: tuple[dict[str, Any], ...] = ()
    handoffs: tuple[dict[str, Any], ...] = ()
    outcomes: tuple[dict[str, Any], ...] = ()

    def with_(self, **facts: Any) -> Facts:
        """The same with other facts of some kind."""
        return replace(self, **facts)


@dataclass
class Stored:
    """What was planned so far, in the place of the derived tables."""

    decisions: pd.DataFrame = field(default_factory=lambda: empty(schema.owner_decisions))
    rep_days: pd.DataFrame = field(default_factory=lambda: empty(schema.rep_days))
    owners: dict[str, str | None] = field(default_factory=dict)
    summary: pd.DataFrame = field(default_factory=pd.DataFrame)


def plan(
    facts: Facts,
    rules: OwnershipRules | None = None,
    ranges: Iterable[tuple[int, int]] = ((0, 4),),
    stored: Stored | None = None,
) -> Stored:
    """Plans ranges of days (first and last by number) one after the other, as the asset would."""
    rules = rules or OwnershipRules(floor=0.0, exploration=0)
    stored = stored or Stored()
    for first, last in ranges:
        given, days = given_for(facts, rules, stored, first, last)
        made = plan_owners(given, rules, CAMPAIGN, days)
        stored = _replaced(stored, made, first, last)
    return stored


def given_for(
    facts: Facts, rules: OwnershipRules, stored: Stored, first: int, last: int
) -> tuple[Given, list[date]]:
    """What the plan of a range rests on."""
    days = [day(number) for number in range(first, last + 1)]
    begin, end = pd.Timestamp(days[0]), pd.Timestamp(days[-1])
    all_routed = typed([{"status": "ROUTED", **row} for row in facts.leads], schema.routed_leads)
    earlier = _earlier(stored, all_routed, begin)
    routed = all_routed[all_routed["day"].between(begin, end)].reset_index(drop=True)
    overrides = typed(
        [{"override_id": number, "field": "owner", **row} for number, row in enumerate(facts.overrides)],
        schema.overrides,
    )
    overrides = overrides[overrides["occurred_at"] < moment(last, 24)]
    handoffs = typed(facts.handoffs, schema.handoffs)
    handoffs = handoffs[handoffs["decision_day"] <= end]
    outcomes = typed(facts.outcomes, schema.outcomes, ["lead_id", "outcome", "occurred_at", "value"])
    records = [
        RepRecord(number, day(from_day), record) for number, (from_day, record) in enumerate(facts.records)
    ]
    rosters = Rosters(CAMPAIGN, days, records, facts.absences)
    needed = leads_that_may_need_an_owner(routed, earlier, overrides, handoffs, rosters)
    known = [row for row in facts.leads if row["day"] <= days[-1]]
    enriched = typed(known, schema.enriched_leads)
    scored = typed(known, schema.scored_leads)
    return Given(
        routed=routed,
        earlier=earlier,
        overrides=overrides,
        handoffs=handoffs,
        outcomes=outcomes[outcomes["occurred_at"] < moment(last, 24)],
        touches=typed([], schema.rep_touches),
        leads=enriched[enriched["lead_id"].isin(needed)],
        scores=scored[scored["lead_id"].isin(needed)],
        accounts=enriched[["lead_id", "day", "company_domain", "company_key"]],
        rosters=rosters,
    ), days


def told(stored: Stored) -> list[tuple[int, str, str, str | None, int]]:
    """The decisions as (day by number, lead, status, owner, assignment number)."""
    rows = stored.decisions.sort_values(["day", "lead_id"])
    return [
        (
            (row.day - pd.Timestamp(FIRST)).days,
            row.lead_id,
            row.status,
            _or_none(row.owner),
            row.assignment_number,
        )
        for row in rows.itertuples()
    ]


def _earlier(stored: Stored, routed: pd.DataFrame, begin: pd.Timestamp) -> Earlier:
    before = stored.decisions[stored.decisions["day"] < begin].sort_values("day", kind="stable")
    latest = before.drop_duplicates("lead_id", keep="last")
    ordered = latest.loc[latest["method"] == OVERRIDE, "lead_id"]
    ruled = before[(before["method"] != OVERRIDE) & before["lead_id"].isin(ordered)]
    undecided = routed.loc[(routed["day"] < begin) & ~routed["lead_id"].isin(before["lead_id"]), "lead_id"]
    rep_days = stored.rep_days[stored.rep_days["day"] < begin]
    return Earlier(
        decisions=latest[DECISION_COLUMNS],
        by_rule=ruled.drop_duplicates("lead_id", keep="last")[DECISION_COLUMNS],
        undecided=undecided.drop_duplicates(),
        given=before.loc[before["owner"].notna(), ["day", "lead_id", "assignment_number", "owner"]],
        rep_days=rep_days[rep_days["day"] == rep_days["day"].max()],
    )


def _replaced(stored: Stored, made: OwnerPlan, first: int, last: int) -> Stored:
    begin, end = pd.Timestamp(day(first)), pd.Timestamp(day(last))

    def put(old: pd.DataFrame, new: pd.DataFrame, table: Table) -> pd.DataFrame:
        kept = old[(old["day"] < begin) | (old["day"] > end)]
        rows = typed(new.to_dict("records"), table)
        keys = [key.name for key in table.primary_key if key.name != "campaign"]
        return pd.concat([kept, rows]).sort_values(keys, ignore_index=True)

    summary = (
        stored.summary[(stored.summary.index < begin) | (stored.summary.index > end)]
        if len(stored.summary)
        else stored.summary
    )
    return Stored(
        put(stored.decisions, made.decisions, schema.owner_decisions),
        put(stored.rep_days, made.rep_days, schema.rep_days),
        summary=pd.concat([summary, made.summary]).sort_index(),
    )


def _or_none(value: Any) -> Any:
    return None if pd.isna(value) else value
