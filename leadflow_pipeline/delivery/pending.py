"""Which leads wait to be handed over now, and to whom: what a plan decided, what a person decided, what was held.

What belongs here: reading that, in the order in which it is to be done. What does not: doing it (`handover`).

Only what is fresh is due: a decision until some hours after the end of its day, a person's word as long after it was
given. A backfill decides old days and is told to nobody. A decision that was fresh once and found nobody free is held,
and stays due however long it takes: it is the one kind of old decision that somebody is waiting for. A lead that the
plan itself holds waits however old that is, for as long as no later plan gives it to anybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final

from sqlalchemy import Connection, and_, exists, func, or_, select

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.claiming import Claim
from leadflow_pipeline.delivery.present_reps import ENDED
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.store.schema import (
    handoffs,
    held_handoffs,
    outcomes,
    overrides,
    owner_decisions,
    routing_decisions,
)

NO_CANDIDATE: Final = "the plan found nobody"
LOOKED_BACK: Final = timedelta(days=14)
"""How far back decisions are counted that nobody was ever told of."""


@dataclass(frozen=True)
class Waiting:
    """A lead that waits for its owner: the claim to make, or none where the plan itself found nobody."""

    lead_id: str
    assignment_number: int
    decision_day: date
    claim: Claim | None
    is_held: bool = False
    reason: str = NO_CANDIDATE
    """Why there is no claim, where there is none."""


def waiting_leads(
    connection: Connection, campaign: Campaign, now: datetime, since: date | None = None
) -> list[Waiting]:
    """The leads of a campaign that wait, older decisions and more valuable leads first.

    With `since`, decisions from that day on count as fresh, because a person says so.
    """
    fresh_from = now - timedelta(hours=campaign.handover.not_after_hours)
    first = min(fresh_from.date(), since or date.max)
    held = _held(connection, campaign.campaign)
    decisions = _decisions(connection, campaign.campaign, first, held)
    by_hand = _by_hand(connection, campaign.campaign, now)
    lead_ids = {*decisions, *by_hand}
    owners = _owners(connection, campaign.campaign, lead_ids)
    ended = _ended(connection, campaign.campaign, lead_ids, now)
    hours = campaign.ownership.sla.first_touch_hours if campaign.ownership is not None else None
    waiting = []
    for lead_id, decision in decisions.items():
        told = owners.get(lead_id, (0, ""))[0]
        if lead_id in ended or told >= decision["assignment_number"]:
            continue
        word = by_hand.get(lead_id)
        claim = _planned_claim(campaign.campaign, decision, word and word[0], now, hours)
        waiting.append(
            Waiting(
                lead_id,
                decision["assignment_number"],
                decision["day"],
                claim,
                lead_id in held,
                _why(decision),
            )
        )
    due_already = {each.lead_id for each in waiting}
    said = {
        lead_id: rep
        for lead_id, (rep, at) in by_hand.items()
        if lead_id not in ended
        and lead_id not in due_already
        and (at > fresh_from or lead_id in held)
        and owners.get(lead_id, (0, ""))[1] != rep
    }
    numbers = _latest_numbers(connection, campaign.campaign, said)
    today = now.astimezone(UTC).date()
    for lead_id, rep in said.items():
        number = max(owners.get(lead_id, (0, ""))[0] + 1, numbers.get(lead_id, 1))
        claim = Claim(
            campaign.campaign,
            lead_id,
            today,
            (rep,),
            "hand",
            number,
            None,
            by_hand=True,
            first_touch_hours=hours,
        )
        waiting.append(Waiting(lead_id, number, today, claim, lead_id in held))
    asked = sorted(set(held) - due_already - set(said))
    return [*waiting, *_held_by_service(connection, campaign.campaign, asked, now, hours)]


def _held_by_service(
    connection: Connection, campaign: str, lead_ids: Sequence[str], now: datetime, hours: float | None
) -> Iterator[Waiting]:
    """Leads that somebody asked the service about, of whom no plan knows yet: whoever might have had it is tried."""
    if not lead_ids:
        return
    told, waits = routing_decisions, held_handoffs
    query = (
        select(told.c.lead_id, told.c.answer, waits.c.assignment_number, waits.c.reason)
        .join(waits, and_(waits.c.campaign == told.c.campaign, waits.c.lead_id == told.c.lead_id))
        .where(told.c.campaign == campaign, told.c.lead_id.in_(lead_ids))
        .order_by(told.c.lead_id, told.c.decision_id.desc())
        .distinct(told.c.lead_id)
    )
    owners = _owners(connection, campaign, lead_ids)
    ended = _ended(connection, campaign, lead_ids, now)
    today = now.astimezone(UTC).date()
    for row in connection.execute(query):
        number = row.assignment_number
        if row.lead_id in ended or owners.get(row.lead_id, (0, ""))[0] >= number:
            continue
        candidates = tuple(each["rep"] for each in row.answer.get("candidates", ()))
        claim = None
        if candidates:
            claim = Claim(
                campaign, row.lead_id, today, candidates, "service", number, first_touch_hours=hours
            )
        yield Waiting(row.lead_id, number, today, claim, is_held=True, reason=row.reason)


def never_told(connection: Connection, campaign: Campaign, now: datetime) -> int:
    """Leads whose owner of the last two weeks' plans was never told and will not be, because it is too late."""
    stale_from = (now - timedelta(hours=campaign.handover.not_after_hours)).date()
    held = _held(connection, campaign.campaign)
    first = (now - LOOKED_BACK).date()
    decisions = _decisions(connection, campaign.campaign, first, {})
    owners = _owners(connection, campaign.campaign, decisions)
    ended = _ended(connection, campaign.campaign, decisions, now)
    return sum(
        decision["day"] < stale_from
        and decision["owner"] is not None
        and owners.get(lead_id, (0, ""))[0] < decision["assignment_number"]
        for lead_id, decision in decisions.items()
        if lead_id not in held and lead_id not in ended
    )


