"""The breakdown and the reasons of a score, as JSON text.

What belongs here: words and JSON. What does not: any arithmetic beyond choosing the weightiest lines.

Texts are built by column: a line has few distinct contributions, so each is written once and looked up.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadflow_pipeline.score.activity import IntegerArray
from leadflow_pipeline.score.fit import MET, NOT_MET, UNKNOWN, VerdictArray
from leadflow_pipeline.score.points import BooleanArray
from leadflow_pipeline.score.rules import FitCriterion, IdealCustomerProfile
from leadflow_pipeline.score.total import Line

TextArray: TypeAlias = npt.NDArray[np.object_]
"""Python texts, None where there is nothing to say."""

REASONS_FOR = 3
REASONS_AGAINST = 2
TEXT = pa.large_string()


def breakdown_entries(names: Sequence[str], hundredths: Sequence[IntegerArray]) -> pa.Array:
    """`"company": 10, ...`: every line that contributes, missing where none does.

    As decimals the lines sum exactly to the score.
    """
    entries = [
        _look_up(values, partial(_entry, name)) for name, values in zip(names, hundredths, strict=True)
    ]
    return _listed(entries)


def as_object(*entries: pa.Array) -> pa.Array:
    """Entries of a breakdown, missing ones left out, as the JSON object that is stored."""
    return _wrapped("{", _joined(entries), "}")


def as_list(*sentences: pa.Array) -> pa.Array:
    """Sentences, missing ones left out, as the JSON list that is stored."""
    return _wrapped("[", _joined(sentences), "]")


def reason_sentences(
    lines: Sequence[Line],
    hundredths: Sequence[IntegerArray],
    profile: IdealCustomerProfile,
    verdicts: Sequence[VerdictArray],
) -> pa.Array:
    """`"...", "..."`: the weightiest lines for the score, those against it, how the profile is met.

    Missing where there is nothing to say.
    """
    sentences, speaks_for, speaks_against = [], [], []
    for line, values in zip(lines, hundredths, strict=True):
        if line.words is None:
            continue
        said = _look_up(values, partial(signed_sentence, line.words))
        possible = _possible(line)
        missed = _look_up(possible, partial(_missed_sentence, line.missed_words))
        said[line.missed] = missed[line.missed]
        sentences.append(said)
        speaks_for.append(np.maximum(values, 0))
        speaks_against.append(np.where(line.missed, possible, np.maximum(-values, 0)))
    reasons = [
        *_weightiest(sentences, speaks_for, REASONS_FOR),
        *_weightiest(sentences, speaks_against, REASONS_AGAINST),
        *fit_sentences(profile, verdicts),
    ]
    return _listed(reasons)


def fit_sentences(profile: IdealCustomerProfile, verdicts: Sequence[VerdictArray]) -> list[pa.Array]:
    """Up to three sentences (met, not met, unknown) that name every criterion with its share of the fit."""
    if not profile.criteria:
        return []
    total = sum(criterion.weight for criterion in profile.criteria)
    openings = {MET: "Fits the profile", NOT_MET: "Does not fit", UNKNOWN: "Fit unknown"}
    sentences = []
    for verdict, opening in openings.items():
        names = [
            _say(quoted(_share(criterion, verdict, total))[1:-1], found == verdict)
            for criterion, found in zip(profile.criteria, verdicts, strict=True)
        ]
        listed = _joined(names)
        nobody = pc.equal(pc.binary_length(listed), 0)
        sentences.append(pc.if_else(nobody, pa.scalar(None, TEXT), _wrapped(f'"{opening}: ', listed, '"')))
    return sentences


def _entry(name: str, hundredths: int) -> str:
    return f"{quoted(name)}: {short_decimal(hundredths / 100)}"


def _possible(line: Line) -> IntegerArray:
    if line.possible is None:
        return np.zeros(len(line.missed), dtype=np.int64)
    return np.rint(line.possible * 100).astype(np.int64)


def _missed_sentence(words: str, hundredths: int) -> str:
    return quoted(f"{words} (0 of {short_decimal(hundredths / 100)})")


def signed_sentence(words: str, hundredths: int) -> str:
    """`"Opened an email (+2)"`."""
    return quoted(f"{words} ({short_decimal(hundredths / 100, sign='+')})")


def _share(criterion: FitCriterion, verdict: int, total: float) -> str:
    """A criterion with its share of the fit, `industry (40 %)`; an unknown one credits `(5 of 10 %)`."""
    share = 100 * criterion.weight / total
    if verdict == UNKNOWN:
        return f"{criterion.name} ({share * criterion.if_unknown:.0f} of {share:.0f} %)"
    return f"{criterion.name} ({share:.0f} %)"


def _weightiest(
    sentences: Sequence[TextArray], weights: Sequence[IntegerArray], most: int
) -> list[TextArray]:
    """Each lead's weightiest sentences, falling (equal ones as declared); None where weight runs out."""
    weight = np.column_stack(weights)
    chosen = np.argsort(-weight, axis=1, kind="stable")[:, :most]
    said = np.take_along_axis(np.column_stack(sentences), chosen, axis=1)
    said[np.take_along_axis(weight, chosen, axis=1) == 0] = None
    return [said[:, rank] for rank in range(chosen.shape[1])]


def _say(text: str, where: BooleanArray) -> TextArray:
    return np.array([None, text], dtype=object)[where.astype(np.intp)]


def _look_up(values: IntegerArray, write: Callable[[int], str]) -> TextArray:
    """The text of each value, written once for each distinct one; nothing for zero."""
    if not values.any():
        return np.full(len(values), None, dtype=object)
    codes, distinct = pd.factorize(values)
    return np.array([write(value) if value else None for value in distinct.tolist()], dtype=object)[codes]


def _joined(columns: Sequence[TextArray | pa.Array]) -> pa.Array:
    """The texts of each row with `, ` between them; empty where there is none.

    pyarrow's own way to skip missing texts drops a row that has no other (as of 26.0), so that each text
    brings its comma along and the first comma is cut off.
    """
    texts = [_concatenated(pa.scalar(", ", TEXT), pa.array(column, type=TEXT)) for column in columns]
    return pc.utf8_slice_codeunits(_concatenated(*(pc.fill_null(text, "") for text in texts)), 2)


def _listed(columns: Sequence[TextArray | pa.Array]) -> pa.Array:
    """As `_joined`, missing where a row has no text."""
    joined = _joined(columns)
    return pc.if_else(pc.equal(pc.binary_length(joined), 0), pa.scalar(None, TEXT), joined)


def _wrapped(opening: str, texts: pa.Array, closing: str) -> pa.Array:
    return _concatenated(pa.scalar(opening, TEXT), texts, pa.scalar(closing, TEXT))


def _concatenated(*texts: pa.Array | pa.Scalar) -> pa.Array:
    """The texts of each row one after the other; missing where one of them is."""
    return pc.binary_join_element_wise(*texts, pa.scalar("", TEXT))


def quoted(text: str) -> str:
    """As JSON."""
    return json.dumps(text, ensure_ascii=False)


def short_decimal(value: float | Decimal, sign: Literal["-", "+"] = "-") -> str:
    """`10`, `-3.5`, `33.33`: two decimals, without zeros that say nothing. With the sign "+" that is written too."""
    return f"{value:{sign}.2f}".rstrip("0").rstrip(".")
