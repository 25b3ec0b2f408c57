"""What vendors answered, as values of a lead's fields.

What belongs here: for each vendor, where in its answer a field stands, and its words in ours. What does not:
asking (`ordering`), and who is believed (`providers`). Pure: answers come as the JSON that was kept of them,
so that computing a day again needs nobody.

Where things stand in an answer is a JMESPath, as in the HTTP steps of a campaign file. Sources: the published
examples and schemas of Apollo (people/bulk_match), Dropcontact (enriched record) and Clearbit (combined).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

import jmespath
import pandas as pd
from jmespath.exceptions import JMESPathError

from leadflow_pipeline.enrich.rules import EnrichRules, HttpRules, Party

LONGEST_VALUE = 10_000
"""Characters; harvest keeps fields to the same length."""
LARGEST_COMPANY = 2**31 - 1

CLEARBIT_PATHS: dict[str, str] = {
    "first_name": "person.name.givenName",
    "last_name": "person.name.familyName",
    "full_name": "person.name.fullName",
    "job_title": "person.employment.title",
    "seniority": "person.employment.seniority",
    "linkedin_url": "person.linkedin.handle",
    "time_zone": "person.timeZone",
    "country": "person.geo.countryCode || person.geo.country || company.geo.countryCode",
    "region": "person.geo.state",
    "city": "person.geo.city",
    "company": "company.name || person.employment.name",
    "website": "company.domain || person.employment.domain",
    "industry": "company.category.industry",
    "company_size": "company.metrics.employees",
    "company_founded_year": "company.foundedYear",
    "custom.technologies": "company.tech",
}
APOLLO_PATHS: dict[str, str] = {
    "email": "email",
    "email_verdict": "email_status",
    "phone": "phone_numbers[0].sanitized_number || mobile_phone",
    "first_name": "first_name",
    "last_name": "last_name",
    "full_name": "name",
    "job_title": "title",
    "seniority": "seniority",
    "department": "departments[0]",
    "linkedin_url": "linkedin_url",
    "country": "country",
    "region": "state",
    "city": "city",
    "company": "organization.name",
    "postcode": "organization.postal_code",
    "website": "organization.primary_domain || organization.website_url",
    "industry": "organization.industry",
    "company_size": "organization.estimated_num_employees",
    "company_founded_year": "organization.founded_year",
    "custom.technologies": "organization.technology_names",
    "custom.funding_stage": "organization.latest_funding_stage",
}
DROPCONTACT_PATHS: dict[str, str] = {
    "email": "email[0].email",
    "email_verdict": "email[0].qualification",
    "phone": "mobile_phone || phone",
    "first_name": "first_name",
    "last_name": "last_name",
    "full_name": "full_name",
    "job_title": "job",
    "linkedin_url": "linkedin",
    "country": "country",
    "company": "company",
    "website": "website",
    "company_size": "nb_employees",
}
PATHS: dict[str, dict[str, str]] = {
    "clearbit": CLEARBIT_PATHS,
    "apollo": APOLLO_PATHS,
    "dropcontact": DROPCONTACT_PATHS,
}

SENIORITY_WORDS: dict[str, str] = {
    "executive": "c_suite", "founder": "owner", "partner": "owner", "owner": "owner", "c_suite": "c_suite",
    "vp": "vp", "head": "head", "director": "director", "manager": "manager", "senior": "senior",
    "entry": "entry", "intern": "intern",
}  # fmt: skip
"""Clearbit knows executive, director and manager; the others are Apollo's."""
DEPARTMENT_WORDS: dict[str, str] = {
    "c_suite": "executive", "master_sales": "sales", "master_marketing": "marketing",
    "product_management": "product", "master_engineering_technical": "engineering",
    "master_engineering": "engineering", "master_information_technology": "it",
    "master_operations": "operations", "master_finance": "finance", "master_legal": "legal",
    "master_human_resources": "hr", "medical_health": "medical", "education": "education",
}  # fmt: skip
"""Apollo's departments."""
NO_ADDRESS = re.compile(r"^email_not_unlocked@|^[^@]*$")
"""Apollo gives a placeholder where an address would cost more."""

CLAIM_COLUMNS = ["row", "field", "value", "about"]