def held_leads(connection: Connection, campaign: str | None) -> list[dict[str, Any]]:
    """Leads that wait for an owner, the longest first: at the door, or because a plan found nobody for them.

    A backfill holds leads too, and tells nobody; they are tried again with each day that is computed.
    """
    decisions, door = owner_decisions.c, held_handoffs.c
    latest = (
        select(
            decisions.campaign, decisions.lead_id, decisions.day, decisions.status, decisions.assignment_number,
            decisions.reasons,
        )
        .order_by(decisions.campaign, decisions.lead_id, decisions.day.desc())
        .distinct(decisions.campaign, decisions.lead_id)
        .subquery()
    ).c  # fmt: skip

    def is_same(other: Any) -> Any:
        return and_(other.campaign == latest.campaign, other.lead_id == latest.lead_id)

    by_plan = select(latest.campaign, latest.lead_id, latest.day, latest.reasons).where(
        latest.status == "HELD",
        ~exists().where(is_same(door)),
        ~exists().where(is_same(handoffs.c), handoffs.c.assignment_number >= latest.assignment_number),
        ~exists().where(is_same(outcomes.c), outcomes.c.outcome.in_(ENDED)),
    )
    at_door = select(door.campaign, door.lead_id, door.decision_day, door.held_since, door.reason)
    if campaign is not None:
        by_plan, at_door = (
            by_plan.where(latest.campaign == campaign),
            at_door.where(door.campaign == campaign),
        )
    waiting = [dict(row) for row in connection.execute(at_door).mappings()]
    for slug, lead_id, day, reasons in connection.execute(by_plan).tuples():
        waiting.append(
            {
                "campaign": slug,
                "lead_id": lead_id,
                "decision_day": day,
                "held_since": datetime.combine(day + timedelta(days=1), time(), UTC),
                "reason": f"{NO_CANDIDATE}: {'; '.join(reasons)}",
            }
        )
    return sorted(waiting, key=lambda each: (each["held_since"], each["campaign"], each["lead_id"]))


def candidates_of(decision: Mapping[str, Any]) -> tuple[str, ...]:
    """Whom a decision names, the owner first, then the next best in their order."""
    told = decision["candidates"]
    listed = told.get("best", ()) if isinstance(told, dict) else told
    owner = [decision["owner"]] if decision["owner"] else []
    return tuple(dict.fromkeys([*owner, *(each["rep"] for each in listed)]))


def _why(decision: Mapping[str, Any]) -> str:
    """Why the plan found nobody, in its own words, which name nobody."""
    reasons = decision["reasons"]
    return f"{NO_CANDIDATE}: {reasons[0]}" if reasons else NO_CANDIDATE


def _planned_claim(
    campaign: str, decision: Mapping[str, Any], by_hand: str | None, now: datetime, hours: float | None
) -> Claim | None:
    candidates = (by_hand,) if by_hand else candidates_of(decision)
    if not candidates or (decision["owner"] is None and not by_hand):
        return None
    # A plan's day is told on the next. What is told later takes its room from the day that is told then.
    yesterday = now.astimezone(UTC).date() - timedelta(days=1)
    is_by_plan = by_hand is None or by_hand == decision["owner"]
    return Claim(
        campaign,
        decision["lead_id"],
        max(decision["day"], yesterday),
        candidates,
        "pipeline" if is_by_plan else "hand",
        decision["assignment_number"],
        decision["owner"],
        by_hand=by_hand is not None,
        first_touch_hours=hours,
    )


