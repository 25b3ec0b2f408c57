"""Decision trees: sound or refused, walked by column as by hand, and what no lead can take is found."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.qualify.plan import plan_qualified
from leadflow_pipeline.qualify.reachability import flaws
from leadflow_pipeline.qualify.rules import ALWAYS_KNOWN, QualifyRules
from leadflow_pipeline.qualify.trees import DEEPEST, DecisionTree, ends_reached, path_in_words
from leadflow_pipeline_tests.qualify.frames import enriched, judge, overrides, scored
from leadflow_pipeline_tests.qualify.naive import FIELDS, LEADS, SINGLE, VALUES, formulas, walk


def leaf(then: str, because: str = "so it is") -> dict[str, str]:
    return {"then": then, "because": because}


def tree(**questions: dict[str, Any]) -> dict[str, Any]:
    return {"name": "fit first", "first": next(iter(questions)), "questions": questions}


SIZE = {"field": "company_size", "at_least": 50.0}
BUDGET = {"field": "budget", "at_least": 5000.0}
FIT_FIRST = tree(
    size={"when": SIZE, "yes": "budget", "no": leaf("reject", "too small"), "unknown": "score"},
    budget={
        "when": BUDGET,
        "yes": leaf("qualify", "can pay"),
        "no": leaf("review", "maybe later"),
        "unknown": leaf("threshold", "the score tells"),
    },
    score={"when": {"field": "score", "at_least": 70.0}, "yes": leaf("review"), "no": leaf("pending")},
)


@pytest.mark.parametrize(
    ("lead", "score", "decided"),
    [
        ({"company_size": 50, "budget": 5000.0}, 3.0, ("QUALIFIED", ["tree_decides"])),
        ({"company_size": 50, "budget": 1.0}, 99.0, ("MANUAL_REVIEW", ["tree_decides"])),
        ({"company_size": 50}, 3.0, ("REJECTED", ["score_below_threshold", "tree_hands_over"])),
        ({"company_size": 50}, 60.0, ("QUALIFIED", ["score_meets_threshold", "tree_hands_over"])),
        ({"company_size": 49, "budget": 5000.0}, 99.0, ("REJECTED", ["tree_decides"])),
        ({}, 70.0, ("MANUAL_REVIEW", ["tree_decides"])),
        ({}, 69.0, ("PENDING", ["tree_decides"])),
    ],
)
def test_a_tree_decides_in_the_place_of_the_score(lead, score, decided):
    assert judge(lead, QualifyRules.model_validate({"trees": [FIT_FIRST]}), score=score) == decided


def test_a_leaf_says_why_and_how_a_lead_came_there():
    rules = QualifyRules.model_validate({"trees": [FIT_FIRST]})
    lead = enriched({"company_size": 80, "budget": 12.0})
    assert json.loads(plan_qualified(scored({}), lead, overrides(), rules)["reasons"][0]) == [
        {
            "code": "tree_decides",
            "status": "MANUAL_REVIEW",
            "text": "fit first: maybe later (company size is at least 50: yes; budget is at least 5000: no)",
            "tree": "fit first",
            "leaf": "budget.no",
        }
    ]


def test_what_weighs_more_than_a_tree_still_does():
    rules = QualifyRules.model_validate({"trees": [FIT_FIRST]})
    rich = {"company_size": 50, "budget": 5000.0}
    assert judge({**rich, "email_status": "invalid"}, rules)[0] == "REJECTED"
    assert judge({**rich, "email": None, "email_status": "missing"}, rules)[0] == "PENDING"
    assert judge(rich, rules, overrides({"value": "REJECTED"}))[0] == "REJECTED"


@pytest.mark.parametrize(
    ("questions", "message"),
    [
        ({"a": {"when": SIZE, "yes": "b", "no": leaf("reject")}}, "a.yes leads to b, and there is no such question"),
        ({"a": {"when": SIZE, "yes": "a", "no": leaf("reject")}}, "both lead to a"),
        (
            {"a": {"when": SIZE, "yes": "b", "no": "b"},
             "b": {"when": BUDGET, "yes": leaf("review"), "no": leaf("reject")}},
            "a.no and a.yes both lead to b",
        ),
        (
            {"a": {"when": SIZE, "yes": leaf("review"), "no": leaf("reject")},
             "b": {"when": BUDGET, "yes": leaf("review"), "no": leaf("reject")}},
            "no lead comes to b",
        ),
        (
            {f"q{number}": {"when": SIZE, "yes": f"q{number + 1}", "no": leaf("reject")} for number in range(DEEPEST)}
            | {f"q{DEEPEST}": {"when": SIZE, "yes": leaf("review"), "no": leaf("reject")}},
            f"is question {DEEPEST + 1} on its path",
        ),
    ],
)  # fmt: skip
def test_what_is_no_tree_is_refused(questions, message):
    with pytest.raises(ValueError, match=message):
        DecisionTree.model_validate(tree(**questions))


def test_a_question_without_a_place_for_the_unknown_is_found():
    found = flaws(
        DecisionTree.model_validate(tree(a={"when": SIZE, "yes": leaf("review"), "no": leaf("reject")})),
        ALWAYS_KNOWN,
    )
    assert [(flaw.question, flaw.answer, flaw.is_missing) for flaw in found] == [("a", "unknown", True)]


@pytest.mark.parametrize(
    ("after_yes", "dead"),
    [
        ({"field": "company_size", "at_least": 20.0}, ["no", "unknown"]),
        ({"field": "company_size", "at_most": 49.0}, ["yes", "unknown"]),
        ({"field": "company_size", "is_missing": True}, ["yes", "unknown"]),
        ({"field": "company_size", "at_least": 51.0}, ["unknown"]),
        ({"all": [SIZE, BUDGET]}, []),
        ({"all": [{"field": "company_size", "at_most": 49.0}, BUDGET]}, ["yes", "unknown"]),
        ({"any": [SIZE, BUDGET]}, ["no", "unknown"]),
        ({"not": {"any": [SIZE, BUDGET]}}, ["yes", "unknown"]),
        (BUDGET, []),
    ],
)  # fmt: skip
def test_branches_that_no_lead_can_take_are_found(after_yes, dead):
    every = {"yes": leaf("review"), "no": leaf("reject"), "unknown": leaf("pending")}
    found = flaws(
        DecisionTree.model_validate(
            tree(a={"when": SIZE, **every, "yes": "b"}, b={"when": after_yes, **every})
        ),
        ALWAYS_KNOWN,
    )
    assert [flaw.answer for flaw in found if flaw.question == "b" and not flaw.is_missing] == dead


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """Trees of a few questions, every answer with a branch."""
    questions: dict[str, Any] = {}
    free = [("", "")]
    for number in range(draw(st.integers(1, 5))):
        place = free.pop(draw(st.integers(0, len(free) - 1)))
        name = f"q{number}"
        if number:
            questions[place[0]][place[1]] = name
        questions[name] = {"when": draw(SINGLE | formulas(depth=1))}
        free += [(name, answer) for answer in ("yes", "no", "unknown")]
    for question, answer in free:
        questions[question][answer] = leaf(draw(st.sampled_from(["qualify", "review", "reject"])))
    return tree(**questions)


@settings(max_examples=30)
@given(content=trees(), leads=LEADS)
def test_a_tree_as_data_is_the_tree_walked_by_hand(content, leads):
    model = DecisionTree.model_validate(content)
    ends = model.ends()
    reached = ends_reached(model, pd.DataFrame(leads, columns=list(FIELDS)).astype(FIELDS))
    assert [ends[end].name for end in reached] == [walk(content, lead)[0] for lead in leads]
    assert len({path_in_words(model, end) for end in ends}) <= len(ends) == len({end.name for end in ends})


EVERY_LEAD = [
    {**dict.fromkeys(VALUES), "company_size": size, "budget": budget, "industry": industry}
    for size in [None, 0, 49, 50, 51, 999, 1000]
    for budget in [None, 0.0, 0.5, 5000.0, 5001.0]
    for industry in [None, "software", "retail", "another"]
]


@settings(max_examples=20)
@given(content=trees())
def test_no_lead_takes_a_branch_that_is_called_dead(content):
    model = DecisionTree.model_validate(content)
    dead = {(flaw.question, flaw.answer) for flaw in flaws(model, ())}
    ends = model.ends()
    for end in ends_reached(model, pd.DataFrame(EVERY_LEAD).astype(FIELDS)):
        assert not dead & set(ends[end].path)
