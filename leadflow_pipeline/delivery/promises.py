"""Every promise of a first touch, as of a moment: of hand-overs, and of leads that came of age with an owner.

What belongs here: finding the clock that began when an owner heard that a lead answered or is ready to talk. What does
not: clocks of hand-overs (`first_touch`), and what a clock is (`first_touch_times`). A door that only reads.

Such a clock is nowhere but in the messages that it brought about: the owner is told when it begins, and whoever is told
when it is over has that moment as the moment to send.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import pandas as pd
from sqlalchemy import Engine, Integer, Select, cast, func, literal, select
from sqlalchemy.dialects.postgresql import TIMESTAMP

from leadflow_pipeline.delivery import notice_words
from leadflow_pipeline.delivery.first_touch import calendars_of, read_first_touch_times, stops_of
from leadflow_pipeline.delivery.first_touch_times import HANDOFF_COLUMNS, LEAD, first_touch_times
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import handoffs, messages

CAME_OF_AGE: Final = "graduation"
"""In the place of a hand-over's origin."""


def read_promises(engine: Engine, before: datetime, campaign: str | None = None) -> pd.DataFrame:
    """The clocks of all hand-overs (or of one campaign's) and of all that came of age: columns as `first_touch_times`.

    A lead that came of age has a clock for each time, beside the one of its hand-over.
    """
    of_handoffs = read_first_touch_times(engine, before, campaign)
    with engine.connect() as connection:
        begun = read(connection, _came_of_age(campaign))
        if begun.empty:
            return of_handoffs
        calendars = calendars_of(connection, begun["rep"].unique().tolist(), before)
        touches = read(connection, stops_of(campaign))
    passed_on = _later_owners(begun, of_handoffs)
    both = pd.concat([begun, passed_on], ignore_index=True)
    clocks = first_touch_times(both, touches, calendars, before)
    of_age = clocks[clocks["origin"].eq(CAME_OF_AGE)].dropna(subset=["due_at"])
    found = [frame for frame in (of_handoffs, of_age) if len(frame)]
    return pd.concat(found, ignore_index=True) if found else of_handoffs


def _later_owners(begun: pd.DataFrame, of_handoffs: pd.DataFrame) -> pd.DataFrame:
    """Hand-overs that took a lead from the owner whose clock runs: they end it."""
    first = begun.groupby(LEAD, as_index=False)["assignment_number"].min()
    given = of_handoffs.merge(first, on=LEAD, suffixes=("", "_of_clock"))
    later = given[given["assignment_number"] > given["assignment_number_of_clock"]]
    return later.rename(columns={"due_at": "first_touch_due_at"})[HANDOFF_COLUMNS]


def _came_of_age(campaign: str | None) -> Select[Any]:
    """A row for each time that an owner was told that a lead came of age, with a clock: `HANDOFF_COLUMNS`."""
    told, number = messages.c, cast(messages.c.payload["assignment_number"].astext, Integer)
    since = cast(told.payload["since"].astext, TIMESTAMP(timezone=True))
    query = (
        select(
            told.campaign,
            told.lead_id,
            number.label("assignment_number"),
            handoffs.c.rep,
            literal(CAME_OF_AGE).label("origin"),
            func.min(since).label("decided_at"),
            func.min(told.planned_at).label("first_touch_due_at"),
        )
        .join(
            handoffs,
            (handoffs.c.campaign == told.campaign)
            & (handoffs.c.lead_id == told.lead_id)
            & (handoffs.c.assignment_number == number),
        )
        .where(
            told.sequence == notice_words.GRADUATION,
            told.step == notice_words.OVERDUE,
            told.payload["since"].astext.is_not(None),
        )
        .group_by(told.subject_key, told.campaign, told.lead_id, number, handoffs.c.rep)
        .order_by(told.campaign, told.lead_id, number, told.subject_key)
    )
    return query if campaign is None else query.where(told.campaign == campaign)
