"""The domain a company owns: what its leads' websites and business addresses have in common.

What belongs here: the registrable domain, by the public suffix list bundled with its package. What does not: the
spelling of a website (`web.py`), and a company's name made of its domain: that would be a guess.

The list's private section counts as well: `acme.github.io` belongs to Acme and `github.io` to nobody of them. A page
on a social network or in a shop of apps says nothing of the company's own domain.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import idna
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.lists import is_listed, public_suffixes

SHARED_SITES: tuple[str, ...] = (
    "about.me", "amazon.com", "angel.co", "apps.apple.com", "bit.ly", "crunchbase.com", "etsy.com",
    "facebook.com", "fb.com", "fb.me", "g.page", "github.com", "goo.gl", "google.com", "instagram.com",
    "itunes.apple.com", "linkedin.com", "linktr.ee", "lnkd.in", "medium.com", "meetup.com", "pinterest.com",
    "t.co", "t.me", "tiktok.com", "tripadvisor.com", "twitter.com", "vimeo.com", "wa.me", "wikipedia.org",
    "x.com", "xing.com", "yelp.com", "youtu.be", "youtube.com",
)  # fmt: skip
"""Where many companies have a page and none its own domain. Some are companies too: their people are known by their
addresses."""


def company_domains(
    websites: pd.Series, email_domains: pd.Series, is_personal: pd.Series, shared_domains: Sequence[str] = ()
) -> pd.Series:
    """The registrable domain of the website, else of a business address, in IDNA ASCII; else missing.

    `websites` as `tidy_websites` writes them, `email_domains` as `judge_emails` does. `is_personal` (boolean) marks
    addresses whose domain is no company's: free and disposable mailboxes. All three have the index of the result.
    `shared_domains` are the campaign's own: below them companies have names as below a public suffix.
    """
    hosts = websites.astype("str").str.replace(r"[/:].*$", "", regex=True)
    shared = pa.array(SHARED_SITES, pa.large_string())
    of_site = _owned(hosts, shared_domains)
    of_site = of_site.mask(is_listed(of_site, shared) | is_listed(hosts, shared))
    business = email_domains.astype("str").mask(
        is_personal.astype("boolean").fillna(False).to_numpy(dtype=bool)
    )
    return of_site.fillna(_owned(business, shared_domains))


def _owned(hosts: pd.Series, shared_domains: Sequence[str]) -> pd.Series:
    owned = for_each_distinct(hosts, registrable_domains)
    for shared in shared_domains:
        below = hosts.str.extract(rf"(?i)(?:^|\.)([^.]+\.{re.escape(shared)})$", expand=False).str.lower()
        owned = owned.mask(owned == shared, below)
    return owned


def registrable_domains(hosts: pd.Series) -> pd.Series:
    """The public suffix and one label before it; missing for a public suffix itself and for what is no host name."""
    return hosts.map(_registrable).astype("str")


def _registrable(host: str) -> str | None:
    try:
        name = host if host.isascii() else idna.encode(host, uts46=True).decode("ascii")
    except idna.IDNAError:
        return None
    # Numbers in dots and brackets are addresses of machines.
    if "." not in name or name.startswith("[") or name[-1].isdigit():
        return None
    domain: str | None = public_suffixes().privatesuffix(name.lower())
    return domain
