"""Addresses on the web: a company's site and a LinkedIn page, each written one way.

What belongs here: spelling. What does not: whether the page is there: no host that a lead named is ever
asked.

The common spellings are read with plain text operations; only the others meet the regular expressions that
know them all.
"""

from __future__ import annotations

import pandas as pd

LINKEDIN = "https://www.linkedin.com/"

_COMMON_HOST = r"(?:[a-z0-9]+(?:-+[a-z0-9]+)*\.)+[a-z]{2,}"
_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{N}\p{M}-]*[\p{L}\p{N}\p{M}])?"
_WEBSITE = (
    r"^(?:(?i:https?:)?//)?(?i:www\.)?"
    rf"((?:{_LABEL}\.)+[\p{{L}}\p{{M}}][\p{{L}}\p{{N}}\p{{M}}-]*[\p{{L}}\p{{N}}\p{{M}}])(?::[0-9]*)?"
    r"(/[^?#\s@]*?)?/*(?:[?#].*)?$"
)
_COMMON_PAGE = rf"{LINKEDIN}(?:in|company)/[^/?#\s]+"
_PAGE = r"^(?i:(?:https?:)?(?://)?(?:[a-z0-9-]+\.)?linkedin\.com)/+(?:m/|mwlite/)?([^/?#\s][^?#\s]*?)/*(?:[?#].*)?$"
_PATH_OF_PAGE = r"^/?((?:in|company|school|pub)/[^/?#\s]+)/*(?:[?#].*)?$"

_MARK = "\t"
"""Opens what a pattern found; a stripped text does not begin with it, so what was not found is told apart."""


def tidy_websites(websites: pd.Series) -> pd.Series:
    """Host in lower case and path, without scheme, `www.`, query and closing slash: `acme.example/de`.

    Missing where the text is no such address.
    """
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


def tidy_linkedin_urls(urls: pd.Series) -> pd.Series:
    """`https://www.linkedin.com/in/ann-lee`, whatever country's LinkedIn, query or closing slash was given.

    `in/ann-lee` alone will do. Missing where the text is no page of LinkedIn's.
    """
    texts = urls.str.strip().str.removesuffix("/")
    page = texts.where(texts.str.fullmatch(_COMMON_PAGE, na=False))
    for pattern in (_PAGE, _PATH_OF_PAGE):
        rest = texts[page.isna() & texts.notna()]
        if len(rest):
            found = _found(rest, pattern, LINKEDIN + r"\1").str.replace(r"/+$", "", regex=True)
            page = page.fillna(found.reindex(page.index))
    return page


def _found(texts: pd.Series, pattern: str, replacement: str) -> pd.Series:
    """The replacement where the pattern matches, else missing: one pass where asking first would take two."""
    replaced = texts.str.replace(pattern, _MARK + replacement, regex=True)
    return replaced.str.removeprefix(_MARK).where(replaced.str.startswith(_MARK, na=False))
