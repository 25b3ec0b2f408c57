"""What the model of the conversion section cannot judge: what sources tell, and which fields leads have.

What belongs here: checks over the plain document, as in `checks`. What does not: types and ranges (the model).
"""

from __future__ import annotations

from collections.abc import Iterator

from leadflow_pipeline.campaign.checks import (
    ENRICHED_FIELDS,
    check_known_field,
    custom_fields,
    items_of,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem
from leadflow_pipeline.harvest.rules import OutcomeColumn
from leadflow_pipeline.score.conversion.rules import ConversionRules

SECTION: Path = ("conversion",)


def check_conversion(document: Document) -> Iterator[Problem]:
    """Every problem of the section that needs more than its model to see."""
    yield from _check_outcomes_ripen(document)
    yield from _check_excluded(document)


def _check_excluded(document: Document) -> Iterator[Problem]:
    """Fields that are excluded under a name that no lead has, so that the real one would be learned from."""
    path = (*SECTION, "excluded")
    known = (*ENRICHED_FIELDS, *custom_fields(document))
    for position, field in enumerate(sequence_of(document.value_at(path))):
        yield from check_known_field(document, (*path, position), field, known)


def _check_outcomes_ripen(document: Document) -> Iterator[Problem]:
    """Leads that would count as lost to the conversion model before their outcome can be known."""
    section = (*SECTION, "matures_after_days")
    given = document.value_at(section)
    ripe = ConversionRules().matures_after_days if given is None else given
    for path, source in items_of(document, ("sources",)):
        outcome = source.get("outcome")
        if not isinstance(outcome, dict) or not isinstance(ripe, int):
            continue
        after = outcome.get("after_days", OutcomeColumn.model_fields["after_days"].default)
        if not isinstance(after, int) or ripe > after:
            continue
        place = (*path, "outcome", "after_days") if given is None else section
        message = (
            f"is not less than conversion.matures_after_days, which is {ripe} unless you say otherwise"
            if given is None
            else f"is too few: {source.get('name')} tells an outcome after {after} days"
        ) + ", so leads would count as lost before it can be known"
        yield document.problem(place, message, f"set conversion.matures_after_days to {after + 1} or more")
