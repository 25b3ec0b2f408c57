"""What the present has against a due touch: the person, the hour, and what it was sent already. Reads only.

What belongs here: questions about one touch, asked of all at once. What does not: what the plan says (`due`), who
comes first where several could leave, and how many may (`limits`).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence, Set
from datetime import datetime, timedelta
from typing import Any, Final

import pandas as pd
from sqlalchemy import (
    Column,
    Connection,
    Integer,
    MetaData,
    Table,
    Text,
    any_,
    exists,
    func,
    literal,
    select,
)

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.delivery.release.hours import Clocks
from leadflow_pipeline.delivery.release.steps import said_of_each
from leadflow_pipeline.delivery.release.variants import windows_tried
from leadflow_pipeline.delivery.standing import objection
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.steps import SequenceStep
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.people import address_keys_of, person_of
from leadflow_pipeline.store.schema import Timestamp, enriched_leads, messages
from leadflow_pipeline.store.sequences import HOLDING_STATES, is_running

MOST_DISTANCE: Final = timedelta(hours=20)
"""Between two emails to a person, where the sequence itself asks for no shorter delay."""

RIVAL: Final = "another sequence writes to the person"
TOO_SOON: Final = "too soon after the last email"
CLOSED: Final = "outside the send window"
DAY_IS_FULL: Final = "the person has had its emails of the day"
WEEK_IS_FULL: Final = "the person has had its emails of the week"

CANDIDATE = Table(
    "candidate",
    MetaData(),
    Column("campaign", Text),
    Column("lead_id", Text),
    Column("enrolment_id", Text),
    Column("step", Integer),
    Column("sequence", Text),
    Column("recipient", Text),
    Column("recipient_key", Text),
    Column("planned_at", Timestamp),
    Column("not_after", Timestamp),
    Column("day_began", Timestamp),
    Column("week_began", Timestamp),
    prefixes=["TEMPORARY"],
)


def present_says(
    connection: Connection,
    due: pd.DataFrame,
    version: CampaignVersion,
    beside: Set[str],
    settings: Settings,
    now: datetime,
) -> pd.DataFrame:
    """Of each touch: `reason`, why the present forbids it (missing where it does not), `person`, whom it would reach,
    and `free_at`, when what forbids it will have passed (missing where nobody can know).

    `beside`: the campaigns that take no turns. The hour and what was sent before are asked of emails alone.
    """
    rules = version.rules.nurture
    clocks = Clocks.of(
        due,
        _places(connection, version.campaign, due["lead_id"], now),
        version.rules,
        windows_tried(connection.engine, version, due["lead_id"], now),
    )
    days = clocks.days(now)
    asked = pd.concat([due, days[["day_began", "week_began"]]], axis=1)
    known = _answers(connection, asked, rules, version.campaign, beside, now).set_axis(due.index)

    reason = known["reason"].mask(known["reason"].isna() & known["is_taken"], RIVAL)
    free_at = pd.Series(pd.NaT, index=due.index, dtype="datetime64[us, UTC]")
    distance = _distances(due, rules)
    may_again = known["last_written_at"] + distance
    limits = rules.limits.person
    passing = (
        (CLOSED, ~clocks.is_open(now), pd.Series(now, index=due.index)),
        (TOO_SOON, may_again > now, may_again),
        (
            DAY_IS_FULL,
            known["today"] >= _stricter(settings.person_emails_a_day, limits.day),
            days["day_ends"],
        ),
        (
            WEEK_IS_FULL,
            known["this_week"] >= _stricter(settings.person_emails_a_week, limits.week),
            days["week_ends"],
        ),
    )
    is_email = due["channel"].eq("email")
    for text, holds, until in passing:
        held = is_email & holds & reason.isna()
        reason = reason.mask(held, text)
        if held.any():
            moments = until[held].astype("datetime64[us, UTC]")
            free_at.loc[moments.index] = clocks.opening_after(moments)
    return pd.DataFrame({"reason": reason, "person": known["person"], "free_at": free_at})


def _answers(
    connection: Connection,
    asked: pd.DataFrame,
    rules: NurtureRules,
    campaign: str,
    beside: Set[str],
    now: datetime,
) -> pd.DataFrame:
    """What facts say of each touch, in the order of the touches."""
    CANDIDATE.create(connection)
    copy_in(connection, conform(asked[[column.name for column in CANDIDATE.columns]], CANDIDATE), CANDIDATE)
    written = _written(now)
    query = select(
        CANDIDATE.c.enrolment_id,
        CANDIDATE.c.step,
        person_of(CANDIDATE).label("person"),
        objection(CANDIDATE, rules, now).cast(Text).label("reason"),
        _rival_writes(campaign, beside, now).label("is_taken"),
        written.c.last_written_at,
        written.c.today,
        written.c.this_week,
    ).join_from(CANDIDATE, written, literal(value=True))
    answers = read(connection, query)
    CANDIDATE.drop(connection)
    return asked[["enrolment_id", "step"]].merge(answers, on=["enrolment_id", "step"], how="left")


def _places(connection: Connection, campaign: str, lead_ids: pd.Series[str], now: datetime) -> pd.DataFrame:
    """`time_zone` and `country` of each lead as far as they are known, on the index of `lead_ids`."""
    columns, tomorrow = ["time_zone", "country"], (now + timedelta(days=1)).date()
    known = latest_before(
        connection.engine,
        enriched_leads,
        campaign,
        tomorrow,
        lead_ids=lead_ids,
        columns=["lead_id", *columns],
    )
    return known.set_index("lead_id").reindex(lead_ids)[columns].set_index(lead_ids.index)


def _rival_writes(campaign: str, beside: Set[str], now: datetime) -> Any:
    """Whether another enrolment has written to the person, under any address, and is not over.

    Campaigns that take no turns have no rivals but in themselves.
    """
    is_rival = (
        messages.c.campaign == campaign if campaign in beside else messages.c.campaign.not_in(sorted(beside))
    )
    return (
        exists()
        .where(
            messages.c.recipient_key == any_(address_keys_of(CANDIDATE)),
            messages.c.subject_key != CANDIDATE.c.enrolment_id,
            is_rival,
            is_running(now),
        )
        .correlate(CANDIDATE)
    )


def _written(now: datetime) -> Any:
    """When the person was last written to, and how often on this day and in this week of its own calendar.

    A message that has not left yet counts as written now: it may leave at any moment.
    """
    moment = func.coalesce(messages.c.sent_at, literal(now, Timestamp))
    return (
        select(
            func.max(moment).label("last_written_at"),
            func.count().filter(moment >= CANDIDATE.c.day_began).label("today"),
            func.count().filter(moment >= CANDIDATE.c.week_began).label("this_week"),
        )
        .where(
            messages.c.recipient_key == any_(address_keys_of(CANDIDATE)),
            messages.c.state.in_(HOLDING_STATES),
        )
        .correlate(CANDIDATE)
        .lateral("written")
    )


def _distances(due: pd.DataFrame, rules: NurtureRules) -> pd.Series[pd.Timedelta]:
    """How far each touch must keep from the email before, which a later step may shorten by its own delay."""
    delays = {
        (sequence, step): min(timedelta(days=days), MOST_DISTANCE)
        for sequence in due["sequence"].unique()
        for step, days in _days_since_email(rules.steps_of(sequence))
    }
    return said_of_each(due, lambda *step: delays.get(step, MOST_DISTANCE)).astype("timedelta64[us]")


def _days_since_email(steps: Sequence[SequenceStep]) -> Iterator[tuple[int, float]]:
    """Each step after the first, with the delays since the email before it."""
    days = 0.0
    for step, each in enumerate(steps, 1):
        days += each.delay_days
        if step > 1:
            yield step, days
        if each.channel == "email":
            days = 0.0


def _stricter(ours: int, theirs: int | None) -> int:
    return ours if theirs is None else min(ours, theirs)
