"""Conditions and trees as a careful person reads them: one lead after the other, from the plain words of the file.

What belongs here: that second reading, and strategies for what it is compared on. What does not: anything of the
package, so that both readings cannot share a mistake. (Single tests are read plainly in `test_conditions`; here they
are few and simple.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

FIELDS = {
    "industry": "str",
    "country": "str",
    "company_size": "Int64",
    "budget": "float64",
    "is_decision_maker": "boolean",
}
VALUES: dict[str, list[Any]] = {
    "industry": ["software", "retail", "farming"],
    "country": ["DE", "PT"],
    "company_size": [0, 49, 50, 51, 1000],
    "budget": [0.0, 4999.5, 5000.0, 9000.0],
    "is_decision_maker": [True, False],
}
LEADS = st.lists(
    st.fixed_dictionaries({name: st.sampled_from([None, *values]) for name, values in VALUES.items()}),
    max_size=6,
)
SINGLE = st.one_of(
    st.builds(dict, field=st.just("industry"), one_of=st.sampled_from([["software"], ["retail", "farming"]])),
    st.builds(dict, field=st.just("country"), none_of=st.sampled_from([["DE"], ["PT", "ES"]])),
    st.builds(dict, field=st.just("company_size"), at_least=st.sampled_from([50.0, 1000.0])),
    st.builds(dict, field=st.just("budget"), at_most=st.sampled_from([5000.0, 0.0])),
    st.builds(dict, field=st.just("is_decision_maker"), equals=st.booleans()),
    st.builds(dict, field=st.sampled_from(sorted(VALUES)), is_missing=st.booleans()),
)


def formulas(depth: int = 3) -> st.SearchStrategy[dict[str, Any]]:
    """Conditions as a campaign file writes them, nested."""
    if not depth:
        return SINGLE
    parts = st.lists(formulas(depth - 1), min_size=1, max_size=3)
    return st.one_of(
        SINGLE,
        st.builds(lambda value: {"all": value}, parts),
        st.builds(lambda value: {"any": value}, parts),
        st.builds(lambda value: {"not": value}, formulas(depth - 1)),
    )


def single_tests(condition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every single test of a condition."""
    if "field" in condition:
        yield condition
        return
    parts = [condition["not"]] if "not" in condition else condition.get("all") or condition["any"]
    for part in parts:
        yield from single_tests(part)


def holds(condition: dict[str, Any], lead: dict[str, Any]) -> bool | None:
    """True, false or None where it cannot be known."""
    if "not" in condition:
        verdict = holds(condition["not"], lead)
        return None if verdict is None else not verdict
    for combination, settling in (("all", False), ("any", True)):
        if combination in condition:
            found = [holds(part, lead) for part in condition[combination]]
            if settling in found:
                return settling
            return None if None in found else not settling
    value = lead[condition["field"]]
    if "is_missing" in condition:
        return (value is None) is condition["is_missing"]
    if value is None:
        return None
    if "one_of" in condition:
        return value in condition["one_of"]
    if "none_of" in condition:
        return value not in condition["none_of"]
    if "at_least" in condition:
        return bool(value >= condition["at_least"])
    if "at_most" in condition:
        return bool(value <= condition["at_most"])
    return bool(value == condition["equals"])


def walk(tree: dict[str, Any], lead: dict[str, Any]) -> tuple[str, dict[str, str]]:
    """`question.answer` of the leaf that a lead comes to, and the leaf."""
    name = tree["first"]
    while True:
        question = tree["questions"][name]
        answer = {True: "yes", False: "no", None: "unknown"}[holds(question["when"], lead)]
        branch = question[answer]
        if isinstance(branch, dict):
            return f"{name}.{answer}", branch
        name = branch
