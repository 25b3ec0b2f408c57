"""The lists shipped in `data/`, read once.

What belongs here: reading, and looking up. What does not: what a list means for a lead. Where each list comes
from, and under which licence, is written in `data/NOTICE.md`.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from publicsuffixlist import PublicSuffixList

from leadflow_pipeline.mailboxes import free_mail_domains as free_mail_domains
from leadflow_pipeline.mailboxes import role_accounts as role_accounts


def lines_of(name: str) -> tuple[str, ...]:
    """The lines of a file in `data/`, without blank ones and comments."""
    text = files("leadflow_pipeline.enrich").joinpath("data", name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


def is_listed(texts: pd.Series, names: pa.Array) -> pd.Series:
    """Whether each text is one of the names; a missing one is not.

    `Series.isin` would turn thousands of names into Arrow again at every call.
    """
    listed = pc.is_in(pa.array(texts), value_set=names)
    return pd.Series(listed.to_numpy(zero_copy_only=False), index=texts.index)


@cache
def disposable_domains() -> pa.Array:
    """Domains of mailboxes that anyone can open for an hour."""
    return pa.array(lines_of("disposable_domains.txt"), pa.large_string())


@cache
def public_suffixes() -> PublicSuffixList:
    """The public suffix list that comes with its package: never fetched, so that two machines agree."""
    return PublicSuffixList()
