"""A campaign's companies, what is compared of each, and how each ended: pure.

What belongs here: from leads and outcomes to companies and their texts. What does not: reading (`builds`), n-grams and
vectors. What is read is as of a day already: nothing here knows one.

A company is known by the registrable domain of its leads, without one by its folded name. That is coarser than
`identity.accounts`, which is the present; this is as of a day, and a likeness bears it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from leadflow_pipeline.lead_fields import columns_holding, with_custom_fields

COMPARED: Final = (
    "company", "company_key", "company_domain", "industry", "company_size", "country", "region", "city", "job_title",
    "seniority", "department",
)  # fmt: skip
"""Columns of enriched leads that say something about their company."""

SIZES: Final = (10, 50, 200, 1_000, 5_000, 25_000)
"""Employees from which a company is another kind of company."""

SHARED: Final = ("industry", "company_size", "country", "city")
"""What is told in words where two companies share it."""

WHOLE: Final = frozenset({"size", "country", "seniority", "department"})
"""Kinds of texts that are the same or are not; the others are compared by n-grams."""

PART_OF: Final = {
    "industry": "industry", "size": "size", "country": "place", "region": "place", "city": "place",
    "job_title": "titles", "seniority": "titles", "department": "titles", "company": "name",
}  # fmt: skip
"""Kind of text -> the part of the rules' weights it belongs to; any other is a campaign's own: `words`."""


@dataclass(frozen=True)
class Companies:
    """Companies, numbered from 0 in the order of what they are known by."""

    accounts: pd.DataFrame
    """name, name_key, domain, industry, company_size, country, city, leads, outcome, ended_on, value."""
    texts: pd.DataFrame
    """account (number), kind, text: each once."""


def columns_compared(words: Sequence[str]) -> list[str]:
    """Columns of enriched leads that are read of each lead; `words` are the campaign's own fields."""
    return list(dict.fromkeys([*columns_holding(words), "received_at", *COMPARED]))


def find_companies(leads: pd.DataFrame, outcomes: pd.DataFrame, words: Sequence[str] = ()) -> Companies:
    """The companies of leads.

    `leads` has a row a lead: lead_id, received_at, `COMPARED`, and what holds the fields of `words`; `outcomes` are
    lead_id, outcome, occurred_at, value. Leads of which no company is known are left out.
    """
    known = leads[leads["company_domain"].notna() | leads["company_key"].notna()]
    known = known.sort_values(["received_at", "lead_id"], ignore_index=True)
    known_by = known["company_domain"].fillna(known["company_key"])
    number = pd.Series(pd.factorize(known_by, sort=True)[0], index=known.index, name="account")
    latest = known[["company", "company_key", "company_domain", *SHARED]].groupby(number).last()
    accounts = pd.DataFrame(
        {
            "name": latest["company"].fillna(latest["company_domain"]).fillna(latest["company_key"]),
            "name_key": latest["company_key"],
            "domain": latest["company_domain"],
            **{name: latest[name] for name in SHARED},
            "leads": known.groupby(number).size(),
        }
    )
    account_of = pd.Series(number.to_numpy(), index=known["lead_id"])
    return Companies(
        accounts.join(_endings(outcomes, account_of, len(accounts))), texts_of(known, number, words)
    )


def texts_of(leads: pd.DataFrame, account: pd.Series, words: Sequence[str] = ()) -> pd.DataFrame:
    """What is compared of the leads' companies: `account`, `kind`, `text`, each once. `account` is each lead's."""
    leads = with_custom_fields(leads, words)
    by_kind = {kind: leads[kind] for kind in PART_OF if kind in leads.columns}
    by_kind |= {name: leads[name] for name in words if name in leads.columns}
    found = [
        pd.DataFrame({"account": account, "kind": kind, "text": texts.astype("str").str.casefold()}).dropna()
        for kind, texts in by_kind.items()
    ]
    # Of a size the latest counts; of what people are called, all of it.
    size = leads["company_size"].astype("float64").groupby(account).last().dropna()
    found += [
        pd.DataFrame(
            {
                "account": size.index,
                "kind": "size",
                "text": np.where(size >= cut, f"{cut} up", f"under {cut}"),
            }
        )
        for cut in SIZES
    ]
    texts = pd.concat(found, ignore_index=True)
    texts = texts[texts["text"].str.strip().ne("")]
    return texts.drop_duplicates(ignore_index=True)


def shared_by(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, ...]:
    """In what two companies are the same, in words: industry, size, city, else country."""
    same = {
        name
        for name in ("industry", "city", "country")
        if one.get(name) and str(one[name]).casefold() == str(other.get(name)).casefold()
    }
    sizes = [company.get("company_size") for company in (one, other)]
    if None not in sizes and len({bisect_right(SIZES, float(size or 0)) for size in sizes}) == 1:
        same.add("size")
    if "city" in same:
        same.discard("country")
    return tuple(name for name in ("industry", "size", "city", "country") if name in same)


def _endings(outcomes: pd.DataFrame, account_of: pd.Series, accounts: int) -> pd.DataFrame:
    """How each ended: won where it was ever won, at the latest win, else lost at the latest loss, else open."""
    known = outcomes[outcomes["outcome"].isin(["won", "lost"]) & outcomes["lead_id"].isin(account_of.index)]
    ended = pd.DataFrame(
        {
            "account": known["lead_id"].map(account_of).astype("int64"),
            "outcome": known["outcome"],
            "ended_on": known["occurred_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize(),
            "value": known["value"],
            "is_won": known["outcome"].eq("won"),
        }
    ).sort_values(["is_won", "ended_on"], kind="stable")
    last = ended.drop_duplicates("account", keep="last").set_index("account")[["outcome", "ended_on"]]
    value = ended[ended["is_won"]].groupby("account")["value"].sum(min_count=1)
    endings = last.join(value).reindex(pd.RangeIndex(accounts))
    return endings.assign(outcome=endings["outcome"].astype("str").fillna("open"))
