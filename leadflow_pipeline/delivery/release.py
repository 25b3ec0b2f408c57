"""The release door: a planned touch that is due becomes a message in the outbox.

What belongs here: which touches are due, what the plan and the present say of them, and writing them down once. What
does not: planning, and sending.

Only what is due now passes: a touch of old days has outlived its `not_after`, so a backfill releases nothing. The key
of a message is the enrolment and the step, so a touch that was planned again is not released again.

One sequence at a time may write to a person, under whatever address, over all campaigns: the one that wrote first,
until it is over; a campaign that matters more does not interrupt it. Where several could begin now, the campaign with
the smaller `priority` does, then the earlier enrolment, then the campaign whose slug comes first. A campaign may stand
beside the others (`takes_turns: false`). Emails to a person keep their distance all the same, even where a standstill
made several due at once.

Releases go one after the other, because two at once could each see a person free.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, cast

import pandas as pd
from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    Select,
    Table,
    Text,
    any_,
    exists,
    func,
    literal,
    or_,
    select,
)
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.campaign import LEAD_TOKENS, CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery.rendering import EnrolmentSoFar, Urls, email_for
from leadflow_pipeline.delivery.standing import objection
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.people import address_keys_of, person_of
from leadflow_pipeline.store.schema import (
    Timestamp,
    enriched_leads,
    messages,
    nurture_touches,
    nurtured_leads,
)
from leadflow_pipeline.store.sequences import HOLDING_STATES, is_running

BATCH: Final = 2_000
"""Messages rendered and written at a time; it bounds memory, not what is released."""

OLDEST_TOUCH: Final = timedelta(days=32)
"""A touch lives 30 days at most (`stale_after_hours`) and falls due up to two days after its own day."""

MOST_DISTANCE: Final = timedelta(hours=20)
"""Between two emails to a person, where the sequence itself asks for no shorter delay."""

PRECEDENCE: Final = ["priority", "enrolled_at", "campaign", "enrolment_id", "step"]
"""Whose touch leaves where a person has several: the smallest in all of these, so the order of reading is no matter."""

RIVAL: Final = "another sequence writes to the person"
TOO_SOON: Final = "too soon after the last email"
ENDED_BY_PLAN: Final = ("PAUSED", "STOPPED", "GRADUATED")
LEAD_COLUMNS: Final = ["lead_id", *(name for name in LEAD_TOKENS if name in enriched_leads.columns), "custom"]

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
    prefixes=["TEMPORARY"],
)


@dataclass
class Released:
    """How many touches became messages, of which sequences, and why others did not."""

    count: int = 0
    by_sequence: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)


def release_due(
    engine: Engine, settings: Settings, now: datetime, *, limit: int | None = None, dry_run: bool = False
) -> Released:
    """Releases what is due now, over all campaigns; with `dry_run` it is only counted.

    Where another release is under way it does nothing: what is due stays due.
    """
    released = Released()
    number = lock_number("release")
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as guard,
        engine.connect() as connection,
    ):
        if not guard.scalar(select(func.pg_try_advisory_lock(number))):
            return released
        try:
            versions = {campaign: load(engine, campaign) for campaign in active_campaigns(engine)}
            beside = {campaign for campaign, version in versions.items() if not version.rules.takes_turns}
            free = [
                _free_touches(connection, version, beside, now, released) for version in versions.values()
            ]
            chosen = _one_for_each_person(free, beside, released)[:limit]
            for campaign, touches in chosen.groupby("campaign", sort=True):
                _write(connection, versions[str(campaign)], touches, settings, now, released)
                if not dry_run:
                    connection.commit()
        finally:
            connection.rollback()
            guard.scalar(select(func.pg_advisory_unlock(number)))
    return released


def count_due_touches(engine: Engine, now: datetime) -> int:
    """How many touches of active campaigns are due and no messages yet, held or not."""
    with engine.connect() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(_due(campaign, now).subquery())) or 0
            for campaign in active_campaigns(engine)
        )


def _free_touches(
    connection: Connection, version: CampaignVersion, beside: Set[str], now: datetime, released: Released
) -> pd.DataFrame:
    """The due touches of a campaign that neither plan nor present forbids, with the person of each.

    `beside`: the campaigns that take no turns.
    """
    due = read(connection, _due(version.campaign, now))
    due["recipient_key"] = address_keys(due["recipient"])
    due["reason"] = _plan_says(due)
    asked = due[due["reason"].isna()]
    present = _present_says(connection, asked, version, beside, now)
    due.loc[asked.index, "reason"] = present["reason"]
    released.held.update(due["reason"].dropna().tolist())
    is_free = due["reason"].isna()
    return due[is_free].assign(person=present["person"][is_free], priority=version.rules.priority)


def _one_for_each_person(free: Sequence[pd.DataFrame], beside: Set[str], released: Released) -> pd.DataFrame:
    """The touch that may leave now for each person and each address, in the order in which they were due."""
    if not free:
        return pd.DataFrame({"campaign": []})
    touches = pd.concat(free, ignore_index=True).sort_values(PRECEDENCE, ignore_index=True)
    chosen = touches.drop_duplicates("person").drop_duplicates("recipient_key")
    others = touches.drop(chosen.index)
    comes_later = others["enrolment_id"].isin(chosen["enrolment_id"]) | others["campaign"].isin(beside)
    released.held.update(comes_later.map({True: TOO_SOON, False: RIVAL}).tolist())
    return chosen.sort_values(["planned_at", "enrolment_id", "step"])


def _write(
    connection: Connection,
    version: CampaignVersion,
    touches: pd.DataFrame,
    settings: Settings,
    now: datetime,
    released: Released,
) -> None:
    for begin in range(0, len(touches), BATCH):
        batch = touches.iloc[begin : begin + BATCH]
        rows = list(_messages(connection.engine, batch, version, settings, now, released))
        if rows:
            connection.execute(insert(messages).on_conflict_do_nothing(), rows)
        released.count += len(rows)
        released.by_sequence.update(row["sequence"] for row in rows)


def _due(campaign: str, now: datetime) -> Select[Any]:
    """Touches due now that are no messages yet, beside where the plan last saw the lead."""
    touch, oldest = nurture_touches, (now - OLDEST_TOUCH).date()
    plan = (
        select(
            nurtured_leads.c.lead_id,
            nurtured_leads.c.enrolment_id,
            nurtured_leads.c.state,
            nurtured_leads.c.enrolled_at,
        )
        .where(nurtured_leads.c.campaign == campaign, nurtured_leads.c.day >= oldest)
        .order_by(nurtured_leads.c.lead_id, nurtured_leads.c.day.desc())
        .distinct(nurtured_leads.c.lead_id)
        .subquery("plan")
    )
    is_message = exists().where(
        messages.c.channel == touch.c.channel,
        messages.c.subject_key == touch.c.enrolment_id,
        messages.c.step == touch.c.step,
    )
    earlier = messages.alias("earlier")
    has_begun = exists().where(
        earlier.c.channel == touch.c.channel,
        earlier.c.subject_key == touch.c.enrolment_id,
        earlier.c.state.in_(HOLDING_STATES),
    )
    return (
        select(
            or_(touch.c.step == 1, has_begun).label("has_begun"),
            *(touch.c[name] for name in ("campaign", "lead_id", "enrolment_id", "step", "sequence")),
            touch.c.email.label("recipient"),
            touch.c.planned_at,
            touch.c.not_after,
            plan.c.enrolment_id.label("plan_enrolment_id"),
            plan.c.state.label("plan_state"),
            plan.c.enrolled_at,
        )
        .join_from(touch, plan, plan.c.lead_id == touch.c.lead_id, isouter=True)
        .where(
            touch.c.campaign == campaign,
            touch.c.channel == "email",
            touch.c.day >= oldest,
            touch.c.planned_at <= now,
            touch.c.not_after > now,
            ~is_message,
        )
        .order_by(touch.c.planned_at, touch.c.enrolment_id, touch.c.step)
    )


def _plan_says(due: pd.DataFrame) -> pd.Series[str]:
    """Why the lead's latest row, or the sequence so far, forbids the touch; missing where they do not.

    A later email speaks of those before it, so it is held where none of them ever left: after a backfill, or where
    the dispatcher stood still for so long that the first one grew stale.
    """
    reason = pd.Series(None, index=due.index, dtype="str")
    reason = reason.mask(~due["has_begun"].astype(bool), "the first email of the sequence was never sent")
    ended = due["plan_state"].isin(ENDED_BY_PLAN)
    reason = reason.mask(ended, "plan: " + due["plan_state"].str.lower())
    return reason.mask(due["plan_enrolment_id"].ne(due["enrolment_id"]), "plan: another sequence has begun")


def _present_says(
    connection: Connection, due: pd.DataFrame, version: CampaignVersion, beside: Set[str], now: datetime
) -> pd.DataFrame:
    """`reason`: why the present forbids the touch, missing where it does not; `person`: whom it would reach."""
    CANDIDATE.create(connection)
    copy_in(connection, conform(due[[column.name for column in CANDIDATE.columns]], CANDIDATE), CANDIDATE)
    rules = version.rules.nurture
    asked = select(
        CANDIDATE.c.enrolment_id,
        CANDIDATE.c.step,
        person_of(CANDIDATE).label("person"),
        objection(CANDIDATE, rules, now).cast(Text).label("reason"),
        _rival_writes(version.campaign, beside, now).label("is_taken"),
        _last_written(now).label("last_written_at"),
    )
    answers = read(connection, asked)
    CANDIDATE.drop(connection)
    answers = (
        due[["enrolment_id", "step"]]
        .merge(answers, on=["enrolment_id", "step"], how="left")
        .set_axis(due.index)
    )
    too_soon = answers["last_written_at"] > now - _distances(due, rules)
    reason = answers["reason"].mask(answers["reason"].isna() & answers["is_taken"], RIVAL)
    return pd.DataFrame(
        {"reason": reason.mask(reason.isna() & too_soon, TOO_SOON), "person": answers["person"]}
    )


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


def _last_written(now: datetime) -> Any:
    """When the person was last written to; a message that has not left yet counts as written now."""
    return (
        select(func.max(func.coalesce(messages.c.sent_at, literal(now, Timestamp))))
        .where(
            messages.c.recipient_key == any_(address_keys_of(CANDIDATE)),
            messages.c.state.in_(HOLDING_STATES),
        )
        .correlate(CANDIDATE)
        .scalar_subquery()
    )


def _distances(due: pd.DataFrame, rules: NurtureRules) -> pd.Series[pd.Timedelta]:
    """How far each touch must keep from the email before, which a later step may shorten by its own delay."""
    delays = {
        (sequence, step): min(timedelta(days=email.delay_days), MOST_DISTANCE)
        for sequence in due["sequence"].unique()
        for step, email in enumerate(rules.steps_of(sequence), 1)
        if step > 1
    }
    keys = pd.MultiIndex.from_frame(due[["sequence", "step"]])
    known = [delays.get(key, MOST_DISTANCE) for key in keys]
    return pd.Series(known, index=due.index, dtype="timedelta64[us]")


def _messages(
    engine: Engine,
    batch: pd.DataFrame,
    version: CampaignVersion,
    settings: Settings,
    now: datetime,
    released: Released,
) -> Iterator[dict[str, Any]]:
    """A row of the outbox for each touch; one that cannot be rendered is held until its template is mended."""
    campaign = version.rules
    urls = Urls(settings.public_url, is_tracked=False)
    tomorrow = (now + timedelta(days=1)).date()
    leads = latest_before(
        engine, enriched_leads, campaign.campaign, tomorrow, lead_ids=batch["lead_id"], columns=LEAD_COLUMNS
    ).set_index("lead_id")
    known = cast("list[dict[str, Any]]", leads.reindex(batch["lead_id"]).astype(object).to_dict("records"))
    for touch, lead in zip(batch.to_dict("records"), known, strict=True):
        so_far = EnrolmentSoFar(touch["enrolment_id"], touch["recipient"], touch["recipient_key"])
        try:
            email = email_for(campaign, touch["sequence"], touch["step"], lead, so_far, urls)
        except PermanentError as error:
            released.held[f"{touch['sequence']} {touch['step']}: {error}"] += 1
            continue
        yield {
            "channel": "email",
            "subject_key": touch["enrolment_id"],
            "step": touch["step"],
            "campaign": campaign.campaign,
            "campaign_version": version.version,
            "lead_id": touch["lead_id"],
            "recipient": touch["recipient"],
            "recipient_key": touch["recipient_key"],
            "sequence": touch["sequence"],
            "subject": email.subject,
            "body_text": email.text,
            "body_html": email.html,
            "headers": email.headers,
            "rfc_message_id": email.rfc_message_id,
            "planned_at": touch["planned_at"],
            "not_after": touch["not_after"],
            "next_attempt_at": touch["planned_at"],
        }
