"""What the model cannot judge of the sequence for leads of a low score: whether it is there, and ever begins.

What belongs here: checks over the plain document, as in `checks`. What does not: types and ranges (the model).
"""

from __future__ import annotations

from collections.abc import Iterator

from leadflow_pipeline.campaign.checks import SHIPPED_SEQUENCES, mapping_of
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem, nearest

NAMED: Path = ("nurture", "low_score_sequence")
SEQUENCES: Path = ("nurture", "sequences")
SWITCH: Path = ("routing", "nurture_low_score")


def check_low_score(document: Document) -> Iterator[Problem]:
    """A sequence that is not there, or that no lead would ever enter."""
    named = document.value_at(NAMED)
    if not isinstance(named, str):
        return
    known = (*SHIPPED_SEQUENCES, *mapping_of(document.value_at(SEQUENCES)))
    if named not in known:
        yield document.problem(NAMED, f"{named} is no sequence", nearest(named, known))
    if document.value_at(SWITCH) is not True:
        message = "is a sequence that no lead enters: routing nurtures none that is rejected for a low score"
        yield document.problem(NAMED, message, "say `routing: {nurture_low_score: true}`, or remove it")
