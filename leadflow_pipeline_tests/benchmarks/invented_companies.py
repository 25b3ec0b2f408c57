"""Companies for measuring similar accounts, as leads tell of them. All of them invented."""

from __future__ import annotations

from itertools import product

import numpy as np
import pandas as pd

SYLLABLES = [
    "an",
    "be",
    "cor",
    "den",
    "el",
    "fir",
    "gal",
    "hu",
    "in",
    "jor",
    "kal",
    "lum",
    "mer",
    "nor",
    "os",
    "pri",
    "qua",
    "ros",
    "sol",
    "tek",
    "un",
    "ver",
    "wil",
    "xan",
    "yor",
    "zen",
]
KINDS = ["group", "systems", "partners", "holding", "labs", "works", "trading", "solutions"]
FIELDS = [
    "industrial",
    "medical",
    "financial",
    "retail",
    "food",
    "software",
    "energy",
    "transport",
    "legal",
    "public",
]
TRADES = [
    "services",
    "equipment",
    "logistics",
    "consulting",
    "research",
    "manufacturing",
    "insurance",
    "media",
]
RANKS = ("head of", "vp", "director of", "manager", "chief", "senior", "junior")
DEPARTMENTS = [
    "sales",
    "marketing",
    "finance",
    "operations",
    "it",
    "procurement",
    "logistics",
    "people",
    "data",
]
COUNTRIES = ("DE", "FR", "US", "GB", "ES")
CITIES = 800


def invented_companies(count: int, seed: int = 1) -> pd.DataFrame:
    """A lead of each: what `companies.find_companies` takes. Sizes are lognormal; few cities have most companies."""
    draw = np.random.default_rng(seed)

    def one_of(values: list[str]) -> pd.Series:
        return pd.Series(np.array(values)[draw.integers(0, len(values), count)], dtype="str")

    def word(syllables: int, words: int) -> pd.Series:
        parts = np.array(SYLLABLES)[draw.integers(0, len(SYLLABLES), (words, syllables))]
        return pd.Series(["".join(letters) for letters in parts], dtype="str")

    stem = word(4, count)
    name = stem + " " + one_of(KINDS)
    cities = word(3, CITIES).to_numpy()
    return pd.DataFrame(
        {
            "lead_id": [f"lead-{number}" for number in range(count)],
            "received_at": pd.Timestamp("2026-01-01", tz="UTC").as_unit("us"),
            "company": name,
            "company_key": name,
            "company_domain": stem + pd.Series(range(count)).astype("str") + ".example",
            "industry": one_of([" ".join(words) for words in product(FIELDS, TRADES)]),
            "company_size": pd.array(np.exp(draw.normal(5, 1.8, count)).astype(np.int64) + 1, dtype="Int64"),
            "country": one_of(list(COUNTRIES)),
            "region": pd.Series(pd.NA, index=range(count), dtype="str"),
            "city": pd.Series(cities[np.minimum(draw.zipf(1.5, count), CITIES) - 1], dtype="str"),
            "job_title": one_of([" ".join(words) for words in product(RANKS, DEPARTMENTS)]),
            "seniority": pd.Series(pd.NA, index=range(count), dtype="str"),
            "department": pd.Series(pd.NA, index=range(count), dtype="str"),
        }
    )


def nothing_happened() -> pd.DataFrame:
    """No outcome."""
    return pd.DataFrame(
        {
            "lead_id": pd.Series(dtype="str"),
            "outcome": pd.Series(dtype="str"),
            "occurred_at": pd.Series(dtype="datetime64[us, UTC]"),
            "value": pd.Series(dtype="float64"),
        }
    )
