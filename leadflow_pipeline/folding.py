"""Texts folded for comparing: what two people who mean the same would have in common.

What belongs here: case, accents, punctuation and white space. What does not: meaning (legal suffixes,
synonyms). A folded text is for matching only, never for showing.
"""

from __future__ import annotations

import re

import pandas as pd

LETTERS_WITHOUT_DECOMPOSITION: dict[str, str] = {
    "ß": "ss", "ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ħ": "h",
}  # fmt: skip
"""Latin letters whose mark is not a separate accent to Unicode, so that normalisation leaves them alone."""


def folded(texts: pd.Series) -> pd.Series:
    """Lower case, compatibility forms resolved, Latin, Greek and Cyrillic accents removed, `&` read as `and`,
    dots inside abbreviations and every other punctuation turned into one space, trimmed. Missing stays
    missing.

    Vowel signs of other scripts are kept: without them the words would be different words.
    """
    lower = texts.str.lower()
    beyond_ascii = lower.str.contains(r"[^\x00-\x7f]", regex=True, na=False)
    result = _words(lower.str.replace("'", "", regex=False), r"[^a-z0-9]+")
    if beyond_ascii.any():
        plain = _without_accents(lower[beyond_ascii]).str.replace(r"['’ʼ`]", "", regex=True)
        result[beyond_ascii] = _words(plain, r"[^\p{L}\p{N}\p{M}]+")
    return result


def folded_text(text: str) -> str:
    """One text, as `folded` makes a column of them."""
    if not text.isascii():
        return str(folded(pd.Series([text], dtype="str")).iloc[0])
    return re.sub(r"[^a-z0-9]+", " ", text.lower().replace("'", "").replace("&", " and ")).strip()


def _words(texts: pd.Series, between: str) -> pd.Series:
    return texts.str.replace("&", " and ", regex=False).str.replace(between, " ", regex=True).str.strip()


def _without_accents(texts: pd.Series) -> pd.Series:
    result = texts.str.normalize("NFKD").str.replace(r"[\x{0300}-\x{036f}]", "", regex=True)
    for letter, plain in LETTERS_WITHOUT_DECOMPOSITION.items():
        result = result.str.replace(letter, plain, regex=False)
    return result.str.normalize("NFKC").str.lower()
