"""What was probably meant where the domain of a common mailbox is misspelt: `ann@gmial.com`, `bo@outlook.con`.

What belongs here: the domains worth guessing at, and how far a slip of the finger goes. What does not: whether the
address is any good (`email.py`), and acting on a suggestion: it is shown to a person and never mailed to.

Wrong advice is worse than none, so a suggestion is made only if it is the only one near, and

* the name before the first dot is one slip away (a letter changed, lost, added or swapped with its neighbour:
  optimal string alignment, which is Damerau–Levenshtein without editing between two swapped letters), and begins
  as it should: people seldom miss the first letter, and `cloud.com` is not `icloud.com`. Names of fewer than five
  letters may only have two letters swapped: `webb.de` may well be somebody's own;
* what follows is right or one slip away, and is itself no public suffix: `gmail.at` may exist. `.co`, `.cm` and
  `.om` for `.com` are taken for slips all the same;
* the domain is on none of the lists of free and disposable mailboxes, unless it is there for being a misspelling.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
from rapidfuzz.distance import OSA
from rapidfuzz.process import cdist

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.lists import disposable_domains, free_mail_domains, is_listed, public_suffixes

COMMON_DOMAINS: tuple[str, ...] = (
    "aol.com", "bluewin.ch", "bigpond.com", "bol.com.br", "btinternet.com", "comcast.net", "freenet.de",
    "free.fr", "gmail.com", "gmx.at", "gmx.ch", "gmx.com", "gmx.de", "gmx.net", "googlemail.com",
    "hotmail.co.uk", "hotmail.com", "hotmail.de", "hotmail.es", "hotmail.fr", "hotmail.it", "icloud.com",
    "laposte.net", "libero.it", "live.com", "mail.ru", "me.com", "msn.com", "naver.com", "orange.fr",
    "outlook.com", "outlook.de", "outlook.es", "outlook.fr", "planet.nl", "proton.me", "protonmail.com",
    "qq.com", "rambler.ru", "rediffmail.com", "rocketmail.com", "sbcglobal.net", "seznam.cz", "sfr.fr",
    "sky.com", "t-online.de", "telenet.be", "terra.com.br", "uol.com.br", "verizon.net", "virgilio.it",
    "wanadoo.fr", "web.de", "yahoo.ca", "yahoo.co.in", "yahoo.co.jp", "yahoo.co.uk", "yahoo.com",
    "yahoo.com.br", "yahoo.de", "yahoo.es", "yahoo.fr", "yahoo.it", "yandex.ru", "ymail.com", "zoho.com",
)  # fmt: skip
"""Mailboxes so common that a domain one slip away from them is far more likely a slip than a firm."""

LISTED_MISSPELLINGS: dict[str, str] = {
    "gmial.com": "gmail.com", "gotmail.com": "hotmail.com", "hotmai.com": "hotmail.com",
    "hotmial.com": "hotmail.com", "yaho.com": "yahoo.com", "yahoo.co": "yahoo.com",
}  # fmt: skip
"""Domains that the lists have because someone catches the mail of those who mistype: they keep the verdict of their
list, and are given a suggestion as well."""

KNOWN_GOOD: tuple[str, ...] = ("outlooks.com", "yahoos.com", "zoho.eu", "zoho.in", "naver.net", "sky.co")
"""Near a common domain, and somebody's own."""

SLIPS_OF_COM = ("co", "cm", "om")
"""Public suffixes (Colombia, Cameroon, Oman) that are nearly always a slip behind these names."""
SHORTEST_NAME = 5
"""Names with fewer letters are near too many others."""


def suggest_emails(emails: pd.Series) -> pd.Series:
    """The address with its domain set right, where it is misspelt; else missing. Indexed as `emails`.

    `emails` are lower-case, trimmed texts, valid or not; a suggestion keeps what is before the @ as it is.
    """
    halves = emails.where(emails.str.fullmatch(r'[^@\s"]+@[^@\s]+', na=False))
    suggestion = for_each_distinct(halves.str.replace(r"^.*@", "", regex=True), suggest_domains)
    return halves.where(suggestion.notna()).str.replace(r"@.*$", "@", regex=True) + suggestion


