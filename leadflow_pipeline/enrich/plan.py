"""Enrichment: harvested leads to enriched leads, row by row alike.

What belongs here: which check fills which column. What does not: the checks, each in a module of its own; and
anything of another row: a lead is enriched from its own harvested row and what was said of it by the end of its
day, which is why days and ranges cannot differ.
"""

from __future__ import annotations

import pandas as pd

from leadflow_pipeline.enrich.company import tidy_companies
from leadflow_pipeline.enrich.company_domain import company_domains
from leadflow_pipeline.enrich.country import tidy_countries, tidy_time_zones
from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.domain_facts import registered_on, takes_mail
from leadflow_pipeline.enrich.email import judge_emails
from leadflow_pipeline.enrich.email_syntax import check_syntax
from leadflow_pipeline.enrich.labels import label
from leadflow_pipeline.enrich.names import split_names
from leadflow_pipeline.enrich.phone import judge_phones
from leadflow_pipeline.enrich.providers import (
    Facts,
    Known,
    joined_claims,
    known_values,
    provenance,
    statuses,
    with_members,
)
from leadflow_pipeline.enrich.recipes import derived_claims
from leadflow_pipeline.enrich.regions import tidy_regions
from leadflow_pipeline.enrich.rules import SIZE_BANDS, EnrichRules
from leadflow_pipeline.enrich.signals import read_signals
from leadflow_pipeline.enrich.social import tidy_linkedin_urls, tidy_social_urls
from leadflow_pipeline.enrich.title import read_titles
from leadflow_pipeline.enrich.web import tidy_websites

HANDED_DOWN = ("day", "lead_id", "is_new", "source", "received_at")
"""Columns of a harvested lead that enrichment does not look into."""
AS_KNOWN = ("job_title", "company_size", "company_founded_year", "city", "postcode", "budget")
"""Fields taken as whoever knows them gives them."""
NO_DEPARTMENT = "other"


def plan_enriched(harvested: pd.DataFrame, rules: EnrichRules, facts: Facts | None = None) -> pd.DataFrame:
    """The rows of `enriched_leads` for rows of `harvested_leads` of any days, in the same order and with the
    same index. Of `facts` those count for a row that were there by the end of its day."""
    facts = facts if facts is not None else Facts.none()
    known = known_values(harvested, rules, facts)
    values = known.fields
    titles, known = _titles(known)
    emails, of_mail = _emails(harvested["day"], values, rules, facts)
    places = _places(values)
    companies = _companies(values, emails, rules)
    registrations = registered_on(companies["company_domain"], harvested["day"], facts.domains, rules)
    phones = judge_phones(values["phone"], places["country"], rules.default_country)
    names = split_names(values["first_name"], values["last_name"], values["full_name"])
    columns = {
        **{name: harvested[name] for name in HANDED_DOWN},
        **{name: values[name] for name in AS_KNOWN},
        **emails,
        **phones,
        **names,
        **companies,
        **places,
        **titles,
        "custom": known.custom,
        "domain_registered_on": registrations.said,
        "is_decision_maker": titles["seniority"].isin(rules.decision_makers).astype("boolean"),
        "linkedin_url": tidy_linkedin_urls(values["linkedin_url"]),
        "language": for_each_distinct(values["language"], tidy_languages),
    }
    enriched = pd.DataFrame({name: column.array for name, column in columns.items()}, index=harvested.index)
    derived = derived_claims(enriched, rules)
    custom = with_members(known.custom, derived)
    claims = joined_claims(known.claims, of_mail, registrations.claims, derived)
    return enriched.assign(
        **read_signals(custom),
        custom=custom,
        social_urls=tidy_social_urls(custom, {"linkedin": enriched["linkedin_url"]}),
        enrichment_status=statuses(harvested, facts),
        provenance=provenance(harvested, claims),
    )


def _places(values: pd.DataFrame) -> pd.DataFrame:
    countries = tidy_countries(values["country"])
    regions = tidy_regions(values["region"], countries)
    zones = tidy_time_zones(values["time_zone"], countries, regions, values["city"])
    return pd.DataFrame({"country": countries, "region": regions, "time_zone": zones})


def _companies(values: pd.DataFrame, emails: pd.DataFrame, rules: EnrichRules) -> pd.DataFrame:
    websites = tidy_websites(values["website"])
    is_personal = emails["email_is_free"] | emails["email_is_disposable"]
    return tidy_companies(values["company"]).assign(
        website=websites,
        company_domain=company_domains(websites, emails["email_domain"], is_personal, rules.shared_domains),
        industry=for_each_distinct(
            values["industry"], lambda texts: _blank_to_missing(texts.str.strip().str.lower())
        ),
        size_band=size_bands(values["company_size"]),
    )


def _titles(known: Known) -> tuple[pd.DataFrame, Known]:
    """Seniority and department as the title tells them, else as a provider does."""
    titles = read_titles(known.fields["job_title"])
    seniority, department = (
        titles["seniority"],
        titles["department"].mask(titles["department"] == NO_DEPARTMENT),
    )
    known = known.unused("seniority", seniority.notna()).unused("department", department.notna())
    return titles.assign(
        seniority=seniority.fillna(known.fields["seniority"]),
        department=department.fillna(known.fields["department"]).fillna(titles["department"]),
    ), known


def _emails(
    days: pd.Series, values: pd.DataFrame, rules: EnrichRules, facts: Facts
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The judged addresses, and what the name servers said of domains without mail."""
    # Without such facts no domain is asked about, and a million addresses need not be looked at twice.
    domains = check_syntax(values["email"])["email_domain"] if len(facts.domains) else values["email"]
    mail_servers = takes_mail(domains, days, facts.domains, rules)
    judged = judge_emails(
        values["email"],
        free_mail_is_risky=rules.free_mail_is_risky,
        allow_test_domains=rules.allow_test_domains,
        mail_servers=mail_servers.said,
        vendor_status=values["email_verdict"],
    )
    return judged, mail_servers.claims


def size_bands(company_sizes: pd.Series) -> pd.Series:
    """The band of `SIZE_BANDS` that each number of employees falls in; missing for none and for less than
    one."""
    if not company_sizes.notna().any():
        return pd.Series(None, index=company_sizes.index, dtype="str")
    largest_first = reversed(SIZE_BANDS)
    return label({name: (company_sizes >= smallest).fillna(False) for name, smallest in largest_first})


def tidy_languages(languages: pd.Series) -> pd.Series:
    """Lower case, with hyphens: `de`, `pt-br`."""
    return _blank_to_missing(languages.str.strip().str.lower().str.replace("_", "-", regex=False))


def _blank_to_missing(texts: pd.Series) -> pd.Series:
    return texts.mask(texts == "")
