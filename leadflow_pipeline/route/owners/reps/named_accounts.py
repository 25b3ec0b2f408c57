"""Whose account a lead's company is, of the companies and domains that reps name.

What belongs here: comparing a company with named accounts. What does not: accounts that a rep has come to own. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.company_names import tidied
from leadflow_pipeline.conditions import field_values
from leadflow_pipeline.route.owners.reps.rep import Rep

ACCOUNT_FIELDS = ("company_key", "company_domain")
"""Columns of a lead that say which company it is of."""

HOST = re.compile(r"(?:https?://)?(?:www\.)?((?:[\w-]+\.)+[\w-]{2,})(?:[/:?#].*)?", re.IGNORECASE)


def named_reps(
    leads: pd.DataFrame, of_key: Mapping[str, int], of_domain: Mapping[str, int]
) -> npt.NDArray[np.int64]:
    """The column of the rep who names each lead's account (see `accounts_of`), -1 for none. A domain tells more than a
    name.
    """
    by_domain = field_values(leads, "company_domain").astype("str").map(of_domain)
    by_key = field_values(leads, "company_key").astype("str").map(of_key)
    columns = by_domain.astype("float64").fillna(by_key.astype("float64")).fillna(-1)
    found: npt.NDArray[np.int64] = np.asarray(columns, dtype=np.int64)
    return found


def accounts_of(reps: Sequence[Rep]) -> tuple[dict[str, int], dict[str, int]]:
    """Key of a company's name, and domain, -> column of the rep who names it: the first of several, an active one
    before others.
    """
    claims = [(name, column) for column, rep in enumerate(reps) for name in rep.named_accounts]
    claims.sort(key=lambda claim: (reps[claim[1]].status != "active", claim[1]))
    keys = account_keys([name for name, _ in claims])
    of_key: dict[str, int] = {}
    of_domain: dict[str, int] = {}
    for (name, column), key in zip(claims, keys, strict=True):
        if key:
            of_key.setdefault(key, column)
        if domain := account_domain(name):
            of_domain.setdefault(domain, column)
    return of_key, of_domain


def account_keys(names: Sequence[str]) -> list[str | None]:
    """The names as companies' names are compared; None for what is no name."""
    if not names:
        return []
    keys = tidied(pd.Series(list(names), dtype="str"))["company_key"]
    return [key if isinstance(key, str) else None for key in keys]


def account_domain(name: str) -> str | None:
    """The domain, where a domain or website is what is named."""
    found = HOST.fullmatch(name.strip())
    return found[1].lower() if found else None
