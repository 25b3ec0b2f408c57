"""What no single model of the ownership section can judge: fields that leads have, names that are there twice.

What belongs here: checks over the plain document, as in `checks`. What does not: types and ranges (the models), and
whether reps of these names exist: they come and go without the file (`leadflow reps lint`).
"""

from __future__ import annotations

from collections.abc import Iterator

from leadflow_pipeline.campaign.checks import (
    ENRICHED_FIELDS,
    check_known_field,
    custom_fields,
    items_of,
    mapping_of,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem, nearest, written_path
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.places import country_codes, world_regions

SECTION: Path = ("ownership",)


def check_ownership(document: Document) -> Iterator[Problem]:
    """Every problem of the section that needs more than one of its models to see."""
    yield from _check_fields(document)
    yield from _check_names(document)
    yield from _check_regions(document)


def _check_fields(document: Document) -> Iterator[Problem]:
    """Fields of conditions, specialties and values that no lead of this campaign has."""
    known = (*ENRICHED_FIELDS, *custom_fields(document))
    for section in ("teams", "specialties"):
        for path, _ in items_of(document, (*SECTION, section)):
            for at, condition in items_of(document, (*path, "when")):
                yield from check_known_field(document, (*at, "field"), condition.get("field"), known)
    fields = (*SECTION, "specialty_fields")
    for position, name in enumerate(sequence_of(document.value_at(fields))):
        yield from check_known_field(document, (*fields, position), name, known)
    value = (*SECTION, "value", "field")
    yield from check_known_field(document, value, document.value_at(value), known)


def _check_names(document: Document) -> Iterator[Problem]:
    """Reps named twice in a list, or both as taking part and as excluded."""
    place_of: dict[str, Path] = {}
    for section in ("reps", "exclude_reps"):
        path = (*SECTION, section)
        for position, rep in enumerate(sequence_of(document.value_at(path))):
            if not isinstance(rep, str):
                continue
            first = place_of.setdefault(rep, (*path, position))
            if first != (*path, position):
                message = f"{rep} is named by {written_path(first)} too"
                yield document.problem((*path, position), message, "name each rep once")


def _check_regions(document: Document) -> Iterator[Problem]:
    """Members of the campaign's own regions that are neither a country nor a region of the world."""
    regions = (*SECTION, "regions")
    for name, members in mapping_of(document.value_at(regions)).items():
        for position, member in enumerate(sequence_of(members)):
            if not isinstance(member, str):
                continue
            words = folded_text(member)
            if words not in country_codes() and words not in world_regions():
                remedy = nearest(words, (*country_codes(), *world_regions())) or "write a code such as DE"
                message = f"{member} is no country, and no region of the world that is known here"
                yield document.problem((*regions, name, position), message, remedy)
