"""What the variants that leads have change: the weights of their match, the sequence of their tier, their send window.

What belongs here: settings of variants laid over those of the campaign. What does not: who has which variant
(`exposure`), and what weights, sequences and windows are for (`route`, `nurture`).

Where two experiments change the same thing, what runs wins over what is decided, and of those the later declared. Two
that run and try the same never share a lead: `life_cycle` starts no such pair.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from leadflow_pipeline.experiment.arrays import Floats, Ints
from leadflow_pipeline.experiment.exposure import NONE, Given


def match_weights(
    given: Sequence[Given], leads: int, names: Sequence[str], otherwise: Mapping[str, float]
) -> Floats:
    """The weights of each lead's match: an array `[leads, names]`, in the order of `names`.

    A variant's weights stand in the place of the campaign's (`otherwise`) as a whole: those it does not name are 0.
    """
    weights = np.tile(np.array([otherwise[name] for name in names], dtype=float), (leads, 1))
    for each in given:
        for number, variant in enumerate(each.experiment.variants):
            if variant.match is not None:
                weights[each.variant == number] = [variant.match.get(name, 0.0) for name in names]
    return weights


def sequence_codes(
    given: Sequence[Given],
    leads: int,
    tiers: Sequence[str],
    sequences: Sequence[str],
    otherwise: Sequence[int],
) -> Ints:
    """The sequence that each lead would enter from each tier: codes `[leads, tiers]`, places in `sequences`.

    `otherwise` has the campaign's sequence of each tier; a variant changes the tiers that it names.
    """
    codes = np.tile(np.array(otherwise, dtype=np.int64), (leads, 1))
    for each in given:
        for number, variant in enumerate(each.experiment.variants):
            has_it = each.variant == number
            for tier, sequence in (variant.sequences or {}).items():
                codes[has_it, list(tiers).index(tier)] = list(sequences).index(sequence)
    return codes


def window_codes(
    given: Sequence[Given], leads: int, windows: Mapping[tuple[str, str], int], otherwise: int
) -> Ints:
    """The send window of each lead. `windows` has a code for each experiment and variant that has one; what changes
    nothing gives the campaign's, `otherwise`.
    """
    codes = np.full(leads, otherwise, dtype=np.int64)
    for each in given:
        if each.takes_in:
            # Whoever takes part and has no window of the variant's has the campaign's, whatever was decided before.
            codes[each.variant != NONE] = otherwise
        for number, key in enumerate(each.experiment.keys):
            if (each.experiment.key, key) in windows:
                codes[each.variant == number] = windows[each.experiment.key, key]
    return codes
