"""What the numbers of a dry run cannot say, in words. Pure.

What belongs here: the sentences, and when each is due. What does not: the numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

FEW_WINS = 30
"""Below this a sentence says how little is known."""


@dataclass(frozen=True)
class Known:
    """What a dry run rests on, in counts."""

    as_of: date
    """Outcomes up to this day are known."""
    matures_after_days: int
    estimated: int
    """Ripe leads whose owner after is not the real one."""
    unworked: int
    """Ripe leads that have nobody after, and had somebody."""
    unripe: int
    wins: int
    """Of all leads that the rates are made of."""
    with_values: int
    """Of these, wins whose value is known."""
    told: int
    """Leads of the days whose owner was told."""
    honours_handoffs: bool
    ordered: int
    """Leads whose owner a person named."""
    differing: int
    """Leads whose real owner is not the one that present rules and reps give them."""
    newcomers: Sequence[str]
    """Reps who would have leads, and have had none."""
    has_model: bool
    """Whether a model says how likely leads are won."""
    upstream: int
    """Things that a file says differently about what comes before the score."""
    tries_other_weights: bool
    from_experiments: int
    """Experiments that say something of these weights."""


def sentences(known: Known) -> tuple[str, ...]:
    """What must be said, the weightiest first; without full stops."""
    said = [
        (
            known.told > 0 and not known.honours_handoffs,
            f"{_leads(known.told)} of these days {_were(known.told)} told to an owner, and what was told stands: this "
            "run supposes that nobody was told (--honour-handoffs leaves such leads where they are)",
        ),
        (
            known.told > 0 and known.honours_handoffs,
            f"{_leads(known.told)} of these days {_were(known.told)} told to an owner and stay there: only the others "
            "can move",
        ),
        (
            known.estimated > 0,
            f"what {_leads(known.estimated)} would have done with another rep is not known and never will be: it is "
            "estimated from that rep's other leads, which may differ in what no field says",
        ),
        (
            known.unripe > 0,
            f"how {_leads(known.unripe)} will end is not known yet (neither won nor lost nor "
            f"{known.matures_after_days} days old): they are in who moves, not in what it would have earned",
        ),
        (
            known.estimated > 0,
            "the interval of what rates alone would bring is too narrow: in 250 simulated campaigns it held the truth "
            "in 88 of 100, and that of what would have come in 94",
        ),
        (
            known.estimated > 0 and known.wins < FEW_WINS,
            f"few wins are known ({known.wins}), so rates are mostly those of the team or of all, and the intervals "
            "matter more than the numbers before them",
        ),
        (
            known.estimated > 0,
            f"rates were learned on the same days and those after, up to {known.as_of}: nobody knew them then, and a "
            "rep's luck in these days is in them",
        ),
        (
            known.unworked > 0,
            f"{_leads(known.unworked)} would have had nobody and count as lost, though some might have come by "
            "themselves",
        ),
        (
            bool(known.newcomers),
            f"nothing is known of {_named(known.newcomers)}, whose rate is taken to be the team's",
        ),
        (
            not known.has_model,
            "no model says how likely a lead is won; a share of its score stands in, so the plan's own money is good "
            "for comparison only",
        ),
        (
            known.estimated > 0 and known.with_values == 0,
            "no value of a win is known, so money is what the leads' own field says",
        ),
        (
            known.differing > 0,
            f"present rules and reps give {_leads(known.differing)} another owner here than they really have (told "
            "otherwise, changed since, or decided under an earlier file), so what they earn as it is is estimated too",
        ),
        (
            known.ordered > 0,
            f"a person named the owner of {_leads(known.ordered)}, and that stands in both, whoever the reps are",
        ),
        (
            known.estimated > 0,
            "that a rep with more leads has less time for each is no part of the estimate",
        ),
        (
            known.tries_other_weights and not known.from_experiments,
            "no experiment has tried these weights of the match, so there is no estimate that rests on chance: a "
            "routing experiment would give one (leadflow experiment)",
        ),
        (
            known.upstream > 0,
            f"the file also says {known.upstream} {'thing' if known.upstream == 1 else 'things'} differently about "
            "sources, identity or enrichment, which take effect before the score and are not part of this",
        ),
    ]
    return tuple(sentence for is_due, sentence in said if is_due)


def _leads(number: int) -> str:
    return f"{number:,} lead" if number == 1 else f"{number:,} leads"


def _were(number: int) -> str:
    return "was" if number == 1 else "were"


def _named(reps: Sequence[str], most: int = 3) -> str:
    shown = ", ".join(reps[:most])
    return shown + (f" and {len(reps) - most} more" if len(reps) > most else "")
