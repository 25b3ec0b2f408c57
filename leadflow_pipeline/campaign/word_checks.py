"""What the models of `nurture` cannot judge of its words: snippets, languages, the reason, and answers to nothing.

What belongs here: checks over the plain document, as in `checks`. What does not: the templates of the emails
themselves (`checks.check_emails`), and taste (`delivery.linting`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from leadflow_pipeline.campaign.checks import (
    OWN_WORDS,
    SNIPPETS,
    check_template,
    items_of,
    mapping_of,
)
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem, nearest

SECTION: Path = ("nurture",)


def check_words(document: Document) -> Iterator[Problem]:
    """Every problem of the words of `nurture` that needs more than its model to see."""
    yield from _check_texts(document, SECTION)
    for language in mapping_of(document.value_at((*SECTION, "languages"))):
        path = (*SECTION, "languages", language)
        yield from _check_texts(document, path)
        yield from _unused_words(document, path)
    yield from _answers_to_nothing(document)


def _check_texts(document: Document, path: Path) -> Iterator[Problem]:
    """Snippets and the reason, which are templates; a snippet may not use another, so that none uses itself."""
    section = mapping_of(document.value_at(path))
    texts: list[tuple[Path, Any]] = [((*path, "reason"), section.get("reason"))]
    texts += [((*path, "snippets", name), text) for name, text in mapping_of(section.get("snippets")).items()]
    for place, text in texts:
        if isinstance(text, str):
            yield from check_template(document, place, text, may_use_snippets=False)


def _unused_words(document: Document, path: Path) -> Iterator[Problem]:
    """Words and snippets of a language that stand for none of the campaign's own."""
    section = mapping_of(document.value_at(path))
    words = (*mapping_of(document.value_at(OWN_WORDS)), "product", "benefit")
    snippets = tuple(mapping_of(document.value_at(SNIPPETS)))
    for kind, known in (("words", words), ("snippets", snippets)):
        for name in mapping_of(section.get(kind)):
            if name not in known:
                message = f"stands for nothing: nurture.{kind} has no {name}"
                remedy = nearest(name, known) or f"write it in nurture.{kind} as well"
                yield document.problem((*path, kind, name), message, remedy)


def _answers_to_nothing(document: Document) -> Iterator[Problem]:
    """`thread: true` where no email of the sequence comes before."""
    for sequence in mapping_of(document.value_at((*SECTION, "sequences"))):
        for place in ("emails", "steps"):
            path = (*SECTION, "sequences", sequence, place)
            emails = [
                (at, step) for at, step in items_of(document, path) if step.get("channel", "email") == "email"
            ]
            if emails and emails[0][1].get("thread") is True:
                message = "answers the email before it, and is the first of its sequence"
                yield document.problem((*emails[0][0], "thread"), message, "remove the line")
