"""The release door: a planned touch that is due becomes a message in the outbox.

What belongs here: what passes, in which order, and writing it down once. What does not: the questions asked of each
touch (`due`, `present`, `sent`), the rows (`emails`), planning, and sending.

Only what is due now passes: a touch of old days has outlived its `not_after`, so a backfill releases nothing. The key
of a message is the enrolment and the step, so a touch that was planned again is not released again.

One sequence at a time may write to a person, under whatever address, over all campaigns: the one that wrote first,
until it is over; a campaign that matters more does not interrupt it. Where several could begin now, the campaign with
the smaller `priority` does, then the earlier enrolment, then the campaign whose slug comes first. A campaign may stand
beside the others (`takes_turns: false`). Emails to a person keep their distance all the same, even where a standstill
made several due at once.

A touch that has to wait (for the hour, for the person's next day or week, for room of its sender) stays a touch, and
is asked again at every release until it is stale: the next free moment is found by looking, not by reckoning.

Releases go one after the other, because two at once could each see a person free, or the last room of a sender.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final, cast

import pandas as pd
from sqlalchemy import Connection, Engine, func, select

from leadflow_pipeline.campaign import LEAD_TOKENS, CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.delivery.owner_names import owner_names
from leadflow_pipeline.delivery.release.due import due_touches, plan_says
from leadflow_pipeline.delivery.release.emails import put_in_links, sent_before, written_emails
from leadflow_pipeline.delivery.release.orders import hand_says
from leadflow_pipeline.delivery.release.present import RIVAL, TOO_SOON, present_says
from leadflow_pipeline.delivery.release.sent import address_of, senders_of, who_waits
from leadflow_pipeline.delivery.release.steps import said_of_each
from leadflow_pipeline.delivery.release.tasks import task_rows
from leadflow_pipeline.delivery.release.variants import email_variants
from leadflow_pipeline.delivery.release.webhooks import webhook_rows
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.schema import enriched_leads, messages

BATCH: Final = 2_000
"""Messages rendered and written at a time; it bounds memory, not what is released."""

MANY: Final = 1_000
"""Messages that change what the database should know of the outbox."""

PRECEDENCE: Final = ["priority", "enrolled_at", "campaign", "enrolment_id", "step"]
"""Whose touch leaves where a person has several: the smallest in all of these, so the order of reading is no matter."""

QUEUE: Final = ["priority", "is_first", "planned_at", "enrolment_id", "step"]
"""Who leaves first where there is no room for all: who has had an email before goes before who waits for a first."""

NO_SUCH_STEP: Final = "the sequence has no such step any more"

LEAD_COLUMNS: Final = ["lead_id", *(name for name in LEAD_TOKENS if name in enriched_leads.columns), "custom"]


@dataclass
class Released:
    """How many touches became messages, of which sequences, and why others did not.

    `free_at`: about when the next of those that only wait may leave; None where none of them does.
    """

    count: int = 0
    by_sequence: Counter[str] = field(default_factory=Counter)
    held: Counter[str] = field(default_factory=Counter)
    free_at: datetime | None = None

    def hold(self, said: pd.DataFrame) -> None:
        """Counts touches with a `reason`, and notes when the first of them is free."""
        self.held.update(said["reason"].dropna().tolist())
        free_at = said.loc[said["reason"].notna(), "free_at"].min()
        if pd.notna(free_at):
            self.free_at = min(self.free_at or free_at.to_pydatetime(), free_at.to_pydatetime())


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
            chosen = _chosen(connection, versions, settings, now, released)[:limit]
            for campaign, touches in chosen.groupby("campaign", sort=True):
                _write(connection, versions[str(campaign)], touches, settings, now, released)
                if not dry_run:
                    connection.commit()
            if released.count >= MANY and not dry_run:
                # A planner that thinks the outbox empty would read all of it for every person, until the next vacuum.
                connection.exec_driver_sql(f"ANALYZE {messages.fullname}")
                connection.commit()
        finally:
            connection.rollback()
            guard.scalar(select(func.pg_advisory_unlock(number)))
    return released


def count_due_touches(engine: Engine, now: datetime) -> int:
    """How many touches of active campaigns are due and no messages yet, held or not."""
    with engine.connect() as connection:
        return sum(
            connection.scalar(select(func.count()).select_from(due_touches(campaign, now).subquery())) or 0
            for campaign in active_campaigns(engine)
        )


def _chosen(
    connection: Connection,
    versions: Mapping[str, CampaignVersion],
    settings: Settings,
    now: datetime,
    released: Released,
) -> pd.DataFrame:
    """The touches that leave now, in the order in which they were due."""
    beside = {campaign for campaign, version in versions.items() if not version.rules.takes_turns}
    free = [
        _free_touches(connection, version, beside, settings, now, released) for version in versions.values()
    ]
    if not free:
        return pd.DataFrame({"campaign": []})
    touches = pd.concat(free, ignore_index=True)
    is_email = touches["channel"].eq("email")
    emails = _one_for_each_person(touches[is_email], beside, released).sort_values(QUEUE)
    waits = who_waits(connection, emails, senders_of(versions.values(), now))
    released.hold(waits)
    leaving = pd.concat([emails[waits["reason"].isna()], touches[~is_email]])
    return leaving.sort_values(["planned_at", "enrolment_id", "step"])


def _free_touches(
    connection: Connection,
    version: CampaignVersion,
    beside: Set[str],
    settings: Settings,
    now: datetime,
    released: Released,
) -> pd.DataFrame:
    """The due touches of a campaign that neither plan nor present forbids, with the person of each.

    `beside`: the campaigns that take no turns.
    """
    due = read(connection, due_touches(version.campaign, now))
    due["recipient_key"] = address_keys(due["recipient"])
    due["sender"] = address_of(version.rules)
    due["reason"] = plan_says(due).fillna(hand_says(connection, due, version.rules.nurture))
    released.held.update(due["reason"].dropna().tolist())
    asked = due[due["reason"].isna()]
    said = present_says(connection, asked, version, beside, settings, now)
    released.hold(said)
    is_free = said["reason"].isna()
    return asked[is_free].assign(
        person=said.loc[is_free, "person"],
        priority=version.rules.priority,
        is_first=~asked["has_written"].astype(bool),
    )


def _one_for_each_person(emails: pd.DataFrame, beside: Set[str], released: Released) -> pd.DataFrame:
    """The email that may leave now for each person and each address."""
    emails = emails.sort_values(PRECEDENCE)
    chosen = emails.drop_duplicates("person").drop_duplicates("recipient_key")
    others = emails.drop(chosen.index)
    comes_later = others["enrolment_id"].isin(chosen["enrolment_id"]) | others["campaign"].isin(beside)
    released.held.update(comes_later.map({True: TOO_SOON, False: RIVAL}).tolist())
    return chosen


def _write(
    connection: Connection,
    version: CampaignVersion,
    touches: pd.DataFrame,
    settings: Settings,
    now: datetime,
    released: Released,
) -> None:
    """Puts the touches of a campaign into the outbox. A step that the campaign file has no more is held."""
    is_there = _is_there(touches, version)
    released.held.update([NO_SUCH_STEP] * int((~is_there).sum()))
    touches = touches[is_there]
    for begin in range(0, len(touches), BATCH):
        batch = touches.iloc[begin : begin + BATCH]
        for channel, some in batch.groupby("channel", sort=True):
            # A webhook may name any field of a lead.
            columns = None if channel == "webhook" else LEAD_COLUMNS
            leads = _leads(connection.engine, version.campaign, some["lead_id"], now, columns)
            if channel != "webhook":
                names = owner_names(connection, version.campaign, some["lead_id"], now)
                leads = [
                    {**lead, "owner": names.get(lead_id)}
                    for lead, lead_id in zip(leads, some["lead_id"], strict=True)
                ]
            put = CHANNELS[str(channel)](connection, version, some, leads, settings, now, released.held)
            released.count += len(put)
            released.by_sequence.update(put)


def _is_there(touches: pd.DataFrame, version: CampaignVersion) -> pd.Series[bool]:
    """Whether the step of each touch is still one of its channel in the campaign's present version."""
    channels = {
        (sequence, number): step.channel
        for sequence in touches["sequence"].unique()
        for number, step in enumerate(version.rules.nurture.steps_of(sequence), 1)
    }
    return said_of_each(touches, lambda *step: channels.get(step)).eq(touches["channel"])


