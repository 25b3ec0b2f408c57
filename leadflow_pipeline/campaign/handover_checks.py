"""What the model of the handover section cannot judge: the template of the brief, and where a model is asked.

What belongs here: checks over the plain document, as in `checks`. What does not: types and ranges (the model).
"""

from __future__ import annotations

from collections.abc import Iterator

from leadflow_pipeline.campaign.checks import custom_fields, mapping_of
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.opinion_checks import check_endpoint
from leadflow_pipeline.campaign.problems import Path, Problem
from leadflow_pipeline.campaign.templates import template_problems
from leadflow_pipeline.delivery.brief_tokens import TOKENS

SECTION: Path = ("handover",)


def check_handover(document: Document) -> Iterator[Problem]:
    """Every problem of the section that needs more than its model to see."""
    section = mapping_of(document.value_at(SECTION))
    template = section.get("brief")
    if isinstance(template, str):
        path = (*SECTION, "brief")
        for problem in template_problems(template, TOKENS, custom_fields(document)):
            yield document.problem(path, problem.message, problem.remedy)
        if not any(line.lstrip().startswith("- ") for line in template.splitlines()):
            yield document.problem(path, "has no point", "begin a line of it with `- `")
    if mapping_of(section.get("language_model")):
        yield from check_endpoint(document, (*SECTION, "language_model", "endpoint"))
