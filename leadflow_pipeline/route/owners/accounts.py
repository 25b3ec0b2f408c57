"""Which company leads belong to, and which rep has its leads already. Pure.

What belongs here: finding a company's owner among those of its leads. What does not: who names companies the same
(`enrich`), and whether that rep may have the lead (`choosing.py`).

Leads are of one company where the domain of their company agrees, or its name in the form for matching. A company is
the rep's who has most of its leads, won and lost ones too; of two, the first by id.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.route.owners.standing import NOBODY

Ints = npt.NDArray[np.int64]
KEYS = ("company_domain", "company_key")


def account_owners(leads: pd.DataFrame, others: pd.DataFrame, owners: Ints) -> Ints:
    """The rep that each lead's company belongs to, by number; NOBODY where it is nobody's or not known.

    `leads` and `others` have `company_domain` and `company_key`; `owners` are the reps of `others` by number.
    """
    found = np.full(len(leads), NOBODY, dtype="int64")
    has_owner = owners != NOBODY
    for key in reversed(KEYS):
        owned = pd.DataFrame({"account": others[key].to_numpy(), "owner": owners})[has_owner].dropna()
        counted = owned.value_counts().rename("leads").reset_index()
        most = counted.sort_values(["leads", "owner"], ascending=[False, True]).drop_duplicates("account")
        by_account = (
            leads[key].map(most.set_index("account")["owner"]).to_numpy(dtype="float64", na_value=np.nan)
        )
        found = np.where(np.isnan(by_account), found, by_account).astype("int64")
    return found


def accounts_of(leads: pd.DataFrame) -> Ints:
    """A number for each lead's company, the same for the same company; negative, and each its own, where unknown."""
    name = leads["company_domain"].fillna(leads["company_key"])
    numbers = pd.factorize(name)[0].astype("int64")
    return np.where(numbers == -1, -1 - np.arange(len(leads)), numbers)


def first_of_each(accounts: Ints, worth: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Whether each lead is the one of its company that is worth most; of two, the earlier in order."""
    order = np.lexsort((np.arange(len(accounts)), -worth))
    first = np.zeros(len(accounts), dtype=bool)
    first[order[np.unique(accounts[order], return_index=True)[1]]] = True
    return first
