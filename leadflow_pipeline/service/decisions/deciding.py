"""Many requests for owners, decided in one transaction. A door: it writes hand-overs, and what was answered.

What belongs here: putting what leads are, what the rules say and whose lead it becomes into one answer each. What does
not: any rule, locks (`delivery.claiming`), waiting (`decision_queue`).

One transaction: the leads' locks; what was answered before under the same keys; the leads as they stand; the judgement;
the reps' locks and whose lead each becomes; the answers. Whoever is answered can rely on it, and whoever is not sends
the same key again and changes nothing more.

A lead is tried with its best few candidates at a time, because each costs a lock and a reading. Where none of them
turns out to have room, what is known of them is set right, and the lead waits for the next transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final

from sqlalchemy import ARRAY, BigInteger, Connection, Engine, Text, bindparam, select, text

from leadflow_pipeline.delivery.claiming import (
    Claim,
    Handoff,
    claim_at_once,
    lead_locks,
)
from leadflow_pipeline.delivery.decided_at_once import DECIDED_AT_ONCE
from leadflow_pipeline.delivery.holding import hold
from leadflow_pipeline.delivery.pending import Waiting
from leadflow_pipeline.delivery.present_reps import KeptRoom
from leadflow_pipeline.route.decision import Lead, RoutingStatus
from leadflow_pipeline.route.owners.choice.worth import money_of_one, win_chance
from leadflow_pipeline.route.owners.one_lead import OneDecision, decide_one
from leadflow_pipeline.route.plan import REASON_LOW_SCORE
from leadflow_pipeline.service.decisions.answers import (
    about,
    chosen,
    given_to,
    had_by,
    waiting_for_somebody,
    why_held,
)
from leadflow_pipeline.service.decisions.asked import (
    ALREADY_ROUTED,
    HELD,
    ROUTED,
    Answer,
    Asked,
    Decided,
    KeyConflict,
    UnknownLead,
    as_json,
)
from leadflow_pipeline.service.decisions.lead_state import LeadState, leads_of, reading_leads
from leadflow_pipeline.service.decisions.state import CampaignState, Floats
from leadflow_pipeline.store.schema import Timestamp, routing_decisions
from leadflow_pipeline.store.together import Sent, commit_together, together

CANDIDATES_TRIED: Final = 5
"""Whose locks are taken for one lead at a time."""

BEGIN: Final = text(
    """
    SELECT set_config('lock_timeout', '10s', true), set_config('statement_timeout', '15s', true),
        set_config('plan_cache_mode', 'force_generic_plan', true),
        (SELECT count(pg_advisory_xact_lock(number)) FROM unnest(:numbers) AS number),
        current_version, status
    FROM leadflow.campaigns WHERE campaign = :campaign
    """
).bindparams(bindparam("numbers", type_=ARRAY(BigInteger)), bindparam("campaign", type_=Text))
EARLIER: Final = text(
    "SELECT idempotency_key, request_key, answer FROM leadflow.routing_decisions "
    "WHERE campaign = :campaign AND idempotency_key = ANY(:keys)"
).bindparams(bindparam("keys", type_=ARRAY(Text)), bindparam("campaign", type_=Text))
KEEP: Final = text(
    """
    WITH told AS (
        SELECT * FROM jsonb_to_recordset(CAST(:told AS jsonb)) AS told (
            lead_id text, key text, request_key text, number integer, answer jsonb, actor text, detail jsonb,
            correlation_id text)
    ), changed AS (
        INSERT INTO leadflow.activity_log (actor, action, campaign, lead_id, detail, correlation_id)
        SELECT actor, :action, :campaign, lead_id, detail, correlation_id FROM told WHERE detail IS NOT NULL
    )
    INSERT INTO leadflow.routing_decisions
        (campaign, lead_id, idempotency_key, request_key, assignment_number, answer, decided_at)
    SELECT :campaign, lead_id, key, request_key, number, answer, :now FROM told
    """
).bindparams(
    bindparam("told", type_=Text),
    bindparam("campaign", type_=Text),
    bindparam("action", type_=Text),
    bindparam("now", type_=Timestamp),
)

Outcome = Decided | Exception | None
"""None: nothing was decided yet, and it is to be asked again at once."""


class OutdatedState(Exception):
    """The campaign has another version or status than the state: it is to be read again first."""


@dataclass(frozen=True)
class _Judged:
    """A lead that is to be given to somebody, and what speaks for whom."""

    answer: Answer
    lead: LeadState
    decision: OneDecision
    claim: Claim | None


def decide_group(
    connection: Connection,
    asked: Sequence[Asked],
    state: CampaignState,
    now: datetime,
    kept: KeptRoom | None = None,
) -> list[Outcome]:
    """What became of each of these requests about one campaign, in their order; all that was decided is committed.

    Raises OutdatedState, and whatever the database does where it is down or busy; then nothing was decided.
    """
    weights, sequences = state.treatments(connection.engine, sorted({each.lead_id for each in asked}))
    with connection.begin():
        earlier, leads = _begin(connection, asked, state, now)
        outcomes: list[Outcome] = [None] * len(asked)
        first: dict[str, int] = {}
        for number, each in enumerate(asked):
            if each.idempotency_key in earlier:
                outcomes[number] = _replayed(each, *earlier[each.idempotency_key])
            else:
                first.setdefault(each.idempotency_key, number)
        # The same key twice at once, and the same lead twice: the first now, the others find what it came to.
        turns = {asked[number].lead_id: number for number in reversed(first.values())}
        new = [asked[number] for number in turns.values()]
        answers, written = _answers(connection, new, leads, state, now, weights, sequences, kept)
        decided = [
            (each, Decided(answer, text=as_json(answer)))
            for each, answer in zip(new, answers, strict=True)
            if isinstance(answer, dict)
        ]
        if decided:
            written.append(_keeping(decided, now))
        told = iter(decided)
        for number, answer in zip(turns.values(), answers, strict=True):
            outcomes[number] = next(told)[1] if isinstance(answer, dict) else answer
        commit_together(connection, *written)
    if kept is not None:
        for answer in answers:
            if isinstance(answer, dict) and answer["status"] == ROUTED and answer["owner"] is not None:
                kept.give(answer["owner"], now.astimezone(UTC).date())
    return outcomes


def predict(
    engine: Engine,
    campaign_state: CampaignState,
    lead_ids: Sequence[str],
    now: datetime,
    newcomers: Mapping[str, LeadState] = MappingProxyType({}),
) -> list[Answer | Exception]:
    """What `decide_group` would answer, by what is known without any lock; writes nothing."""
    weights, sequences = campaign_state.treatments(engine, sorted(set(lead_ids)))
    with engine.connect() as connection:
        reading = reading_leads(campaign_state.reading, campaign_state.version.campaign, lead_ids, now)
        (rows,) = together(connection, reading)
    judged = _judged(
        leads_of(rows), lead_ids, campaign_state, now, weights, sequences, newcomers, spread=False
    )
    found: list[Answer | Exception] = []
    for each in judged:
        if isinstance(each, _Judged):
            owner = each.decision.owner
            if owner is None:
                found.append(waiting_for_somebody(each.answer, each.decision, why_held(each.decision)))
            else:
                found.append({**each.answer, "status": ROUTED, **chosen(each.decision, owner)})
        else:
            found.append(each)
    return found


def _begin(
    connection: Connection, asked: Sequence[Asked], state: CampaignState, now: datetime
) -> tuple[dict[str, tuple[str, Answer]], dict[str, LeadState]]:
    """Takes the leads' locks; what was answered before under the same keys, and the leads as they stand since. Raises
    OutdatedState.
    """
    campaign, lead_ids = state.version.campaign, [each.lead_id for each in asked]
    locks = {"numbers": lead_locks([(campaign, lead_id) for lead_id in lead_ids]), "campaign": campaign}
    keys = {"campaign": campaign, "keys": [each.idempotency_key for each in asked]}
    reading = reading_leads(state.reading, campaign, lead_ids, now)
    begun, answered, leads = together(connection, (BEGIN, locks), (EARLIER, keys), reading)
    if begun[0][-2:] != (state.version.version, state.status):
        raise OutdatedState
    return {key: (request_key, answer) for key, request_key, answer in answered}, leads_of(leads)


def was_another(
    engine: Engine, campaign: str, idempotency_key: str, request_key_of: Callable[[str], str]
) -> bool:
    """Whether the key came before with another request than that about the same lead would be."""
    kept = routing_decisions.c
    query = select(kept.lead_id, kept.request_key).where(
        kept.campaign == campaign, kept.idempotency_key == idempotency_key
    )
    with engine.connect() as connection:
        row = connection.execute(query).first()
    return row is not None and request_key_of(row.lead_id) != row.request_key


def _replayed(asked: Asked, request_key: str, answer: Answer) -> Outcome:
    return Decided(answer, is_replay=True) if request_key == asked.request_key else KeyConflict()


def _answers(
    connection: Connection,
    asked: Sequence[Asked],
    leads: Mapping[str, LeadState],
    state: CampaignState,
    now: datetime,
    weights: dict[str, Floats],
    sequences: dict[str, list[int]],
    kept: KeptRoom | None,
) -> tuple[list[Answer | Exception | None], list[Sent]]:
    """The answers, and what writes whose lead each became."""
    if not asked:
        return [], []
    campaign = state.version.campaign
    newcomers = {each.lead_id: each.newcomer for each in asked if each.newcomer is not None}
    judged = _judged(leads, [each.lead_id for each in asked], state, now, weights, sequences, newcomers)
    claims = [each.claim for each in judged if isinstance(each, _Judged) and each.claim is not None]
    histories = {
        (campaign, each.lead.lead_id): list(each.lead.history) for each in judged if isinstance(each, _Judged)
    }
    outcomes, writing = claim_at_once(connection, claims, histories, now, kept)
    given = iter(outcomes)
    answers: list[Answer | Exception | None] = []
    held: list[tuple[Waiting, str]] = []
    for each in judged:
        if not isinstance(each, _Judged):
            answers.append(each)
            continue
        reason = why_held(each.decision)
        if each.claim is not None:
            outcome = next(given)
            if isinstance(outcome, Handoff):
                state.give(outcome.rep, each.lead.fields)
                answers.append(given_to(each.answer, each.decision, outcome))
                continue
            state.fill(each.claim.candidates)
            if len(each.claim.candidates) < len(each.decision.order):
                answers.append(None)
                continue
            reason = outcome.reason
        waiting = Waiting(
            each.lead.lead_id, each.answer["assignment_number"], now.astimezone(UTC).date(), each.claim
        )
        held.append((waiting, reason))
        answers.append(waiting_for_somebody(each.answer, each.decision, reason))
    hold(connection, state.version.campaign, held, now)
    return answers, [] if writing is None else [writing]


def _judged(
    leads: Mapping[str, LeadState],
    lead_ids: Sequence[str],
    state: CampaignState,
    now: datetime,
    weights: dict[str, Floats],
    sequences: dict[str, list[int]],
    newcomers: Mapping[str, LeadState],
    *,
    spread: bool = True,
) -> list[_Judged | Answer | Exception]:
    """What the rules say of each lead: an answer, or who should have it. `spread`: each is given as if those before it
    had been.
    """
    room, given_today = state.room.copy(), state.given_today.copy()
    found: list[_Judged | Answer | Exception] = []
    for lead_id in lead_ids:
        lead = leads[lead_id]
        new = newcomers.get(lead_id)
        if new is not None and (new.is_news or not lead.is_enriched):
            lead = replace(
                lead, fields=new.fields, is_enriched=True, scored=new.scored, qualified=new.qualified
            )
        history = lead.history
        answer = about(state, lead, now)
        if not lead.is_enriched and not history:
            found.append(UnknownLead())
            continue
        if history and not _has_left(state, history[-1].rep):
            found.append({**answer, "status": ALREADY_ROUTED, **had_by(history[-1])})
            continue
        verdict = _verdict(state, lead, sequences.get(lead_id))
        answer |= verdict
        if "status" in verdict:
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
            weights.get(lead_id),
            given_today,
            state.prices,
        )
        judged = _with_claim(state, lead, answer, decision, history, now)
        if spread and judged.claim is not None and decision.owner is not None:
            column = state.ready.roster.column_of.get(judged.claim.candidates[0])
            if column is not None:
                room[column] -= 1
                given_today[column] += 1
        found.append(judged)
    return found


NO_OWNERS: Final = "the campaign gives no owners: its file has no section ownership"


def _with_claim(
    state: CampaignState,
    lead: LeadState,
    answer: Answer,
    decision: OneDecision,
    history: Sequence[Handoff],
    now: datetime,
) -> _Judged:
    """A person's word first, then the plan's owner whom nobody has told yet, then the best of now."""
    named, planned = lead.overrides.get("owner"), lead.planned or {}
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
    return _Judged(answer, lead, decision, claim)


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


def _keeping(decided: Sequence[tuple[Asked, Decided]], now: datetime) -> Sent:
    """What writes what was answered, and that it was."""
    told = []
    for asked, each in decided:
        answer = each.answer
        row = {
            "lead_id": asked.lead_id,
            "key": asked.idempotency_key,
            "request_key": asked.request_key,
            "number": None if answer["owner"] is None else answer["assignment_number"],
            "actor": asked.actor,
            "correlation_id": asked.correlation_id,
        }
        if answer["status"] in (ROUTED, HELD):
            row["detail"] = {"status": answer["status"], "owner": answer["owner"]}
        told.append(f'{as_json(row)[:-1]},"answer":{each.text}}}')
    values = {
        "told": f"[{','.join(told)}]",
        "campaign": decided[0][0].campaign,
        "action": DECIDED_AT_ONCE,
        "now": now,
    }
    return KEEP, values
