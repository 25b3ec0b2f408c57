"""What leads own: their owner, the sequence that writes to them, what was sent and how it ended. A door, it only reads.

What belongs here: showing what a person brings along, before and after leads are joined or split. What does not:
changing any of it. Ids, counts and words of this pipeline only; addresses and names only where they are asked for.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import pandas as pd
from sqlalchemy import (
    Connection,
    Engine,
    Integer,
    Select,
    Table,
    Text,
    and_,
    any_,
    exists,
    func,
    or_,
    select,
    true,
)
from sqlalchemy.dialects.postgresql import aggregate_order_by

from leadflow_pipeline.identity.members import staged
from leadflow_pipeline.identity.persons import LEAD_KEY
from leadflow_pipeline.identity.present import living_person, plan_persons
from leadflow_pipeline.identity.present_leads import same_lead
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.people import address_keys_of
from leadflow_pipeline.store.schema import (
    account_leads,
    accounts,
    enriched_leads,
    match_reviews,
    messages,
    outcomes,
    person_aliases,
    person_leads,
    routed_leads,
    suppressions,
)
from leadflow_pipeline.store.sequences import is_running, is_to_lead
from leadflow_pipeline.store.suppressions import stands

VALUES: Final = ("email", "full_name", "company")
"""Personal data, shown only where it is asked for."""


def planned_moves(connection: Connection, now: datetime) -> pd.DataFrame:
    """Which leads would change their person if persons were resolved now, with evidence and what they own.

    One row a lead: campaign, lead_id, `from_person` (missing for a lead that has none yet), `to_person`, probability,
    evidence, and the columns of `what_they_own`; by `to_person`. New leads that would become a person of their own are
    left out. What the transaction has written counts; end it without a commit and nothing has happened.
    """
    members = plan_persons(connection).changes.members
    keys = pd.MultiIndex.from_frame(members[LEAD_KEY])
    known = read(connection, select(*(person_leads.c[name] for name in (*LEAD_KEY, "person_id"))))
    before = known.set_index(LEAD_KEY)["person_id"].reindex(keys)
    moves = members.assign(from_person=before.to_numpy()).rename(columns={"person_id": "to_person"})
    is_new_alone = (
        moves["from_person"].isna()
        & ~moves["to_person"].duplicated(keep=False)
        & ~moves["to_person"].isin(known["person_id"])
    )
    moves = moves[~is_new_alone & moves["from_person"].ne(moves["to_person"])].reset_index(drop=True)
    owned = what_they_own(connection, moves[LEAD_KEY], now)
    order = [*LEAD_KEY, "from_person", "to_person", "match_probability", "evidence"]
    return moves[order].merge(owned, on=LEAD_KEY).sort_values(["to_person", *LEAD_KEY], ignore_index=True)


def describe_person(
    engine: Engine, person_id: str, now: datetime, *, with_values: bool = False
) -> tuple[str, list[str], pd.DataFrame]:
    """The living person an id leads to, its former ids, and its leads with what they own.

    Raises PermanentError for an id that nobody ever had.
    """
    kept = ("match_probability", "evidence", "first_received_at")
    with engine.connect() as connection:
        living = living_person(connection, person_id)
        former = connection.scalars(
            select(person_aliases.c.person_id)
            .where(person_aliases.c.alias_of == living)
            .order_by("person_id")
        )
        ids = list(former)
        query = select(*(person_leads.c[name] for name in (*LEAD_KEY, *kept))).where(
            person_leads.c.person_id == living
        )
        members = read(connection, query).sort_values(["first_received_at", *LEAD_KEY], ignore_index=True)
        owned = what_they_own(connection, members[LEAD_KEY], now, with_values=with_values)
        connection.rollback()
    return living, ids, members.merge(owned, on=LEAD_KEY)


def what_they_own(
    connection: Connection, leads: pd.DataFrame, now: datetime, *, with_values: bool = False
) -> pd.DataFrame:
    """For each of `leads` (campaign, lead_id): owner, running `sequence`, messages `sent`, `outcomes`, `suppressed`.

    `suppressed` says whether any address of the person is; `account_id` is that of its company. With `with_values` also
    its address, name and company.
    """
    with staged(connection, leads, person_leads) as wanted:
        routed, enriched = _latest(routed_leads, wanted, "owner"), _latest(enriched_leads, wanted, *VALUES)
        theirs = and_(messages.c.campaign == wanted.c.campaign, messages.c.lead_id == wanted.c.lead_id)
        known = person_leads.alias("known")
        who = (
            select(
                known.c.campaign,
                known.c.lead_id,
                func.coalesce(known.c.address_key, "").label("recipient_key"),
            )
            .where(same_lead(known, wanted))
            .correlate(wanted)
            .lateral("who")
        )
        is_suppressed = exists().where(
            suppressions.c.scope == "address", suppressions.c.subject == any_(address_keys_of(who)), stands()
        )
        words = aggregate_order_by(outcomes.c.outcome.distinct(), outcomes.c.outcome)
        running = select(func.max(messages.c.sequence)).where(theirs, is_running(now))
        sent = select(func.count().cast(Integer)).where(theirs, messages.c.state == "sent", is_to_lead())
        ended = select(func.array_to_string(func.array_agg(words), ", ", type_=Text)).where(
            same_lead(outcomes, wanted)
        )
        query = (
            select(
                wanted.c.campaign,
                wanted.c.lead_id,
                routed.c.owner,
                running.scalar_subquery().label("sequence"),
                sent.scalar_subquery().label("sent"),
                ended.scalar_subquery().label("outcomes"),
                select(is_suppressed).select_from(who).scalar_subquery().label("suppressed"),
                account_leads.c.account_id,
                *(enriched.c[name] for name in VALUES if with_values),
            )
            .join_from(wanted, routed, same_lead(routed, wanted), isouter=True)
            .join(enriched, same_lead(enriched, wanted), isouter=True)
            .join(account_leads, same_lead(account_leads, wanted), isouter=True)
        )
        return read(connection, query)


def _latest(table: Table, wanted: Table, *columns: str) -> Any:
    """Each wanted lead's latest row of a derived table."""
    query: Select[Any] = (
        select(table.c.campaign, table.c.lead_id, *(table.c[name] for name in columns))
        .join(wanted, same_lead(table, wanted))
        .order_by(table.c.campaign, table.c.lead_id, table.c.day.desc())
        .distinct(table.c.campaign, table.c.lead_id)
    )
    return query.subquery(f"latest_{table.name}")


