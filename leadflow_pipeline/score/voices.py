"""What others than the rules add to a score: lines that follow those of the rules, lead by lead.

What belongs here: putting such lines behind the rules' sum, to the hundredth, in the breakdown and in the reasons. What
does not: what a voice says (`learned`), and the rules' own lines (`total`).

The rules' part of a sum is the same for all leads of a pattern (`plan`); what is added here differs from lead to lead.
So texts are made for some leads at a time, which bounds memory; the result does not depend on how many.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.score.activity import IntegerArray
from leadflow_pipeline.score.engagement import FloatArray
from leadflow_pipeline.score.explanation import (
    TextArray,
    as_list,
    as_object,
    breakdown_entries,
    signed_sentence,
)
from leadflow_pipeline.score.total import RunningTotal, in_hundredths

SPEAKING_FOR = 2
SPEAKING_AGAINST = 1
"""Lines of the voices that the reasons name, beside what each voice says of itself."""


@dataclass(frozen=True)
class VoiceLine:
    """One line that is added to the sum of each of some leads."""

    name: str
    contribution: FloatArray
    """Points of the score, exact; 0 where the voice says nothing."""
    words: str | None = None
    """How the reasons name it; None for a line that they do not."""


@dataclass(frozen=True)
class Voices:
    """All that is added for some leads."""

    lines: Sequence[VoiceLine] = ()
    sentences: Sequence[TextArray] = ()
    """Quoted, None where there is nothing to say."""


@dataclass(frozen=True)
class Heard:
    """Score and texts of some leads, after all voices."""

    score: FloatArray
    breakdown: pa.Array
    reasons: pa.Array


def hear(rules_total: RunningTotal, entries: pa.Array, reasons: pa.Array, voices: Voices) -> Heard:
    """Adds the voices to what the rules say of some leads.

    Args:
        rules_total: the sum of the rules' lines.
        entries: the rules' part of the breakdown, missing where it is empty.
        reasons: the rules' reasons, missing where there are none.
        voices: what is added.
    """
    if not voices.lines:
        return Heard(rules_total.score, as_object(entries), as_list(reasons, *voices.sentences))
    total, hundredths = in_hundredths([line.contribution for line in voices.lines], rules_total)
    added = breakdown_entries([line.name for line in voices.lines], hundredths)
    return Heard(
        total.score,
        as_object(entries, added),
        as_list(reasons, *voices.sentences, *_strongest(voices.lines, hundredths)),
    )


def _strongest(lines: Sequence[VoiceLine], hundredths: Sequence[IntegerArray]) -> list[TextArray]:
    """The sentences of the lines that say most for each lead, and of the one that says most against it."""
    named = [place for place, line in enumerate(lines) if line.words is not None]
    if not named:
        return []
    words = [str(lines[place].words) for place in named]
    values = np.column_stack([hundredths[place] for place in named])
    by_value = np.argsort(-values, axis=1, kind="stable")
    for_it, against = by_value[:, :SPEAKING_FOR], by_value[:, ::-1][:, :SPEAKING_AGAINST]
    said_for = [_said(words, column, values, 1) for column in for_it.T]
    return [*said_for, *(_said(words, column, values, -1) for column in against.T)]


def _said(words: Sequence[str], chosen: IntegerArray, values: IntegerArray, sign: int) -> TextArray:
    """The sentence of each lead's chosen line, where its points have this sign; written once for each distinct one."""
    points = values[np.arange(len(values)), chosen]
    span = int(np.abs(points).max(initial=0)) + 1
    codes, distinct = pd.factorize(np.where(points * sign > 0, chosen * 2 * span + points + span, -1))
    texts = [
        None if code < 0 else signed_sentence(words[code // (2 * span)], code % (2 * span) - span)
        for code in distinct.tolist()
    ]
    return np.array(texts, dtype=object)[codes]
