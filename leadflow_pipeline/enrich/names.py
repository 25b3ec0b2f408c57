"""Names of people: honorific, first name, last name and the whole, each written one way.

What belongs here: how a name is cleaned, split and capitalised. What does not: the words (`name_words.py`), and
guessing what is not written: no first name is made from an address, and no sex from a first name.

* What a record gives as first and last name is believed. Where either is missing, the full name is split.
* `Last, First` is turned around. Particles belong to the last name (`Maria de la Cruz`), and so does what `y` joins.
  Names in Chinese, Japanese and Korean letters begin with the family: two words are last and first, one word stays
  whole. In all others the last word is the last name, and a single word is the first name, unless an honorific
  stands before it (`Herr Okafor`). An initial behind a first name (`John Q. Public`) is in the full name only.
* Degrees and the like are dropped (`PhD`, `MBA`); `Jr.` and `III` stay in the full name and are in no other.
* Nicknames in brackets or quotes, email addresses, emoji and other symbols are dropped. Everything else is kept as it
  is written, in Unicode NFC.
* Capitals are set only in a name that is all upper or all lower case: `VAN DER BERG` is shouting, `deAngelo` may be
  right.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.name_words import (
    CAPITAL_PARTICLES,
    DEGREES,
    DOTTED_HONORIFICS,
    GENERATIONS,
    HONORIFICS,
    MAC_NAMES,
    PARTICLES,
    SHORT_DEGREES,
)


def split_names(first_names: pd.Series, last_names: pd.Series, full_names: pd.Series) -> pd.DataFrame:
    """Columns `honorific`, `first_name`, `last_name` and `full_name`, missing where nothing says.

    The three have one index, which the result has too, and may be missing in any combination.
    """
    if not any(names.notna().any() for names in (first_names, last_names, full_names)):
        return pd.DataFrame(dict.fromkeys(WHOLE), index=first_names.index, dtype="str")
    first = for_each_distinct(first_names.astype("str"), read_parts)
    last = for_each_distinct(last_names.astype("str"), read_parts)
    is_split = first["name"].notna() & last["name"].notna()
    whole = for_each_distinct(full_names.astype("str"), read_full_names)
    # A whole name that was written into the field of the first name is one all the same.
    is_whole = last["name"].isna() & (first["name"] == whole["full_name"])
    first_name = first["name"].mask(is_whole).fillna(whole["first_name"].mask(is_split))
    last_name = last["name"].fillna(whole["last_name"].mask(is_split))
    joined = _joined(first_name, last_name, last["generation"].fillna(first["generation"]))
    honorific = first["honorific"].fillna(whole["honorific"]).fillna(last["honorific"])
    return pd.DataFrame(
        {
            "honorific": honorific,
            "first_name": first_name,
            "last_name": last_name,
            "full_name": whole["full_name"].fillna(joined),
        }
    )


PARTS = ("name", "honorific", "generation")
WHOLE = ("honorific", "first_name", "last_name", "full_name")


def read_parts(texts: pd.Series) -> pd.DataFrame:
    """Columns `PARTS` of texts that hold a first or a last name."""
    is_plain = _matches(texts, _PLAIN_WORD) & ~_is_special_word(texts)
    plain = pd.DataFrame({"name": texts[is_plain]})
    return _together(plain, read_any_parts, texts, PARTS)


def read_full_names(texts: pd.Series) -> pd.DataFrame:
    """Columns `WHOLE` of texts that hold a whole name."""
    words = _groups(texts, rf"^(?P<first_name>{_PLAIN_WORD}) (?P<last_name>{_PLAIN_WORD})$")
    is_special = _is_special_word(words["first_name"]) | _is_special_word(words["last_name"])
    is_plain = words["first_name"].notna() & ~is_special
    plain = words[is_plain].assign(full_name=texts[is_plain])
    return _together(plain, read_any_full_names, texts, WHOLE)


# The usual shape of a name needs no rule at all; a property test holds both ways to the same answer

_PLAIN_WORD = r"[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+(?:-[A-ZÀ-ÖØ-Þ][a-zß-öø-ÿ]+)*"


def _is_special_word(words: pd.Series) -> pd.Series:
    """Whether a word, or a part of it, may be something else than a name."""
    is_special = words.str.lower().isin(_SPECIAL_WORDS)
    has_parts = words.str.contains("-", regex=False, na=False)
    if has_parts.any():
        parts = words[has_parts].str.lower().str.split("-").explode()
        is_special |= parts.isin(_SPECIAL_WORDS).groupby(level=0).any().reindex(words.index, fill_value=False)
    return is_special


def _together(
    plain: pd.DataFrame,
    read_any: Callable[[pd.Series], pd.DataFrame],
    texts: pd.Series,
    columns: tuple[str, ...],
) -> pd.DataFrame:
    """The plain names, which lack the other columns, and those that are read by all the rules; indexed as `texts`."""
    plain = plain.reindex(columns=list(columns)).astype("str")
    if len(plain) == len(texts) and len(texts):
        return plain
    return pd.concat([plain, read_any(texts[~texts.index.isin(plain.index)])]).reindex(texts.index)


def read_any_parts(texts: pd.Series) -> pd.DataFrame:
    """As `read_parts`, by all the rules."""
    bare = _without_titles(_cleaned(texts))
    return bare.assign(name=_capitalised(bare["name"]))


def read_any_full_names(texts: pd.Series) -> pd.DataFrame:
    """As `read_full_names`, by all the rules."""
    cleaned = _cleaned(texts)
    bare = _without_titles(cleaned)
    turned = _turned_around(bare["name"])
    in_order = _split_in_order(bare["name"].where(turned["last"].isna()), bare["honorific"].notna())
    given = _capitalised(turned["given"].fillna(in_order["given"]))
    last = _capitalised(turned["last"].fillna(in_order["last"]))
    is_east_asian = _matches(bare["name"], _EAST_ASIAN)
    return pd.DataFrame(
        {
            "honorific": bare["honorific"].fillna(turned["honorific"]),
            "first_name": given.str.replace(_LAST_INITIALS, r"\1", regex=True).mask(in_order["is_whole"]),
            "last_name": last,
            "full_name": bare["name"].where(
                is_east_asian & turned["last"].isna(),
                _joined(given, last, bare["generation"].fillna(turned["generation"])),
            ),
        }
    )


# How a text is cleaned

_ORDINARY = r"\p{L}+(?:[ \-']\p{L}+)*"
"""Names with nothing to clean."""
_ASIDE = (
    r"\([^()]*\)|\[[^\[\]]*\]|\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»"
    r"|(?:^| )'[^' ]+(?: [^' ]+)*'(?: |$)"
)
_ADDRESS = r"<[^<>]*@[^<>]*>|[^\s<>]*@[^\s<>]+"
_SYMBOLS = (
    r"[\p{S}\p{Cc}\p{Co}\x{200b}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2060}-\x{2069}\x{20e3}\x{fe00}-\x{fe0f}\x{feff}"
    r"\x{e0020}-\x{e007f}]|(?:^|[^\p{L}\p{M}])\x{200d}+|\x{200d}+(?:$|[^\p{L}\p{M}])"
)
"""Emoji and what holds them together. Joiners between letters are spelling (Persian, Malayalam, Sinhala)."""
_LONE_MARKS = r"(?:^|\s)[^\p{L},\s]+(?:\s+[^\p{L},\s]+)*(?:\s|$)"
"""Words without a letter."""
_ENDS = " ,;:|/*–—-_"


def _cleaned(texts: pd.Series) -> pd.Series:
    """NFC, single spaces, one kind of apostrophe; no asides, no symbols. Missing where no letter is left."""
    result = texts.str.normalize("NFC")
    rest = result[~_matches(result, _ORDINARY) & result.notna()]
    if rest.empty:
        return result
    plain = rest.str.replace(_ADDRESS, " ", regex=True).str.replace(r"[’‘ʼ`´]", "'", regex=True)
    without_asides = plain.str.replace(_ASIDE, " ", regex=True)
    # What is nothing but an aside is a name in quotes.
    plain = without_asides.where(without_asides.str.contains(r"\p{L}", regex=True, na=False), plain)
    plain = plain.str.replace(r'["“”„«»()\[\]{}]', " ", regex=True)
    plain = plain.str.replace(r"[\s\p{Z}_]+", " ", regex=True).str.replace(_SYMBOLS, " ", regex=True)
    plain = plain.str.replace(_LONE_MARKS, " ", regex=True).str.replace(r"[\s\p{Z}]+", " ", regex=True)
    plain = plain.str.strip(_ENDS)
    plain = plain.where(plain.str.contains(r"\p{L}", regex=True, na=False))
    return result.mask(result.index.isin(rest.index), plain.reindex(result.index))


# Titles before and behind a name


def _alternatives(words: Iterable[str]) -> str:
    """The longest first; a space stands for dots, hyphens and spaces."""
    longest_first = sorted(words, key=len, reverse=True)
    return "|".join(re.escape(word).replace(r"\ ", r"[ .\-]+") for word in longest_first)


def _spelled(degree: str) -> str:
    """`phd` as `PhD`, `Ph.D.` or `Ph. D.`"""
    return r"[ .\-]*".join(re.escape(letter) for letter in degree.replace(" ", "")) + r"\.?"


_SPELLINGS = {spelling: shown for shown, spellings in HONORIFICS.items() for spelling in spellings}
_DOTTED = {spelling: shown for shown, spellings in DOTTED_HONORIFICS.items() for spelling in spellings}
_ONE_HONORIFIC = (
    rf"(?:(?:{_alternatives(_SPELLINGS)})(?:\.[ .\-]*|[ ]+|$)|(?:{_alternatives(_DOTTED)})\.[ ]*)"
)
_HONORIFICS = rf"^(?P<titles>(?i:{_ONE_HONORIFIC})+)(?P<name>.*)$"
_DEGREES_BEHIND = (
    rf"(?:[, ]+(?i:{'|'.join(map(_spelled, DEGREES))})"
    rf"|, ?(?:{'|'.join(_spelled(degree.upper()) for degree in SHORT_DEGREES)}))+[ ,.]*$"
)
_GENERATION = rf"^(?P<name>.*[^ ,])[ ,]+(?P<generation>(?i:{'|'.join(GENERATIONS)}))\.?$"


def _without_titles(names: pd.Series) -> pd.DataFrame:
    """Columns `name`, `honorific` and `generation`."""
    bare = names.str.replace(_DEGREES_BEHIND, "", regex=True)
    generation = _groups(bare, _GENERATION)
    # A degree may stand before the generation, too.
    bare = generation["name"].str.replace(_DEGREES_BEHIND, "", regex=True).fillna(bare)
    titles = _groups(bare, _HONORIFICS)
    bare = titles["name"].fillna(bare).str.strip(_ENDS)
    return pd.DataFrame(
        {
            "name": bare.mask(bare == ""),
            "honorific": for_each_distinct(titles["titles"], _shown_titles),
            "generation": generation["generation"].str.lower().map(GENERATIONS).astype("str"),
        }
    )


_SPECIAL_WORDS = frozenset(
    word
    for words in (_SPELLINGS, _DOTTED, DEGREES, SHORT_DEGREES, GENERATIONS, PARTICLES, CAPITAL_PARTICLES)
    for phrase in words
    for word in phrase.lower().split()
)

_EACH_TITLE = re.compile(
    f"({_alternatives(_SPELLINGS)})(?![^ .-])|({_alternatives(_DOTTED)})[.]", re.IGNORECASE
)


def _shown_titles(titles: pd.Series) -> pd.Series:
    """Each honorific once, as it is shown: `Herr Prof Dr`."""

    def shown(text: str) -> str:
        words = (
            re.sub(r"[ .\-]+", " ", match[1] or match[2]).lower() for match in _EACH_TITLE.finditer(text)
        )
        return " ".join(dict.fromkeys(_SPELLINGS.get(word) or _DOTTED[word] for word in words))

    return titles.map(shown).astype("str")


# Which part is which

_TURNED = r"^(?P<last>[^,]+), ?(?P<given>[^,]+)(?:,.*)?$"
_PARTICLE = rf"(?i:{'|'.join((*PARTICLES, *CAPITAL_PARTICLES))})"
_IN_ORDER = rf"^(?P<given>[^ ].*?) (?P<last>{_PARTICLE}\.? .+|[^ ]+(?: y [^ ]+)?)$"
_MARIA = r"^(?P<given>(?i:mar[ií]a (?:de la|de los|del)) [^ ]+) (?P<last>[^ ].*)$"
"""The first names that have a particle themselves, if two more words follow."""
_EAST_ASIAN = r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}々ー・ ]+"
_LAST_INITIALS = r"^(\p{L}[\p{L}\p{M}'\-]+)(?: \p{L}\.?)+$"


def _turned_around(names: pd.Series) -> pd.DataFrame:
    """Columns `last`, `given`, `honorific` and `generation` of `Last, First`; missing for every other name."""
    found = _groups(names, _TURNED)
    given = _without_titles(found["given"].str.strip(_ENDS))
    last = _without_titles(found["last"].str.strip(_ENDS))
    return pd.DataFrame(
        {
            "last": last["name"],
            "given": given["name"],
            "honorific": given["honorific"].fillna(last["honorific"]),
            "generation": last["generation"].fillna(given["generation"]),
        }
    )


def _split_in_order(names: pd.Series, has_honorific: pd.Series) -> pd.DataFrame:
    """Columns `given` and `last`, and `is_whole` where the one word is neither."""
    is_one_word = ~names.str.contains(" ", regex=False, na=True)
    is_east_asian = _matches(names, _EAST_ASIAN)
    found = _groups(names, _IN_ORDER)
    maria = _groups(names.where(_matches(names, r"(?i:mar[ií]a d).*")), _MARIA)
    given, last = maria["given"].fillna(found["given"]), maria["last"].fillna(found["last"])
    family_first = is_east_asian & ~is_one_word
    is_last = is_one_word & has_honorific
    return pd.DataFrame(
        {
            "given": given.mask(family_first, last).mask(is_one_word & ~is_last, names),
            "last": last.mask(family_first, given).mask(is_last, names),
            "is_whole": is_one_word & is_east_asian,
        }
    )


def _joined(given: pd.Series, last: pd.Series, generation: pd.Series) -> pd.Series:
    """The parts that are there, in the order in which the name is written."""
    is_east_asian = _matches(given, _EAST_ASIAN) & _matches(last, _EAST_ASIAN)
    before, behind = given.mask(is_east_asian, last), last.mask(is_east_asian, given)
    whole = (before + " " + behind).fillna(before).fillna(behind)
    return (whole + " " + generation).fillna(whole)


# Capitals

_MC = re.compile(r"\bMc(?=\w)(\w)")
_MAC = re.compile(rf"\b(?:{'|'.join(name.capitalize() for name in MAC_NAMES)})\b")
_LOW = re.compile(
    rf"(?:^|(?<= ))(?:De (?:La|Las|Los|Le)|{'|'.join(word.capitalize() for word in PARTICLES)})(?= )|\bAl-(?=\w)"
    r"|(?<= )Y(?= )"
)
_AFTER_APOSTROPHE = re.compile(r"(?<=\w\w')(?<!\bDell')(?<!\bDall')(?<!\bSant')\w")
_SPECIAL = r"(?i)\bma?c|'|\bal-|(?:^| )(?:y|" + "|".join(PARTICLES) + ") "


def _capitalised(names: pd.Series) -> pd.Series:
    """Names that are all upper or all lower case with capitals where they belong; all others as they are."""
    upper, lower = names.str.upper(), names.str.lower()
    has_three_letters = names.str.contains(r"\p{L}.*\p{L}.*\p{L}", regex=True, na=False)
    wants = ((names == lower) | ((names == upper) & has_three_letters)) & (upper != lower)
    if not wants.any():
        return names
    titled = lower[wants].str.title()
    dotted = names[wants & names.str.contains("İ", regex=False, na=False)]
    if len(dotted):
        pairs = zip(titled[dotted.index], dotted, strict=True)
        shown = pd.Series([_with_dots(*pair) for pair in pairs], index=dotted.index, dtype="str")
        titled = shown.reindex(titled.index).fillna(titled)
    is_special = titled.str.contains(_SPECIAL, regex=True, na=False)
    special = titled[is_special].map(_specially).astype("str")
    return names.mask(wants, special.reindex(titled.index).fillna(titled).reindex(names.index))


def _with_dots(titled: str, original: str) -> str:
    """The Turkish capital İ where it was written: in lower case it is like any other i."""
    if len(titled) != len(original):
        return titled
    pairs = zip(titled, original, strict=True)
    return "".join("İ" if shown == "I" and written == "İ" else shown for shown, written in pairs)


def _specially(name: str) -> str:
    name = _AFTER_APOSTROPHE.sub(lambda match: match[0].lower(), name)
    name = _MC.sub(lambda match: f"Mc{match[1].upper()}", name)
    name = _MAC.sub(lambda match: f"Mac{match[0][3:].capitalize()}", name)
    return _LOW.sub(lambda match: match[0].lower(), name)


# Asked of Arrow directly: pandas would go row by row for groups


def _groups(texts: pd.Series, pattern: str) -> pd.DataFrame:
    """A column for each named group of the pattern, missing where it does not match."""
    array = pa.array(texts, pa.large_string())
    # To ask whether a pattern fits costs a tenth of asking where its groups are.
    rows = np.flatnonzero(
        pc.match_substring_regex(array, pattern).fill_null(False).to_numpy(zero_copy_only=False)
    )
    found = pc.extract_regex(array.take(pa.array(rows)), pattern)
    names = [found.type.field(position).name for position in range(found.type.num_fields)]
    columns = {name: pd.Series(pc.struct_field(found, name).to_pandas(), dtype="str") for name in names}
    place = np.full(len(texts), len(rows))
    place[rows] = np.arange(len(rows))
    return pd.DataFrame(columns).reindex(place).set_axis(texts.index)


def _matches(texts: pd.Series, pattern: str) -> pd.Series:
    return texts.str.fullmatch(pattern, na=False).astype(bool)
