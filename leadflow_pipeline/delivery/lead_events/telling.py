"""News of leads go into the outbox: a message for each event and endpoint. A door: it meets the database.

What belongs here: where news is looked for, that each is told once, and the rows of the outbox. What does not: what is
news (`news`), and sending.

News is what fresh partitions say (of today and the two days before) and who was handed over lately, where it is a
lead's present state: a backfill of old days, and a day computed again with the same result, tell nobody anything. What
was seen of a lead is kept beside its messages in one transaction, so whoever is killed here tells nothing twice and
forgets nothing. Whoever looks through a campaign does so alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

import pandas as pd
from sqlalchemy import Connection, Engine, Row, Table, and_, any_, bindparam, delete, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.types import Text

from leadflow_pipeline.campaign import CampaignVersion, active_campaigns, load
from leadflow_pipeline.delivery.lead_events import news
from leadflow_pipeline.delivery.lead_events.endpoints import Endpoint, read_endpoints
from leadflow_pipeline.delivery.mail import ID_DIGITS, domain_of
from leadflow_pipeline.delivery.outbox import put_in
from leadflow_pipeline.errors import TransientError
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.partitions import latest_before, read_partitions
from leadflow_pipeline.store.schema import (
    enriched_leads,
    handoffs,
    lead_event_scans,
    lead_event_states,
    nurtured_leads,
    partition_lineage,
    qualified_leads,
    routed_leads,
    scored_leads,
)
from leadflow_pipeline.store.sequences import TO_ONE_OF_US

FRESH: Final = timedelta(days=2)
"""A day is computed when it is over, and a daily run may be a day late; what is older is history."""

KEPT: Final = timedelta(days=30)
"""How long a webhook waits where it cannot even be tried: its campaign rests, or nothing is dispatched."""

LEADS_AT_ONCE: Final = 1_000
SEQUENCE: Final = "event"
LOCK: Final = "lead events"

READ: Final[dict[str, tuple[Table, list[str], Callable[[pd.DataFrame], pd.DataFrame]]]] = {
    news.SCORED: (scored_leads, ["score", "temperature"], news.scored_states),
    news.QUALIFIED: (qualified_leads, ["status"], news.qualified_states),
    news.ROUTED: (routed_leads, ["status", "tier", "sequence"], news.routed_states),
    news.GRADUATED: (nurtured_leads, ["state", "enrolment_id"], news.graduated_states),
}
"""Of which table each kind tells, by which columns."""

SAID_OF: Final[dict[Table, list[str]]] = {
    scored_leads: [
        "day", "score", "icp_fit", "engagement", "conversion_probability", "temperature", "campaign_version",
        "model_version",
    ],
    qualified_leads: ["status"],
    routed_leads: ["tier", "sequence"],
}  # fmt: skip


@dataclass
class NewsSummary:
    """What one run came to."""

    events: int = 0
    messages: int = 0

    def to_dict(self) -> dict[str, int]:
        """For scripts and metadata: counts."""
        return asdict(self)


def tell_news(engine: Engine, now: datetime | None = None) -> NewsSummary:
    """Puts a message into the outbox for each event and each endpoint that hears of it."""
    now, summary = now or datetime.now(UTC), NewsSummary()
    for campaign, heard in _heard_by(engine):
        try:
            with stage_lock(engine, campaign, LOCK, wait="1s"):
                _tell(engine, load(engine, campaign), heard, now, summary)
        except TransientError:  # somebody else is at it
            continue
    return summary


def is_anything_new(engine: Engine, now: datetime) -> bool:
    """Whether `tell_news` would have something to look through."""
    for campaign, heard in _heard_by(engine):
        since = min(endpoint.hears_since for endpoint in heard)
        with engine.connect() as connection:
            if _unscanned(connection, campaign, now, since) or _handed_over(connection, campaign, now, since):
                return True
    return False


def _heard_by(engine: Engine) -> Iterator[tuple[str, list[Endpoint]]]:
    """Active campaigns that somebody hears of, and who."""
    with engine.connect() as connection:
        endpoints = read_endpoints(connection)
    if all(endpoint.disabled_at is not None for endpoint in endpoints):
        return
    for campaign in active_campaigns(engine):
        if heard := [endpoint for endpoint in endpoints if endpoint.hears_of(campaign)]:
            yield campaign, heard


def _tell(
    engine: Engine, version: CampaignVersion, heard: Sequence[Endpoint], now: datetime, summary: NewsSummary
) -> None:
    campaign, since = version.campaign, min(endpoint.hears_since for endpoint in heard)
    with engine.connect() as connection:
        partitions = _unscanned(connection, campaign, now, since)
        handed_over = _handed_over(connection, campaign, now, since)
    changes = {}
    for kind in news.KINDS:
        rows = _present_rows(engine, campaign, kind, partitions, handed_over, now)
        if rows is not None:
            states = READ[kind][2](rows)
            with engine.connect() as connection:
                changes[kind] = news.changed(states, _seen(connection, campaign, kind, states["lead_id"]))
    leads = sorted({lead for states in changes.values() for lead in states["lead_id"]})
    for begin in range(0, len(leads), LEADS_AT_ONCE):
        some = leads[begin : begin + LEADS_AT_ONCE]
        of_some = {kind: states[states["lead_id"].isin(some)] for kind, states in changes.items()}
        _tell_of(engine, version, of_some, some, heard, now, summary)
    with engine.begin() as connection:
        _mark_scanned(connection, campaign, partitions, now)


def _tell_of(
    engine: Engine,
    version: CampaignVersion,
    changes: Mapping[str, pd.DataFrame],
    leads: Sequence[str],
    heard: Sequence[Endpoint],
    now: datetime,
    summary: NewsSummary,
) -> None:
    """Some leads' events, and what was seen of them, in one transaction."""
    is_email_asked = any("email" in endpoint.include for endpoint in heard)
    present = _present(engine, version.campaign, leads, now, with_email=is_email_asked)
    with engine.begin() as connection:
        events = news.numbered(version.campaign, changes, _last_numbers(connection, version.campaign, leads))
        rows = [
            _row(event, endpoint, present[event.lead_id], version, now)
            for event in events
            for endpoint in heard
            if event.kind in endpoint.events and event.at >= endpoint.hears_since
        ]
        _remember(connection, version.campaign, changes, events)
        summary.events += len(events)
        summary.messages += len(put_in(connection, rows))


