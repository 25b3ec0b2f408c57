"""What the model of the qualification section cannot judge: fields, names, and branches of a tree that are dead.

What belongs here: checks over the plain document, as in `checks`. What does not: types, ranges and the shape of a tree
(the models).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leadflow_pipeline.campaign.checks import (
    ENRICHED_FIELDS,
    check_known_field,
    custom_fields,
    items_of,
    mapping_of,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem, written_path
from leadflow_pipeline.qualify.reachability import flaws
from leadflow_pipeline.qualify.rules import ALWAYS_KNOWN, JUDGED_FIELDS
from leadflow_pipeline.qualify.trees import DecisionTree

SECTION: Path = ("qualification",)
REMEDIES = {
    True: "say where such leads go: a question, or {then: review, because: ...}",
    False: "remove it, or the question that answers it already",
}


def check_qualification(document: Document) -> Iterator[Problem]:
    """Every problem of the section that needs more than its model to see."""
    for named in ("segments", "rules", "trees"):
        yield from _check_names(document, (*SECTION, named))
    yield from _check_fields(document)
    for path, tree in items_of(document, (*SECTION, "trees")):
        yield from _check_tree(document, path, tree)


def _check_names(document: Document, section: Path) -> Iterator[Problem]:
    """Names that two of a kind have: nobody could tell which of them decided."""
    first_with: dict[str, Path] = {}
    for path, item in items_of(document, section):
        name = item.get("name")
        if isinstance(name, str) and first_with.setdefault(name, path) != path:
            message = f"is the name of {written_path(first_with[name])} too"
            yield document.problem((*path, "name"), message, "give each its own")


def _check_fields(document: Document) -> Iterator[Problem]:
    """Conditions on fields that no lead of this campaign has, and that scoring does not give it."""
    known = (*ENRICHED_FIELDS, *custom_fields(document), *JUDGED_FIELDS)
    for path, condition in _conditions(document):
        for place, field in _fields_in(path, condition):
            yield from check_known_field(document, place, field, known)


def _conditions(document: Document) -> Iterator[tuple[Path, Any]]:
    """Path and content of each condition of segments, rules and trees."""
    for named in ("segments", "rules"):
        for path, item in items_of(document, (*SECTION, named)):
            yield (*path, "when"), item.get("when")
    for path, tree in items_of(document, (*SECTION, "trees")):
        for name, question in mapping_of(tree.get("questions")).items():
            yield (*path, "questions", name, "when"), mapping_of(question).get("when")


def _fields_in(path: Path, condition: Any) -> Iterator[tuple[Path, Any]]:
    """Path and name of each field that a condition asks for, however deep."""
    condition = mapping_of(condition)
    yield (*path, "field"), condition.get("field")
    for combination in ("all", "any"):
        for position, part in enumerate(sequence_of(condition.get(combination))):
            yield from _fields_in((*path, combination, position), part)
    if "not" in condition:
        yield from _fields_in((*path, "not"), condition["not"])


def _check_tree(document: Document, path: Path, content: dict[str, Any]) -> Iterator[Problem]:
    """Answers that lead nowhere, and branches that no lead can take. What is no tree is told by the model."""
    try:
        tree = DecisionTree.model_validate(content)
    except ValueError:
        return
    for flaw in flaws(tree, ALWAYS_KNOWN):
        place = (*path, "questions", flaw.question, flaw.answer)
        yield document.problem(place, flaw.message, REMEDIES[flaw.is_missing])
