"""What is known of how a campaign's reps do: a door, it reads facts and reps' days as of a day.

What belongs here: reading, and putting the figures of a campaign together. What does not: any figure (`board`,
`trends`, `workload`, `audit`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine, Select, func, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.insight.rep_performance.audit import TEAM, audit, due_and_got
from leadflow_pipeline.insight.rep_performance.board import leaderboard
from leadflow_pipeline.insight.rep_performance.naming import shown_names
from leadflow_pipeline.insight.rep_performance.trends import directions, trailing, weekly
from leadflow_pipeline.insight.rep_performance.workload import workload
from leadflow_pipeline.partitions import end_of
from leadflow_pipeline.route.owners.choice.performance import Minutes, rep_results
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.reps.roster import read_roster
from leadflow_pipeline.route.owners.reps.working_time import Calendar, working_minutes_between
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.facts import read_outcomes
from leadflow_pipeline.store.schema import handoffs, owner_decisions, rep_days, rep_touches


@dataclass(frozen=True)
class Facts:
    """What reps were given and did, before a moment."""

    handoffs: pd.DataFrame
    outcomes: pd.DataFrame
    touches: pd.DataFrame
    rep_days: pd.DataFrame
    """Of the window alone."""


@dataclass(frozen=True)
class RepReport:
    """How the reps of a campaign do."""

    campaign: str
    name: str
    currency: str
    as_of: date
    """The last day that counts."""
    window_days: int
    """Leads given in so many days count."""
    target_minutes: float
    backpressure_from: float
    has_owners: bool
    """Whether the campaign file says that leads are given to reps."""
    board: pd.DataFrame
    """As `board.leaderboard`, with `trend`."""
    weekly: pd.DataFrame
    trailing: pd.DataFrame
    workload: pd.DataFrame
    fairness: dict[str, pd.DataFrame]
    """Attribute -> parity of its groups, in leads."""
    fairness_of_value: dict[str, pd.DataFrame]
    """The same in what the leads given were expected to be worth; empty where no decision says."""
    shown: dict[str, str]
    """Rep id -> how it is shown."""

    @property
    def sla_due(self) -> int:
        """First touches that were due or done."""
        return int(self.board["sla_due"].sum())

    @property
    def compliance(self) -> float | None:
        """Of these, the share done in time."""
        return float(self.board["sla_kept"].sum()) / self.sla_due if self.sla_due else None


def read_rep_report(
    engine: Engine, campaign: str, as_of: date, attributes: Sequence[str] | None = None
) -> RepReport:
    """How reps do as known at the end of a day. `attributes` are audited; all that reps have where none are named.

    Raises PermanentError for a campaign that is not known, and for an attribute that no rep has.
    """
    rules = load(engine, campaign).rules
    ownership = rules.ownership or OwnershipRules()
    moment, days = pd.Timestamp(end_of(as_of)), ownership.performance_days
    facts = read_facts(engine, campaign, end_of(as_of), days)
    roster = read_roster(engine, campaign, as_of)
    minutes = minutes_by_calendar(roster)
    reps = reps_of(roster)
    told = (facts.handoffs, facts.outcomes, facts.touches)
    results = rep_results(
        *told, moment, days, lost_after_days=rules.conversion.matures_after_days, minutes_between=minutes
    )
    taking_part = reps[reps["status"].ne("left") | reps.index.isin(results.index)]
    board = leaderboard(results, taking_part, ownership.target_minutes)
    trend = directions(facts.handoffs, facts.outcomes, moment, board["rep"].tolist())
    shares = due_and_got(facts.rep_days, reps["weight"])
    worth = _worth(engine, campaign, as_of, days)
    return RepReport(
        campaign=campaign,
        name=rules.name,
        currency=rules.currency,
        as_of=as_of,
        window_days=days,
        target_minutes=ownership.target_minutes,
        backpressure_from=ownership.backpressure_from,
        has_owners=rules.ownership is not None,
        board=board.assign(trend=trend.to_numpy()),
        weekly=weekly(*told, moment, minutes),
        trailing=trailing(*told, moment, days, taking_part, ownership.target_minutes, minutes),
        workload=workload(facts.rep_days),
        fairness=_audited(shares, roster, attributes),
        fairness_of_value=_audited(_in_money(shares, worth), roster, attributes) if len(worth) else {},
        shown=shown_names([*board["rep"], *facts.rep_days["rep"]]),
    )


def records_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows as plain values, for scripts: what is missing is None."""

    def plain(value: Any) -> Any:
        if pd.isna(value):
            return None
        if isinstance(value, pd.Timestamp):
            return value.date()
        return value.item() if hasattr(value, "item") else value

    return [{str(name): plain(value) for name, value in row.items()} for row in frame.to_dict("records")]


