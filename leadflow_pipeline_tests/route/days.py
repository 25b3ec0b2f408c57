"""Days of a campaign for the tests of routing: a few words make a qualified lead, an override, an outcome.

What belongs here: invented leads, and routing them a range at a time as the asset does. What does not:
expectations.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Table

from leadflow_pipeline.route import RoutingRules, plan_routed
from leadflow_pipeline.route.plan import is_waiting
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.frames import dtypes_of

FIRST = date(2026, 3, 10)
SIGNALS = ("recent_job_change", "company_funded_recently", "company_hiring", "is_decision_maker")

LOW_SCORE = '[{"code": "score_below_threshold", "status": "REJECTED", "text": "Score 3 is below 50"}]'
LOW_SCORE_AND_MORE = (
    LOW_SCORE[:-1] + ', {"code": "filter_not_met", "status": "REJECTED", "text": "Too small"}]'
)
LOW_SCORE_AND_REVIEW = (
    LOW_SCORE[:-1] + ', {"code": "filter_unknown", "status": "MANUAL_REVIEW", "text": "Unknown"}]'
)


def day(number: int) -> date:
    """The day that is `number` days after the first."""
    return FIRST + timedelta(days=number)


def moment(number: int, hour: int = 12) -> pd.Timestamp:
    """An hour (UTC) of a day by number."""
    return pd.Timestamp(day(number), tz="UTC") + pd.Timedelta(hours=hour)


def typed(rows: list[dict[str, Any]], table: Table) -> pd.DataFrame:
    """Rows as a frame with the dtypes of a table; columns that no row has are left out."""
    dtypes = dtypes_of(table.columns)
    frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else list(dtypes))
    return frame.astype(object).astype({name: dtypes[name] for name in frame.columns})


def qualified(*rows: tuple[int, str, Mapping[str, Any]] | tuple[int, str]) -> pd.DataFrame:
    """Qualified leads from (day, lead_id[, columns]): fit 0.75 and score 75, unless a row says otherwise."""
    bare = {"source": "list", "icp_fit": 0.75, "score": 75.0, "status": "QUALIFIED", "reasons": "[]"}
    made = [
        {
            "day": day(row[0]),
            "lead_id": row[1],
            "email": f"{row[1]}@leads.example",
            **bare,
            **(row[2:] or [{}])[0],
        }
        for row in rows
    ]
    columns = [*bare, "day", "lead_id", "email"]
    names = [name for row in made for name in row if name in SIGNALS or name == "custom"]
    rest = [{name: row[name] for name in columns} for row in made]
    known = pd.DataFrame([{name: row.get(name) for name in names} for row in made])
    return typed(rest, schema.qualified_leads).join(known)


def overrides(*rows: Mapping[str, Any]) -> pd.DataFrame:
    """Overrides of lead `a`, made at noon of the first day without an end, unless a row says otherwise."""
    bare = {
        "lead_id": "a", "field": "tier", "value": "HOT", "actor": "ana", "reason": "knows them",
        "occurred_at": moment(0), "expires_at": pd.NaT,
    }  # fmt: skip
    numbered = [{"override_id": number, **bare, **row} for number, row in enumerate(rows, start=1)]
    return typed(numbered, schema.overrides)


def outcomes(*rows: tuple[str, str, pd.Timestamp]) -> pd.DataFrame:
    """Outcomes from (lead_id, outcome, moment)."""
    made = [dict(zip(("lead_id", "outcome", "occurred_at"), row, strict=True)) for row in rows]
    return typed(made, schema.outcomes)


def route_days(
    leads: pd.DataFrame,
    rules: RoutingRules | None = None,
    *,
    made: pd.DataFrame | None = None,
    ended: pd.DataFrame | None = None,
    ranges: Iterable[tuple[int, int]] = ((0, 4),),
    stored: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Routes ranges of days (first and last by number) one after the other, each as the asset does.

    `stored` is what was routed before; the result is it with the days of the ranges replaced, by day and
    lead.
    """
    made = overrides() if made is None else made
    ended = outcomes() if ended is None else ended
    known = typed([], schema.routed_leads) if stored is None else stored
    for first, last in ranges:
        days = [day(number) for number in range(first, last + 1)]
        begin, end = pd.Timestamp(days[0]), pd.Timestamp(days[-1])
        before = known[known["day"] < begin].sort_values("day").drop_duplicates("lead_id", keep="last")
        candidates = pd.concat(
            [_as_of(leads, before[is_waiting(before)]), leads[leads["day"].between(begin, end)]],
            ignore_index=True,
        )
        routed = plan_routed(
            candidates.drop(columns=[name for name in candidates if name in (*SIGNALS, "custom")]),
            candidates,
            before,
            made[made["occurred_at"] < moment(last, 24)],
            ended[ended["occurred_at"] < moment(last, 24)],
            rules or RoutingRules(),
            days,
        )
        known = pd.concat([known[(known["day"] < begin) | (known["day"] > end)], routed], ignore_index=True)
    dtypes = dtypes_of(schema.routed_leads.columns)
    known = known.astype({name: dtypes[name] for name in known.columns})[list(routed.columns)]
    return known.sort_values(["day", "lead_id"], ignore_index=True)


def _as_of(leads: pd.DataFrame, waiting: pd.DataFrame) -> pd.DataFrame:
    """The latest row of each waiting lead on or before its waiting row, under that row's day."""
    both = leads.merge(waiting[["lead_id", "day"]], on="lead_id", suffixes=("_own", ""))
    seen = both[both["day_own"] <= both["day"]].sort_values("day_own").drop_duplicates("lead_id", keep="last")
    return seen[leads.columns]


def told(routed: pd.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """Rows as (day by number, lead_id, columns ...), missing as None."""
    numbers = (routed["day"] - pd.Timestamp(FIRST)).dt.days
    chosen = routed[["lead_id", *columns]].astype(object)
    return [
        (number, *row)
        for number, row in zip(numbers, chosen.where(chosen.notna(), None).to_numpy().tolist(), strict=True)
    ]
