"""Texts as character n-grams, by column: pure.

What belongs here: n-grams and their numbers. What does not: what is weighed by them. An n-gram is kept as a number
between 0 and `BUCKETS` alone, so what learns from texts holds none of them.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Positions = npt.NDArray[np.int64]
Numbers = npt.NDArray[np.uint64]

LENGTHS: Final = (3, 4)
BUCKET_BITS: Final = 15
BUCKETS: Final = 1 << BUCKET_BITS
"""Different n-grams that share a number blur likeness a little; tens of thousands occur in companies' texts."""

FACTOR: Final = np.uint64(0x9E3779B97F4A7C15)
"""2^64 divided by the golden ratio: multiplying by it spreads close numbers (Knuth, The Art of Computer Programming,
volume 3, 6.4)."""


def grams(texts: pd.Series, kind: str) -> tuple[Positions, Positions]:
    """Each n-gram of each text, repeated where it occurs again: the text's position, and its bucket.

    A text begins and ends with a space, so that beginnings of words count as such.
    """
    padded = [f" {text} " for text in texts]
    letters = np.frombuffer("".join(padded).encode("utf-32-le", "replace"), dtype=np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, padded), dtype=np.int64, count=len(padded))
    text_of = np.repeat(np.arange(len(padded)), lengths)
    left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(letters))
    seed = pd.util.hash_array(np.array([kind], dtype=object))[0]
    found = []
    for length in LENGTHS:
        begins = np.flatnonzero(left >= length)
        number = np.full(len(begins), seed ^ np.uint64(length), dtype=np.uint64)
        for offset in range(length):
            number = (number ^ letters[begins + offset]) * FACTOR
        found.append((text_of[begins], _bucket(number)))
    return np.concatenate([text for text, _ in found]), np.concatenate([bucket for _, bucket in found])


def wholes(texts: pd.Series, kind: str) -> tuple[Positions, Positions]:
    """Each text as one: its position and its bucket."""
    hashes = pd.util.hash_array(np.array([f"{kind}\x1f{text}" for text in texts], dtype=object))
    return np.arange(len(texts)), _bucket(hashes * FACTOR)


def _bucket(numbers: Numbers) -> Positions:
    return (numbers >> np.uint64(64 - BUCKET_BITS)).astype(np.int64)
