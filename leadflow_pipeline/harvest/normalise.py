"""Cleaning of texts and numbers, by column.

What belongs here: what is true of a kind of value in any campaign. What does not: which column is which
field, and whether an address exists. Every rule is idempotent: what was cleaned once is not changed by
cleaning it again.

Functions take and return pyarrow arrays of large strings (null: missing), because most texts need nothing
done, and finding that out by column is what makes a million rows cheap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()
Numbers = np.ndarray[Any, np.dtype[np.float64]]
Array = Any
"""A pyarrow Array or ChunkedArray of large strings (pyarrow ships no types)."""

_SPACES = (
    r"[\s\x00-\x1f\x7f-\x9f\x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{2400}]+"
)
"""White space and control characters of all kinds, and the symbol that stands for NUL."""
_INVISIBLE = r"[\x{ad}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}\x{2066}-\x{2069}\x{feff}]+"
"""Soft hyphens, zero-width spaces and direction marks.

Joiners stay: some scripts cannot be written without.
"""
_UNTIDY = r"[^!-~ ]|  |^ | $"

PARTICLES = (
    "van",
    "von",
    "der",
    "den",
    "de",
    "del",
    "della",
    "di",
    "da",
    "dos",
    "la",
    "le",
    "el",
    "ter",
    "ten",
    "zu",
)


def _where_matching(texts: Array, pattern: str, clean: Callable[[Array], Array]) -> Array:
    """Cleans only the texts that match; most columns have none."""
    matches = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
    if not pc.any(matches).as_py():
        return texts
    flat = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    mask = matches.combine_chunks() if isinstance(matches, pa.ChunkedArray) else matches
    cleaned = clean(flat.filter(mask))
    return pc.replace_with_mask(
        flat, mask, cleaned.combine_chunks() if isinstance(cleaned, pa.ChunkedArray) else cleaned
    )


def clean_text(texts: Array) -> Array:
    """Unicode in composed form, white space and control characters as single spaces, none outside. "" is
    missing.

    Compatibility characters stay (`™`, `½`): in a company's name they mean something.
    """
    return _missing_if_empty(_where_matching(texts, _UNTIDY, lambda untidy: _tidied(untidy, "NFC")))


def clean_code(texts: Array) -> Array:
    """As `clean_text`, with compatibility characters made plain (full-width digits and letters,
    ligatures)."""
    return _missing_if_empty(_where_matching(texts, _UNTIDY, lambda untidy: _tidied(untidy, "NFKC")))


def _tidied(texts: Array, form: str) -> Array:
    spaced = pc.replace_substring_regex(texts, _INVISIBLE, "")
    spaced = pc.utf8_normalize(spaced, form=form)
    return pc.utf8_trim(pc.replace_substring_regex(spaced, _SPACES, " "), " ")


def _missing_if_empty(texts: Array) -> Array:
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, TEXT), texts)


def clean_name(texts: Array) -> Array:
    """A person's name; its case is mended only if it is all upper or all lower, and longer than initials."""
    return _where_matching(clean_text(texts), r"^\P{Lu}*$|^\P{Ll}*$", _title_case)


def _title_case(names: Array) -> Array:
    is_mixed = pc.and_(pc.match_substring_regex(names, r"\p{Lu}"), pc.match_substring_regex(names, r"\p{Ll}"))
    is_initials = pc.match_substring_regex(names, r"^\p{Lu}{1,2}$")
    titled = pc.utf8_normalize(pc.utf8_title(pc.utf8_lower(names)), form="NFC")
    titled = pc.replace_substring_regex(titled, r"(\p{L}['’])S\b", r"\1s")
    for particle in PARTICLES:
        titled = pc.replace_substring_regex(titled, rf" {particle.title()} ", f" {particle} ")
    return pc.if_else(pc.or_(is_mixed, is_initials), names, titled)


def clean_email(texts: Array) -> Array:
    """An address in lower case, out of `Name <address>` and `mailto:`. Not checked: that is enrichment's."""
    addresses = clean_code(texts)
    addresses = _where_matching(
        addresses, r"<[^<>]+>$|^(?i:mailto:)",
        lambda wrapped: pc.replace_substring_regex(
            pc.replace_substring_regex(wrapped, r"^.*<\s*([^<>]+?)\s*>$", r"\1"), r"^(?i:mailto:\s*)+", ""
        ),
    )  # fmt: skip
    lowered = _where_matching(
        addresses, r"[^!-@\[-~]", lambda mixed: pc.utf8_normalize(pc.utf8_lower(mixed), form="NFKC")
    )
    return _missing_if_empty(lowered)