def read_facts(engine: Engine, campaign: str, before: datetime, window_days: int) -> Facts:
    """All hand-overs, outcomes and touches of a campaign before a moment, and reps' days of the window."""
    given, done, days = handoffs.c, rep_touches.c, rep_days.c
    first = before.date() - pd.Timedelta(days=window_days)
    return Facts(
        handoffs=_read(
            engine,
            select(given.lead_id, given.assignment_number, given.rep, given.decided_at, given.first_touch_due_at)
            .where(given.campaign == campaign, given.decided_at < before)
            .order_by(given.lead_id, given.assignment_number),
        ),
        outcomes=read_outcomes(engine, campaign, before=before),
        touches=_read(
            engine,
            select(done.lead_id, done.rep, done.occurred_at)
            .where(done.campaign == campaign, done.occurred_at < before)
            .order_by(done.occurred_at, done.touch_id),
        ),
        rep_days=_read(
            engine,
            select(
                days.day, days.rep, days.capacity, days.eligible, days.assigned, days.floor, days.open_leads,
                days.load, days.price,
            )
            .where(days.campaign == campaign, days.day >= first, days.day < before.date())
            .order_by(days.day, days.rep),
        ),
    )  # fmt: skip


def reps_of(roster: Roster) -> pd.DataFrame:
    """Team, status and weight of each rep, by id."""
    return pd.DataFrame(
        {
            "team": [rep.team for rep in roster.reps],
            "status": [rep.status for rep in roster.reps],
            "weight": [rep.weight for rep in roster.reps],
        },
        index=pd.Index([rep.rep for rep in roster.reps], name="rep", dtype="str"),
    )


def minutes_by_calendar(roster: Roster) -> Minutes:
    """Working minutes between moments, by each rep's own calendar; plain ones for a rep nobody knows."""
    calendars = {rep.rep: Calendar.of(rep, roster.absences_of(rep.rep)) for rep in roster.reps}

    def minutes(reps: pd.Series, starts: pd.Series, ends: pd.Series) -> Any:
        begin, end = (
            moments.dt.tz_convert(None).to_numpy(dtype="datetime64[us]") for moments in (starts, ends)
        )
        found = (end - begin) / np.timedelta64(1, "m")
        for rep, places in pd.Series(np.arange(len(reps))).groupby(reps.to_numpy()):
            calendar = calendars.get(str(rep))
            if calendar is not None:
                at = places.to_numpy()
                found[at] = working_minutes_between(begin[at], end[at], calendar)
        return found

    return minutes


def _worth(engine: Engine, campaign: str, as_of: date, days: int) -> pd.Series:
    """What the leads given to each rep in the window were expected to be worth."""
    table = owner_decisions.c
    query = (
        select(table.owner, func.sum(table.expected_value).label("worth"))
        .where(
            table.campaign == campaign,
            table.day <= as_of,
            table.day > as_of - pd.Timedelta(days=days),
            table.owner.is_not(None),
            table.expected_value.is_not(None),
        )
        .group_by(table.owner)
        .order_by(table.owner)
    )
    return _read(engine, query).set_index("owner")["worth"]


def _in_money(shares: pd.DataFrame, worth: pd.Series) -> pd.DataFrame:
    got = worth.reindex(shares.index).fillna(0.0)
    due = shares["due"] * (got.sum() / shares["due"].sum() if shares["due"].sum() else 0.0)
    return pd.DataFrame({"got": got, "due": due})


def _audited(
    shares: pd.DataFrame, roster: Roster, attributes: Sequence[str] | None
) -> dict[str, pd.DataFrame]:
    kept = sorted({name for rep in roster.reps for name in rep.attributes})
    known = [*([TEAM] if any(rep.team for rep in roster.reps) else []), *kept]
    for name in attributes or ():
        if name not in known:
            raise PermanentError(
                f"no rep has the attribute {name!r}: "
                + (
                    f"there are {', '.join(known)}"
                    if known
                    else "name some under attributes in the file of reps"
                )
            )
    groups = {
        name: pd.Series(
            {rep.rep: rep.team if name == TEAM else rep.attributes.get(name, "") for rep in roster.reps},
            dtype="str",
        )
        for name in (attributes or known)
    }
    return {name: audit(shares, group) for name, group in groups.items()}


def _read(engine: Engine, query: Select[Any]) -> pd.DataFrame:
    with engine.connect() as connection:
        return read(connection, query)