def suggest_domains(domains: pd.Series) -> pd.Series:
    """The common domain that each lower-case domain is a slip away from, else missing. Never the same domain."""
    suggestions = domains.map(LISTED_MISSPELLINGS).astype("str")
    wanted = domains[suggestions.isna() & _could_be_a_slip(domains)]
    if wanted.empty:
        return suggestions
    meant = _meant()
    written = _name_and_rest(wanted)
    name_is_near = _name_is_near(written["name"], meant["name"])
    # Nearly all domains are near nothing and end here.
    is_open = np.flatnonzero(name_is_near.any(axis=1))
    written = written.take(is_open)
    if written.empty:
        return suggestions
    near = name_is_near[is_open] & _rest_is_near(written["rest"], meant["rest"])
    # Of several, the one that ends as written is meant, if there is one.
    ends_as_written = near & (written["rest"].to_numpy()[:, None] == meant["rest"].to_numpy()[None, :])
    near = np.where(ends_as_written.any(axis=1, keepdims=True), ends_as_written, near)
    found = pd.Series(np.array(COMMON_DOMAINS)[near.argmax(axis=1)], index=written.index, dtype="str")
    return suggestions.fillna(found.where(near.sum(axis=1) == 1).reindex(suggestions.index))


def _could_be_a_slip(domains: pd.Series) -> pd.Series:
    longest = max(map(len, COMMON_DOMAINS)) + 2
    is_plausible = domains.str.fullmatch(r"[a-z][a-z0-9\-]+(?:\.[a-z0-9]+){0,3}", na=False)
    is_plausible &= domains.str.len() <= longest
    for names in (_known_good(), free_mail_domains(), disposable_domains()):
        is_plausible &= ~is_listed(domains, names)
    return is_plausible


@cache
def _meant() -> pd.DataFrame:
    return _name_and_rest(pd.Series(COMMON_DOMAINS, dtype="str"))


@cache
def _known_good() -> pa.Array:
    return pa.array((*COMMON_DOMAINS, *KNOWN_GOOD), pa.large_string())


def _name_and_rest(domains: pd.Series) -> pd.DataFrame:
    """Columns `name`, up to the first dot, and `rest`, behind it."""
    return pd.DataFrame(
        {
            "name": domains.str.replace(r"\..*$", "", regex=True),
            "rest": domains.str.replace(r"^[^.]*\.?", "", regex=True),
        }
    )


def _name_is_near(written: pd.Series, meant: pd.Series) -> np.ndarray:
    """A row for each written name, a column for each meant one: the same, or a slip away and beginning alike."""
    slips = _slips(written, meant)
    begins_alike = written.str[0].to_numpy()[:, None] == meant.str[0].to_numpy()[None, :]
    is_slip = (slips == 1) & begins_alike & (meant.str.len() >= SHORTEST_NAME).to_numpy()[None, :]
    # Two letters swapped are the same letters; only here need the texts be looked at again.
    rows, columns = np.nonzero((slips == 1) & ~is_slip)
    pairs = zip(written.take(rows).to_list(), meant.take(columns).to_list(), strict=True)
    is_slip[rows, columns] = [sorted(one) == sorted(other) for one, other in pairs]
    return np.asarray((slips == 0) | is_slip)


def _rest_is_near(written: pd.Series, meant: pd.Series) -> np.ndarray:
    """As `_name_is_near`, for what follows the name: the same, left out, or a slip away and no suffix itself."""
    slips = _slips(written, meant)
    is_suffix = np.array(
        [public_suffixes().publicsuffix(rest, accept_unknown=False) == rest for rest in written]
    )
    is_slip_of_com = written.isin(SLIPS_OF_COM).to_numpy()[:, None] & (meant == "com").to_numpy()[None, :]
    is_slip = (slips == 1) & (~is_suffix[:, None] | is_slip_of_com)
    return np.asarray((slips == 0) | is_slip | (written == "").to_numpy()[:, None])


def _slips(written: pd.Series, meant: pd.Series) -> np.ndarray:
    """How many slips apart: 0, 1, or 2 for more."""
    return cdist(written.to_list(), meant.to_list(), scorer=OSA.distance, score_cutoff=1, dtype=np.uint8)
