"""Many requests for owners, decided in one transaction. A door: it writes hand-overs, and what was answered.

What belongs here: putting what leads are, what the rules say (`judging`) and whose lead it becomes into one answer
each. What does not: any rule, locks (`delivery.claiming`), waiting (`decision_queue`).

One transaction: the leads' locks; what was answered before under the same keys; the leads as they stand; the judgement;
the reps' locks and whose lead each becomes; the answers. Whoever is answered can rely on it, and whoever is not sends
the same key again and changes nothing more.

A lead is tried with its best few candidates at a time, because each costs a lock and a reading. Where none of them
turns out to have room, what is known of them is set right, and the lead waits for the next transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

from sqlalchemy import ARRAY, BigInteger, Connection, Engine, Text, bindparam, select, text

from leadflow_pipeline.delivery.claiming import Handoff, claim_at_once, lead_locks
from leadflow_pipeline.delivery.decided_at_once import DECIDED_AT_ONCE
from leadflow_pipeline.delivery.holding import hold
from leadflow_pipeline.delivery.pending import Waiting
from leadflow_pipeline.delivery.present_reps import KeptRoom
from leadflow_pipeline.service.decisions.answers import chosen, given_to, waiting_for_somebody, why_held
from leadflow_pipeline.service.decisions.asked import (
    HELD,
    ROUTED,
    Answer,
    Asked,
    Decided,
    KeyConflict,
    UnknownLead,
    as_json,
)
from leadflow_pipeline.service.decisions.judging import Judged, judged
from leadflow_pipeline.service.decisions.lead_state import LeadState, leads_of, reading_leads
from leadflow_pipeline.service.decisions.state import CampaignState
from leadflow_pipeline.store.schema import Timestamp, routing_decisions
from leadflow_pipeline.store.together import Sent, commit_together, together

BEGIN: Final = text(
    """
    SELECT set_config('lock_timeout', '10s', true), set_config('statement_timeout', '15s', true),
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
    treatments = state.treatments(connection.engine, [each.lead_id for each in asked])
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
        stand = [leads[each.lead_id].as_told(each.newcomer) for each in new]
        answers, written = _answers(connection, judged(stand, state, treatments, now), state, now, kept)
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
    state: CampaignState,
    lead_ids: Sequence[str],
    now: datetime,
    newcomers: Mapping[str, LeadState] = MappingProxyType({}),
) -> list[Answer | Exception]:
    """What `decide_group` would answer, by what is known without any lock; writes nothing."""
    treatments = state.treatments(engine, lead_ids)
    with engine.connect() as connection:
        (rows,) = together(connection, reading_leads(state.reading, state.version.campaign, lead_ids, now))
    leads = leads_of(rows)
    stand = [leads[lead_id].as_told(newcomers.get(lead_id)) for lead_id in lead_ids]
    found: list[Answer | Exception] = []
    for each in judged(stand, state, treatments, now, spread=False):
        if isinstance(each, Judged):
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
    found: Sequence[Judged | Answer | UnknownLead],
    state: CampaignState,
    now: datetime,
    kept: KeptRoom | None,
) -> tuple[list[Answer | UnknownLead | None], list[Sent]]:
    """The answers, and what writes whose lead each became. None: its candidates had no room, and others are left."""
    campaign = state.version.campaign
    claims = [each.claim for each in found if isinstance(each, Judged) and each.claim is not None]
    histories = {
        (campaign, each.lead.lead_id): list(each.lead.history) for each in found if isinstance(each, Judged)
    }
    outcomes, writing = claim_at_once(connection, claims, histories, now, kept)
    given = iter(outcomes)
    answers: list[Answer | UnknownLead | None] = []
    held: list[tuple[Waiting, str]] = []
    for each in found:
        if not isinstance(each, Judged):
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
    hold(connection, campaign, held, now)
    return answers, [] if writing is None else [writing]


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
