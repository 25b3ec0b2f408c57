"""Facts: what happened, added once and read as of a moment.

What belongs here: adding facts so that adding them again changes nothing, and reading those before a moment.
What does not: deciding anything from them.

Facts are learned in an order that does not matter: each reader returns them sorted by a key of their own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
from sqlalchemy import (
    ARRAY,
    ColumnElement,
    Connection,
    Date,
    Double,
    Engine,
    MetaData,
    Select,
    Table,
    Text,
    any_,
    cast,
    func,
    insert,
    literal,
    select,
    text,
    union,
)
from sqlalchemy.dialects.postgresql import insert as insert_or_skip

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.copy import copy_in, read
from leadflow_pipeline.store.engine import APPLICATION
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.schema import (
    activity_log,
    consents,
    engagement_events,
    handoffs,
    lead_aliases,
    outcomes,
    overrides,
    rep_touches,
    suppressions,
    vendor_lookups,
)
from leadflow_pipeline.store.suppressions import stands

OPINION_PROVIDER = "language model"
"""Who is asked for opinions, among those who are asked about leads. A campaign's own providers have names without
spaces."""

COUNTED = {"preserve_rowcount": True}
"""SQLAlchemy keeps the number of inserted rows only when asked."""


def facts_until(engine: Engine) -> datetime:
    """The moment before which every fact is either here to be read or never will be.

    A fact is known from the beginning of its transaction and seen from its end, and an import of a large file takes
    minutes between the two. So this is the beginning of the oldest of our transactions that is under way, and a
    little before now, for one that has begun and is not shown yet.
    """
    under_way = text(
        "SELECT least(min(xact_start), clock_timestamp() - interval '10 milliseconds') FROM pg_stat_activity "
        "WHERE datname = current_database() AND application_name = :us AND pid <> pg_backend_pid()"
    )
    with engine.connect() as connection:
        moment: datetime = connection.execute(under_way, {"us": APPLICATION}).scalar_one()
    return moment


@dataclass(frozen=True)
class AddedFacts:
    """How many facts of a batch were news, and how many were known or repeated in it."""

    added: int
    repeated: int


def add_engagement_events(engine: Engine, frame: pd.DataFrame) -> AddedFacts:
    """Keeps what leads did; an event id seen before in the campaign is repeated."""
    return _add(engine, frame, engagement_events)


def add_outcomes(engine: Engine, frame: pd.DataFrame) -> AddedFacts:
    """Keeps what became of leads; the same outcome of a lead at the same moment is repeated."""
    return _add(engine, frame, outcomes)


def add_consents(engine: Engine, frame: pd.DataFrame) -> AddedFacts:
    """Keeps consents and withdrawals; the same of an address, campaign, source and moment is repeated."""
    return _add(engine, frame, consents)


def add_override(
    engine: Engine,
    *,
    campaign: str,
    lead_id: str,
    field: str,
    value: str,
    actor: str,
    reason: str,
    occurred_at: datetime | None = None,
    expires_at: datetime | None = None,
) -> int:
    """Keeps a person's decision about one field of a lead, from now (or `occurred_at`) until it expires;
    its id. Raises PermanentError for one that is over before it begins.
    """
    if expires_at is not None and expires_at <= (occurred_at or datetime.now(UTC)):
        raise PermanentError(
            "a decision cannot end before it begins: name a last day that is not over, or none for good"
        )
    with engine.begin() as connection:
        return insert_override(
            connection,
            campaign=campaign,
            lead_id=lead_id,
            field=field,
            value=value,
            actor=actor,
            reason=reason,
            expires_at=expires_at,
            **({"occurred_at": occurred_at} if occurred_at is not None else {}),
        )


def insert_override(connection: Connection, **values: Any) -> int:
    """`add_override` in a transaction of the caller's: columns of `overrides`; the id."""
    statement = insert(overrides).values(values).returning(overrides.c.override_id)
    return int(connection.execute(statement).scalar_one())


