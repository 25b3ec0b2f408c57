"""Phone numbers: do they exist in a numbering plan, of which country, and how are they written for dialling?

What belongs here: reading what people write, and E.164. What does not: who is called, and whether anyone
answers.

The judge is the phonenumbers library. Numbers of plain digits and the usual punctuation are judged by the
column with the library's own numbering plans; a property test holds the two to the same answer. An extension
(`ext. 12`, `x12`) is read and left out: E.164 has no place for it.
"""

from __future__ import annotations

import pandas as pd
from phonenumbers import (
    SUPPORTED_REGIONS,
    NumberParseException,
    PhoneNumberFormat,
    PhoneNumberType,
    format_number,
    is_valid_number,
    number_type,
    parse,
    region_code_for_number,
)

from leadflow_pipeline.enrich.labels import label
from leadflow_pipeline.enrich.number_plans import (
    NumberPlan,
    calling_codes,
    countries_of,
    plan_of,
    read_numbers,
)

COMMON_SHAPE = r"\+?[ (]*[0-9][0-9 ().\-/]*"
"""Texts whose digits are the number, with at most a plus before them."""
SMALLEST_GROUP = 500
"""Numbers of one calling code from which judging them together costs less than the library one by one."""
EXTENSION = r"([0-9)]) ?(?i:ext\.? ?|extension ?|x)[0-9]{1,7}$"
"""Written behind a number, in the spellings that need no library."""
TYPES: dict[int, str] = {
    PhoneNumberType.MOBILE: "mobile",
    PhoneNumberType.FIXED_LINE: "fixed_line",
    PhoneNumberType.FIXED_LINE_OR_MOBILE: "fixed_line_or_mobile",
    PhoneNumberType.TOLL_FREE: "toll_free",
    PhoneNumberType.VOIP: "voip",
}
"""The library's types of number; all others are `other`."""
_COLUMNS = ("phone", "phone_country", "phone_type")
_PUNCTUATION = r"[ ().\-/]"
_MOST_DIGITS = 20
"""Longer than any number: the library's limits on length are left to it."""


def judge_phones(phones: pd.Series, countries: pd.Series, default_country: str | None = None) -> pd.DataFrame:
    """Columns `phone` (E.164), `phone_status` (valid, invalid, missing), `phone_country` (alpha-2) and `phone_type`
    (one of `PHONE_TYPES`), indexed as `phones`.

    `countries` (alpha-2) says where a number written without `+` is dialled, `default_country` where that is
    unknown. All but the status are missing unless the number is valid, and so is the country of a number that
    belongs to none (+800).
    """
    if not phones.notna().any():
        nothing = pd.DataFrame(dict.fromkeys(_COLUMNS), index=phones.index, dtype="str")
        nothing.insert(1, "phone_status", "missing")
        return nothing
    texts = phones.astype("str").str.strip().reset_index(drop=True)
    texts = texts.mask(texts == "")
    known = countries.astype("str").reset_index(drop=True)
    known = known.where(known.isin(SUPPORTED_REGIONS))
    dialled_in = known if default_country is None else known.fillna(default_country)

    common = check_common_shapes(texts, dialled_in)
    rest = texts.index[texts.notna()].difference(common.index)
    judged = pd.concat([common, check_by_library(texts[rest], dialled_in[rest])]).reindex(texts.index)
    status = label({"missing": texts.isna(), "valid": judged["phone"].notna()}, "invalid")
    return pd.DataFrame(
        {
            "phone": judged["phone"].array,
            "phone_status": status.array,
            "phone_country": judged["phone_country"].array,
            "phone_type": judged["phone_type"].array,
        },
        index=phones.index,
    )


