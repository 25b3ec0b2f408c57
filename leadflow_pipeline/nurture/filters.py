"""Filters of our own for the templates of emails, beside those of Jinja2. Pure.

What belongs here: a value written as a person would write it. What does not: values that are missing (`default` stands
in for those).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from leadflow_pipeline.company_names import LEGAL_FORMS
from leadflow_pipeline.folding import folded_text

MOST_WORDS_OF_A_FORM = 5
PARTICLES = frozenset(
    {"von", "van", "der", "den", "de", "da", "di", "du", "del", "la", "le", "zu", "of", "and"}
)


def proper(name: Any) -> str:
    """A name as people write it: `ANNA-LENA` and `anna-lena` are `Anna-Lena`. Mixed case was meant, and stays."""
    text = str(name)
    if not (text.isupper() or text.islower()) or len(text) < 2:
        return text
    words = [
        word.lower() if word.lower() in PARTICLES and place else _capitalised(word)
        for place, word in enumerate(text.split(" "))
    ]
    return " ".join(words)


def _capitalised(word: str) -> str:
    for mark in ("-", "'", "’"):
        if mark in word:
            return mark.join(_capitalised(part) for part in word.split(mark))
    return word[:1].upper() + word[1:].lower()


@lru_cache(maxsize=4096)
def without_legal_form(company: Any) -> str:
    """A company as people call it: `Acme GmbH & Co. KG` is `Acme`. A name that is nothing else stays."""
    text = str(company)
    words = text.replace(",", " ").split()
    while len(words) > 1:
        for count in range(min(MOST_WORDS_OF_A_FORM, len(words) - 1), 0, -1):
            ending = folded_text(" ".join(words[-count:])).removeprefix("and ")
            if ending in _forms() or ending in ("", "and"):
                del words[-count:]
                break
        else:
            break
    return " ".join(words) if len(words) < len(text.replace(",", " ").split()) else text


@lru_cache(maxsize=1)
def _forms() -> frozenset[str]:
    spaced = {" ".join(form) for form in LEGAL_FORMS if len(form) <= 4 and form.isalpha()}
    return frozenset({*LEGAL_FORMS, *spaced})


FILTERS: dict[str, Callable[[Any], str]] = {"proper": proper, "without_legal_form": without_legal_form}
"""Name in a template -> function."""
