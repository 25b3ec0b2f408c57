"""Reasons: why a lead has the status it has, in words for people and codes for programs.

What belongs here: the shape of a reason, how several of them settle a status, and their JSON. What does not:
which reasons a lead has.

A reason is `{"code": ..., "status": ..., "text": ...}`; its status is what this reason alone would lead to. Where it
comes from something with a name, the name is beside it: `segment`, `rule`, or `tree` and `leaf`. So a lead rejected for
nothing but its score has `score_below_threshold` and no other reason that leads to REJECTED or PENDING.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.wording import as_column, join, say, spell

STATUSES: tuple[str, ...] = ("QUALIFIED", "MANUAL_REVIEW", "PENDING", "REJECTED")
"""From the mildest to the weightiest: of all the reasons of a lead the weightiest decides."""

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Reason:
    """One reason for many leads."""

    status: str
    applies: Mask
    documents: pa.Array
    """A JSON object for each lead, null where the reason does not apply."""


def reason(code: str, status: str, text: str, applies: Mask, **names: str) -> Reason:
    """A reason whose text is the same for every lead."""
    return Reason(status, applies, say(document(code, status, text, names), applies))


def worded_reason(
    code: str,
    status: str,
    codes: npt.NDArray[np.int64],
    word: Callable[[int], str],
    applies: Mask,
    named: Callable[[int], Mapping[str, str]] = lambda _: {},
) -> Reason:
    """A reason whose text depends on a number of the lead: `word(code)`; `named(code)` says where it comes from."""
    return Reason(
        status,
        applies,
        spell(codes, lambda value: document(code, status, word(value), named(value)), applies),
    )


def document(code: str, status: str, text: str, names: Mapping[str, str]) -> str:
    """The JSON object of one reason."""
    content = {"code": code, "status": status, "text": text, **names}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def is_none_of(reasons: Sequence[Reason], leads: int) -> Mask:
    """Leads to which no reason applies."""
    return ~np.any([each.applies for each in reasons], axis=0) if reasons else np.ones(leads, dtype=bool)


def weightiest_status(reasons: Sequence[Reason], index: pd.Index) -> pd.Series[str]:
    """The status that the weightiest reason of each lead leads to."""
    weight = np.zeros(len(index), dtype="int64")
    for each in reasons:
        np.maximum(weight, STATUSES.index(each.status) * each.applies, out=weight)
    return as_column(spell(weight, STATUSES.__getitem__, np.ones(len(index), dtype=bool)), index)


def as_json(reasons: Sequence[Reason], index: pd.Index) -> pd.Series[str]:
    """The JSON array of all reasons of each lead, in the order given."""
    everywhere = np.ones(len(index), dtype=bool)
    listed = join([each.documents for each in reasons], ",")
    return as_column(join([say("[", everywhere), listed, say("]", everywhere)]), index)
