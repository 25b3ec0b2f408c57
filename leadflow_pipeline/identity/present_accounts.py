"""Accounts at present: a door, it reads the lead tables of every campaign and writes accounts and the queue.

What belongs here: reading what leads say of their company now, and putting down what was found. What does not:
deciding which company it is (`accounts`).

There are far fewer companies than leads, so all are resolved each time, and nothing is written that did not change.
A lead that an account has no more leaves it; an account whose leads all left is gone, and its id leads to where most
of them went.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import pandas as pd
from sqlalchemy import Connection, Engine, and_, delete, func, select

from leadflow_pipeline.identity import reviews
from leadflow_pipeline.identity.accounts import ResolvedAccounts, resolve_accounts
from leadflow_pipeline.identity.members import ACCOUNTS, staged, write_members
from leadflow_pipeline.identity.present_leads import same_lead, without_nested_loops
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.locks import lock_number
from leadflow_pipeline.store.schema import (
    account_aliases,
    account_leads,
    accounts,
    enriched_leads,
    harvested_leads,
)

LEAD_KEY = ["campaign", "lead_id"]


@dataclass(frozen=True)
class AccountReport:
    """What resolving came to, in counts."""

    leads: int
    with_account: int
    accounts: int
    ended: int
    undecided: int
    """Leads that fit several accounts, and wait for a person to decide."""
    asked: int

    def to_dict(self) -> dict[str, int]:
        """For scripts and metadata."""
        return asdict(self)


def resolve_present_accounts(engine: Engine) -> AccountReport:
    """Finds the account of every lead. Two at once go one after the other. Safe to repeat."""
    with engine.begin() as connection:
        connection.execute(select(func.pg_advisory_xact_lock(lock_number("accounts"))))
        without_nested_loops(connection)
        leads = _leads(connection)
        resolved = resolve_accounts(leads, _decisions(connection, leads))
        ended = _write(connection, leads, resolved)
        return AccountReport(
            leads=len(leads),
            with_account=len(resolved.members),
            accounts=len(resolved.accounts),
            ended=ended,
            undecided=resolved.doubts["lead"].nunique(),
            asked=reviews.ask(connection, "account", _questions(leads, resolved)),
        )


def _leads(connection: Connection) -> pd.DataFrame:
    """What every lead says of its company now, in the order in which leads came to be."""
    table = enriched_leads
    newest = (
        select(table.c.campaign, table.c.lead_id, func.max(table.c.day).label("day"))
        .group_by(table.c.campaign, table.c.lead_id)
        .subquery("newest")
    )
    said = ("company", "company_key", "phone", "postcode", "country")
    query = (
        select(
            table.c.campaign,
            table.c.lead_id,
            *(table.c[name] for name in said),
            table.c.company_domain.label("domain"),
            func.coalesce(
                harvested_leads.c.received_at, table.c.received_at, type_=table.c.received_at.type
            ).label("first_received_at"),
            account_leads.c.account_id,
        )
        .join_from(newest, table, and_(same_lead(newest, table), newest.c.day == table.c.day))
        .join(
            harvested_leads, and_(same_lead(newest, harvested_leads), harvested_leads.c.is_new), isouter=True
        )
        .join(account_leads, same_lead(newest, account_leads), isouter=True)
    )
    return read(connection, query).sort_values(["first_received_at", *LEAD_KEY], ignore_index=True)


def _decisions(connection: Connection, leads: pd.DataFrame) -> pd.DataFrame:
    """What people said: `lead` (position), `account_id` as it is now, `state`."""
    said = reviews.read_decisions(connection, "account")
    # An account's id holds no slash, a lead's name does: which side is which does not depend on their order.
    is_left = said["left_id"].str.contains("/", regex=False)
    lead, account = (
        said["left_id"].where(is_left, said["right_id"]),
        said["right_id"].where(is_left, said["left_id"]),
    )
    led = read(connection, select(account_aliases.c.account_id, account_aliases.c.alias_of)).set_index(
        "account_id"
    )
    position = pd.Index(reviews.lead_names(leads)).get_indexer(lead)
    found = pd.DataFrame(
        {"lead": position, "account_id": account.replace(led["alias_of"].to_dict()), "state": said["state"]}
    )
    return found[found["lead"] >= 0].reset_index(drop=True)


def _questions(leads: pd.DataFrame, resolved: ResolvedAccounts) -> pd.DataFrame:
    doubts = resolved.doubts
    return pd.DataFrame(
        {
            "left_id": reviews.lead_names(leads.loc[doubts["lead"]]).to_numpy(),
            "right_id": doubts["account_id"].to_numpy(),
            "match_probability": pd.Series(0.5, index=doubts.index).to_numpy(),
            "evidence": pd.Series('["fits several accounts"]', index=doubts.index, dtype="str").to_numpy(),
        }
    )


def _write(connection: Connection, leads: pd.DataFrame, resolved: ResolvedAccounts) -> int:
    """Puts down what was found; how many ids ended."""
    members = leads.loc[resolved.members.index, LEAD_KEY].join(resolved.members)
    known = read(connection, select(accounts.c.account_id))["account_id"]
    ended = known[~known.isin(resolved.accounts["account_id"])]
    moved = pd.DataFrame(
        {"account_id": leads["account_id"], "alias_of": resolved.members["account_id"]}
    ).dropna()
    moved = moved[moved["account_id"].isin(ended)]
    sizes = moved.groupby(["account_id", "alias_of"]).size().reset_index(name="size")
    homes = sizes.sort_values(["size", "alias_of"], ascending=[False, True]).drop_duplicates("account_id")
    write_members(connection, ACCOUNTS, resolved.accounts, members, homes[["account_id", "alias_of"]])
    with staged(connection, members[LEAD_KEY], account_leads) as present:
        is_present = select(present).where(same_lead(present, account_leads)).exists()
        connection.execute(delete(account_leads).where(~is_present))
    lost = ended[~ended.isin(homes["account_id"])].tolist()
    connection.execute(delete(account_aliases).where(account_aliases.c.alias_of.in_(lost)))
    connection.execute(delete(accounts).where(accounts.c.account_id.in_(lost)))
    return len(ended)
