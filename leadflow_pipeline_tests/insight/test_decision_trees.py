"""Decision trees in the report: every lead is counted once, and a tree of any size can be read."""

from __future__ import annotations

from typing import Any

import pandas as pd

from leadflow_pipeline.insight.decision_trees import (
    leads_at,
    leaf_table,
    lines_of,
    plot_decision_tree,
    reason_table,
)
from leadflow_pipeline.qualify.trees import DecisionTree

PNG = b"\x89PNG\r\n\x1a\n"


def chain(length: int) -> DecisionTree:
    """A tree whose every question but the last leads on with yes."""
    questions: dict[str, Any] = {
        f"q{number}": {
            "when": {"field": "company_size", "at_least": float(number)},
            "yes": f"q{number + 1}" if number + 1 < length else {"then": "qualify", "because": "large"},
            "no": {"then": "reject", "because": f"below {number}"},
            "unknown": {"then": "review", "because": "who knows? $x_1$ <b>"},
        }
        for number in range(length)
    }
    return DecisionTree.model_validate({"name": "sizes", "first": "q0", "questions": questions})


def bush(depth: int) -> DecisionTree:
    """A tree with every question that fits into the depth."""
    questions: dict[str, Any] = {}
    for number in range(1, 2**depth):
        below = {"then": "threshold", "because": "it depends"}
        is_last = 2 * number >= 2**depth
        questions[f"q{number}"] = {
            "when": {"field": "custom.balance", "at_least": float(number)},
            "yes": below if is_last else f"q{2 * number}",
            "no": below if is_last else f"q{2 * number + 1}",
            "unknown": {"then": "pending", "because": "not told"},
        }
    return DecisionTree.model_validate({"name": "bush", "first": "q1", "questions": questions})


def reached(tree: DecisionTree, leads: int) -> dict[str, int]:
    return {**{end.name: leads + place for place, end in enumerate(tree.ends())}, "": 0}


def test_each_line_counts_the_leads_that_came_there() -> None:
    tree = chain(3)
    lines = lines_of(tree, reached(tree, 10))
    assert [(line.depth, line.answer, line.decision, line.leads) for line in lines] == [
        (0, "", "", 91),
        (1, "yes", "", 60),
        (2, "yes", "", 33),
        (3, "yes", "qualify", 10),
        (3, "no", "reject", 11),
        (3, "unknown", "review", 12),
        (2, "no", "reject", 13),
        (2, "unknown", "review", 14),
        (1, "no", "reject", 15),
        (1, "unknown", "review", 16),
    ]
    assert [line.words for line in lines[:2]] == [
        "company size is at least 0?",
        "company size is at least 1?",
    ]


def test_a_large_tree_is_unfolded_where_the_leads_are() -> None:
    tree = bush(8)
    counts = dict.fromkeys(reached(tree, 0), 0) | {"q255.no": 7, "q128.yes": 2}
    lines = lines_of(tree, counts, most=40)
    assert len(lines) <= 40
    assert lines[0].leads == 9
    assert any(line.decision and line.leads == 7 for line in lines)
    everything = 255 + len(tree.ends())
    assert len(lines) + sum(line.hidden for line in lines) == everything


def test_a_tree_of_any_size_is_a_picture_and_the_same_each_time() -> None:
    tree = chain(12)
    for counts in (dict.fromkeys(reached(tree, 0), 0), reached(tree, 1234)):
        picture = plot_decision_tree(tree, counts)
        assert picture.startswith(PNG)
        assert plot_decision_tree(tree, counts) == picture


def test_leaves_of_an_earlier_version_are_told_apart() -> None:
    tree = chain(2)
    reasons = pd.DataFrame(
        [
            ("tree_decides", "REJECTED", "sizes", "q0.no", "sizes: below 0", 3),
            ("tree_decides", "REJECTED", "sizes", "q9.no", "sizes: below 9", 2),
            ("tree_decides", "REJECTED", "another", "q0.no", "another: no", 9),
            ("score_meets_threshold", "QUALIFIED", "", "", "", 5),
            ("score_meets_threshold", "QUALIFIED", "enterprise", "", "", 1),
        ],
        columns=["code", "status", "name", "leaf", "text", "leads"],
    )
    counts = leads_at(tree, reasons)
    assert (counts["q0.no"], counts[""], sum(counts.values())) == (3, 2, 5)
    table = leaf_table(tree, counts)
    assert table["leads"].sum() == 5
    assert table["leads_that_answer"].iloc[-1] == "(leaves of an earlier version of the tree)"
    assert "sizes: below 0" not in reason_table(reasons, 20, drawn=["sizes"])["reason"].tolist()
    told = reason_table(reasons, 20)
    assert told["reason"].tolist() == [
        "another: no",
        "sizes: below 0",
        "sizes: below 9",
        "The score meets the threshold",
        "The score meets the threshold, by the lines of enterprise",
    ]
    assert told["share"].tolist() == [0.45, 0.15, 0.1, 0.25, 0.05]