def _put_in_emails(
    connection: Connection,
    version: CampaignVersion,
    touches: pd.DataFrame,
    leads: list[Mapping[str, Any]],
    settings: Settings,
    now: datetime,
    held: Counter[str],
) -> list[str]:
    sent = sent_before(connection, touches["enrolment_id"])
    variants = email_variants(connection.engine, version, touches["lead_id"], now)
    emails = written_emails(touches, leads, sent, variants, version, settings.public_url, held)
    put_in(connection, emails.rows)
    put_in_links(connection, emails.links)
    return [row["sequence"] for row in emails.rows]


def _put_in_tasks(
    connection: Connection,
    version: CampaignVersion,
    touches: pd.DataFrame,
    leads: list[Mapping[str, Any]],
    _settings: Settings,
    now: datetime,
    held: Counter[str],
) -> list[str]:
    tasks = list(task_rows(connection, touches, leads, version, now, held))
    alike: defaultdict[tuple[str, ...], list[dict[str, Any]]] = defaultdict(list)
    for row in chain.from_iterable(tasks):
        alike[tuple(row)].append(row)
    for rows in alike.values():
        put_in(connection, rows)
    return [rows[0]["sequence"] for rows in tasks]


def _put_in_webhooks(
    connection: Connection,
    version: CampaignVersion,
    touches: pd.DataFrame,
    leads: list[Mapping[str, Any]],
    _settings: Settings,
    _now: datetime,
    _held: Counter[str],
) -> list[str]:
    rows = list(webhook_rows(touches, leads, version))
    put_in(connection, rows)
    return [row["sequence"] for row in rows]


CHANNELS: Final = {"email": _put_in_emails, "task": _put_in_tasks, "webhook": _put_in_webhooks}
"""How the touches of each channel get into the outbox; each answers with the sequence of every touch that did."""


def _leads(
    engine: Engine, campaign: str, lead_ids: pd.Series[str], now: datetime, columns: Sequence[str] | None
) -> list[Mapping[str, Any]]:
    """What is known of each lead; all of it where no columns are named."""
    tomorrow = (now + timedelta(days=1)).date()
    leads = latest_before(
        engine, enriched_leads, campaign, tomorrow, lead_ids=lead_ids, columns=columns
    ).set_index("lead_id")
    return cast("list[Mapping[str, Any]]", leads.reindex(lead_ids).astype(object).to_dict("records"))