def clean_phone(texts: Array) -> Array:
    """A number as written, tidied; the `.0` that a spreadsheet's number column leaves behind is taken off."""
    numbers = clean_code(texts)
    return _missing_if_empty(
        _where_matching(numbers, r"^\+?[0-9]+\.0$", lambda n: pc.replace_substring_regex(n, r"\.0$", ""))
    )


DIGITS_ALONE = r"^\s*00|[^0-9]+"
"""What is no digit of a number, to PostgreSQL too."""


def digits_of(phones: Array) -> Array:
    """The digits of each number; `00` before them counts as the `+` it stands for."""
    return pc.replace_substring_regex(phones, DIGITS_ALONE, "")


def parse_numbers(texts: Array) -> Numbers:
    """Amounts as people write them; NaN where the text is no number.

    `1,234.56`, `1.234,56`, `1 234`, `1'234`, `€ 2k`, `$1.5m`, `10,001+`, `~500`; a range (`51-200`) counts as
    its lower end. The last of two kinds of separators is the decimal one; a single separator before exactly
    three digits separates thousands (`1.234` is 1234), unless only a zero stands before it.
    """
    plain = clean_code(texts)
    distinct = pc.dictionary_encode(plain)
    distinct = distinct.combine_chunks() if isinstance(distinct, pa.ChunkedArray) else distinct
    values = _amounts(distinct.dictionary)
    indices = pc.fill_null(distinct.indices, -1).to_numpy(zero_copy_only=False)
    return np.where(indices >= 0, np.append(values, np.nan)[indices], np.nan)


_AMOUNT = (
    r"^(?P<sign>-?)(?:[~≈><=]|ca\.?|about)?\s*(?:[A-Za-z]{0,3}[$€£¥₹]|[A-Z]{3}|)\s*(?P<minus>-?)"
    r"(?P<number>[0-9][0-9.,' ’]*)\s*(?P<scale>[kKmM]|mln|Mio\.?|bn|[tT]sd\.?)?\s*"
    r"(?:[-–—]\s*[$€£¥₹]?\s*[0-9][0-9.,' ’]*\s*[kKmM]?|\+)?\s*(?:[$€£¥₹]|[A-Z]{3}|employees|people)?$"
)
_SCALES = {"k": 1e3, "tsd": 1e3, "m": 1e6, "mln": 1e6, "mio": 1e6, "bn": 1e9}


def _amounts(texts: pa.Array) -> Numbers:
    parts = pc.extract_regex(texts, _AMOUNT)
    part = {name: pc.struct_field(parts, name) for name in ("sign", "minus", "number", "scale")}
    number = pc.replace_substring_regex(part["number"], r"[ '’]+", "")
    number = pc.utf8_rtrim(number, ".,")
    number = _with_decimal_point(number)
    is_number = pc.fill_null(pc.match_substring_regex(number, r"^[0-9]{1,30}(\.[0-9]+)?$"), False)
    values = pc.cast(pc.if_else(is_number, number, pa.scalar(None, number.type)), pa.float64())
    result: Numbers = pc.fill_null(values, float("nan")).to_numpy(zero_copy_only=False).copy()
    scale = pc.utf8_rtrim(pc.utf8_lower(part["scale"]), ".")
    for word, factor in _SCALES.items():
        result[pc.fill_null(pc.equal(scale, word), False).to_numpy(zero_copy_only=False)] *= factor
    negative = pc.or_(pc.equal(part["sign"], "-"), pc.equal(part["minus"], "-"))
    result[pc.fill_null(negative, False).to_numpy(zero_copy_only=False)] *= -1
    result += 0.0  # no negative zero
    return result


def _with_decimal_point(numbers: pa.Array) -> pa.Array:
    """Separators of thousands taken out, the decimal one made a point."""
    last_is_comma = pc.match_substring_regex(numbers, r",[0-9]*$")
    both = pc.match_substring_regex(numbers, r"\..*,|,.*\.")
    thousands = pc.match_substring_regex(
        numbers, r"^[1-9][0-9]{0,2}([.,])[0-9]{3}$|^[0-9]{1,3}(\.[0-9]{3}){2,}$|^[0-9]{1,3}(,[0-9]{3}){2,}$"
    )
    without_commas = pc.replace_substring(numbers, ",", "")
    without_points = pc.replace_substring(numbers, ".", "")
    with_point = pc.replace_substring(without_points, ",", ".")
    comma_as_point = pc.replace_substring(numbers, ",", ".")
    return pc.case_when(
        pc.make_struct(thousands, pc.and_(both, last_is_comma), both),
        pc.replace_substring_regex(numbers, "[.,]", ""),
        with_point,
        without_commas,
        comma_as_point,
    )
