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

KINDS = (
    "fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "voip", "personal_number", "pager",
    "uan", "voicemail",
)  # fmt: skip
"""Kinds of number that make a number valid, the frequent ones first."""


@dataclass(frozen=True)
class DigitPattern:
    """Digits of certain lengths that match a regular expression as a whole."""

    pattern: str
    lengths: tuple[int, ...]

    def matches(self, digits: pd.Series) -> pd.Series:
        """True or false for each text of digits."""
        fits = digits.str.fullmatch(f"(?:{self.pattern})")
        return fits & digits.str.len().isin(self.lengths) if self.lengths else fits


@dataclass(frozen=True)
class NumberPlan:
    """How numbers are written and which exist in one country."""

    country: str
    calling_code: str
    general: DigitPattern
    kinds: tuple[DigitPattern, ...]
    trunk_prefix: str | None
    """Regular expression of what is dialled before a number inside the country, e.g. `0`."""
    trunk_prefix_is_plain: bool
    """Whether dropping the trunk prefix is all there is to it."""
    international_prefix: str | None
    """Regular expression of what is dialled before a calling code, e.g. `00`."""
    leading_digits: str | None
    """Numbers that share the calling code with other countries but begin like this are this country's."""

    def has_number(self, digits: pd.Series) -> pd.Series:
        """Whether each national number (no trunk prefix) can exist in the country."""
        result = self.general.matches(digits)
        open_ = digits[result]
        for kind in self.kinds:
            if open_.empty:
                break
            open_ = open_[~kind.matches(open_)]
        result[open_.index] = False
        return result


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
        kinds=tuple(dict.fromkeys(_pattern(kind) for kind in _kinds(metadata))),
        trunk_prefix=prefix,
        trunk_prefix_is_plain=bool(prefix)
        and (not metadata.national_prefix_transform_rule or re.compile(prefix).groups == 0),
        international_prefix=metadata.international_prefix,
        leading_digits=metadata.leading_digits,
    )


def _kinds(metadata: Any) -> Iterator[Any]:
    descriptions = (getattr(metadata, kind) for kind in KINDS)
    return (
        description for description in descriptions if description and description.national_number_pattern
    )


def _pattern(description: Any) -> DigitPattern:
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


def country_of_numbers(calling_code: str, digits: pd.Series) -> pd.Series:
    """The country to which each national number belongs; missing where no country of the calling code has
    it."""
    countries = pd.Series(pd.NA, index=digits.index, dtype="str")
    open_ = digits
    shared = countries_of(calling_code)
    for country in shared:
        if open_.empty:
            break
        plan = plan_of(country)
        has_number = plan.has_number(open_)
        countries[open_.index[has_number]] = country
        # Among countries that share a code, leading digits claim a number even if it turns out not to exist.
        is_claimed = open_.str.match(f"(?:{plan.leading_digits})") if plan.leading_digits else has_number
        if plan.leading_digits and len(shared) > 1:
            countries[open_.index[has_number & ~is_claimed]] = pd.NA
        open_ = open_[~is_claimed]
    return countries
