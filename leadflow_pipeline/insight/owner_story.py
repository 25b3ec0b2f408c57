"""Why a lead has its owner, as of a day: the decision with its numbers, who may not have it and why, and what was told.

What belongs here: reading what concerns one lead's owner, and putting the constraints beside it. What does not:
printing (`cli.explain`), and the rules (`route/owners`). A door to the database that only reads. Reps are named by
their ids, the lead by its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, select

from leadflow_pipeline.campaign import load
from leadflow_pipeline.lead_fields import columns_holding, with_custom_fields
from leadflow_pipeline.route.owners.reps.eligibility import eligibility, fields_read
from leadflow_pipeline.route.owners.reps.roster import read_roster
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.partitions import as_of as rows_as_of


@dataclass(frozen=True)
class Candidate:
    """A rep who might have the lead, as the decision saw it."""

    rep: str
    match: float
    value: float
    price: float


@dataclass(frozen=True)
class OwnerDecision:
    """One decision about the owner."""

    day: date
    status: str
    number: int
    owner: str | None
    previous_owner: str | None
    method: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Told:
    """What an owner was told, or a person or the service decided at once."""

    number: int
    rep: str
    planned_rep: str | None
    origin: str
    reason: str
    decided_at: datetime
    first_touch_due_at: datetime | None


@dataclass(frozen=True)
class OwnerStory:
    """All of it."""

    decisions: tuple[OwnerDecision, ...]
    """The latest last."""
    candidates: tuple[Candidate, ...]
    """Of the latest decision that chose among reps, the chosen one first."""
    struck: dict[str, tuple[str, ...]]
    """Everybody who might not have it on that day, and the constraints that said so."""
    handoffs: tuple[Told, ...]
    currency: str
    """Of values and prices."""

    @property
    def latest(self) -> OwnerDecision:
        """The decision that stands."""
        return self.decisions[-1]


def tell_owners(engine: Engine, campaign: str, lead_id: str, as_of: date) -> OwnerStory | None:
    """The story of a lead's owner as of the end of a day; None where nothing was decided by then."""
    with engine.connect() as connection:
        rows = _decisions(connection, campaign, lead_id, as_of)
        handoffs = _handoffs(connection, campaign, lead_id, as_of)
    if not rows:
        return None
    chosen = next((row for row in reversed(rows) if "may" in _read(row.candidates)), None)
    return OwnerStory(
        decisions=tuple(
            OwnerDecision(
                row.day,
                row.status,
                row.assignment_number,
                row.owner,
                row.previous_owner,
                row.method,
                tuple(_read(row.reasons)),
            )
            for row in rows
        ),
        candidates=tuple(Candidate(**best) for best in _read(chosen.candidates)["best"]) if chosen else (),
        struck=_struck(engine, campaign, lead_id, chosen.day, chosen.campaign_version) if chosen else {},
        handoffs=handoffs,
        currency=load(engine, campaign, rows[-1].campaign_version).rules.currency,
    )


def _struck(
    engine: Engine, campaign: str, lead_id: str, day: date, version: int
) -> dict[str, tuple[str, ...]]:
    """Found again from the reps, the lead and the rules as they were on the day."""
    rules = load(engine, campaign, version).rules.ownership
    if rules is None:
        return {}
    fields = fields_read(rules)
    columns = [name for name in columns_holding(fields) if name in schema.enriched_leads.c]
    key = pd.DataFrame({"lead_id": [lead_id], "day": [pd.Timestamp(day)]})
    lead = with_custom_fields(rows_as_of(engine, schema.enriched_leads, campaign, key, columns), fields)
    roster = read_roster(engine, campaign, day)
    if lead.empty:
        return {}
    may = eligibility(lead, roster, rules)
    return {
        str(rep): may.why_not(0, column)
        for column, rep in enumerate(roster.ids)
        if not may.allowed[0, column]
    }


def _decisions(connection: Connection, campaign: str, lead_id: str, as_of: date) -> list[Any]:
    table = schema.owner_decisions
    query = (
        select(table)
        .where(table.c.campaign == campaign, table.c.lead_id == lead_id, table.c.day <= as_of)
        .order_by(table.c.day)
    )
    return list(connection.execute(query))


def _read(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _handoffs(connection: Connection, campaign: str, lead_id: str, as_of: date) -> tuple[Told, ...]:
    table = schema.handoffs.c
    query = (
        select(
            table.assignment_number,
            table.rep,
            table.planned_rep,
            table.origin,
            table.reason,
            table.decided_at,
            table.first_touch_due_at,
        )
        .where(table.campaign == campaign, table.lead_id == lead_id, table.decision_day <= as_of)
        .order_by(table.assignment_number)
    )
    return tuple(Told(*row) for row in connection.execute(query))
