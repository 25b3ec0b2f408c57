"""Invented leads in any number, the same ones for the same seed. No real person: every address is at leads.example."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

CAMPAIGN = "benchmark"

FIRST_NAMES = (
    "Ada",
    "Bruno",
    "Chloé",
    "Dmitri",
    "Elif",
    "Farid",
    "Greta",
    "Hugo",
    "Inês",
    "Jonas",
    "Kaya",
    "Liam",
)
LAST_NAMES = (
    "Almeida",
    "Berg",
    "Costa",
    "Dubois",
    "Engel",
    "Fischer",
    "García",
    "Hansen",
    "Ivanova",
    "Jansen",
)
SYLLABLES = (
    "ba", "ce", "di", "fo", "gu", "ha", "je", "ki", "lo", "mu", "na", "pe", "ri", "so", "tu", "va", "we", "xi", "yo",
    "za", "bel", "dor", "fin", "gar", "hol", "kam", "lin", "mer", "nor", "tal",
)  # fmt: skip
TITLES = (
    "Chief Financial Officer", "Head of Procurement", "Accounts Payable Manager", "Software Engineer", "VP Sales",
    "Leiter Einkauf", "Office Assistant", "Operations Director", "HR Manager", "Controller", "", "Owner",
)  # fmt: skip
INDUSTRIES = ("Manufacturing", "Logistics", "Wholesale", "Retail", "Software", "Healthcare", "Select")
COUNTRIES = ("DE", "United Kingdom", "us", "FR", "Netherlands", "")
SUFFIXES = ("GmbH", "Ltd", "Inc.", "S.A.", "BV", "")
SIZES = np.array([5, 15, 60, 180, 350, 900, 2500, 12000])


def generated_leads(
    count: int, *, seed: int = 1, day: date = date(2026, 3, 2), days: int = 1
) -> pd.DataFrame:
    """`count` rows of text columns as a file would hold them, spread over `days` days from `day` on."""
    random = np.random.default_rng(seed)
    number = pd.Series(np.arange(count)).astype("str")

    def pick(values: tuple[str, ...]) -> pd.Series:
        return pd.Series(np.array(values, dtype=object)[random.integers(0, len(values), count)], dtype="str")

    # Names in plenty, or people with the same name and phone would be taken for one, and rightly so.
    first, last = pick(FIRST_NAMES), pick(LAST_NAMES) + pick(SYLLABLES) + pick(SYLLABLES)
    dates = np.array([(day + timedelta(days=offset)).isoformat() for offset in range(days)], dtype=object)
    return pd.DataFrame(
        {
            "email": "person"
            + number
            + "@company"
            + (number.astype("int64") // 7).astype("str")
            + ".leads.example",
            "first_name": first,
            "last_name": last,
            "job_title": pick(TITLES),
            "company": "Company " + (number.astype("int64") // 7).astype("str") + " " + pick(SUFFIXES),
            "industry": pick(INDUSTRIES),
            "employees": pd.Series(SIZES[random.integers(0, len(SIZES), count)]).astype("str"),
            "country": pick(COUNTRIES),
            "budget": pd.Series(random.integers(0, 80, count) * 1000).astype("str"),
            "phone": "+1 212 555 0" + pd.Series(random.integers(100, 200, count)).astype("str"),
            "received_on": pd.Series(dates[random.integers(0, days, count)], dtype="str"),
            "hiring": pick(("yes", "no", "")),
        }
    )


def write_csv(leads: pd.DataFrame, path: Path) -> Path:
    """The leads as a CSV file."""
    leads.to_csv(path, index=False)
    return path


def campaign_text(slug: str = CAMPAIGN) -> str:
    """A campaign file that uses most of what a campaign can say, for the columns of `generated_leads`."""
    return f"""
campaign: {slug}
name: Benchmark
sender: {{name: Mara Lindholm, email: mara.lindholm@leads.example}}
postal_address: Ledgerline Software, 12 Harbour Walk, Dublin D02, Ireland
time_zone: Europe/Dublin
ideal_customer_profile:
  criteria:
    - {{name: core industry, field: industry, one_of: [manufacturing, logistics, wholesale], weight: 3}}
    - {{name: mid-size, field: company_size, between: [50, 5000], weight: 2}}
    - {{name: works with invoices, field: department, one_of: [finance, procurement, operations], weight: 2}}
    - {{name: budget, field: budget, at_least: 20000, weight: 2}}
    - {{name: decides, field: is_decision_maker, equals: true, weight: 1}}
sources:
  - name: file
    channel: referral
    mapping:
      email: email
      first_name: first_name
      last_name: last_name
      job_title: job_title
      company: company
      industry: industry
      company_size: employees
      country: country
      budget: budget
      phone: phone
      custom.company_hiring: hiring
    day: {{column: received_on}}
enrichment: {{allow_test_domains: true}}
scoring: {{fit_weight: 0.6}}
qualification: {{threshold: 50, review_band: 10}}
"""
