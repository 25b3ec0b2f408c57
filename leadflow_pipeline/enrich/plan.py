"""Enrichment: harvested leads to enriched leads, row by row alike.

What belongs here: which check fills which column. What does not: the checks, each in a module of its own; and
anything of another row: a lead is enriched from its own harvested row alone, which is why days and ranges
cannot differ.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from leadflow_pipeline.enrich.company import tidy_companies
from leadflow_pipeline.enrich.country import tidy_countries, tidy_time_zones
from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.email import judge_emails
from leadflow_pipeline.enrich.labels import label
from leadflow_pipeline.enrich.phone import judge_phones
from leadflow_pipeline.enrich.providers import GivenProvider, Provider, first_known
from leadflow_pipeline.enrich.rules import SIZE_BANDS, EnrichRules
from leadflow_pipeline.enrich.signals import read_signals
from leadflow_pipeline.enrich.title import read_titles
from leadflow_pipeline.enrich.web import tidy_linkedin_urls, tidy_websites

HANDED_DOWN = ("day", "lead_id", "is_new", "source", "received_at", "custom")
"""Columns of a harvested lead that enrichment does not look into, or only reads."""
AS_KNOWN = (
    "first_name", "last_name", "full_name", "job_title", "company_size", "region", "city", "postcode",
    "budget",
)  # fmt: skip
"""Fields taken as the provider gives them."""


def plan_enriched(
    harvested: pd.DataFrame, rules: EnrichRules, providers: Sequence[Provider] = (GivenProvider(),)
) -> pd.DataFrame:
    """The rows of `enriched_leads` for rows of `harvested_leads` of any days, in the same order and with the
    same index."""
    known = first_known(harvested, providers).known
    countries = tidy_countries(known["country"])
    titles = read_titles(known["job_title"])
    enriched = pd.concat(
        [
            harvested[list(HANDED_DOWN)],
            known[list(AS_KNOWN)],
            judge_emails(
                known["email"],
                free_mail_is_risky=rules.free_mail_is_risky,
                allow_test_domains=rules.allow_test_domains,
            ),
            judge_phones(known["phone"], countries, rules.default_country),
            tidy_companies(known["company"]),
            titles,
            read_signals(harvested["custom"]),
        ],
        axis="columns",
    )
    return enriched.assign(
        is_decision_maker=titles["seniority"].isin(rules.decision_makers).astype("boolean"),
        industry=for_each_distinct(
            known["industry"], lambda texts: _blank_to_missing(texts.str.strip().str.lower())
        ),
        size_band=size_bands(known["company_size"]),
        country=countries,
        website=tidy_websites(known["website"]),
        linkedin_url=tidy_linkedin_urls(known["linkedin_url"]),
        time_zone=tidy_time_zones(known["time_zone"], countries),
        language=for_each_distinct(known["language"], tidy_languages),
    )


def size_bands(company_sizes: pd.Series) -> pd.Series:
    """The band of `SIZE_BANDS` that each number of employees falls in; missing for none and for less than
    one."""
    largest_first = reversed(SIZE_BANDS)
    return label({name: (company_sizes >= smallest).fillna(False) for name, smallest in largest_first})


def tidy_languages(languages: pd.Series) -> pd.Series:
    """Lower case, with hyphens: `de`, `pt-br`."""
    return _blank_to_missing(languages.str.strip().str.lower().str.replace("_", "-", regex=False))


def _blank_to_missing(texts: pd.Series) -> pd.Series:
    return texts.mask(texts == "")