def _row(
    event: news.Event, endpoint: Endpoint, present: Mapping[str, Any], version: CampaignVersion, now: datetime
) -> dict[str, Any]:
    """An event for an endpoint as a row of the outbox. Where it goes and how it is signed is looked up as it leaves."""
    order_key = f"{endpoint.endpoint_id}|{event.campaign}|{event.lead_id}"
    key = f"{order_key}|{event.number}"
    digest = hashlib.sha256(f"event|{key}".encode()).hexdigest()[:ID_DIGITS]
    body = news.body_of(event, present, endpoint.include)
    return {
        "channel": "webhook",
        "subject_key": key,
        "step": 1,
        "campaign": event.campaign,
        "campaign_version": version.version,
        "lead_id": event.lead_id,
        "recipient": endpoint.endpoint_id,
        "recipient_key": TO_ONE_OF_US,
        "sequence": SEQUENCE,
        "subject": event.kind,
        "body_text": "",
        "body_html": "",
        "headers": {},
        "rfc_message_id": f"<{digest}@{domain_of(version.rules.sender.email)}>",
        "planned_at": now,
        "not_after": now + KEPT,
        "next_attempt_at": now,
        "order_key": order_key,
        "payload": {"kind": SEQUENCE, "event": body},
    }


# --- what is known ---


