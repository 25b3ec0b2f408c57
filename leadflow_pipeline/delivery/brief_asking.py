"""Asking a language model to word briefs: once a decision, and what it said is kept.

What belongs here: whom to ask about, the record that makes it once, and putting an answer together with what only the
template says. What does not: what is shown and what holds (`brief_wording`), the wire (`vendors.language_model`).

A question is on record before it is asked. One whose answer was lost is not repeated: the template stands, and the
owner does not wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from datetime import time as clock_time
from typing import Final, TypeAlias

from sqlalchemy import Engine, func, select, update
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.delivery.brief import BriefFacts, reach, who
from leadflow_pipeline.delivery.brief_wording import INSTRUCTIONS, held_to, shown
from leadflow_pipeline.delivery.handover_rules import BriefModel
from leadflow_pipeline.errors import LeadflowError
from leadflow_pipeline.settings import secret
from leadflow_pipeline.store.schema import handoff_briefs
from leadflow_pipeline.vendors import language_model
from leadflow_pipeline.vendors.language_model import LanguageModel, NoOpinion
from leadflow_pipeline.vendors.session import VendorSession, utc_now

Wordings: TypeAlias = Mapping[str, tuple[str, ...]]
"""Lead -> the points of its brief, of those that a model worded well."""

CONNECT_SECONDS: Final = 5.0
MOST_TOKENS: Final = 700


def wordings_of(
    engine: Engine,
    version: CampaignVersion,
    facts: Mapping[str, BriefFacts],
    numbers: Mapping[str, int],
    now: datetime,
    *,
    wait: Callable[[float], None] = time.sleep,
) -> Wordings:
    """The wording of each lead's brief that a model was asked for now or before, and that holds.

    `numbers`: lead -> the assignment that it is about. Whatever a model does, nothing is raised: the template stands.
    """
    rules = version.rules.handover.language_model
    if rules is None:
        return {}
    campaign = version.campaign
    said = _kept(engine, campaign, numbers)
    model: LanguageModel | None = None
    for lead_id, number in numbers.items():
        if lead_id in said or lead_id not in facts:
            continue
        if not _put_on_record(engine, rules, campaign, lead_id, number, now):
            break
        try:
            model = model or _model(engine, rules, wait)
            said[lead_id] = _ask(model, facts[lead_id])
        except LeadflowError as error:
            said[lead_id] = str(error)
        _keep(engine, campaign, lead_id, number, said[lead_id])
        if model is None:
            break
    return {
        lead_id: _points(facts[lead_id], words)
        for lead_id, words in said.items()
        if isinstance(words, dict) and lead_id in facts
    }


def _ask(model: LanguageModel, facts: BriefFacts) -> dict[str, str] | str:
    given = shown(facts)
    answer = model.text(INSTRUCTIONS, given, MOST_TOKENS)
    return answer.problem if isinstance(answer, NoOpinion) else held_to(answer, given)


def _points(facts: BriefFacts, words: Mapping[str, str]) -> tuple[str, ...]:
    """Who and how to reach them as the template says it, and between them the model's points."""
    worded = (f"{label}: {text}" for label, text in words.items())
    return (f"Who: {who(facts)}", *worded, f"Reach: {reach(facts)}")


def _model(engine: Engine, rules: BriefModel, wait: Callable[[float], None]) -> LanguageModel:
    """Raises PermanentError where the environment lacks the key."""
    key = secret(rules.key_from) if rules.key_from is not None else None
    vendor = f"language model of {rules.host}"
    session = VendorSession(
        engine,
        vendor,
        rules.endpoint,
        headers=language_model.headers(key),
        timeout=(CONNECT_SECONDS, rules.timeout_seconds),
        now=utc_now,
        wait=wait,
    )
    return LanguageModel(session, vendor, rules.model, is_repeatable=False)


def _kept(engine: Engine, campaign: str, numbers: Mapping[str, int]) -> dict[str, dict[str, str] | str]:
    """What was asked before: the words, or why there are none."""
    table = handoff_briefs.c
    query = select(table.lead_id, table.assignment_number, table.bullets).where(
        table.campaign == campaign, table.lead_id.in_(sorted(numbers))
    )
    with engine.connect() as connection:
        return {
            lead_id: words if words is not None else "asked before"
            for lead_id, number, words in connection.execute(query).tuples()
            if numbers[lead_id] == number
        }


def _put_on_record(
    engine: Engine, rules: BriefModel, campaign: str, lead_id: str, number: int, now: datetime
) -> bool:
    """Whether this one may be asked: nobody else is asking, and the day's number is not used up."""
    table = handoff_briefs
    today = datetime.combine(now.astimezone(UTC).date(), clock_time.min, UTC)
    asked = select(func.count()).where(table.c.campaign == campaign, table.c.asked_at >= today)
    row = {"campaign": campaign, "lead_id": lead_id, "assignment_number": number, "asked_at": now}
    with engine.begin() as connection:
        if (connection.scalar(asked) or 0) >= rules.most_a_day:
            return False
        fresh = insert(table).values(row).on_conflict_do_nothing().returning(table.c.lead_id)
        return connection.scalar(fresh) is not None


def _keep(engine: Engine, campaign: str, lead_id: str, number: int, said: dict[str, str] | str) -> None:
    table = handoff_briefs
    words, problem = (said, None) if isinstance(said, dict) else (None, said)
    with engine.begin() as connection:
        connection.execute(
            update(table)
            .where(
                table.c.campaign == campaign,
                table.c.lead_id == lead_id,
                table.c.assignment_number == number,
            )
            .values(answered_at=func.now(), bullets=words, problem=problem)
        )
