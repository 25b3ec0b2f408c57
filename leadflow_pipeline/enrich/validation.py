"""Validation only: is this an address, a telephone number, a name? For whoever has a list and no campaign.

What belongs here: the checks of enrichment on plain lists of texts. What does not: the checks themselves. Offline:
nobody is asked anything.
"""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd
from phonenumbers import SUPPORTED_REGIONS

from leadflow_pipeline.enrich.company import tidy_companies
from leadflow_pipeline.enrich.country import tidy_countries
from leadflow_pipeline.enrich.email import judge_emails
from leadflow_pipeline.enrich.labels import label
from leadflow_pipeline.enrich.names import split_names
from leadflow_pipeline.enrich.phone import judge_phones
from leadflow_pipeline.errors import PermanentError

EMAIL_COLUMNS = {
    "email": "normalised", "email_status": "status", "email_reason": "reason", "email_suggestion": "suggestion",
    "email_domain": "domain", "email_is_role": "is_role", "email_is_disposable": "is_disposable",
    "email_is_free": "is_free",
}  # fmt: skip
PHONE_COLUMNS = {
    "phone": "normalised", "phone_status": "status", "phone_country": "country", "phone_type": "type",
}  # fmt: skip


def validate_emails(
    emails: Iterable[str], *, allow_test_domains: bool = False, free_mail_is_risky: bool = False
) -> pd.DataFrame:
    """A row for each address in order: given, normalised, status (valid, risky, invalid, missing), reason, suggestion,
    domain, is_role, is_disposable, is_free."""
    given = _given(emails)
    judged = judge_emails(given, allow_test_domains=allow_test_domains, free_mail_is_risky=free_mail_is_risky)
    return pd.concat([given, judged[list(EMAIL_COLUMNS)].rename(columns=EMAIL_COLUMNS)], axis="columns")


def validate_phones(phones: Iterable[str], *, country: str | None = None) -> pd.DataFrame:
    """A row for each number in order: given, normalised (E.164), status (valid, invalid, missing), country, type.

    `country` (a code or a name) is where numbers written without + are dialled. Raises PermanentError for one that is
    not known.
    """
    given = _given(phones)
    nowhere = pd.Series(None, index=given.index, dtype="str")
    judged = judge_phones(given, nowhere, None if country is None else _dialled_in(country))
    return pd.concat([given, judged[list(PHONE_COLUMNS)].rename(columns=PHONE_COLUMNS)], axis="columns")


def validate_names(names: Iterable[str]) -> pd.DataFrame:
    """A row for each whole name in order: given, honorific, first_name, last_name, full_name, status (valid, invalid,
    missing: one without a first or last name is invalid)."""
    given = _given(names)
    none = pd.Series(None, index=given.index, dtype="str")
    read = split_names(none, none, given)
    is_name = read["first_name"].notna() & read["last_name"].notna()
    return pd.concat([given, read], axis="columns").assign(status=_status(given, is_name))


def validate_companies(names: Iterable[str]) -> pd.DataFrame:
    """A row for each company's name in order: given, normalised (tidied for showing), key (for matching: folded,
    without its legal form), status (valid, invalid, missing: one without a letter or digit is invalid)."""
    given = _given(names)
    tidy = tidy_companies(given).rename(columns={"company": "normalised", "company_key": "key"})
    return pd.concat([given, tidy], axis="columns").assign(status=_status(given, tidy["key"].notna()))


def _status(given: pd.Series, is_valid: pd.Series) -> pd.Series:
    is_missing = given.isna() | (given.str.strip() == "")
    return label({"missing": is_missing, "valid": is_valid}, "invalid").set_axis(given.index)


def _given(texts: Iterable[str]) -> pd.Series:
    """The texts as a column; a column keeps its index."""
    index = texts.index if isinstance(texts, pd.Series) else None
    return pd.Series(list(texts), index=index, dtype="str", name="given")


def _dialled_in(country: str) -> str:
    code = str(tidy_countries(pd.Series([country], dtype="str")).iloc[0])
    if code not in SUPPORTED_REGIONS:
        raise PermanentError(f"{country!r} is no country with telephone numbers: give a code such as DE")
    return code
