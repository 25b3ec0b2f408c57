"""What the model of the similar_accounts section cannot judge: which fields leads have.

What belongs here: checks over the plain document, as in `checks`. What does not: types and ranges (the model).
"""

from __future__ import annotations

from collections.abc import Iterator

from leadflow_pipeline.campaign.checks import (
    ENRICHED_FIELDS,
    check_known_field,
    custom_fields,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem

WORDS: Path = ("similar_accounts", "words")


def check_similarity(document: Document) -> Iterator[Problem]:
    """Fields that no lead has, of which companies would have no words to compare."""
    known = (*ENRICHED_FIELDS, *custom_fields(document))
    for position, field in enumerate(sequence_of(document.value_at(WORDS))):
        yield from check_known_field(document, (*WORDS, position), field, known)
