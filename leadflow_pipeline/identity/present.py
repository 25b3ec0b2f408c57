"""Persons at present: a door, it reads lead tables of every campaign and writes persons, aliases and the queue.

What belongs here: which leads must be looked at again, and putting down what was found, in one transaction. What does
not: comparing (`matching`), joining (`persons`), what a campaign does with it (`delivery`).

A lead is looked at when the partition that holds its latest row is another than the one it was read from, or when an
answer of the queue does not hold yet. Leads that are new, and came to be after all that are known, are compared with
the others; whoever proves to be one with them is looked at too, whole persons at a time. Once anything known was
corrected or erased, or a lead arrives out of turn, everybody is compared anew: who shares a crowded key with whom
depends on how many came before (`blocking`). So the result is always that of comparing everybody anew (`rebuild`).

Joining two persons changes nothing of their leads: owner, consent and history stay with each lead, and the doors ask
them of all leads of a person. Nothing here decides anything about a lead.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import pandas as pd
from sqlalchemy import Connection, Engine, and_, exists, func, insert, or_, select

from leadflow_pipeline.company_names import tidied
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.folding import folded
from leadflow_pipeline.identity import reviews
from leadflow_pipeline.identity.matching import match_pairs
from leadflow_pipeline.identity.members import PERSONS, write_members
from leadflow_pipeline.identity.people import match_fields
from leadflow_pipeline.identity.persons import (
    EDGE_COLUMNS,
    LEAD_KEY,
    ORDER,
    RESOLVED_COLUMNS,
    PersonChanges,
    changes,
    resolve,
    same_address,
)
from leadflow_pipeline.identity.present_leads import due_leads, present_leads, without_nested_loops
from leadflow_pipeline.identity.rules import IdentityRules
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.keys import address_keys
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import (
    activity_log,
    lead_aliases,
    match_reviews,
    person_aliases,
    person_leads,
    persons,
)

RULES: Final = IdentityRules()
"""Across campaigns no campaign's own rules can hold: the shipped ones do."""

SOUGHT: Final = ["name_key", "last_name_key", "company_key"]
"""What people look for leads by."""
KEPT: Final = [*LEAD_KEY, "first_received_at", "read_at", "address_key", *SOUGHT]
"""What is kept of a lead besides its person."""


MERGE: Final = "identity.merge"
REBUILD: Final = "identity.rebuild"
"""Actions of the activity log."""


@dataclass(frozen=True)
class PersonReport:
    """What resolving came to, in counts."""

    leads: int
    looked_at: int
    persons: int
    born: int
    merged: int
    asked: int

    def to_dict(self) -> dict[str, int]:
        """For scripts and metadata."""
        return asdict(self)


@dataclass(frozen=True)
class PersonPlan:
    """What resolving would do: nothing of it is written yet."""

    leads: pd.DataFrame
    """The leads that were looked at, with what is kept of each."""
    leads_known: int
    changes: PersonChanges
    doubts: pd.DataFrame
    """Pairs for the queue, by name."""
    is_rebuild: bool
    """Whether everybody was compared anew."""


def resolve_persons(engine: Engine, *, rebuild: bool = False) -> PersonReport:
    """Finds out who is who among the leads that are new or changed, or with `rebuild` among all.

    Two at once go one after the other. Safe to repeat.
    """
    with engine.begin() as connection:
        plan = plan_persons(connection, rebuild=rebuild)
        return write_plan(connection, plan)


