"""Branches of a decision tree that no lead could ever take, and answers that a tree forgets.

What belongs here: finding them. What does not: whether a tree is a tree (`trees`).

For each field every kind of value is tried that some test of the tree tells apart: the numbers and words that it
names, what lies between and beyond them, and no value. `conditions.evaluate` itself says what each test makes of
them, so there is no second reading of a test here. On the way down each answer strikes out the values that would have
been answered otherwise; a branch to which no value of some field leads is taken by nobody. Fields are looked at one by
one, and of a compound over several fields only what follows for each: so a branch that is reported is surely dead, and
one may be dead that is not.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.compound_conditions import (
    AnyCondition,
    evaluate_any,
    fields_asked,
    tests_in,
)
from leadflow_pipeline.conditions import NUMBER, Condition
from leadflow_pipeline.qualify.trees import DecisionTree, Leaf

MOST_WORDS_TOGETHER = 8
"""Of a field with more texts that `contains` looks for, not every combination is tried: nothing is struck out."""

Values = npt.NDArray[np.bool_]
Left = dict[str, Values]
"""Of each field, which of its values are still possible."""


@dataclass(frozen=True)
class Flaw:
    """One thing that is wrong with an answer of a question."""

    question: str
    answer: str
    is_missing: bool
    """The answer leads nowhere; else it leads somewhere, and nobody gives it."""

    @property
    def message(self) -> str:
        """What is wrong, in words."""
        if self.is_missing:
            return "is missing, and there may be leads of which the answer is not known"
        return "is a branch that no lead can take"


def flaws(tree: DecisionTree, always_known: Sequence[str]) -> list[Flaw]:
    """Answers that lead nowhere although a lead may give them, and branches that no lead takes.

    `always_known` are the fields that no lead lacks.
    """
    probes = _Probes(tree, always_known)
    return list(_flaws_from(tree, tree.first, probes.every_value(), probes))


def _flaws_from(tree: DecisionTree, name: str, left: Left, probes: _Probes) -> Iterator[Flaw]:
    question = tree.questions[name]
    branches = dict(question.branches())
    for answer in ("yes", "no", "unknown"):
        remaining = probes.after(question.when, answer, left)
        branch = branches.get(answer)
        if branch is None:
            if remaining is not None:
                yield Flaw(name, answer, is_missing=True)
        elif remaining is None:
            yield Flaw(name, answer, is_missing=False)
        elif not isinstance(branch, Leaf):
            yield from _flaws_from(tree, branch, remaining, probes)


class _Probes:
    """Values of each field of a tree, and what its conditions make of them."""

    def __init__(self, tree: DecisionTree, always_known: Sequence[str]) -> None:
        tests: dict[str, list[Condition]] = defaultdict(list)
        for question in tree.questions.values():
            for test in tests_in(question.when):
                tests[test.field].append(test)
        self._columns = {
            field: _values_told_apart(field, asked, is_known=field in always_known)
            for field, asked in tests.items()
        }
        self._verdicts: dict[AnyCondition, npt.NDArray[np.int8]] = {}

    def every_value(self) -> Left:
        """All values of all fields."""
        return {
            field: np.ones(sum(map(len, columns)), dtype=bool)
            for field, columns in self._columns.items()
            if columns
        }

    def after(self, condition: AnyCondition, answer: str, left: Left) -> Left | None:
        """What is left once the answer was given; None if nobody can give it."""
        asked = fields_asked(condition)
        if isinstance(condition, Condition) or len(asked) == 1:
            return self._after_one_field(condition, answer, left, asked[0])
        if condition.not_ is not None:
            opposite = {"yes": "no", "no": "yes", "unknown": "unknown"}
            return self.after(condition.not_, opposite[answer], left)
        common = "yes" if condition.all is not None else "no"
        if answer == common:  # then every part was answered so
            remaining: Left | None = left
            for part in condition.parts:
                remaining = self.after(part, answer, remaining) if remaining is not None else None
            return remaining

        def may_be(part: AnyCondition, *answers: str) -> bool:
            return any(self.after(part, each, left) is not None for each in answers)

        # One part at least was answered so, and where the whole is unknown no part settled it. Which part it was is
        # not known, so nothing is struck out.
        possible = any(may_be(part, answer) for part in condition.parts)
        if answer == "unknown":
            possible &= all(may_be(part, "unknown", common) for part in condition.parts)
        return left if possible else None

    def _after_one_field(self, condition: AnyCondition, answer: str, left: Left, field: str) -> Left | None:
        if field not in left:
            return left
        still = left[field] & (self._verdict(condition, field) == ("no", "yes", "unknown").index(answer))
        return {**left, field: still} if still.any() else None

    def _verdict(self, condition: AnyCondition, field: str) -> npt.NDArray[np.int8]:
        """0 no, 1 yes, 2 unknown, of each value of the field."""
        if condition not in self._verdicts:
            found = [
                evaluate_any(condition, pd.DataFrame({field: column})).astype("Int8").fillna(2)
                for column in self._columns[field]
            ]
            self._verdicts[condition] = np.concatenate([each.to_numpy(dtype="int8") for each in found])
        return self._verdicts[condition]


def _values_told_apart(field: str, tests: Sequence[Condition], *, is_known: bool) -> list[pd.Series[Any]]:
    """Columns of values, one for each type that a field may have; none where there would be too many."""
    pieces = sorted({word.strip().lower() for test in tests for word in test.contains or ()})
    if len(pieces) > MOST_WORDS_TOGETHER:
        return []
    numbers = _numbers(tests)
    if is_known and not any(_words(test) for test in tests):
        return [pd.Series(numbers, dtype="float64", name=field)]
    named = [word for test in tests for word in _words(test)]
    # Each combination of pieces alone and beside each word: a text may be both.
    together = [
        "".join(f"{piece}|" for place, piece in enumerate(pieces) if mask >> place & 1)
        for mask in range(1 << len(pieces))
    ]
    texts = ["another word", *named, *together, *(repr(number) for number in numbers)]
    missing = [] if is_known else [None]
    return [
        pd.Series([*missing, *texts], dtype="str", name=field),
        pd.Series([*missing, *numbers], dtype="float64", name=field),
        pd.Series([*missing, True, False], dtype="boolean", name=field),
    ]


def _numbers(tests: Sequence[Condition]) -> list[float]:
    """Every number that a test names, one between each two, and one beyond either end."""
    named = {
        number
        for test in tests
        for number in (
            test.at_least,
            test.at_most,
            *(test.between or ()),
            test.equals if isinstance(test.equals, float) else None,
            *map(_spelt_number, _words(test)),
        )
        if number is not None
    }
    edges = sorted({0.0, *named})
    between = [low / 2 + high / 2 for low, high in pairwise(edges)]
    beyond = max(1.0, *map(abs, edges))
    return sorted([*edges, *between, edges[0] - beyond, edges[-1] + beyond])


def _words(test: Condition) -> list[str]:
    """The words that a test compares with."""
    words = [*(test.one_of or ()), *(test.none_of or ()), *(test.contains or ())]
    if isinstance(test.equals, bool):
        return [*words, "true", "false"]
    return [*words, test.equals] if isinstance(test.equals, str) else words


def _spelt_number(word: str) -> float | None:
    return float(word) if re.fullmatch(NUMBER, word.strip()) else None
