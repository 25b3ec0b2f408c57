"""What the rules say of leads whose owners are asked for, by the state that is kept ready. Nothing is read or written.

What belongs here: from a lead as it stands to an answer, or to whom it should go and who else could have it. What does
not: any rule of its own (`route`), whose lead it becomes (`deciding`), words (`answers`).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from leadflow_pipeline.delivery.claiming import Claim
from leadflow_pipeline.route.decision import Lead, RoutingStatus
from leadflow_pipeline.route.owners.choice.worth import money_of_one, win_chance
from leadflow_pipeline.route.owners.one_lead import OneDecision, decide_one
from leadflow_pipeline.route.plan import REASON_LOW_SCORE
from leadflow_pipeline.service.decisions.answers import about, had_by
from leadflow_pipeline.service.decisions.asked import ALREADY_ROUTED, ROUTED, Answer, UnknownLead
from leadflow_pipeline.service.decisions.lead_state import LeadState
from leadflow_pipeline.service.decisions.state import CampaignState, Treatments

CANDIDATES_TRIED: Final = 5
"""Whose locks are taken for one lead at a time."""

NO_OWNERS: Final = "the campaign gives no owners: its file has no section ownership"


@dataclass(frozen=True)
class Judged:
    """A lead that is to be given to somebody, and what speaks for whom."""

    answer: Answer
    lead: LeadState
    decision: OneDecision
    claim: Claim | None
    """None: nobody may have it now."""


def judged(
    leads: Iterable[LeadState],
    state: CampaignState,
    treatments: Treatments,
    now: datetime,
    *,
    spread: bool = True,
) -> list[Judged | Answer | UnknownLead]:
    """What the rules say of each lead: an answer, or who should have it. `spread`: each is given as if those before it
    had been.
    """
    room, given_today = state.room.copy(), state.given_today.copy()
    found: list[Judged | Answer | UnknownLead] = []
    for lead in leads:
        history = lead.history
        if not lead.is_enriched and not history:
            found.append(UnknownLead())
            continue
        answer = about(state, lead, now)
        if history and not _has_left(state, history[-1].rep):
            found.append({**answer, "status": ALREADY_ROUTED, **had_by(history[-1])})
            continue
        answer |= _verdict(state, lead, treatments.sequences.get(lead.lead_id))
        if answer["status"]:
            found.append(answer)
            continue
        if state.ownership is None or state.ready is None or state.strengths is None:
            found.append({**answer, "status": ROUTED, "reasons": [NO_OWNERS]})
            continue
        scored = lead.scored or {}
        decision = decide_one(
            lead.fields,
            win_chance(scored.get("conversion_probability"), scored.get("score")),
            money_of_one(lead.fields.get(state.ownership.value.field), state.ownership.value),
            state.ready,
            state.strengths,
            state.carried,
            room,
            state.open_leads,
            state.account_owner(lead.fields),
            treatments.weights.get(lead.lead_id),
            given_today,
            state.prices,
        )
        one = _with_claim(state, lead, answer, decision, now)
        if spread and one.claim is not None and decision.owner is not None:
            column = state.ready.roster.column_of.get(one.claim.candidates[0])
            if column is not None:
                room[column] -= 1
                given_today[column] += 1
        found.append(one)
    return found


def _with_claim(
    state: CampaignState,
    lead: LeadState,
    answer: Answer,
    decision: OneDecision,
    now: datetime,
) -> Judged:
    """A person's word first, then the plan's owner whom nobody has told yet, then the best of now."""
    history, named, planned = lead.history, lead.overrides.get("owner"), lead.planned or {}
    number = history[-1].assignment_number + 1 if history else 1
    number = max(number, planned.get("assignment_number") or 1)
    answer = {**answer, "assignment_number": number, "previous_owner": history[-1].rep if history else None}
    candidates = decision.order if decision.held_by is None else ()
    if planned.get("owner") and planned["owner"] in decision.order:
        candidates = (planned["owner"], *(rep for rep in decision.order if rep != planned["owner"]))
    candidates = candidates[:CANDIDATES_TRIED]
    if named is not None:
        candidates = (named,)
    claim = None
    if candidates and state.ownership is not None:
        claim = Claim(
            state.version.campaign,
            lead.lead_id,
            now.astimezone(UTC).date(),
            candidates,
            "service",
            number,
            planned.get("owner"),
            by_hand=named is not None,
            first_touch_hours=state.ownership.sla.first_touch_hours,
            tells=False,
        )
    return Judged(answer, lead, decision, claim)


def _verdict(state: CampaignState, lead: LeadState, sequences: list[int] | None) -> Answer:
    """The answer about a lead that is to have no owner; of one that is, its tier and sequence where they are new."""
    routed, qualified = lead.routed or {}, lead.qualified or {}
    was_routed = routed.get("tier") is not None and routed.get("status") in ("ROUTED", "ALREADY_ROUTED")
    if lead.ended is not None:
        return {"status": "REJECTED_LEAD", "reasons": [f"the lead is {lead.ended}"]}
    if was_routed:
        return {}
    decision = state.router.route_single_lead(
        Lead(
            lead.lead_id,
            qualified.get("status") or "PENDING",
            qualified.get("icp_fit"),
            lead.fields,
            is_low_score_only=_is_low_score_only(qualified),
            tier_override=lead.overrides.get("tier"),
            sequence_override=lead.overrides.get("sequence"),
        ),
        sequences=sequences,
    )
    if decision.status is RoutingStatus.ROUTED:
        return {"tier": decision.tier, "sequence": str(decision.sequence_type)}
    reasons = [each.get("text", "") for each in qualified.get("reasons") or [] if isinstance(each, dict)]
    return {"status": decision.status.value, "reasons": [decision.reasoning, *filter(None, reasons)]}


def _is_low_score_only(qualified: dict[str, Any]) -> bool:
    if qualified.get("status") != "REJECTED":
        return False
    reasons = [each for each in qualified.get("reasons") or [] if isinstance(each, dict)]
    against = [each for each in reasons if each.get("status") in ("REJECTED", "PENDING")]
    return len(against) == 1 and against[0].get("code") == LOW_SCORE


LOW_SCORE: Final = "score_below_threshold"
assert LOW_SCORE in REASON_LOW_SCORE  # noqa: S101 - one word for both


def _has_left(state: CampaignState, rep: str) -> bool:
    if state.ready is None:
        return False
    column = state.ready.roster.column_of.get(rep)
    return column is not None and state.ready.roster.reps[column].status == "left"
