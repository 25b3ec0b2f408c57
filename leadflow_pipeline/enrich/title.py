"""Job title to seniority and department.

What belongs here: how a title is searched for the words of `title_words.py`. What does not: the words.

A title is folded, and words with `*` match within a compound, all others as a whole: `Head` is not in
`Headset`. The first rank that fits decides, from intern (an intern at the CEO's office is an intern) over
those who assist a leader to the leaders themselves, highest first; `Owner & Head of Sales` is an owner. A
title without a rank is `staff` if it names work. Departments are asked from special to general: `IT Sales
Manager` sells.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.title_words import (
    DEPARTMENT_WORDS,
    NOT_A_RANK,
    SENIORITY_WORDS,
    STAFF_WORDS,
    TEAM_LEADERS,
)
from leadflow_pipeline.folding import folded


def read_titles(titles: pd.Series) -> pd.DataFrame:
    """Columns `seniority` (one of `SENIORITIES` or missing) and `department` (one of `DEPARTMENTS`), indexed
    as `titles`.

    A missing title has neither; a title that names no department has the department `other`.
    """
    return for_each_distinct(titles, _read)


def _read(titles: pd.Series) -> pd.DataFrame:
    text = folded(titles)
    # "Umlaut" spelt with e: `Geschaeftsfuehrer` is `Geschäftsführer`.
    text = text.str.replace("geschaeft", "geschaft", regex=False).str.replace("fuehr", "fuhr", regex=False)
    department = _first_match(text, DEPARTMENT_WORDS)
    rank = text.str.replace(_pattern(NOT_A_RANK), " ", regex=True)
    rank = rank.str.replace(_pattern(TEAM_LEADERS), " team lead ", regex=True)
    seniority = _first_match(rank, SENIORITY_WORDS)
    does_work = _has_one(text, STAFF_WORDS) | department.notna()
    return pd.DataFrame(
        {
            "seniority": seniority.mask(seniority.isna() & does_work, "staff"),
            "department": department.fillna("other"),
        }
    )


def _first_match(texts: pd.Series, rules: Iterable[tuple[str, tuple[str, ...]]]) -> pd.Series:
    result = pd.Series(pd.NA, index=texts.index, dtype="str")
    undecided = texts
    for value, words in rules:
        found = _has_one(undecided, words)
        result[undecided.index[found]] = value
        undecided = undecided[~found]
    return result


def _has_one(texts: pd.Series, words: tuple[str, ...]) -> pd.Series:
    # Asked of Arrow directly: pandas would read each of these long patterns once more, for every call.
    found = pc.match_substring_regex(pa.array(texts), _pattern(words))
    return pd.Series(found.to_numpy(zero_copy_only=False), index=texts.index)


@cache
def _pattern(words: tuple[str, ...]) -> str:
    alternatives = "|".join(word.replace("*", "[^ ]*") for word in words)
    return rf"(?:^| )(?:{alternatives})(?: |$)"
