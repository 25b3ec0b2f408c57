"""What a source has to buy: its questions are ordered, and asked once. A door to the vendors.

What belongs here: the questions of a source, planned or waiting, and one round of asking. What does not: reading the
source's pages and making records of answers (`collecting`), and the once-only purchase itself (`vendors.lookups`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, func, select

from leadflow_pipeline.harvest.sources import BoughtSource
from leadflow_pipeline.harvest.sources.world import World
from leadflow_pipeline.store.schema import vendor_lookups
from leadflow_pipeline.vendors.limits import Budget
from leadflow_pipeline.vendors.lookups import CarriedOut, Question, carry_out, order

MOST_ORDERS = 3
"""How often a question is ordered that a vendor refuses each time."""

lookups = vendor_lookups.c


def order_questions(
    connection: Connection, world: World, source: BoughtSource, found: Sequence[Mapping[str, Any]]
) -> int:
    """Plans what is to be asked, in the caller's transaction; how many questions are new."""
    questions = [
        Question(
            campaign=world.campaign,
            provider=source.account,
            vendor=source.vendor,
            subject=source.subject(question),
            question=question,
            source=source.name,
        )
        for question in found
    ]
    return order(connection, questions, world.now()).planned


def ask(
    world: World, source: BoughtSource, on_answers: Callable[[Connection, pd.DataFrame], None]
) -> CarriedOut:
    """One round: what is pending is polled, and what is planned is asked, within the budget."""
    asker, budget = source.asker(world), source.budget
    _order_refused_again(world, source)
    return carry_out(
        world.engine,
        asker,
        campaign=world.campaign,
        provider=source.account,
        # Its calls are counted one by one where they leave (`World.session`), polls and repeated ones included.
        budget=Budget(None, budget.credits, budget.leads),
        now=world.now,
        answer_ttl=timedelta(days=source.answer_days),
        not_found_ttl=timedelta(days=source.not_found_days),
        most=budget.leads_per_job,
        on_answers=on_answers,
    )


def _order_refused_again(world: World, source: BoughtSource) -> None:
    """Orders what the vendor refused once more, when the time for that has come: its page is not read again."""
    refused = (
        select(func.array_agg(lookups.question))
        .where(lookups.campaign == world.campaign, lookups.source == source.name)
        .group_by(lookups.subject_key)
        .having(
            func.bool_and(lookups.state == "failed"),
            func.max(lookups.expires_at) <= world.now(),
            func.count() < MOST_ORDERS,
        )
    )
    with world.engine.begin() as connection:
        questions = [told[0] for told in connection.scalars(refused) if told[0]]
        order_questions(connection, world, source, questions)


def open_questions(engine: Engine, campaign: str, source: str) -> int:
    """Questions of a source that are planned or under way."""
    query = select(func.count()).where(
        lookups.campaign == campaign,
        lookups.source == source,
        lookups.state.in_(("planned", "pending", "on_wire")),
    )
    with engine.connect() as connection:
        return connection.scalar(query) or 0


def buying_sources(engine: Engine, campaign: str, sources: Sequence[str], now: datetime) -> set[str]:
    """Those of the sources that have a question to ask, or an answer to fetch, now."""
    query = select(lookups.source).where(
        lookups.campaign == campaign,
        lookups.source.in_(sources),
        lookups.state.in_(("planned", "pending")),
        lookups.next_attempt_at <= now,
    )
    with engine.connect() as connection:
        return set(connection.scalars(query.distinct()))