def plan_persons(connection: Connection, *, rebuild: bool = False) -> PersonPlan:
    """What resolving would change now; others that resolve wait until this transaction ends."""
    connection.execute(select(func.pg_advisory_xact_lock(lock_number("persons"))))
    without_nested_loops(connection)
    rebuild = rebuild or _erased_since_rebuild(connection)
    if not rebuild and not connection.scalar(select(exists(due_leads()))) and not _unheeded(connection):
        return _nothing_due(connection)
    leads = read(connection, present_leads()).sort_values(ORDER, ignore_index=True)
    rebuild = rebuild or not _came_in_turn(leads)
    decisions = _positions_of(leads, reviews.read_decisions(connection, "person"))
    aliases = _aliases(connection, leads)
    affected = leads["is_due"].astype("bool") | rebuild
    people = match_fields(
        leads.assign(email=leads["email"].mask(leads["email_is_disposable"].astype("bool")))
    )
    exact = same_address(people["mailbox"] + "@" + people["mail_domain"])
    unheeded = _unheeded_positions(leads, decisions)
    affected[unheeded] = True
    affected = _with_their_persons(leads, affected, decisions)
    while True:
        new = None if affected.all() else affected
        pairs = match_pairs(people, new, RULES)
        is_sure = pairs["probability"] >= RULES.same_above
        sure = pd.concat([pairs.loc[is_sure, EDGE_COLUMNS], exact, aliases], ignore_index=True)
        sure = sure[affected[sure["left"]].to_numpy() | affected[sure["right"]].to_numpy()]
        wider = affected.copy()
        wider[pd.concat([sure["left"], sure["right"]]).unique()] = True
        wider = _with_their_persons(leads, wider, decisions)
        if wider.equals(affected):
            break
        affected = wider
    return _planned(leads, affected, sure, pairs[~is_sure], decisions, is_rebuild=rebuild)


def write_plan(connection: Connection, plan: PersonPlan) -> PersonReport:
    """Puts a plan down."""
    changed = plan.changes
    born = pd.DataFrame({"person_id": changed.births})
    write_members(connection, PERSONS, born, plan.leads.merge(changed.members, on=LEAD_KEY), changed.endings)
    report = PersonReport(
        leads=plan.leads_known,
        looked_at=len(plan.leads),
        persons=connection.scalar(select(func.count()).select_from(persons)) or 0,
        born=len(changed.births),
        merged=len(changed.endings),
        asked=reviews.ask(connection, "person", plan.doubts),
    )
    notes = {MERGE: report.merged > 0, REBUILD: plan.is_rebuild}
    for action in (action for action, is_true in notes.items() if is_true):
        note = {"actor": "identity", "action": action, "detail": report.to_dict()}
        connection.execute(insert(activity_log).values(note))
    return report


def living_person(connection: Connection, person_id: str) -> str:
    """The person an id leads to. Raises PermanentError for an id that nobody ever had."""
    found = connection.scalar(
        select(persons.c.person_id)
        .where(persons.c.person_id == person_id)
        .union_all(select(person_aliases.c.alias_of).where(person_aliases.c.person_id == person_id))
    )
    if found is None:
        raise PermanentError(
            f"there is no person {person_id}: leadflow export person_leads lists them, "
            "leadflow identity resolve finds new ones"
        )
    return str(found)


def merge_leads(connection: Connection, one: str, other: str, *, actor: str, reason: str) -> None:
    """Keeps that two leads (`campaign/lead_id`) are one person, and withdraws what kept their persons apart.

    It binds once persons are resolved. Undone by a split, as a split is by a merge.
    """
    if one == other:
        raise PermanentError(f"{one} is one lead already: name two")
    persons_of = [_leads_of_person(connection, _person_of_lead(connection, lead)) for lead in (one, other)]
    reviews.withdraw_different(connection, *persons_of, actor=actor, reason=reason)
    reviews.declare(connection, "same", one, [other], actor=actor, reason=reason)


def split_lead(connection: Connection, person_id: str, lead: str, *, actor: str, reason: str) -> None:
    """Keeps that a lead (`campaign/lead_id`) is different from every other lead of its person.

    Once persons are resolved it has the id that it gives; if it was the first of the person, the others get that of
    their own first lead. Others stay together only where more than this lead speaks for it.
    """
    names = _leads_of_person(connection, living_person(connection, person_id))
    if lead not in names:
        raise PermanentError(f"person {person_id} has no lead {lead}: leadflow identity show lists its leads")
    others = [name for name in names if name != lead]
    if not others:
        raise PermanentError(f"person {person_id} has no other lead: there is nothing to split")
    reviews.declare(connection, "different", lead, others, actor=actor, reason=reason)


