"""Every email of a campaign, in the order of its sequences: for looking at them, and for the linter. Pure.

What does not belong here: which lead gets which, and when.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.shipped import shipped_sequences
from leadflow_pipeline.nurture.steps import EmailStep, NurtureSequence, SequenceStep


@dataclass(frozen=True)
class Place:
    """An email of a sequence. `step` is its place in the sequence, from 1; `before` are those of the emails before it;
    `variant` is set where an experiment has it instead of the campaign's own.
    """

    sequence: str
    step: int
    email: EmailStep
    before: tuple[int, ...]
    variant: str | None = None

    @property
    def line(self) -> str:
        """The emails that one lead gets: `regular_nurture`, `regular_nurture (subject/short)`."""
        return f"{self.sequence} ({self.variant})" if self.variant else self.sequence

    @property
    def label(self) -> str:
        """`regular_nurture 2`."""
        return f"{self.sequence} {self.step}" + (f" ({self.variant})" if self.variant else "")


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
        yield from _placed(name, campaign.nurture.steps_of(name))
        yield from _tried(campaign, name)


def _placed(sequence: str, steps: Iterable[SequenceStep], variant: str | None = None) -> Iterator[Place]:
    before: tuple[int, ...] = ()
    for step, email in enumerate(steps, 1):
        if isinstance(email, EmailStep):
            yield Place(sequence, step, email, before, variant)
            before = (*before, step)


def _tried(campaign: Campaign, sequence: str) -> Iterator[Place]:
    """The emails that variants of experiments have in the place of a sequence's own."""
    for experiment in campaign.experiments:
        for variant in experiment.variants if experiment.kind == "emails" else ():
            declared = (variant.emails or {}).get(sequence)
            if declared is not None:
                steps = NurtureSequence.model_validate(declared).way
                yield from _placed(sequence, steps, f"{experiment.key}/{variant.key}")