def read_answers(answers: pd.DataFrame, rules: EnrichRules) -> pd.DataFrame:
    """Every value that answers give: a row for each answer and field.

    `answers` has `provider` and `answer` (JSON as text). The result has `row` (position in `answers`),
    `field`, `value` (text) and `about` (for a verdict the address, in lower case; else missing). Only
    providers and fields that the campaign declares count.
    """
    parties = {party.name: party for party in rules.asked}
    texts, distinct = pd.factorize(answers["provider"] + "\x1f" + answers["answer"])
    values = [list(_values(parties, text)) for text in distinct]
    rows = [
        (row, field, value, about)
        for row, text in enumerate(texts)
        if text >= 0
        for field, value, about in values[text]
    ]
    types = {"row": "int64", "field": "str", "value": "str", "about": "str"}
    return pd.DataFrame(rows, columns=CLAIM_COLUMNS).astype(types)


def values_in(party: Party, answer: Mapping[str, Any]) -> dict[str, str]:
    """Field -> value of one answer, as text, for the fields that the party is believed in."""
    paths = party.take if isinstance(party, HttpRules) else PATHS[party.kind]
    return {
        field: tidied
        for field, path in paths.items()
        if field in party.gives
        and (value := _searched(path, answer)) is not None
        and (tidied := _tidied(field, value)) is not None
    }


def _values(parties: Mapping[str, Party], text: str) -> Iterator[tuple[str, str, str | None]]:
    name, _, document = text.partition("\x1f")
    party = parties.get(name)
    answer = json.loads(document)
    if party is None or not isinstance(answer, Mapping):
        return
    path = PATHS.get(party.kind, {}).get("email")
    address = _searched(path, answer) if path is not None else None
    for field, value in values_in(party, answer).items():
        if field != "email_verdict":
            yield field, value, None
        elif isinstance(address, str):
            yield field, value, address.strip().lower()


def _searched(path: str, answer: Mapping[str, Any]) -> Any:
    """What stands at a path; None where the answer has another shape than the path expects."""
    names = _names(path)
    if names is None:
        try:
            return _compiled(path).search(answer)
        except JMESPathError:
            return None
    value: Any = answer
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


@cache
def _names(path: str) -> tuple[str, ...] | None:
    """The names of a path that is nothing but names, which are walked ten times as fast as the library does it."""
    return (
        tuple(path.split(".")) if re.fullmatch(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", path, re.ASCII) else None
    )


@cache
def _compiled(path: str) -> Any:
    return jmespath.compile(path)


def _tidied(field: str, value: Any) -> str | None:
    """A value as the text of a field; None for what the field cannot hold."""
    text = _as_text(value)
    if text is None:
        return None
    return _READERS.get(field, str)(text) if len(text) <= LONGEST_VALUE else None


def _as_text(value: Any) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, list):
        words = [text for item in value if (text := _as_text(item)) is not None]
        return ", ".join(words) or None
    if not isinstance(value, str):
        return None
    return value.strip() or None


def _employees(text: str) -> str | None:
    """A number of employees; of a band (`51-200`, `10,001+`) the smallest, which stands in the same band."""
    digits = re.match(r"\d[\d,.]*", text)
    number = int(re.sub(r"\.0+$|[,.]", "", digits.group()) or 0) if digits else 0
    return str(number) if 0 < number <= LARGEST_COMPANY else None


def _year(text: str) -> str | None:
    return text[:4] if re.fullmatch(r"1[5-9]\d\d(\.0)?|20\d\d(\.0)?", text) else None


def _amount(text: str) -> str | None:
    return text if re.fullmatch(r"-?\d{1,15}(\.\d{1,6})?", text) else None


def _address(text: str) -> str | None:
    return None if NO_ADDRESS.match(text) else text


def _linkedin(text: str) -> str:
    return text if "linkedin.com" in text or text.startswith(("in/", "company/")) else f"in/{text}"


_READERS: dict[str, Callable[[str], str | None]] = {
    "company_size": _employees,
    "company_founded_year": _year,
    "budget": _amount,
    "email": _address,
    "seniority": lambda text: SENIORITY_WORDS.get(text.lower()),
    "department": lambda text: DEPARTMENT_WORDS.get(text.lower()),
    "linkedin_url": _linkedin,
}
"""How a field's text is read; texts of other fields stay as they are, for the checks to tidy."""