def check_common_shapes(
    texts: pd.Series, dialled_in: pd.Series, smallest_group: int = SMALLEST_GROUP
) -> pd.DataFrame:
    """Columns `phone`, `phone_country` and `phone_type`, all missing for an invalid number; rows only where the
    answer is certain without the library, and many enough to be worth the trouble."""
    texts = _without_extension(texts)
    is_common = texts.str.fullmatch(COMMON_SHAPE, na=False)
    digits = texts[is_common].str.replace(_PUNCTUATION, "", regex=True)
    digits = digits[digits.str.len() <= _MOST_DIGITS]
    is_international = digits.str.startswith("+")
    abroad = digits[is_international].str.slice(1)
    at_home = digits[~is_international]
    pieces = [
        _check_international(calling_code, numbers)
        for calling_code, numbers in abroad.groupby(_calling_code(abroad))
        if len(numbers) >= smallest_group
    ]
    pieces += [
        _check_national(country, numbers)
        for country, numbers in at_home.groupby(dialled_in[at_home.index])
        if len(numbers) >= smallest_group
    ]
    nothing = pd.DataFrame({column: [] for column in _COLUMNS}, dtype="str", index=pd.RangeIndex(0))
    return pd.concat([nothing, *pieces])


def check_by_library(texts: pd.Series, dialled_in: pd.Series) -> pd.DataFrame:
    """As `check_common_shapes`, for every row: each distinct number and country once."""
    pairs = pd.MultiIndex.from_arrays([texts, dialled_in])
    codes, distinct = pd.factorize(pairs)
    verdicts = [_verdict(text, None if pd.isna(country) else country) for text, country in distinct]
    frame = pd.DataFrame(verdicts, columns=list(_COLUMNS), dtype="str")
    return frame.take(codes).set_axis(texts.index)


def _without_extension(texts: pd.Series) -> pd.Series:
    has_extension = texts.str.contains(r"(?i:x|ext\.|n) ?[0-9]+$", regex=True, na=False)
    if not has_extension.any():
        return texts
    bare = texts[has_extension].str.replace(EXTENSION, r"\1", regex=True)
    return bare.reindex(texts.index).fillna(texts)


def _verdict(text: str, country: str | None) -> tuple[str | None, str | None, str | None]:
    try:
        number = parse(text, country)
    except NumberParseException:
        return None, None, None
    if not is_valid_number(number):
        return None, None, None
    # Numbers of no country (+800 and the like) have a region that is not ISO 3166: 001.
    region = region_code_for_number(number)
    return (
        format_number(number, PhoneNumberFormat.E164),
        region if region in SUPPORTED_REGIONS else None,
        TYPES.get(number_type(number), "other"),
    )


def _calling_code(digits: pd.Series) -> pd.Series:
    code = pd.Series(pd.NA, index=digits.index, dtype="str")
    for length in (1, 2, 3):
        start = digits.str.slice(0, length)
        code = code.where(~start.isin(calling_codes(length)), start)
    return code


def _check_international(calling_code: str, digits: pd.Series) -> pd.DataFrame:
    plan = plan_of(countries_of(calling_code)[0])
    return _check(plan, digits.str.slice(len(calling_code)))


def _check_national(country: str, digits: pd.Series) -> pd.DataFrame:
    plan = plan_of(country)
    # What might be a calling code after all is for the library to weigh.
    is_ambiguous = digits.str.startswith(plan.calling_code)
    if plan.international_prefix:
        is_ambiguous |= digits.str.match(f"(?:{plan.international_prefix})")
    return _check(plan, digits[~is_ambiguous])


def _check(plan: NumberPlan, digits: pd.Series) -> pd.DataFrame:
    numbers = _without_trunk_prefix(plan, digits)
    read = read_numbers(plan.calling_code, numbers)
    phones = (f"+{plan.calling_code}" + numbers).where(read["phone_country"].notna())
    return pd.DataFrame({"phone": phones, **read}, dtype="str")


def _without_trunk_prefix(plan: NumberPlan, digits: pd.Series) -> pd.Series:
    """National numbers, without the rows where it takes the library to tell a trunk prefix from a first
    digit."""
    if plan.trunk_prefix is None:
        return digits
    has_prefix = digits.str.match(f"(?:{plan.trunk_prefix})")
    if not (plan.trunk_prefix_is_plain and has_prefix.any()):
        return digits[~has_prefix]
    stripped = digits[has_prefix].str.replace(f"^(?:{plan.trunk_prefix})", "", regex=True)
    is_plain = ~plan.general.matches(digits[has_prefix]) & stripped.str.len().isin(plan.general.lengths)
    numbers: pd.Series = pd.concat([digits[~has_prefix], stripped[is_plain]])
    return numbers
