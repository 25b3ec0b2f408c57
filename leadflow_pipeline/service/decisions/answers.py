"""What is answered about one lead, in words and numbers. Nothing is read or written here.

What belongs here: the members of an answer. What does not: coming to it (`deciding`), and its shape over HTTP
(`service.api.routing`).
"""

from __future__ import annotations

from datetime import UTC, datetime

from leadflow_pipeline.delivery.claiming import Handoff
from leadflow_pipeline.delivery.holding import reason_and_remedy
from leadflow_pipeline.delivery.pending import NO_CANDIDATE
from leadflow_pipeline.route.owners.one_lead import OneDecision
from leadflow_pipeline.service.decisions.asked import HELD, ROUTED, Answer
from leadflow_pipeline.service.decisions.lead_state import LeadState
from leadflow_pipeline.service.decisions.state import CampaignState


def about(state: CampaignState, lead: LeadState, now: datetime) -> Answer:
    """What is answered of every lead."""
    scored, routed = lead.scored or {}, lead.routed or {}
    chance = scored.get("conversion_probability")
    return {
        "campaign": state.version.campaign,
        "lead_id": lead.lead_id,
        "status": "",
        "owner": None,
        "previous_owner": None,
        "assignment_number": None,
        "tier": routed.get("tier"),
        "sequence": routed.get("sequence"),
        "score": None if scored.get("score") is None else round(scored["score"], 2),
        "conversion_probability": None if chance is None else round(chance, 4),
        "method": None,
        "match": None,
        "value": None,
        "price": None,
        "reasons": [],
        "candidates": [],
        "may": None,
        "struck": {},
        "remedy": None,
        "first_touch_due_at": None,
        "campaign_version": state.version.version,
        "model_version": scored.get("model_version"),
        "decided_at": _written(now),
    }


def had_by(handoff: Handoff) -> Answer:
    """Of a lead that has an owner already."""
    return {
        "owner": handoff.rep,
        "previous_owner": handoff.previous_rep,
        "assignment_number": handoff.assignment_number,
        "method": "handoff",
        "reasons": [f"{handoff.rep} has it: {handoff.reason}"],
        "first_touch_due_at": _written(handoff.first_touch_due_at),
    }


def given_to(answer: Answer, decision: OneDecision, handoff: Handoff) -> Answer:
    """Of a lead that was given away now."""
    reason = [handoff.reason] if handoff.rep not in decision.order[:1] else []
    told = chosen(decision, handoff.rep)
    return {
        **answer,
        "status": ROUTED,
        **told,
        "reasons": [*told["reasons"], *reason],
        "previous_owner": handoff.previous_rep,
        "assignment_number": handoff.assignment_number,
        "first_touch_due_at": _written(handoff.first_touch_due_at),
    }


def chosen(decision: OneDecision, owner: str) -> Answer:
    """Who it is, among whom, and why."""
    candidate = next((each for each in decision.candidates if each.rep == owner), None)
    told: Answer = {"owner": owner, **_candidates(decision), "reasons": [f"{owner}: named, not chosen"]}
    if candidate is not None:
        sums = (
            f"{owner} is the best of {told['may']} who may have it by {candidate.why.replace('_', ' ')}: "
            f"value {candidate.value:.2f} - price {candidate.price:.2f}, match {candidate.match:.2f}"
        )
        told |= {
            "method": candidate.why,
            "match": candidate.match,
            "value": candidate.value,
            "price": candidate.price,
            "reasons": [sums],
        }
    return told


def waiting_for_somebody(answer: Answer, decision: OneDecision, reason: str) -> Answer:
    """Of a lead that nobody can have now."""
    why, remedy = reason_and_remedy(reason)
    return {
        **answer,
        **_candidates(decision),
        "status": HELD,
        "method": decision.held_by or "capacity",
        "reasons": [why],
        "remedy": decision.remedy or remedy,
    }


def _candidates(decision: OneDecision) -> Answer:
    return {
        "candidates": [
            {"rep": each.rep, "match": each.match, "value": each.value, "price": each.price,
             "has_room": each.has_room, "why": each.why}
            for each in decision.candidates
        ],
        "may": len(decision.order),
        "struck": decision.struck_counts,
    }  # fmt: skip


def why_held(decision: OneDecision) -> str:
    """In the words in which the hand-over holds a lead."""
    return f"{NO_CANDIDATE}: {decision.held_by}: {decision.remedy}" if decision.held_by else NO_CANDIDATE


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
