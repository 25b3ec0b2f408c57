"""Which mailboxes say nothing about a person: those of a role, and domains where anyone may have one.

What belongs here: the two lists that several stages share, read once, and looking texts up in them. What does not:
what a stage makes of it. Pure. The lists lie with those of enrichment (`enrich/data`, see the notice there for
their sources and licences).
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_TEXT = pa.large_string()


def is_role_address(emails: pd.Series) -> pd.Series:
    """Whether each address (lower case) is of a function (`info@`, `sales+uk@`) and not of a person.

    A missing address is none.
    """
    local = pc.replace_substring_regex(pa.array(emails, _TEXT), r"(?:\+.*)?@.*$", "")
    return _is_in(local, role_accounts(), emails.index)


def is_free_mail_domain(domains: pd.Series) -> pd.Series:
    """Whether each domain (lower case) is one where people, not companies, have their mailbox."""
    return _is_in(pa.array(domains, _TEXT), free_mail_domains(), domains.index)


@cache
def role_accounts() -> pa.Array:
    """Local parts that belong to a function (`info`, `sales`), not to a person."""
    return _lines_of("role_accounts.txt")


@cache
def free_mail_domains() -> pa.Array:
    """Domains where people, not companies, have their mailbox."""
    return _lines_of("free_mail_domains.txt")


def _lines_of(name: str) -> pa.Array:
    text = files("leadflow_pipeline").joinpath("enrich", "data", name).read_text(encoding="utf-8")
    return pa.array([line for line in text.splitlines() if line and not line.startswith("#")], _TEXT)


def _is_in(texts: pa.Array, names: pa.Array, index: pd.Index) -> pd.Series:
    found = pc.is_in(texts, value_set=names, skip_nulls=True)
    return pd.Series(found.to_numpy(zero_copy_only=False), index=index, dtype=bool)