def _unscanned(connection: Connection, campaign: str, now: datetime, since: datetime) -> list[Row[Any]]:
    """`table_name, day, written_at` of fresh partitions that were written since, or since they were looked through."""
    lineage, scan = partition_lineage.c, lead_event_scans.c
    is_same = and_(
        scan.table_name == lineage.table_name, scan.campaign == lineage.campaign, scan.day == lineage.day
    )
    query = (
        select(lineage.table_name, lineage.day, lineage.written_at)
        .select_from(partition_lineage.outerjoin(lead_event_scans, is_same))
        .where(
            lineage.campaign == campaign,
            lineage.table_name.in_([table.name for table, *_ in READ.values()]),
            lineage.day.between(_first_day(now), _today(now)),
            lineage.written_at >= since,
            scan.written_at.is_distinct_from(lineage.written_at),
        )
    )
    return list(connection.execute(query))


def _handed_over(connection: Connection, campaign: str, now: datetime, since: datetime) -> list[str]:
    """Leads that were handed over lately, by a hand-over that was not told of yet."""
    told = lead_event_states.c
    is_same = and_(
        told.campaign == handoffs.c.campaign,
        told.lead_id == handoffs.c.lead_id,
        told.kind == news.ROUTED,
    )
    query = (
        select(handoffs.c.lead_id)
        .distinct()
        .select_from(handoffs.outerjoin(lead_event_states, is_same))
        .where(
            handoffs.c.campaign == campaign,
            handoffs.c.decision_day >= _first_day(now),
            handoffs.c.decided_at >= since,
            or_(told.lead_id.is_(None), told.assignment_number < handoffs.c.assignment_number),
        )
    )
    return list(connection.scalars(query))


def _present_rows(
    engine: Engine,
    campaign: str,
    kind: str,
    partitions: Sequence[Row[Any]],
    handed_over: Sequence[str],
    now: datetime,
) -> pd.DataFrame | None:
    """The latest row of each lead that fresh partitions speak of, and `at`; None where there is nothing to look at."""
    table, columns, _ = READ[kind]
    written = {row.day: row.written_at for row in partitions if row.table_name == table.name}
    is_routing = kind == news.ROUTED
    if not written and not (is_routing and handed_over):
        return None
    # Later days too: a day that was computed again says nothing of a lead that has gone on since.
    days = [day for day in _days(now) if written and day >= min(written)]
    rows = read_partitions(engine, table, campaign, days, ["lead_id", "day", *columns])
    rows = rows.sort_values(["lead_id", "day"]).drop_duplicates("lead_id", keep="last")
    rows = rows.assign(at=rows["day"].dt.date.map(written)).dropna(subset="at")
    return _with_owners(engine, campaign, rows, handed_over, now) if is_routing else rows


def _with_owners(
    engine: Engine, campaign: str, rows: pd.DataFrame, handed_over: Sequence[str], now: datetime
) -> pd.DataFrame:
    """Routed leads and those that were handed over, each with its routing, its owner, and when that was known."""
    others = sorted(set(handed_over) - set(rows["lead_id"]))
    columns = ["lead_id", "day", *READ[news.ROUTED][1]]
    if others:
        routed = latest_before(
            engine, routed_leads, campaign, _tomorrow(now), lead_ids=pd.Series(others, dtype="str"),
            columns=columns,
        )  # fmt: skip
        rows = pd.concat([rows, pd.DataFrame({"lead_id": others}).merge(routed, "left", on="lead_id")])
    with engine.connect() as connection:
        owners = _owners(connection, campaign, rows["lead_id"])
    merged = rows.merge(owners, "left", on="lead_id")
    at = pd.concat([_moments(merged["at"]), _moments(merged["decided_at"])], axis=1).max(axis=1)
    return merged.assign(at=at)


