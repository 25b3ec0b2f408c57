"""Logs of decisions: each judgement that a derived table ever held, with the versions and the run that made it.

What belongs here: which tables have a log, and adding to it what a partition's new rows say differently. What does
not: reading a log, and what a decision means.

A log is written in the transaction that replaces the partition, so no row was ever there to be read without its line.
A row that says what the latest line of its lead and day says adds nothing, whichever version said it: computing a day
again changes no history, and a campaign's log grows with what is decided and not with how often it is computed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sqlalchemy import (
    ARRAY,
    Connection,
    Date,
    Subquery,
    Table,
    and_,
    any_,
    insert,
    literal,
    or_,
    select,
    text,
)

from leadflow_pipeline.store.schema import qualification_log, qualified_leads

KEY = ("campaign", "day", "lead_id")


@dataclass(frozen=True)
class Log:
    """The log of a table, and the columns that make a decision: a row that differs in none of them is the same."""

    table: Table
    decision: tuple[str, ...]
    made_by: tuple[str, ...] = ("campaign_version", "model_version")


LOGS: dict[Table, Log] = {
    qualified_leads: Log(qualification_log, ("status", "is_override", "score", "reasons")),
}


def log_decisions(
    connection: Connection, table: Table, campaign: str, days: Sequence[date], run_id: str
) -> int:
    """Adds what the rows of these days decide otherwise than the log's latest lines; the number of lines.

    Does nothing for a table without a log.
    """
    log = LOGS.get(table)
    if log is None:
        return 0
    names = [*KEY, *log.decision, *log.made_by]
    of_days = and_(table.c.campaign == campaign, table.c.day == any_(literal(list(days), ARRAY(Date))))
    rows = select(*(table.c[name] for name in names), literal(run_id)).where(of_days)
    latest = _latest_lines(log, campaign, days)
    says = [latest.c[name].is_distinct_from(table.c[name]) for name in log.decision]
    news = (
        rows.select_from(table)
        .outerjoin(latest, and_(latest.c.day == table.c.day, latest.c.lead_id == table.c.lead_id))
        .where(or_(latest.c.lead_id.is_(None), *says))
        .order_by(*(table.c[name] for name in KEY))
    )
    # Fresh tables have no statistics yet, and the planner's guess would be a lookup for every row.
    connection.execute(text("SET LOCAL enable_nestloop = off"))
    added = connection.execute(insert(log.table).from_select([*names, "run_id"], news))
    return int(added.rowcount)


def _latest_lines(log: Log, campaign: str, days: Sequence[date]) -> Subquery:
    """Of each lead and day the line that was added last."""
    lines = log.table.c
    return (
        select(lines.day, lines.lead_id, *(lines[name] for name in log.decision))
        .where(lines.campaign == campaign, lines.day == any_(literal(list(days), ARRAY(Date))))
        .order_by(lines.day, lines.lead_id, lines.decision_id.desc())
        .distinct(lines.day, lines.lead_id)
        .subquery("latest")
    )
