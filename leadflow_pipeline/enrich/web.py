"""Websites, each written one way.

What belongs here: spelling. What does not: profiles on social networks (`social.py`), and whether the page is there:
no host that a lead named is ever asked.

The common spellings are read with plain text operations; only the others meet the regular expression that knows
them all.
"""

from __future__ import annotations

import pandas as pd

_COMMON_HOST = r"(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+[a-z]{2,}"
_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]*[\p{L}\p{N}\p{M}])?"
_WEBSITE = (
    r"^(?:(?i:https?:)?//)?(?i:www\.)?"
    rf"((?:{_LABEL}\.)+[\p{{L}}\p{{M}}][\p{{L}}\p{{N}}\p{{M}}-]*[\p{{L}}\p{{N}}\p{{M}}])(?::[0-9]*)?"
    r"(/[^?#\s@]*?)?/*(?:[?#].*)?$"
)

_MARK = "\t"
"""Opens what a pattern found; a stripped text does not begin with it, so what was not found is told apart."""


def tidy_websites(websites: pd.Series) -> pd.Series:
    """Host in lower case and path, without scheme, `www.`, query and closing slash: `acme.example/de`.

    Missing where the text is no such address.
    """
    if not websites.notna().any():
        return websites
    texts = websites.str.strip()
    host = texts.str.lower().str.removeprefix("https://").str.removeprefix("http://").str.removeprefix("www.")
    host = host.str.removesuffix("/")
    host = host.where(host.str.fullmatch(_COMMON_HOST, na=False))
    rest = texts[host.isna() & texts.notna()]
    return host.fillna(_website(rest).reindex(host.index)) if len(rest) else host


def _website(texts: pd.Series) -> pd.Series:
    found = _found(texts, _WEBSITE, r"\1\2").str.replace(r"/+$", "", regex=True)
    path = found.str.replace(r"^[^/]*", "", regex=True)
    return found.str.replace(r"/.*$", "", regex=True).str.lower() + path


def _found(texts: pd.Series, pattern: str, replacement: str) -> pd.Series:
    """The replacement where the pattern matches, else missing: one pass where asking first would take two."""
    replaced = texts.str.replace(pattern, _MARK + replacement, regex=True)
    return replaced.str.removeprefix(_MARK).where(replaced.str.startswith(_MARK, na=False))