def _moments(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")


def _owners(connection: Connection, campaign: str, lead_ids: pd.Series) -> pd.DataFrame:
    """`lead_id, assignment_number, rep, decided_at` of the hand-over of each lead that stands."""
    columns = [handoffs.c[name] for name in ("lead_id", "assignment_number", "rep", "decided_at")]
    query = (
        select(*columns)
        .where(handoffs.c.campaign == campaign, handoffs.c.lead_id == any_(_LEADS))
        .order_by(handoffs.c.lead_id, handoffs.c.assignment_number.desc())
        .distinct(handoffs.c.lead_id)
    )
    found = connection.execute(query, {"leads": list(lead_ids)}).all()
    return pd.DataFrame(found, columns=[column.name for column in columns])


def _present(
    engine: Engine, campaign: str, leads: Sequence[str], now: datetime, *, with_email: bool
) -> dict[str, dict[str, Any]]:
    """What each lead has come to by now."""
    wanted = pd.Series(leads, dtype="str")
    present = pd.DataFrame({"lead_id": wanted})
    said = {**SAID_OF, enriched_leads: ["email"]} if with_email else SAID_OF
    for table, columns in said.items():
        rows = latest_before(
            engine, table, campaign, _tomorrow(now), lead_ids=wanted, columns=["lead_id", *columns]
        )
        present = present.merge(rows, "left", on="lead_id")
    with engine.connect() as connection:
        owners = _owners(connection, campaign, wanted).rename(columns={"rep": "owner"})
    present = present.merge(owners, "left", on="lead_id")
    for name in ("assignment_number", "campaign_version"):
        present[name] = present[name].astype("Int64")
    records = cast("list[dict[str, Any]]", present.astype("object").to_dict("records"))
    return {row["lead_id"]: row for row in records}


def _seen(connection: Connection, campaign: str, kind: str, lead_ids: pd.Series) -> pd.DataFrame:
    seen = lead_event_states.c
    query = select(seen.lead_id, seen.state).where(
        seen.campaign == campaign, seen.kind == kind, seen.lead_id == any_(_LEADS)
    )
    rows = connection.execute(query, {"leads": list(lead_ids)}).all()
    return pd.DataFrame(rows, columns=["lead_id", "state"])


def _last_numbers(connection: Connection, campaign: str, leads: Sequence[str]) -> dict[str, int]:
    seen = lead_event_states.c
    query = (
        select(seen.lead_id, func.max(seen.number))
        .where(seen.campaign == campaign, seen.lead_id == any_(_LEADS), seen.number.is_not(None))
        .group_by(seen.lead_id)
    )
    return dict(connection.execute(query, {"leads": list(leads)}).tuples().all())


_LEADS: Final = bindparam("leads", type_=ARRAY(Text))


# --- what is kept ---


def _remember(
    connection: Connection, campaign: str, changes: Mapping[str, pd.DataFrame], events: Sequence[news.Event]
) -> None:
    """What was seen of each lead, and the number under which it was told, if it was."""
    numbers = {(event.lead_id, event.kind): event.number for event in events}
    rows = [
        {
            "campaign": campaign,
            "lead_id": row["lead_id"],
            "kind": kind,
            "state": row["state"],
            "number": numbers.get((row["lead_id"], kind)),
            "assignment_number": row.get("assignment_number"),
        }
        for kind, states in changes.items()
        for row in states.to_dict("records")
    ]
    if not rows:
        return
    statement = insert(lead_event_states)
    given, kept = statement.excluded, lead_event_states.c
    statement = statement.on_conflict_do_update(
        index_elements=["campaign", "lead_id", "kind"],
        set_={
            "state": given.state,
            "number": func.coalesce(given.number, kept.number),
            "assignment_number": given.assignment_number,
        },
    )
    connection.execute(statement, rows)


def _mark_scanned(
    connection: Connection, campaign: str, partitions: Sequence[Row[Any]], now: datetime
) -> None:
    """Notes what was looked through, and forgets what is too old to be looked at again."""
    scan = lead_event_scans.c
    connection.execute(delete(lead_event_scans).where(scan.campaign == campaign, scan.day < _first_day(now)))
    if partitions:
        statement = insert(lead_event_scans)
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["table_name", "campaign", "day"],
                set_={"written_at": statement.excluded.written_at},
            ),
            [
                {
                    "table_name": row.table_name,
                    "campaign": campaign,
                    "day": row.day,
                    "written_at": row.written_at,
                }
                for row in partitions
            ],
        )


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _tomorrow(now: datetime) -> date:
    return _today(now) + timedelta(days=1)


def _first_day(now: datetime) -> date:
    return _today(now) - FRESH


def _days(now: datetime) -> list[date]:
    return [_first_day(now) + timedelta(days=number) for number in range(FRESH.days + 1)]