def _person_of_lead(connection: Connection, lead: str) -> str:
    campaign, lead_id = reviews.parse_lead_name(lead)
    query = select(person_leads.c.person_id).where(
        person_leads.c.campaign == campaign, person_leads.c.lead_id == lead_id
    )
    found = connection.scalar(query)
    if found is None:
        raise PermanentError(
            f"no person has the lead {lead}: leadflow export person_leads lists them, "
            "leadflow identity resolve finds new ones"
        )
    return str(found)


def _leads_of_person(connection: Connection, person_id: str) -> list[str]:
    query = select(*(person_leads.c[name] for name in LEAD_KEY)).where(person_leads.c.person_id == person_id)
    return reviews.lead_names(read(connection, query)).tolist()


# --- what is decided and known --------------------------------------------------------------------------------------


def _came_in_turn(leads: pd.DataFrame) -> bool:
    """Whether the leads to look at are all new, and the last in the order of leads."""
    is_due = leads["is_due"].to_numpy(dtype=bool)
    is_new = bool(leads.loc[is_due, "person_id"].isna().all())
    return is_new and bool(is_due[len(is_due) - int(is_due.sum()) :].all())


def _erased_since_rebuild(connection: Connection) -> bool:
    """Whether anybody was erased since everybody was compared; who is left may share less with others."""
    entry = activity_log.c
    last = select(func.max(entry.activity_id)).where(entry.action == REBUILD).scalar_subquery()
    erased = exists().where(entry.action == "erase", entry.activity_id > func.coalesce(last, 0))
    return bool(connection.scalar(select(and_(erased, select(person_leads.c.lead_id).exists()))))


def _aliases(connection: Connection, leads: pd.DataFrame) -> pd.DataFrame:
    """Pairs that are one lead within their campaign, by position."""
    found = read(
        connection,
        select(
            lead_aliases.c.campaign,
            lead_aliases.c.lead_id,
            lead_aliases.c.alias_of,
            lead_aliases.c.match_probability.label("probability"),
            lead_aliases.c.evidence,
        ),
    )
    prefix = found["campaign"] + "/"
    pairs = found.assign(left_id=prefix + found["alias_of"], right_id=prefix + found["lead_id"])
    return _positions_of(leads, pairs)[EDGE_COLUMNS]


def _positions_of(leads: pd.DataFrame, pairs: pd.DataFrame) -> pd.DataFrame:
    """`pairs` of names (`left_id`, `right_id`) with `left` and `right`; those of leads that are gone are left out."""
    if pairs.empty:
        return pairs.assign(left=pd.Series(dtype="int64"), right=pd.Series(dtype="int64"))
    names = pd.Index(reviews.lead_names(leads))
    found = pairs.assign(left=names.get_indexer(pairs["left_id"]), right=names.get_indexer(pairs["right_id"]))
    return found[(found["left"] >= 0) & (found["right"] >= 0)].reset_index(drop=True)


def _unheeded(connection: Connection) -> bool:
    """Whether there is an answer that the persons do not follow yet."""
    left, right = person_leads.alias("left_lead"), person_leads.alias("right_lead")
    name = [lead.c.campaign + "/" + lead.c.lead_id for lead in (left, right)]
    is_same = left.c.person_id == right.c.person_id
    review = match_reviews.c
    query = (
        select(review.review_id)
        .join(left, name[0] == review.left_id)
        .join(right, name[1] == review.right_id)
        .where(
            review.kind == "person",
            or_(and_(review.state == "same", ~is_same), and_(review.state == "different", is_same)),
        )
    )
    return bool(connection.scalar(select(exists(query))))


