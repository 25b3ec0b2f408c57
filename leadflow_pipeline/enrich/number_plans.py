"""National numbering plans, as the phonenumbers library knows them, asked by the column.

What belongs here: which digits are a number of which country. What does not: reading what people write
(`phone.py`).

The library judges one number at a time, at about 30 microseconds. Its plans are regular expressions and
lengths, so the same question can be asked of a whole column; `phone.py` does so where the answer cannot
differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import pandas as pd
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata

PHONE_TYPES: tuple[str, ...] = (
    "mobile", "fixed_line", "fixed_line_or_mobile", "toll_free", "voip", "other",
)  # fmt: skip
"""What answers a number. `other`: premium rate, shared cost, personal numbers, pagers, company-wide numbers and
voicemail."""

SPECIAL_KINDS: tuple[tuple[str, str], ...] = (
    ("premium_rate", "other"), ("toll_free", "toll_free"), ("shared_cost", "other"), ("voip", "voip"),
    ("personal_number", "other"), ("pager", "other"), ("uan", "other"), ("voicemail", "other"),
)  # fmt: skip
"""Kinds of number in the library's metadata that go before fixed lines and mobiles, in the library's order, and the
type of each."""


@dataclass(frozen=True)
class DigitPattern:
    """Digits of certain lengths that match a regular expression as a whole."""

    pattern: str
    lengths: tuple[int, ...]

    def matches(self, digits: pd.Series) -> pd.Series:
        """True or false for each text of digits."""
        fits = digits.str.fullmatch(f"(?:{self.pattern})")
        return fits & digits.str.len().isin(self.lengths) if self.lengths else fits


NO_NUMBER = DigitPattern("", (-1,))
"""Of a country without numbers of a kind."""


@dataclass(frozen=True)
class NumberPlan:
    """How numbers are written and which exist in one country."""

    country: str
    calling_code: str
    general: DigitPattern
    special: tuple[tuple[DigitPattern, str], ...]
    """Patterns of the special kinds and their types, the first that fits decides."""
    fixed_line: DigitPattern
    mobile: DigitPattern
    trunk_prefix: str | None
    """Regular expression of what is dialled before a number inside the country, e.g. `0`."""
    trunk_prefix_is_plain: bool
    """Whether dropping the trunk prefix is all there is to it."""
    international_prefix: str | None
    """Regular expression of what is dialled before a calling code, e.g. `00`."""
    leading_digits: str | None
    """Numbers that share the calling code with other countries but begin like this are this country's."""

    def types_of(self, digits: pd.Series) -> pd.Series:
        """The type of each national number (no trunk prefix), one of `PHONE_TYPES`; missing for one that cannot
        exist in the country."""
        types = pd.Series(pd.NA, index=digits.index, dtype="str")
        open_ = digits[self.general.matches(digits)]
        for pattern, phone_type in self.special:
            if open_.empty:
                break
            matches = pattern.matches(open_)
            types[open_.index[matches]] = phone_type
            open_ = open_[~matches]
        is_fixed = self.fixed_line.matches(open_)
        is_mobile = is_fixed if self.fixed_line == self.mobile else self.mobile.matches(open_)
        types[open_.index[is_fixed & is_mobile]] = "fixed_line_or_mobile"
        types[open_.index[is_fixed & ~is_mobile]] = "fixed_line"
        types[open_.index[is_mobile & ~is_fixed]] = "mobile"
        return types


@cache
def plan_of(country: str) -> NumberPlan:
    """The plan of a country (ISO 3166-1 alpha-2). Raises KeyError for one without."""
    if country not in SUPPORTED_REGIONS:
        raise KeyError(f"no numbering plan is known for country {country!r}")
    metadata: Any = PhoneMetadata.metadata_for_region(country)
    prefix = metadata.national_prefix_for_parsing
    return NumberPlan(
        country=country,
        calling_code=str(metadata.country_code),
        general=_pattern(metadata.general_desc),
        special=tuple(_special(metadata)),
        fixed_line=_pattern(metadata.fixed_line),
        mobile=_pattern(metadata.mobile),
        trunk_prefix=prefix,
        trunk_prefix_is_plain=bool(prefix)
        and (not metadata.national_prefix_transform_rule or re.compile(prefix).groups == 0),
        international_prefix=metadata.international_prefix,
        leading_digits=metadata.leading_digits,
    )


def _special(metadata: Any) -> Iterator[tuple[DigitPattern, str]]:
    for kind, phone_type in SPECIAL_KINDS:
        description = getattr(metadata, kind)
        if description and description.national_number_pattern:
            yield _pattern(description), phone_type


def _pattern(description: Any) -> DigitPattern:
    if not description or not description.national_number_pattern:
        return NO_NUMBER
    return DigitPattern(description.national_number_pattern, tuple(description.possible_length))


@cache
def countries_of(calling_code: str) -> tuple[str, ...]:
    """Countries that share a calling code, the main one first; none for a code of no country (e.g. +800)."""
    countries = COUNTRY_CODE_TO_REGION_CODE.get(int(calling_code), ())
    return tuple(country for country in countries if country in SUPPORTED_REGIONS)


@cache
def calling_codes(digits: int) -> frozenset[str]:
    """Calling codes of countries that have so many digits. None begins with another."""
    codes = (str(code) for code in COUNTRY_CODE_TO_REGION_CODE)
    return frozenset(code for code in codes if len(code) == digits and countries_of(code))


def read_numbers(calling_code: str, digits: pd.Series) -> pd.DataFrame:
    """Columns `phone_country`, to which each national number belongs, and `phone_type`; both missing where no country
    of the calling code has it."""
    countries, types = (pd.Series(pd.NA, index=digits.index, dtype="str") for _ in range(2))
    open_ = digits
    shared = countries_of(calling_code)
    for country in shared:
        if open_.empty:
            break
        plan = plan_of(country)
        # Among countries that share a code, leading digits claim a number even if it turns out not to exist.
        has_claim = len(shared) > 1 and plan.leading_digits is not None
        claimed = open_[open_.str.match(f"(?:{plan.leading_digits})")] if has_claim else open_
        found = plan.types_of(claimed).dropna()
        countries[found.index], types[found.index] = country, found
        open_ = open_.drop(claimed.index if has_claim else found.index)
    return pd.DataFrame({"phone_country": countries, "phone_type": types})
