"""Recognising the addresses of people who asked to be forgotten, in whatever column they stand.

What belongs here: finding addresses in a record's text. What does not: removing what is stored already.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
import pandas as pd

_PART = r"[^\s\"'<>(),;:\\\[\]{}|=]"
ADDRESS = rf"{_PART}+@{_PART}+"
FORGOTTEN = "[erased]"
"""What stands where an address stood."""
_JSON_ESCAPES = r"\\[nrtbf]"


def addresses_in(texts: pd.Series) -> pd.Series:
    """Every address-like part of each text (a cell, or a record as JSON), in lower case; a row for each one
    found."""
    has_any = texts.str.contains("@", regex=False, na=False)
    plain = texts[has_any].map(lambda text: unicodedata.normalize("NFKC", text)).astype("str")
    plain = plain.str.replace(_JSON_ESCAPES, " ", regex=True).str.lower()
    found = plain.str.findall(ADDRESS).explode().dropna()
    return found.astype("str").str.removeprefix("mailto:").str.strip(".")


def without_address(text: str, address: str) -> str:
    """The text with a word in the place of an address, however it is spelt. Longer addresses around it stay."""
    return re.sub(
        rf"(?<!{_PART}){re.escape(address)}(?!\.*(?!\.){_PART})", FORGOTTEN, text, flags=re.IGNORECASE
    )


def rows_of_erased(
    texts: pd.Series, erased_keys: frozenset[str], address_keys: Callable[[pd.Series], pd.Series]
) -> np.ndarray:
    """For each text, whether it holds an address whose key is among the erased ones."""
    if not erased_keys:
        return np.zeros(len(texts), dtype=bool)
    found = addresses_in(texts)
    is_erased = address_keys(found).isin(erased_keys)
    return np.asarray(texts.index.isin(found.index[is_erased]))
