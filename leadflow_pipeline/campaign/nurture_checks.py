"""What the models of sequences cannot judge: words of other sections, sequences that follow each other, dead steps.

What belongs here: checks over the plain document, as in `checks`. What does not: types, and the shape of one sequence
(the models); the templates of its emails (`checks`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError

from leadflow_pipeline.campaign.checks import (
    ENRICHED_FIELDS,
    SHIPPED_SEQUENCES,
    TIER_SEQUENCES,
    check_known_field,
    custom_fields,
    items_of,
    mapping_of,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.experiment_checks import COUNTED_BEHAVIOURS
from leadflow_pipeline.campaign.problems import Path, Problem, nearest
from leadflow_pipeline.nurture.step_conditions import SCORED_FIELDS, TIER_FIELD
from leadflow_pipeline.nurture.steps import NurtureSequence
from leadflow_pipeline.nurture.ways import most_on_a_way, unreachable
from leadflow_pipeline.route.rules import ContentSequence, RoutingRules

SECTION: Path = ("nurture", "sequences")


def check_nurture(document: Document) -> Iterator[Problem]:
    """Every problem of the sequences that needs more than one sequence's model to see."""
    declared = mapping_of(document.value_at(SECTION))
    known = [*SHIPPED_SEQUENCES, *(name for name in declared if name not in SHIPPED_SEQUENCES)]
    for name in declared:
        path = (*SECTION, name)
        yield from _unknown_words(document, path)
        yield from _unknown_follower(document, path, known)
        yield from _misspelt(document, name, declared)
        yield from _dead_steps(document, name)
    yield from _circles(document, declared)


def _unknown_words(document: Document, path: Path) -> Iterator[Problem]:
    """Behaviours that nobody counts, and fields that no lead has."""
    behaviours = (*COUNTED_BEHAVIOURS, *mapping_of(document.value_at(("scoring", "behaviours"))))
    fields = (*ENRICHED_FIELDS, *custom_fields(document), *SCORED_FIELDS, TIER_FIELD)
    for place, condition in _conditions(document, path):
        given = condition.get("behaviour")
        for behaviour in [given] if isinstance(given, str) else sequence_of(given):
            if isinstance(behaviour, str) and behaviour not in behaviours:
                remedy = nearest(behaviour, behaviours) or "declare it in scoring.behaviours"
                message = f"{behaviour} is no behaviour that is known of leads"
                yield document.problem((*place, "behaviour"), message, remedy)
        yield from check_known_field(document, (*place, "field"), condition.get("field"), fields)


def _conditions(document: Document, path: Path) -> Iterator[tuple[Path, dict[str, Any]]]:
    """Every condition of a sequence, and those it is put together from."""
    lists = [(*path, "exits"), (*path, "goal", "when")]
    for steps in ("steps", "emails"):
        lists += [(*place, "when") for place, _ in items_of(document, (*path, steps))]
    for section in lists:
        for place, condition in items_of(document, section):
            yield from _parts(document, place, condition)


def _parts(
    document: Document, path: Path, condition: dict[str, Any]
) -> Iterator[tuple[Path, dict[str, Any]]]:
    yield path, condition
    for combination in ("all", "any"):
        for place, part in items_of(document, (*path, combination)):
            yield from _parts(document, place, part)
    if isinstance(condition.get("not"), dict):
        yield from _parts(document, (*path, "not"), condition["not"])


def _unknown_follower(document: Document, path: Path, known: list[str]) -> Iterator[Problem]:
    for key in ("sequence", "then"):
        name = document.value_at((*path, "after", key))
        if isinstance(name, str) and name not in known:
            yield document.problem((*path, "after", key), f"{name} is no sequence", nearest(name, known))


def _misspelt(document: Document, name: str, declared: dict[str, Any]) -> Iterator[Problem]:
    """A name that is nearly that of a shipped sequence, and that nothing leads to."""
    meant = nearest(name, SHIPPED_SEQUENCES, list_few=False)
    entered = {_follower(document, other) for other in declared}
    if name not in SHIPPED_SEQUENCES and meant and name not in entered:
        yield document.problem((*SECTION, name), "is no sequence", meant)


def _circles(document: Document, declared: dict[str, Any]) -> Iterator[Problem]:
    """Sequences that follow each other in a circle: a lead in them would never be left in peace."""
    for name in declared:
        way, at = [name], _follower(document, name)
        while at is not None and at not in way:
            way.append(at)
            at = _follower(document, at)
        if at == name:
            key = "sequence" if document.value_at((*SECTION, name, "after", "sequence")) else "then"
            circle = " -> ".join([*way, name])
            message = f"leads back to itself ({circle}), so that no lead would ever be left in peace"
            yield document.problem((*SECTION, name, "after", key), message, "let the last one end, or rest")
            return


def _follower(document: Document, name: str) -> str | None:
    after = mapping_of(document.value_at((*SECTION, name, "after")))
    follower = after.get("sequence") or after.get("then")
    return follower if isinstance(follower, str) else None


def _dead_steps(document: Document, name: str) -> Iterator[Problem]:
    """Steps that no lead can come to, and ways that are other than routing says."""
    path = (*SECTION, name)
    content = document.value_at(path)
    if not isinstance(mapping_of(content).get("steps"), list):
        return
    try:
        sequence = NurtureSequence.model_validate_json(json.dumps(content), strict=True)
    except (ValidationError, TypeError, ValueError):  # reported in full by the model of the whole file
        return
    for place in unreachable(sequence):
        message = "is never reached: every way ends before it or leads past it"
        yield document.problem((*path, "steps", place - 1), message, "remove it, or let a step go to it")
    for routed in _routed_to(document, name):
        emails, days = most_on_a_way(sequence)
        if emails > routed.email_count:
            message = (
                f"can take {emails} emails on one way, but in routing its email_count is {routed.email_count}"
            )
            yield document.problem((*path, "steps"), message, "make the two agree")
        if days > routed.duration_days:
            message = f"can take {days:g} days, but in routing its duration_days is {routed.duration_days}"
            yield document.problem(
                (*path, "steps"), message, "shorten delays and waits, or raise duration_days"
            )


def _routed_to(document: Document, name: str) -> Iterator[ContentSequence]:
    """What routing says of a sequence that it sends leads to."""
    shipped = RoutingRules()
    for key in TIER_SEQUENCES:
        given = document.value_at(("routing", key))
        try:
            rules = getattr(shipped, key) if given is None else ContentSequence.model_validate(given)
        except ValueError:
            continue
        if rules.sequence_type.value == name:
            yield rules
