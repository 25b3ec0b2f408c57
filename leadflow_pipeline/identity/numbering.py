"""People as numbers: equal numbers for equal texts, so that a million of them compare in an instant.

What belongs here: numbering, and combining numbers. What does not: which combinations mean something (`blocking`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.identity.people import MATCH_COLUMNS
from leadflow_pipeline.mailboxes import is_free_mail_domain

Codes = npt.NDArray[np.int64]
"""Numbers that stand for texts; equal where the texts are, -1 where there is none."""
Positions = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

MISSING = -1
NAMES = ("first_name", "last_name")


class People:
    """The columns of `match_fields` as numbers, in total order.

    First and last names share one numbering, so that they can be compared with each other. `email` stands for the
    mailbox and its domain together.
    """

    def __init__(self, fields: pd.DataFrame) -> None:
        self.count = len(fields)
        self._codes: dict[str, Codes] = {}
        self._values: dict[str, pd.Series] = {}
        self._texts: dict[str, Texts] = {}
        self._outlines: dict[str, Outlines] = {}
        names, values = pd.factorize(pd.concat([fields[name] for name in NAMES], ignore_index=True))
        for name, half in zip(NAMES, (names[: self.count], names[self.count :]), strict=True):
            self._codes[name], self._values[name] = half, pd.Series(values, dtype="str")
        for name in MATCH_COLUMNS:
            if name not in NAMES:
                self._codes[name], values = pd.factorize(fields[name])
                self._values[name] = pd.Series(values, dtype="str")
        self._codes["email"] = combined(self._codes["mailbox"], self._codes["mail_domain"])

    def codes(self, column: str) -> Codes:
        """The numbers of a column."""
        return self._codes[column]

    def texts(self, column: str) -> Texts:
        """The texts of a column, by number."""
        if column not in self._texts:
            self._texts[column] = self._values[column].to_numpy(dtype=object)
        return self._texts[column]

    def outlines(self, column: str) -> Outlines:
        """The outline of each text of a column, by number; that of no text at the end, for a missing one."""
        if column not in self._outlines:
            self._outlines[column] = outlines_of(
                pd.concat([self._values[column], pd.Series([""], dtype="str")])
            )
        return self._outlines[column]

    def is_known(self, column: str) -> bool:
        """Whether anyone has a value in the column."""
        return bool((self._codes[column] >= 0).any())

    @cached_property
    def company_mail(self) -> Codes:
        """The numbers of `mail_domain`, -1 where anyone may have a mailbox at the domain."""
        is_free = is_free_mail_domain(self._values["mail_domain"]).to_numpy(dtype=bool)
        numbers = np.where(is_free, MISSING, np.arange(len(is_free)))
        return np.append(numbers, MISSING)[self._codes["mail_domain"]]

    def coarser(self, column: str, reduce: Callable[[pd.Series], pd.Series]) -> Codes:
        """Numbers of something coarser than a column's texts, computed once for each distinct one."""
        coarse, _ = pd.factorize(reduce(self._values[column]))
        return np.append(coarse, MISSING)[self._codes[column]]


@dataclass(frozen=True)
class Outlines:
    """What can be known of texts without reading them: how long each is, and which letters it has."""

    lengths: npt.NDArray[np.int64]
    letters: npt.NDArray[np.uint64]
    """A bit a letter; as many letters as there are bits share one."""

    def taken(self, positions: Positions) -> Outlines:
        """The outlines at these positions."""
        return Outlines(self.lengths[positions], self.letters[positions])


def outlines_of(texts: pd.Series) -> Outlines:
    """The outline of each text, in bytes; there must be no missing one."""
    array = pa.array(texts, pa.large_string())
    array = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    offsets = np.frombuffer(array.buffers()[1], dtype=np.int64)[array.offset : array.offset + len(array) + 1]
    if not len(array) or offsets[0] == offsets[-1]:
        return Outlines(np.zeros(len(array), dtype=np.int64), np.zeros(len(array), dtype=np.uint64))
    content = np.frombuffer(array.buffers()[2], dtype=np.uint8)[: offsets[-1]]
    bits = np.uint64(1) << (np.arange(256, dtype=np.uint64) % np.uint64(64))
    lengths = np.diff(offsets)
    letters = np.bitwise_or.reduceat(bits[content], np.minimum(offsets[:-1], len(content) - 1))
    return Outlines(lengths, np.where(lengths > 0, letters, np.uint64(0)))


def may_be_within(edits: npt.NDArray[np.int64] | int, one: Outlines, other: Outlines) -> Mask:
    """Whether so few edits may make one text of the other: an edit changes at most two letters' presence, and the
    length by one."""
    unlike = np.bitwise_count(one.letters ^ other.letters).astype(np.int64)
    is_near: Mask = (unlike <= 2 * edits) & (np.abs(one.lengths - other.lengths) <= edits)
    return is_near


def combined(*columns: Codes) -> Codes:
    """One number for each combination; -1 where any part is missing."""
    key = columns[0].astype(np.int64)
    for column in columns[1:]:
        width = int(column.max(initial=0)) + 1
        if int(key.max(initial=0)) >= np.iinfo(np.int64).max // width - 1:
            key = np.where(key < 0, MISSING, pd.factorize(key)[0])
        key = np.where((key < 0) | (column < 0), MISSING, key * width + column)
    return key


def in_either_order(one: Codes, other: Codes) -> Codes:
    """One number for each pair of numbers, whichever comes first; -1 where either is missing."""
    smaller = np.where((one < 0) | (other < 0), MISSING, np.minimum(one, other))
    return combined(smaller, np.maximum(one, other))
