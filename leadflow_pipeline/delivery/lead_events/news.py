"""What is news about leads: states that are others than those last seen, and what is said of them. Pure.

What belongs here: which change of which stage is told, in which order, and the body of a webhook. What does not:
reading what is known, and who is told.

An event tells that a lead changed, and all that it has come to by now, so that a receiver needs no other request: its
`number` counts a lead's events, and of two the one with the larger number is the later, whatever came first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Final

import pandas as pd

SCORED: Final = "lead.scored"
QUALIFIED: Final = "lead.qualified"
ROUTED: Final = "lead.routed"
GRADUATED: Final = "lead.graduated"
KINDS: Final = (SCORED, QUALIFIED, ROUTED, GRADUATED)
"""In the order of a lead's life, and of what is told of one lead at once."""

TEST: Final = "leadflow.test"
"""What an endpoint hears when somebody tries it."""

TOLD_AS: Final = ("ROUTED", "ALREADY_ROUTED")
NO_HANDOFF: Final = 0


@dataclass(frozen=True)
class Event:
    """Something that became of a lead, and when that was known. `number` is the lead's own count, over all kinds."""

    campaign: str
    lead_id: str
    kind: str
    number: int
    state: str
    at: datetime


def scored_states(rows: pd.DataFrame) -> pd.DataFrame:
    """`lead_id, state, at, is_told` of rows of `scored_leads`: a score of one digit, and a temperature.

    `at` is taken from the rows as it is.
    """
    state = rows["score"].round(1).astype("str") + " " + rows["temperature"].astype("str")
    return _states(rows, state, is_told=True)


def qualified_states(rows: pd.DataFrame) -> pd.DataFrame:
    """The same of `qualified_leads`. Only who is qualified is told; that a lead was not, in between, is remembered."""
    return _states(rows, rows["status"].astype("str"), is_told=rows["status"].eq("QUALIFIED"))


def routed_states(rows: pd.DataFrame) -> pd.DataFrame:
    """The same of `routed_leads` with the hand-over that stands, if any, as `assignment_number` and `rep`.

    A lead that was given an owner before it was routed has an owner and no tier.
    """
    number = rows["assignment_number"].fillna(NO_HANDOFF).astype("int64")
    words = [rows[name].fillna("").astype("str") for name in ("tier", "sequence", "rep")]
    state = words[0] + " " + words[1] + " " + number.astype("str") + " " + words[2]
    is_told = rows["status"].isin(TOLD_AS) & rows["tier"].notna() | number.ne(NO_HANDOFF)
    return _states(rows, state, is_told).assign(assignment_number=number)


def graduated_states(rows: pd.DataFrame) -> pd.DataFrame:
    """The same of `nurtured_leads`: an enrolment that came of age. All others say nothing."""
    of_age = rows[rows["state"].eq("GRADUATED")]
    return _states(of_age, of_age["enrolment_id"].astype("str"), is_told=True)


def changed(states: pd.DataFrame, seen: pd.DataFrame) -> pd.DataFrame:
    """The states that are others than those last seen (`lead_id, state`)."""
    known = seen.set_index("lead_id")["state"]
    return states[states["state"].ne(states["lead_id"].map(known).astype("object").fillna(""))]


def numbered(campaign: str, changes: Mapping[str, pd.DataFrame], last: Mapping[str, int]) -> list[Event]:
    """What is told of these changes (kind -> states), by lead, each lead's in the order of `KINDS`.

    `last`: the number of the last event of each lead that had any.
    """
    counts = dict(last)
    events = []
    for kind in KINDS:
        if kind not in changes:
            continue
        told = changes[kind][changes[kind]["is_told"]]
        for lead_id, state, at in zip(told["lead_id"], told["state"], told["at"], strict=True):
            counts[lead_id] = counts.get(lead_id, 0) + 1
            events.append(Event(campaign, lead_id, kind, counts[lead_id], state, at))
    return sorted(events, key=lambda event: (event.lead_id, event.number))


def body_of(event: Event, present: Mapping[str, Any], include: Iterable[str] = ()) -> dict[str, Any]:
    """`type`, `timestamp` and `data`, as the specification of Standard Webhooks recommends.

    `present` is what the lead has come to; of it, personal data are said where `include` names them.
    """
    data: dict[str, Any] = {
        "campaign": event.campaign,
        "lead_id": event.lead_id,
        "number": event.number,
        "day": _plain(present.get("day")),
    }
    for name, digits in SAID.items():
        value = _plain(present.get(name))
        data[name] = round(value, digits) if digits is not None and isinstance(value, float) else value
    if event.kind == GRADUATED:
        data["enrolment_id"] = event.state
    for name in include:
        data[name] = _plain(present.get(name))
    return {"type": event.kind, "timestamp": event.at.astimezone(UTC).isoformat(), "data": data}


SAID: Final[dict[str, int | None]] = {
    "score": 1,
    "icp_fit": 4,
    "engagement": 1,
    "conversion_probability": 4,
    "temperature": None,
    "status": None,
    "tier": None,
    "sequence": None,
    "owner": None,
    "assignment_number": None,
    "campaign_version": None,
    "model_version": None,
}
"""What every event says of a lead, and to how many digits. `status` is the qualification's."""


def _states(rows: pd.DataFrame, state: pd.Series, is_told: pd.Series | bool) -> pd.DataFrame:
    return rows[["lead_id", "at"]].assign(state=state, is_told=is_told).reset_index(drop=True)


def _plain(value: Any) -> Any:
    """As JSON has it; None for what is missing."""
    if value is None or pd.isna(value):
        return None
    if isinstance(value, datetime | date):
        return value.isoformat()[:10]
    return value.item() if hasattr(value, "item") else value
