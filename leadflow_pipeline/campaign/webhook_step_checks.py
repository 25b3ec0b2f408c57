"""Webhooks of sequences: where they lead, and which fields of a lead they carry.

What belongs here: checks over the plain document. What does not: types (`nurture.steps`).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from leadflow_pipeline.campaign.checks import (
    ENRICHED_FIELDS,
    custom_fields,
    items_of,
    mapping_of,
    sequence_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.enrichment_checks import is_this_machine
from leadflow_pipeline.campaign.problems import Problem, nearest

SEQUENCES = ("nurture", "sequences")


def check_webhook_steps(document: Document) -> Iterator[Problem]:
    """Every webhook that would leave in the clear, or that names a field there is none of."""
    known = (*ENRICHED_FIELDS, *custom_fields(document))
    for sequence in mapping_of(document.value_at(SEQUENCES)):
        for path, step in items_of(document, (*SEQUENCES, sequence, "steps")):
            if step.get("channel") != "webhook":
                continue
            url = step.get("url")
            if isinstance(url, str) and url.startswith("http:") and not is_this_machine(urlsplit(url).netloc):
                yield document.problem(
                    (*path, "url"), "would send what it holds in the clear", "write https://"
                )
            for position, field in enumerate(sequence_of(step.get("fields"))):
                if isinstance(field, str) and field not in known:
                    yield document.problem(
                        (*path, "fields", position),
                        f"{field} is no field of a lead",
                        nearest(field, known) or "declare it in the mapping of a source",
                    )
