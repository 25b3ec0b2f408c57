"""The once-only purchase: a question is planned, asked once, and its answer kept for everybody.

What belongs here: ordering questions, having them asked, and what a person decides about a question of unknown fate.
What does not: a round of asking (`rounds`), the statements that change a state (`lookup_states`), and which vendor is
asked about whom (the doors of `harvest` and `enrich`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, Literal

import pandas as pd
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Table,
    Text,
    insert,
    text,
    update,
)

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.copy import copy_in
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import subject_keys
from leadflow_pipeline.store.schema import activity_log, vendor_lookups
from leadflow_pipeline.vendors import lookup_states as states
from leadflow_pipeline.vendors.answers import answers_before, leads_answered_on, lookups_in
from leadflow_pipeline.vendors.limits import Budget
from leadflow_pipeline.vendors.questions import (
    Answer,
    Asker,
    CarriedOut,
    Ordered,
    Question,
    Submitted,
    json_text,
)
from leadflow_pipeline.vendors.rounds import OnAnswers, Round
from leadflow_pipeline.vendors.session import utc_now

__all__ = [
    "Answer", "Asker", "Budget", "CarriedOut", "Ordered", "Question", "Submitted",
    "answers_before", "carry_out", "leads_answered_on", "lookups_in", "order", "settle",
]  # fmt: skip

GIVEN_UP_TTL: Final = timedelta(days=90)
"""How long nobody asks again what a person has given up, whoever orders it."""


def order(connection: Connection, questions: Sequence[Question], now: datetime) -> Ordered:
    """Plans questions in the caller's transaction, each once for what it is asked for, however often it is ordered.

    One that is known (planned, being asked, or answered and not expired) for the same lead or source adds nothing. One
    that any campaign had answered is answered from there at no cost; for a source this waits for `carry_out`, which
    makes a record of the answer.
    """
    if not questions:
        return Ordered()
    rows = pd.DataFrame(
        {
            "campaign": pd.Series([question.campaign for question in questions], dtype="str"),
            "source": pd.Series([question.source for question in questions], dtype="str"),
            "lead_id": pd.Series([question.lead_id for question in questions], dtype="str"),
            "provider": pd.Series([question.provider for question in questions], dtype="str"),
            "vendor": pd.Series([question.vendor for question in questions], dtype="str"),
            "subject_key": subject_keys(pd.Series([question.subject for question in questions], dtype="str")),
            "question": pd.Series([json_text(question.question) for question in questions], dtype="str"),
            "place": pd.RangeIndex(len(questions)),
        }
    )
    askers = sorted(set(zip(rows["campaign"], rows["provider"], strict=True)))
    for campaign, provider in askers:
        states.lock_planned(connection, campaign, provider)
    planned = _insert_unknown(connection, rows, now)
    copied = sum(
        len(states.copy_answers(connection, campaign, provider, now, of_leads=True))
        for campaign, provider in askers
    )
    return Ordered(planned=planned - copied, copied=copied, known=len(questions) - planned)


def _insert_unknown(connection: Connection, rows: pd.DataFrame, now: datetime) -> int:
    """COPY into a temporary table, and from there whatever is not known yet; how many."""
    ordered = Table(
        "ordered_lookups",
        MetaData(),
        *(Column(name, Integer if name == "place" else Text) for name in rows.columns),
        prefixes=["TEMPORARY"],
    )
    ordered.create(connection)
    copy_in(connection, conform(rows, ordered), ordered)
    statement = text(
        """
        INSERT INTO leadflow.vendor_lookups
            (campaign, source, lead_id, provider, vendor, subject_key, question, requested_at, next_attempt_at)
        SELECT campaign, source, lead_id, provider, vendor, subject_key, CAST(question AS jsonb), :now, :now
        FROM (
            SELECT DISTINCT ON (campaign, provider, vendor, subject_key, source, lead_id) *
            FROM ordered_lookups
            ORDER BY campaign, provider, vendor, subject_key, source, lead_id, place
        ) AS new
        WHERE NOT EXISTS (
            SELECT FROM leadflow.vendor_lookups AS known
            WHERE known.vendor = new.vendor AND known.subject_key = new.subject_key
                AND known.campaign = new.campaign AND known.provider = new.provider
                AND known.source IS NOT DISTINCT FROM new.source
                AND known.lead_id IS NOT DISTINCT FROM new.lead_id
                AND (known.finished_at IS NULL OR coalesce(known.expires_at, 'infinity') > :now)
        )
        ORDER BY place
        RETURNING lookup_id
        """
    )
    count = len(connection.scalars(statement, {"now": now}).all())
    ordered.drop(connection)
    return count


def carry_out(
    engine: Engine,
    asker: Asker,
    *,
    campaign: str,
    provider: str,
    budget: Budget,
    now: Callable[[], datetime],
    answer_ttl: timedelta,
    not_found_ttl: timedelta,
    most: int,
    on_answers: OnAnswers | None = None,
) -> CarriedOut:
    """One round: copies what is known by now, polls what is pending and due, and asks at most `most` planned questions.

    One process at a time does this for a provider of a campaign; another one returns at once and says so. Whatever
    the vendor does is in the result, never raised.
    """
    states.sweep(engine)
    with states.sole_asker(engine, campaign, provider) as is_mine:
        if not is_mine:
            return CarriedOut(problem=f"another process is asking {provider} for campaign {campaign} already")
        ttl = {"answered": answer_ttl, "not_found": not_found_ttl, "failed": not_found_ttl}
        return Round(engine, asker, campaign, provider, budget, now, ttl, on_answers).run(most)


def settle(
    engine: Engine,
    lookup_id: int,
    decision: Literal["ask-again", "give-up"],
    actor: str,
    now: Callable[[], datetime] = utc_now,
) -> None:
    """Decides about a lookup whose fate is unknown: it is asked (and perhaps paid) again, or given up.

    Raises PermanentError where it is not unknown.
    """
    table = vendor_lookups
    at = now()
    values: dict[str, dict[str, Any]] = {
        "ask-again": {
            "state": "planned", "problem": None, "request_id": None, "place": None, "next_attempt_at": at,
        },
        "give-up": {
            "state": "failed", "problem": "given up by hand: its fate is unknown", "finished_at": at,
            "expires_at": at + GIVEN_UP_TTL,
        },
    }  # fmt: skip
    with engine.begin() as connection:
        settled = connection.execute(
            update(table)
            .where(table.c.lookup_id == int(lookup_id), table.c.state == "unknown")
            .values(**values[decision])
            .returning(table.c.campaign, table.c.lead_id)
        ).one_or_none()
        if settled is None:
            raise PermanentError(f"lookup {lookup_id} is not of unknown fate: there is nothing to settle")
        connection.execute(
            insert(activity_log).values(
                actor=actor, action=f"lookup: {decision}", campaign=settled.campaign, lead_id=settled.lead_id,
                detail={"lookup_id": int(lookup_id)},
            )
        )  # fmt: skip
