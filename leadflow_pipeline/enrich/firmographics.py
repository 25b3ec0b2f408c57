"""What is public about large companies: the provider that needs no vendor, no network and no money.

What belongs here: the constituents of the S&P 500 as shipped in `data/sp500.txt`, and when a lead works at one of
them. What does not: any other source of firmographics.

A lead works there if its company's domain is one of the company's; or if the company's name is the same and its
domain, if one is known, is made of the first words of that name (`cardinalhealth.com`, `cadence.com`). A name of
one word alone is not enough: there are too many firms called Target, Block or Crown.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import pandas as pd

from leadflow_pipeline.enrich.company import tidy_companies
from leadflow_pipeline.enrich.company_domain import company_domains
from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.email_syntax import check_syntax
from leadflow_pipeline.enrich.lists import free_mail_domains, is_listed, lines_of
from leadflow_pipeline.enrich.web import tidy_websites

KNOWN_FIELDS: tuple[str, ...] = ("industry", "company_founded_year", "country", "region", "city")
"""What is known: industry is the GICS sub-industry, place the headquarters."""
SHORTEST_LABEL = 4
"""Domains with fewer letters are in many names by chance."""


@dataclass(frozen=True)
class FirmographicsProvider:
    """Public facts about large companies."""

    name: str = "firmographics"
    fields: tuple[str, ...] = KNOWN_FIELDS

    def look_up(self, leads: pd.DataFrame) -> pd.DataFrame:
        """A column for each of `fields`, indexed as `leads`, missing where nothing is known.

        Looks at `company`, `website` and `email` of harvested leads.
        """
        email_domains = check_syntax(leads["email"])["email_domain"]
        domains = company_domains(
            tidy_websites(leads["website"]), email_domains, is_listed(email_domains, free_mail_domains())
        )
        return look_up_companies(tidy_companies(leads["company"])["company_key"], domains)


def look_up_companies(company_keys: pd.Series, domains: pd.Series) -> pd.DataFrame:
    """A column for each of `KNOWN_FIELDS`, indexed as the two: the company's key (`tidy_companies`) and registrable
    domain (`company_domains`)."""
    companies = known_companies()
    by_domain = _positions(companies["domains"])
    by_key = _positions(companies["keys"])
    found = for_each_distinct(domains, lambda texts: texts.map(by_domain).astype("Int64"))
    named = for_each_distinct(company_keys, lambda texts: texts.map(by_key).astype("Int64"))
    is_several_words = company_keys.str.contains(" ", regex=False, na=False)
    agrees = _is_made_of(domains, company_keys)
    position = found.fillna(named.where(agrees | (domains.isna() & is_several_words)))
    known = companies[list(KNOWN_FIELDS)].reindex(position.astype("float64").fillna(-1).astype("int64"))
    return known.set_axis(company_keys.index)


def _is_made_of(domains: pd.Series, company_keys: pd.Series) -> pd.Series:
    """Whether the domain's first label is the first words of the company's name, written together."""
    pairs = (
        domains.str.replace(r"\..*$", "", regex=True).str.replace("-", "", regex=False) + "|" + company_keys
    ).astype("str")

    def agree(texts: pd.Series) -> pd.Series:
        halves = (text.split("|", 1) for text in texts)
        return pd.Series([label in _beginnings(key) for label, key in halves], dtype="boolean")

    return for_each_distinct(pairs, agree).fillna(False).astype(bool)


def _beginnings(key: str) -> set[str]:
    words = key.split()
    joined = ("".join(words[:count]) for count in range(1, len(words) + 1))
    return {beginning for beginning in joined if len(beginning) >= SHORTEST_LABEL}


def _positions(texts: pd.Series) -> dict[str, int]:
    """Each of the words in a cell -> the row's position."""
    return {word: position for position, words in enumerate(texts) for word in words}


@cache
def known_companies() -> pd.DataFrame:
    """A row for each company: `keys` and `domains` (tuples), and `KNOWN_FIELDS`."""
    columns = ["names", "domains", "industry", "sector", "founded", "city", "region", "country"]
    rows = pd.DataFrame([line.split(";") for line in lines_of("sp500.txt")], columns=columns, dtype="str")
    names = rows["names"].str.split("|").explode().astype("str")
    keys = tidy_companies(names)["company_key"]
    return pd.DataFrame(
        {
            "keys": keys.groupby(level=0).agg(tuple),
            "domains": [tuple(filter(None, domains.split("|"))) for domains in rows["domains"]],
            "industry": rows["industry"],
            "company_founded_year": rows["founded"].astype("Int64"),
            "country": rows["country"],
            "region": rows["region"].mask(rows["region"] == ""),
            "city": rows["city"].mask(rows["city"] == ""),
        }
    )
