"""Recognising the addresses of people who asked to be forgotten, in whatever column they stand.

What belongs here: finding addresses in a record's text. What does not: removing what is stored already.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

ADDRESS = r"[^\s\"'<>(),;:\\\[\]{}|=]+@[^\s\"'<>(),;:\\\[\]{}|=]+"
_JSON_ESCAPES = r"\\[nrtbf]"


def addresses_in(texts: pd.Series) -> pd.Series:
    """Every address-like part of each text (a cell, or a record as JSON), in lower case; a row for each one
    found."""
    has_any = texts.str.contains("@", regex=False, na=False)
    plain = texts[has_any].map(lambda text: unicodedata.normalize("NFKC", text)).astype("str")
    plain = plain.str.replace(_JSON_ESCAPES, " ", regex=True).str.lower()
    found = plain.str.findall(ADDRESS).explode().dropna()
    return found.astype("str").str.removeprefix("mailto:").str.strip(".")


def rows_of_erased(
    texts: pd.Series, erased_keys: frozenset[str], address_keys: Callable[[pd.Series], pd.Series]
) -> np.ndarray:
    """For each text, whether it holds an address whose key is among the erased ones."""
    if not erased_keys:
        return np.zeros(len(texts), dtype=bool)
    found = addresses_in(texts)
    is_erased = address_keys(found).isin(erased_keys)
    return np.asarray(texts.index.isin(found.index[is_erased]))
