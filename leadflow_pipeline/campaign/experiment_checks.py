"""What the models of experiments cannot judge: words of other sections, and experiments side by side.

What belongs here: checks over the plain document, as in `checks`. What does not: what one experiment alone can get
wrong (`experiment.rules`), and what would move leads that have a variant (`experiment_changes`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import combinations
from typing import Any

from pydantic import BaseModel, ValidationError

from leadflow_pipeline.campaign.checks import (
    SHIPPED_SEQUENCES,
    check_emails,
    items_of,
    mapping_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem, nearest
from leadflow_pipeline.experiment.rules import ExclusionGroup
from leadflow_pipeline.nurture.steps import SequenceEmails
from leadflow_pipeline.nurture.timing.rules import SendWindow
from leadflow_pipeline.route.owners.rules import MatchWeights
from leadflow_pipeline.route.rules import Tier
from leadflow_pipeline.score.rules import DEFAULT_BEHAVIOURS

SECTION: Path = ("experiments",)

COUNTED_BEHAVIOURS: tuple[str, ...] = (*DEFAULT_BEHAVIOURS, "unsubscribe", "complaint", "bounce")
"""What is known of leads without a word of the campaign file."""


def check_experiments(document: Document) -> Iterator[Problem]:
    """Every problem of the section that needs more than one experiment's model to see."""
    yield from _named_twice(document)
    yield from _stretches_that_meet(document)
    for path, experiment in items_of(document, SECTION):
        yield from _nobody_has_owners(document, path, experiment)
        yield from _unknown_metrics(document, path, experiment)
        for at, variant in items_of(document, (*path, "variants")):
            yield from _unknown_words(document, at, variant)
            yield from _broken_settings(document, at, variant)


def _named_twice(document: Document) -> Iterator[Problem]:
    seen: set[str] = set()
    for path, experiment in items_of(document, SECTION):
        key = experiment.get("key")
        if isinstance(key, str) and key in seen:
            yield document.problem(
                (*path, "key"), f"{key} is given twice", "give each experiment its own key"
            )
        elif isinstance(key, str):
            seen.add(key)


def _stretches_that_meet(document: Document) -> Iterator[Problem]:
    """Experiments of one group whose stretches overlap, so that together they would need more than the group has."""
    stretches: list[tuple[Path, str, ExclusionGroup]] = []
    for path, experiment in items_of(document, SECTION):
        try:
            group = ExclusionGroup.model_validate(experiment.get("exclusion_group"))
        except ValidationError:
            continue
        stretches.append((path, str(experiment.get("key")), group))
    for (_, other, left), (path, _, right) in combinations(stretches, 2):
        if left.meets(right):
            share = sum(each.end - each.start for _, _, each in stretches if each.group == right.group)
            makes = f", and the group's stretches make {share:.0%}" if share > 1 else ""
            yield document.problem(
                (*path, "exclusion_group"),
                f"{right.start:g} to {right.end:g} meets the stretch {left.start:g} to {left.end:g} of {other}{makes}",
                "move one, or give it a group of its own",
            )


def _nobody_has_owners(document: Document, path: Path, experiment: dict[str, Any]) -> Iterator[Problem]:
    if experiment.get("kind") == "routing" and not isinstance(document.value_at(("ownership",)), dict):
        yield document.problem(
            (*path, "kind"), "tries how owners are chosen, and nobody is given any", "add a section ownership"
        )


def _unknown_metrics(document: Document, path: Path, experiment: dict[str, Any]) -> Iterator[Problem]:
    known = (*COUNTED_BEHAVIOURS, *mapping_of(document.value_at(("scoring", "behaviours"))))
    metrics = [
        ((*path, "primary"), mapping_of(experiment.get("primary"))),
        *items_of(document, (*path, "metrics")),
    ]
    for at, metric in metrics:
        behaviour = metric.get("behaviour")
        if isinstance(behaviour, str) and behaviour not in known:
            yield document.problem(
                (*at, "behaviour"),
                f"{behaviour} is no behaviour that is known of leads",
                nearest(behaviour, known) or "declare it in scoring.behaviours",
            )


def _unknown_words(document: Document, path: Path, variant: dict[str, Any]) -> Iterator[Problem]:
    """Weights, tiers and sequences that there are none of."""
    vocabularies: tuple[tuple[str, tuple[str, ...], str], ...] = (
        ("match", tuple(MatchWeights.model_fields), "is no weight of the match"),
        ("sequences", tuple(Tier), "is no tier"),
        ("emails", tuple(SHIPPED_SEQUENCES), "is no sequence"),
    )
    for setting, words, message in vocabularies:
        for word in mapping_of(variant.get(setting)):
            if word not in words:
                yield document.problem((*path, setting, word), f"{word} {message}", nearest(word, words))
    for tier, sequence in mapping_of(variant.get("sequences")).items():
        if isinstance(sequence, str) and sequence not in SHIPPED_SEQUENCES:
            yield document.problem(
                (*path, "sequences", tier), f"{sequence} is no sequence", nearest(sequence, SHIPPED_SEQUENCES)
            )


def _broken_settings(document: Document, path: Path, variant: dict[str, Any]) -> Iterator[Problem]:
    """Settings that the section they stand for would refuse."""
    match = mapping_of(variant.get("match"))
    if match and all(isinstance(weight, int | float) and weight == 0 for weight in match.values()):
        yield document.problem(
            (*path, "match"), "has no weight above 0", "remove it, or name one that counts"
        )
    for sequence, emails in mapping_of(variant.get("emails")).items():
        yield from _refused(document, (*path, "emails", sequence), emails, SequenceEmails)
    yield from check_emails(document, (*path, "emails"))
    if isinstance(variant.get("send_window"), dict):
        yield from _refused(document, (*path, "send_window"), variant["send_window"], SendWindow)


def _refused(document: Document, path: Path, value: Any, model: type[BaseModel]) -> Iterator[Problem]:
    try:
        model.model_validate_json(json.dumps(value), strict=True)
    except ValidationError as error:
        for finding in error.errors(include_url=False, include_input=False):
            message = str(
                finding.get("ctx", {}).get("error") or finding["msg"].replace("Input should", "must")
            )
            yield document.problem((*path, *finding["loc"]), message[:1].lower() + message[1:])
