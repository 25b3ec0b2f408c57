"""Every email of a campaign, in the order of its sequences: for looking at them, and for the linter. Pure.

What does not belong here: which lead gets which, and when.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.shipped import shipped_sequences
from leadflow_pipeline.nurture.steps import EmailStep


@dataclass(frozen=True)
class Place:
    """An email of a sequence. `step` is its place in the sequence, from 1; `before` are the emails before it."""

    sequence: str
    step: int
    email: EmailStep
    before: tuple[int, ...]

    @property
    def label(self) -> str:
        """`regular_nurture 2`."""
        return f"{self.sequence} {self.step}"


def sequences_of(campaign: Campaign) -> tuple[str, ...]:
    """The sequences that leads of the campaign can come into: those of the tiers, then others that it declares."""
    routing = campaign.routing
    routed = (routing.hot_sequence, routing.warm_sequence, routing.cool_sequence, routing.cold_sequence)
    return tuple(dict.fromkeys([*(each.sequence_type.value for each in routed), *campaign.nurture.sequences]))


def emails_of(campaign: Campaign, sequence: str | None = None) -> Iterator[Place]:
    """Every email, or those of one sequence. Raises PermanentError for a sequence that there is not."""
    known = (*sequences_of(campaign), *shipped_sequences())
    if sequence is not None and sequence not in known:
        raise PermanentError(
            f"{campaign.campaign} has no sequence {sequence}: name one of {', '.join(dict.fromkeys(known))}"
        )
    for name in [sequence] if sequence else sequences_of(campaign):
        before: tuple[int, ...] = ()
        for step, email in enumerate(campaign.nurture.steps_of(name), 1):
            if isinstance(email, EmailStep):
                yield Place(name, step, email, before)
                before = (*before, step)
