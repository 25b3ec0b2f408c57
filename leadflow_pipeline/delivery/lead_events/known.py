"""What is known of leads that there may be news of: fresh partitions, hand-overs, what each has come to. A door that
only reads.

What belongs here: those readings, many leads at once. What does not: what is news (`news`), and telling it (`telling`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, cast

import pandas as pd
from sqlalchemy import Connection, Engine, Row, Table, and_, any_, bindparam, func, or_, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Text

from leadflow_pipeline.delivery.decided_at_once import answers_decided
from leadflow_pipeline.delivery.lead_events import news
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

FRESH: Final = timedelta(days=2)
"""A day is computed when it is over, and a daily run may be a day late; what is older is history."""

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

ROUTE: Final = ("tier", "sequence")
SCORE: Final = ("score", "conversion_probability", "campaign_version", "model_version")
"""What stands together in an answer of the service as in a row of a stage."""

AT_ONCE: Final = "service"
"""The origin of a hand-over that the service decided while somebody waited."""

_LEADS: Final = bindparam("leads", type_=ARRAY(Text))


def unscanned(connection: Connection, campaign: str, now: datetime, since: datetime) -> list[Row[Any]]:
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
            lineage.day.between(first_day(now), _today(now)),
            lineage.written_at >= since,
            scan.written_at.is_distinct_from(lineage.written_at),
        )
    )
    return list(connection.execute(query))


def handed_over(connection: Connection, campaign: str, now: datetime, since: datetime) -> list[str]:
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
            handoffs.c.decision_day >= first_day(now),
            handoffs.c.decided_at >= since,
            or_(told.lead_id.is_(None), told.assignment_number < handoffs.c.assignment_number),
        )
    )
    return list(connection.scalars(query))


def present_rows(
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
        merged = _with_decided(connection, campaign, merged, ROUTE)
    at = pd.concat([_moments(merged["at"]), _moments(merged["decided_at"])], axis=1).max(axis=1)
    return merged.assign(at=at)


def _with_decided(
    connection: Connection, campaign: str, rows: pd.DataFrame, names: Sequence[str]
) -> pd.DataFrame:
    """The rows, with what the service answered of leads that it gave away in the place of what no day has computed yet.

    What stands together is told together: all of `names` are taken from the answer where the first is missing.
    """
    is_missing = rows[names[0]].isna() & rows["origin"].eq(AT_ONCE)
    answers = answers_decided(connection, campaign, list(rows.loc[is_missing, "lead_id"]))
    return rows.assign(
        **{
            name: rows[name]
            .astype("object")
            .mask(is_missing, rows["lead_id"].map({lead: told[name] for lead, told in answers.items()}))
            for name in names
        }
    )


def _moments(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, utc=True).astype("datetime64[us, UTC]")


def _owners(connection: Connection, campaign: str, lead_ids: pd.Series) -> pd.DataFrame:
    """`lead_id, assignment_number, rep, origin, decided_at` of the hand-over of each lead that stands."""
    columns = [handoffs.c[name] for name in ("lead_id", "assignment_number", "rep", "origin", "decided_at")]
    query = (
        select(*columns)
        .where(handoffs.c.campaign == campaign, handoffs.c.lead_id == any_(_LEADS))
        .order_by(handoffs.c.lead_id, handoffs.c.assignment_number.desc())
        .distinct(handoffs.c.lead_id)
    )
    found = connection.execute(query, {"leads": list(lead_ids)}).all()
    return pd.DataFrame(found, columns=[column.name for column in columns])


def come_to(
    engine: Engine, campaign: str, leads: Sequence[str], now: datetime, *, with_email: bool
) -> dict[str, dict[str, Any]]:
    """What each lead has come to by now, with the `origin` of the hand-over that stands."""
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
        for names in (ROUTE, SCORE):
            present = _with_decided(connection, campaign, present, names)
    for name in ("assignment_number", "campaign_version"):
        present[name] = present[name].astype("Int64")
    records = cast("list[dict[str, Any]]", present.astype("object").to_dict("records"))
    return {row["lead_id"]: row for row in records}


def seen_states(connection: Connection, campaign: str, kind: str, lead_ids: pd.Series) -> pd.DataFrame:
    """`lead_id, state`: what was told of each of these leads last; without those of whom nothing was."""
    seen = lead_event_states.c
    query = select(seen.lead_id, seen.state).where(
        seen.campaign == campaign, seen.kind == kind, seen.lead_id == any_(_LEADS)
    )
    rows = connection.execute(query, {"leads": list(lead_ids)}).all()
    return pd.DataFrame(rows, columns=["lead_id", "state"])


def last_numbers(connection: Connection, campaign: str, leads: Sequence[str]) -> dict[str, int]:
    """The number of the latest news of each of these leads of whom there was any."""
    seen = lead_event_states.c
    query = (
        select(seen.lead_id, func.max(seen.number))
        .where(seen.campaign == campaign, seen.lead_id == any_(_LEADS), seen.number.is_not(None))
        .group_by(seen.lead_id)
    )
    return dict(connection.execute(query, {"leads": list(leads)}).tuples().all())


def _today(now: datetime) -> date:
    return now.astimezone(UTC).date()


def _tomorrow(now: datetime) -> date:
    return _today(now) + timedelta(days=1)


def first_day(now: datetime) -> date:
    return _today(now) - FRESH


def _days(now: datetime) -> list[date]:
    return [first_day(now) + timedelta(days=number) for number in range(FRESH.days + 1)]