def _held(connection: Connection, campaign: str) -> dict[str, date]:
    """Leads that are held -> the day of their decision."""
    query = select(held_handoffs.c.lead_id, held_handoffs.c.decision_day).where(
        held_handoffs.c.campaign == campaign
    )
    return dict(connection.execute(query).tuples().all())


def _decisions(
    connection: Connection, campaign: str, first: date, held: Mapping[str, date]
) -> dict[str, dict[str, Any]]:
    """The latest decision of each lead, of a day from `first` on or of a lead that waits; in their order."""
    table, later = owner_decisions.c, owner_decisions.alias("later")
    earliest = min([first, *held.values()])
    is_overtaken = exists().where(
        later.c.campaign == table.campaign, later.c.lead_id == table.lead_id, later.c.day > table.day
    )
    query = (
        select(
            table.lead_id, table.day, table.status, table.assignment_number, table.owner, table.expected_value,
            table.candidates, table.reasons,
        )
        .where(
            table.campaign == campaign,
            or_(
                table.day >= first,
                and_(table.day >= earliest, table.lead_id.in_(sorted(held))),
                and_(table.status == "HELD", ~is_overtaken),
            ),
        )
        .order_by(table.lead_id, table.day.desc())
        .distinct(table.lead_id)
    )  # fmt: skip
    rows = [dict(row) for row in connection.execute(query).mappings()]
    rows.sort(key=lambda row: (row["day"], -(row["expected_value"] or 0.0), row["lead_id"]))
    return {row["lead_id"]: row for row in rows}


def latest_decisions(
    connection: Connection, campaign: str, lead_ids: Iterable[str]
) -> dict[str, dict[str, Any]]:
    """The latest decision that any plan took about each of these leads."""
    table = owner_decisions.c
    query = (
        select(table.lead_id, table.day, table.owner, table.candidates)
        .where(table.campaign == campaign, table.lead_id.in_(sorted(lead_ids)))
        .order_by(table.lead_id, table.day.desc())
        .distinct(table.lead_id)
    )
    return {row["lead_id"]: dict(row) for row in connection.execute(query).mappings()}


def _by_hand(connection: Connection, campaign: str, now: datetime) -> dict[str, tuple[str, datetime]]:
    """Whom a person named for each lead and when; the word that stands now."""
    query = (
        select(overrides.c.lead_id, func.btrim(overrides.c.value), overrides.c.occurred_at)
        .where(
            overrides.c.campaign == campaign,
            overrides.c.field == "owner",
            overrides.c.occurred_at <= now,
            or_(overrides.c.expires_at.is_(None), overrides.c.expires_at > now),
        )
        .order_by(overrides.c.lead_id, overrides.c.occurred_at.desc(), overrides.c.override_id.desc())
        .distinct(overrides.c.lead_id)
    )
    rows = connection.execute(query).tuples()
    return {lead_id: (value, at) for lead_id, value, at in rows if value.lower() != LIFTED}


def _owners(connection: Connection, campaign: str, lead_ids: Iterable[str]) -> dict[str, tuple[int, str]]:
    """Number and rep of each lead's latest hand-over."""
    query = (
        select(handoffs.c.lead_id, handoffs.c.assignment_number, handoffs.c.rep)
        .where(handoffs.c.campaign == campaign, handoffs.c.lead_id.in_(sorted(lead_ids)))
        .order_by(handoffs.c.lead_id, handoffs.c.assignment_number.desc())
        .distinct(handoffs.c.lead_id)
    )
    return {lead_id: (number, rep) for lead_id, number, rep in connection.execute(query).tuples()}


def _ended(connection: Connection, campaign: str, lead_ids: Iterable[str], now: datetime) -> set[str]:
    """Leads that are won or lost."""
    query = select(outcomes.c.lead_id).where(
        outcomes.c.campaign == campaign,
        outcomes.c.lead_id.in_(sorted(lead_ids)),
        outcomes.c.outcome.in_(ENDED),
        outcomes.c.occurred_at <= now,
    )
    return set(connection.scalars(query))


def _latest_numbers(connection: Connection, campaign: str, lead_ids: Iterable[str]) -> dict[str, int]:
    """The highest number that a plan has given a decision about each lead."""
    wanted: Sequence[str] = sorted(lead_ids)
    if not wanted:
        return {}
    table = owner_decisions.c
    query = (
        select(table.lead_id, func.max(table.assignment_number))
        .where(table.campaign == campaign, table.lead_id.in_(wanted))
        .group_by(table.lead_id)
    )
    return dict(connection.execute(query).tuples().all())