def _unheeded_positions(leads: pd.DataFrame, decisions: pd.DataFrame) -> list[int]:
    person = leads["person_id"].to_numpy()
    is_same = person[decisions["left"]] == person[decisions["right"]]
    is_unheeded = is_same != decisions["state"].eq("same").to_numpy()
    return sorted({*decisions["left"][is_unheeded], *decisions["right"][is_unheeded]})


def _with_their_persons(leads: pd.DataFrame, affected: pd.Series, decisions: pd.DataFrame) -> pd.Series:
    """`affected`, with every lead of their persons, and of the persons that a decision keeps apart from those."""
    apart = decisions[decisions["state"].eq("different")]
    wider = affected.copy()
    while True:
        size = wider.sum()
        touched = leads.loc[wider, "person_id"].dropna().unique()
        wider |= leads["person_id"].isin(touched)
        is_near = wider[apart["left"]].to_numpy() | wider[apart["right"]].to_numpy()
        wider[pd.unique(apart.loc[is_near, ["left", "right"]].to_numpy().ravel())] = True
        if wider.sum() == size:
            return wider


def _planned(
    leads: pd.DataFrame,
    affected: pd.Series,
    sure: pd.DataFrame,
    doubtful: pd.DataFrame,
    decisions: pd.DataFrame,
    *,
    is_rebuild: bool,
) -> PersonPlan:
    """Resolves the affected leads by themselves: whoever is one with any of them is among them."""
    chosen = leads[affected].reset_index()
    place = pd.Series(chosen.index, index=chosen["index"])

    def among_chosen(pairs: pd.DataFrame) -> pd.DataFrame:
        inside = pairs[pairs["left"].isin(place.index) & pairs["right"].isin(place.index)]
        return inside.assign(
            left=inside["left"].map(place).astype("int64"), right=inside["right"].map(place).astype("int64")
        )

    resolved = resolve(chosen, among_chosen(sure), among_chosen(decisions))
    person = leads["person_id"].copy()
    person[affected] = resolved["person_id"].to_numpy()
    names = reviews.lead_names(leads)
    is_open = person[doubtful["left"]].to_numpy() != person[doubtful["right"]].to_numpy()
    open_pairs = doubtful[is_open]
    return PersonPlan(
        leads=chosen.assign(
            address_key=address_keys(chosen["email"]),
            name_key=folded(chosen["full_name"]),
            last_name_key=folded(chosen["last_name"]),
            company_key=_company_keys(chosen["company"]),
        )[KEPT],
        leads_known=len(leads),
        changes=changes(chosen, resolved),
        is_rebuild=is_rebuild,
        doubts=pd.DataFrame(
            {
                "left_id": names[open_pairs["left"]].to_numpy(),
                "right_id": names[open_pairs["right"]].to_numpy(),
                "match_probability": open_pairs["probability"].to_numpy(),
                "evidence": open_pairs["evidence"].to_numpy(),
            }
        ),
    )


def _company_keys(companies: pd.Series) -> pd.Series:
    names = companies.drop_duplicates().dropna()
    keys = tidied(names)["company_key"].set_axis(names)
    return companies.map(keys).astype("str")


def _nothing_due(connection: Connection) -> PersonPlan:
    return PersonPlan(
        leads=pd.DataFrame(columns=KEPT, dtype="str"),
        leads_known=connection.scalar(select(func.count()).select_from(person_leads)) or 0,
        changes=PersonChanges(
            members=pd.DataFrame(columns=[*LEAD_KEY, *RESOLVED_COLUMNS], dtype="str"),
            births=pd.Series(dtype="str"),
            endings=pd.DataFrame(columns=["person_id", "alias_of"], dtype="str"),
        ),
        doubts=pd.DataFrame(columns=["left_id", "right_id", "match_probability", "evidence"], dtype="str"),
        is_rebuild=False,
    )