def log_activity(
    engine: Engine,
    *,
    actor: str,
    action: str,
    campaign: str | None = None,
    lead_id: str | None = None,
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Notes who did what. `detail` holds counts, names of fields and ids, never personal data."""
    with engine.begin() as connection:
        connection.execute(
            insert(activity_log).values(
                actor=actor, action=action, campaign=campaign, lead_id=lead_id, detail=dict(detail or {})
            )
        )


def read_events(
    engine: Engine,
    campaign: str,
    *,
    before: datetime,
    lead_ids: pd.Series | None = None,
    columns: Sequence[str] | None = None,
    behaviours: Sequence[str] | None = None,
    by_people: bool = False,
) -> pd.DataFrame:
    """What leads (these, or all) did before a moment, by (occurred_at, event_id). `columns` narrows what is read;
    `behaviours` and `by_people` narrow which events are: to some, and to those of no machine.

    What an alias did from the day on which it became one is its canonical lead's doing; as in all readers below.
    """
    table = engagement_events
    names = list(columns) if columns is not None else [column.name for column in table.columns]
    aliases = read_aliases(engine, campaign)
    wanted = [table.c[name] for name in dict.fromkeys([*names, "lead_id", "day"])]
    query = select(*wanted).where(table.c.campaign == campaign, table.c.occurred_at < before)
    if behaviours is not None:
        query = query.where(table.c.behaviour == any_(literal(list(behaviours), ARRAY(Text))))
    if by_people:
        query = query.where(~table.c.is_machine)
    if lead_ids is not None:
        theirs = pd.concat([lead_ids, aliases.loc[aliases["alias_of"].isin(lead_ids), "lead_id"]])
        query = query.where(table.c.lead_id == any_(literal(theirs.unique().tolist(), ARRAY(Text))))
    events = _read(engine, query.order_by(table.c.occurred_at, table.c.event_id.collate("C")))
    events = _under_canonical(events, events["day"], aliases)
    if lead_ids is not None and len(aliases):
        events = events[events["lead_id"].isin(lead_ids)].reset_index(drop=True)
    return events[names]


def read_days_with_news(
    engine: Engine, campaign: str, days: Sequence[date], *, with_opinions: bool = False
) -> pd.DataFrame:
    """Of whom there is news on which of these days: each `(lead_id, day)` once, by (day, lead_id).

    News is an event, a person's decision on the day it is taken and on the day it expires, and where it is asked for
    a language model's opinion. An outcome is none: it says how things ended, and what was decided before stands.
    """
    wanted = any_(literal(list(days), ARRAY(Date)))
    events, decisions = engagement_events.c, overrides.c
    decided_on = [_day_of(at) for at in (decisions.occurred_at, decisions.expires_at)]
    news = union(
        select(events.lead_id, events.day, events.day.label("fact_day")).where(
            events.campaign == campaign, events.day == wanted
        ),
        *(
            select(decisions.lead_id, day.label("day"), decided_on[0].label("fact_day")).where(
                decisions.campaign == campaign, day == wanted
            )
            for day in decided_on
        ),
        *([_opinions_on(campaign, wanted)] if with_opinions else []),
    ).subquery()
    found = _read(engine, select(news))
    found = _under_canonical(found, found["fact_day"], read_aliases(engine, campaign))
    found = found[["lead_id", "day"]].drop_duplicates()
    return found.sort_values(["day", "lead_id"], ignore_index=True)


def _opinions_on(campaign: str, days: ColumnElement[Any]) -> Select[Any]:
    table = vendor_lookups.c
    return select(table.lead_id, table.day.label("day"), table.day.label("fact_day")).where(
        table.campaign == campaign, table.day == days, *_is_opinion()
    )


def _is_opinion() -> tuple[ColumnElement[bool], ...]:
    """Of an erased lead the answer is no object any more."""
    table = vendor_lookups.c
    return (
        table.provider == OPINION_PROVIDER,
        table.state == "answered",
        table.answer.has_key("score"),
        table.lead_id.is_not(None),
    )


def read_opinions(engine: Engine, campaign: str, *, before: datetime) -> pd.DataFrame:
    """What a language model had said of leads before a moment: `lead_id`, `day` and `opinion` (0 to 100), the earlier
    first; what it was asked in vain is not there."""
    table = vendor_lookups.c
    query = select(
        table.lead_id, table.day, cast(table.answer["score"].astext, Double).label("opinion")
    ).where(table.campaign == campaign, table.finished_at < before, *_is_opinion())
    found = _read(engine, query.order_by(table.finished_at, table.lookup_id))
    return _under_canonical(found, found["day"], read_aliases(engine, campaign))


def are_not_asked_about(engine: Engine, campaign: str, leads: pd.DataFrame) -> pd.Series[bool]:
    """Whether each lead (`lead_id`, `email`) is another's alias, or asked not to be written to: nobody is paid for
    knowing more of these."""
    keys = address_keys(leads["email"])
    gone = select(suppressions.c.subject).where(
        suppressions.c.scope == "address",
        suppressions.c.campaign.in_(["", campaign]),
        stands(),
        suppressions.c.subject == any_(literal(keys.dropna().tolist(), ARRAY(Text))),
    )
    aliases = select(lead_aliases.c.lead_id).where(lead_aliases.c.campaign == campaign)
    with engine.connect() as connection:
        is_alias = leads["lead_id"].isin(set(connection.scalars(aliases)))
        return is_alias | keys.isin(set(connection.scalars(gone)))


def read_leads_active_on(
    engine: Engine, campaign: str, days: Sequence[date], behaviours: Sequence[str]
) -> pd.Series:
    """The leads that did one of these on one of these days, in order; under their own id and their canonical one."""
    if not days or not behaviours:
        return pd.Series(dtype="str", name="lead_id")
    events = engagement_events.c
    query = (
        select(events.lead_id)
        .where(
            events.campaign == campaign,
            events.day == any_(literal(list(days), ARRAY(Date))),
            events.behaviour == any_(literal(list(behaviours), ARRAY(Text))),
            ~events.is_machine,
        )
        .distinct()
    )
    active = _read(engine, query)["lead_id"]
    aliases = read_aliases(engine, campaign)
    canonical = aliases.loc[aliases["lead_id"].isin(active), "alias_of"]
    both = pd.DataFrame({"lead_id": pd.concat([active, canonical])})
    return both.drop_duplicates().sort_values("lead_id", ignore_index=True)["lead_id"]


def read_outcomes(engine: Engine, campaign: str, *, before: datetime) -> pd.DataFrame:
    """What became of leads before a moment, by (occurred_at, lead_id, outcome)."""
    table = outcomes
    found = _read(engine, select(table).where(table.c.campaign == campaign, table.c.occurred_at < before))
    found = _under_canonical(found, found["day"], read_aliases(engine, campaign))
    return found.sort_values(["occurred_at", "lead_id", "outcome", "origin"], ignore_index=True)


def read_overrides(engine: Engine, campaign: str, before: datetime) -> pd.DataFrame:
    """People's decisions before a moment, expired ones included, by (occurred_at, override_id)."""
    table = overrides
    query = (
        select(table, _day_of(table.c.occurred_at).label("day"))
        .where(table.c.campaign == campaign, table.c.occurred_at < before)
        .order_by(table.c.occurred_at, table.c.override_id)
    )
    found = _read(engine, query)
    if len(found):
        found = _under_canonical(found, found["day"], read_aliases(engine, campaign))
    return found.drop(columns="day")


def read_handoffs(engine: Engine, campaign: str, until: date) -> pd.DataFrame:
    """Whose lead was told to be whose by decisions up to a day, whenever that was, by (lead_id, assignment_number)."""
    table = handoffs
    found = _read(engine, select(table).where(table.c.campaign == campaign, table.c.decision_day <= until))
    found = _under_canonical(found, found["decision_day"], read_aliases(engine, campaign))
    return found.sort_values(["lead_id", "assignment_number", "decision_day"], ignore_index=True)


def read_rep_touches(engine: Engine, campaign: str, *, since: datetime, before: datetime) -> pd.DataFrame:
    """What reps did about their leads between two moments, by (occurred_at, touch_id)."""
    table = rep_touches
    query = select(table).where(
        table.c.campaign == campaign, table.c.occurred_at >= since, table.c.occurred_at < before
    )
    found = _read(engine, query.order_by(table.c.occurred_at, table.c.touch_id.collate("C")))
    return _under_canonical(found, found["day"], read_aliases(engine, campaign))


def read_aliases(engine: Engine, campaign: str) -> pd.DataFrame:
    """Every lead that is another's alias, from its day on: `lead_id`, `alias_of`, `day`, by lead_id."""
    aliases = lead_aliases.c
    query = select(aliases.lead_id, aliases.alias_of, aliases.day).where(aliases.campaign == campaign)
    return _read(engine, query.order_by(aliases.lead_id))


def _under_canonical(facts: pd.DataFrame, days: pd.Series, aliases: pd.DataFrame) -> pd.DataFrame:
    """Facts of aliases under the lead they belong to, where their day is not before the alias's.

    A fact before that day stays where it was: when that day was computed nobody knew who it was about, and computing
    the day again must not know more. Joined here: the planner knows too little of a young table to be trusted with it.
    """
    if aliases.empty or facts.empty:
        return facts
    known = aliases.set_index("lead_id")
    since = facts["lead_id"].map(known["day"])
    is_alias = (days >= since).fillna(value=False).astype(bool)
    canonical = facts["lead_id"].map(known["alias_of"]).astype("str")
    return facts.assign(lead_id=facts["lead_id"].mask(is_alias, canonical))


def _day_of(moment: ColumnElement[datetime]) -> ColumnElement[date]:
    return cast(func.timezone("UTC", moment), Date)


def _read(engine: Engine, query: Select[Any]) -> pd.DataFrame:
    with engine.connect() as connection:
        return read(connection, query)


def _add(engine: Engine, frame: pd.DataFrame, table: Table) -> AddedFacts:
    """One transaction: COPY into a temporary table, and from there whatever is not known yet."""
    rows = conform(frame, table)
    if rows.empty:
        return AddedFacts(0, 0)
    names = list(rows.columns)
    with engine.begin() as connection:
        arrived = Table(
            f"arrived_{table.name}",
            MetaData(),
            *(table.c[name].copy() for name in names),
            prefixes=["TEMPORARY"],
            postgresql_on_commit="DROP",
        )
        arrived.create(connection)
        copy_in(connection, rows, arrived)
        known = insert_or_skip(table).from_select(names, select(arrived)).on_conflict_do_nothing()
        added = connection.execute(known, execution_options=COUNTED).rowcount
    return AddedFacts(added, len(rows) - added)
