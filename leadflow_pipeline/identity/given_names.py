"""First names: which are short for others, and which are names of their own.

What belongs here: two questions about a pair of folded first names. What does not: what an answer is worth.
`Paul` and `Paula`, `Tim` and `Tom` differ by a letter as a typing error would, and are two people; `Bob` and `Robert`
share next to nothing, and may be one. The lists in `data/` hold common English, German, Dutch, Nordic, French,
Italian, Spanish, Portuguese, Polish and Turkish names.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from itertools import permutations


def is_variant(one: str, other: str) -> bool:
    """Whether two first names may stand for one another."""
    return (one, other) in _variant_pairs()


def are_two_names(one: str, other: str) -> bool:
    """Whether two first names that differ are both names of their own: no slip of the keys made one of the other."""
    return one in _given_names() and other in _given_names() and not is_variant(one, other)


@cache
def _variant_pairs() -> frozenset[tuple[str, str]]:
    return frozenset(pair for forms in _variants() for pair in permutations(forms, 2))


@cache
def _given_names() -> frozenset[str]:
    return frozenset(_lines("given_names.txt")).union(*_variants())


@cache
def _variants() -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(line.split()) for line in _lines("given_name_variants.txt"))


def _lines(name: str) -> list[str]:
    text = files("leadflow_pipeline.identity").joinpath("data", name).read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]
