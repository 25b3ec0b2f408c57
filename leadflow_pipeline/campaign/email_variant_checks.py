"""Emails of experiments beside those that they stand for: a variant changes words, never steps or times.

What belongs here: checks over the plain document. What does not: templates (`checks`) and types (`nurture.steps`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from leadflow_pipeline.campaign.checks import items_of, mapping_of
from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Path, Problem
from leadflow_pipeline.nurture.shipped import shipped_sequences

WORDS: Final = ("channel", "name", "delay_days", "subject", "text", "html", "languages", "thread")
"""What an email of a variant may say; the rest of a step is the campaign's."""


def check_email_variants(document: Document) -> Iterator[Problem]:
    """Every email of a variant that has no counterpart, or that would change more than words."""
    for path, _ in items_of(document, ("experiments",)):
        for at, variant in items_of(document, (*path, "variants")):
            for sequence in mapping_of(variant.get("emails")):
                yield from _beside(document, (*at, "emails", sequence), delays_of(document, sequence))


def delays_of(document: Document, sequence: str) -> list[Any]:
    """`delay_days` of each email of a sequence, declared or shipped; empty for one that there is not."""
    declared = mapping_of(document.value_at(("nurture", "sequences", sequence)))
    place = "steps" if "steps" in declared else "emails"
    if declared:
        steps = [step for _, step in items_of(document, ("nurture", "sequences", sequence, place))]
        return [step.get("delay_days") for step in steps if step.get("channel", "email") == "email"]
    shipped = shipped_sequences().get(sequence)
    return [] if shipped is None else [email.delay_days for email in shipped.emails or ()]


def _beside(document: Document, path: Path, delays: list[Any]) -> Iterator[Problem]:
    if not delays:
        return
    for number, (at, email) in enumerate(items_of(document, (*path, "emails"))):
        if number >= len(delays):
            yield document.problem(
                at,
                f"the sequence has {len(delays)} emails, and this would be number {number + 1}",
                "a variant changes the words of emails that are there",
            )
            continue
        if email.get("delay_days", delays[number]) != delays[number]:
            yield document.problem(
                (*at, "delay_days"),
                f"is {email['delay_days']}, but {delays[number]} in the sequence",
                "a variant changes words, not times: make the two agree",
            )
        for key in email:
            if key not in WORDS:
                yield document.problem((*at, key), "changes more than words", "remove it from the variant")
