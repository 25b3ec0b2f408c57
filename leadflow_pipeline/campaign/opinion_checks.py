"""What the model of the opinion section cannot judge: where facts about leads may go, and which.

What belongs here: checks over the plain document, as in `checks`. What does not: types and ranges (the model).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from leadflow_pipeline.campaign.checks import (
    ENRICHED_FIELDS,
    check_known_field,
    custom_fields,
    items_of,
    mapping_of,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.enrichment_checks import is_this_machine
from leadflow_pipeline.campaign.problems import Path, Problem
from leadflow_pipeline.score.conversion.rules import ConversionRules
from leadflow_pipeline.score.opinion.rules import SHOWABLE_FIELDS, OpinionRules

SECTION: Path = ("opinion",)


def check_opinion(document: Document) -> Iterator[Problem]:
    """Every problem of the section that needs more than its model to see."""
    if not mapping_of(document.value_at(SECTION)):
        return
    yield from check_endpoint(document, (*SECTION, "endpoint"))
    yield from _check_fields(document)
    yield from _check_shares(document)


def check_endpoint(document: Document, path: Path) -> Iterator[Problem]:
    """What is wrong with where a language model is asked: facts about leads go there."""
    url = document.value_at(path)
    if not isinstance(url, str):
        return
    try:
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2].lower()
        is_here = is_this_machine(host)
    except ValueError:
        yield document.problem(path, "is no address of an API", "write https://host/v1")
        return
    if "@" in parts.netloc:
        yield document.problem(path, "holds a password", "name its variable in key_from")
    if parts.scheme == "http" and not is_here:
        yield document.problem(path, "would send facts about leads unencrypted", "use https")


def _check_fields(document: Document) -> Iterator[Problem]:
    """Fields that tell who a lead is, and fields that no lead has."""
    custom = custom_fields(document)
    path = (*SECTION, "fields")
    for position, field in enumerate(sequence_of(document.value_at(path))):
        if isinstance(field, str) and field in ENRICHED_FIELDS and field not in SHOWABLE_FIELDS:
            message = (
                f"{field} is not shown to a language model: it may tell who a lead is, or how it is judged"
            )
            remedy = f"use {', '.join(SHOWABLE_FIELDS[:-1])} or {SHOWABLE_FIELDS[-1]}, or a custom field"
            yield document.problem((*path, position), message, remedy)
        else:
            yield from check_known_field(document, (*path, position), field, (*SHOWABLE_FIELDS, *custom))
    for at, condition in items_of(document, (*SECTION, "ask_when")):
        known = (*ENRICHED_FIELDS, *custom)
        yield from check_known_field(document, (*at, "field"), condition.get("field"), known)


def _check_shares(document: Document) -> Iterator[Problem]:
    """Shares that would leave the rules less than nothing."""
    share = document.value_at((*SECTION, "share"))
    weight = document.value_at(("conversion", "weight"))
    share = OpinionRules.model_fields["share"].default if share is None else share
    weight = ConversionRules.model_fields["weight"].default if weight is None else weight
    are_numbers = isinstance(share, int | float) and isinstance(weight, int | float)
    if are_numbers and share + weight > 1:
        message = f"and conversion.weight are {share + weight:g} of the score together"
        yield document.problem((*SECTION, "share"), message, "lower one, so that they are at most 1")