def list_reviews(
    connection: Connection, kind: str | None, limit: int, *, decided: bool = False, with_values: bool = False
) -> pd.DataFrame:
    """What waits for an answer, the likeliest first: review_id, kind, left_id, right_id, probability, evidence.

    Pairs that became one person by other evidence wait no more. With `decided` what was answered instead, the latest
    first, with state, actor and reason. With `with_values` also what each side is called.
    """
    review = match_reviews.c
    answered = [review.state, review.actor, review.reason, review.decided_at]
    more: list[Any] = answered if decided else [review.match_probability, review.evidence]
    query: Select[Any] = select(review.review_id, review.kind, review.left_id, review.right_id, *more)
    if decided:
        query = query.where(review.state != "open").order_by(review.decided_at.desc(), review.review_id)
    else:
        query = _waiting(query)
    if kind is not None:
        query = query.where(review.kind == kind)
    found = read(connection, query.limit(limit))
    return found if not with_values or found.empty else _with_values(connection, found)


def _waiting(query: Select[Any]) -> Select[Any]:
    review = match_reviews.c
    sides = {side: person_leads.alias(f"{side}_lead") for side in ("left", "right")}
    for side, lead in sides.items():
        query = query.outerjoin(lead, lead.c.campaign + "/" + lead.c.lead_id == review[f"{side}_id"])
    is_one = sides["left"].c.person_id == sides["right"].c.person_id
    is_open = and_(review.state == "open", or_(review.kind != "person", is_one.is_distinct_from(true())))
    return query.where(is_open).order_by(review.match_probability.desc(), review.review_id)


def _with_values(connection: Connection, reviews: pd.DataFrame) -> pd.DataFrame:
    """The reviews with what both sides are called: a lead's address, name and company, an account's name."""
    names = pd.concat([reviews["left_id"], reviews["right_id"]]).drop_duplicates()
    is_lead = names.str.contains("/", regex=False)
    keys = names[is_lead].str.partition("/").set_axis(["campaign", "slash", "lead_id"], axis=1)[LEAD_KEY]
    with staged(connection, keys.astype("str"), person_leads) as wanted:
        latest = _latest(enriched_leads, wanted, *VALUES)
        leads = read(connection, select(latest))
    known = read(connection, select(accounts.c.account_id, accounts.c.name)).set_index("account_id")["name"]
    called = (
        leads[list(VALUES)]
        .fillna("")
        .agg(" · ".join, axis=1)
        .set_axis(leads["campaign"] + "/" + leads["lead_id"])
    )
    called = pd.concat([called, known[known.index.isin(names)]])
    return reviews.assign(left=reviews["left_id"].map(called), right=reviews["right_id"].map(called))
