"""Who gets which variant: by a hash of the person, so that everybody always gets the same one.

What belongs here: the hash, the ranges of a variant, exclusion groups, holdouts, and how likely each choice was. What
does not: who takes part, and what a variant is.

The hash is version 2 of GrowthBook's (https://docs.growthbook.io/lib/build-your-own): FNV-1a of 32 bits over seed and
id, once more over the decimal digits of the result, and of that the last four digits. It reads UTF-16 code units, as
their JavaScript does, so that ids beyond ASCII too fall where any of their libraries puts them. So one of 10,000 places
is a person's place in an experiment, and places under different seeds have nothing to do with each other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.experiment.arrays import Booleans, Floats, Ints

PLACES = 10_000
NOT_IN_EXPERIMENT = -1

_OFFSET_BASIS = 2166136261
_PRIME = np.uint32(16777619)
_CHUNK = 1 << 16
"""Rows hashed at once: their letters fit in a core's cache."""
_TOLERANCE = 1e-6

Words: TypeAlias = npt.NDArray[np.uint32]
Ids: TypeAlias = pd.Series | pa.Array | pa.ChunkedArray | Sequence[str]
Range: TypeAlias = tuple[float, float]
"""From its first place on, up to but without its last; places go from 0 to 1."""


@dataclass(frozen=True)
class Slot:
    """An experiment's part of an exclusion group: experiments with disjoint slots never share a person."""

    group: str
    start: float
    end: float

    def __post_init__(self) -> None:
        """Refuses a slot outside of the group."""
        if not 0 <= self.start < self.end <= 1:
            raise ValueError(
                f"the slot of group '{self.group}' must go from 0 or more to 1 or less, "
                f"not from {self.start:g} to {self.end:g}"
            )


@dataclass(frozen=True)
class Holdout:
    """Share of all people who are kept out of every experiment that names this holdout."""

    name: str
    share: float

    def __post_init__(self) -> None:
        """Refuses what is no share."""
        if not 0 <= self.share <= 1:
            raise ValueError(f"the share of holdout '{self.name}' must be from 0 to 1, not {self.share:g}")


@dataclass(frozen=True)
class Assignment:
    """Who got what, aligned with the ids."""

    variant: Ints
    """Number of the variant, -1 for who does not take part."""
    is_holdout: Booleans
    propensity: Floats
    """How likely the variant was for somebody who takes part, exactly by the places it has; NaN for all others."""

    @property
    def takes_part(self) -> Booleans:
        """Who has a variant."""
        return np.asarray(self.variant != NOT_IN_EXPERIMENT)


def assign(
    ids: Ids,
    seed: str,
    weights: Sequence[float],
    coverage: float = 1.0,
    slot: Slot | None = None,
    holdout: Holdout | None = None,
) -> Assignment:
    """Everybody's variant. Same arguments, same answer, whatever other ids stand beside an id.

    Raises ValueError for weights that do not sum to 1, a coverage outside of 0 to 1, and a missing id.
    """
    ranges = bucket_ranges(weights, coverage)
    texts = as_texts(ids)
    variant = variants_at(places(texts, seed), ranges)
    is_holdout = is_held_out(texts, holdout) if holdout else np.zeros(len(texts), dtype=np.bool_)
    variant[is_holdout] = NOT_IN_EXPERIMENT
    if slot is not None:
        variant[~in_slot(texts, slot)] = NOT_IN_EXPERIMENT
    propensity = np.append(propensities(ranges), np.nan)[variant]
    return Assignment(variant, is_holdout, propensity)


def places(ids: Ids, seed: str) -> Floats:
    """Each id's place under the seed: 0, 0.0001, ... 0.9999."""
    texts = as_texts(ids)
    begin = _hashed_text(seed)
    found = np.empty(len(texts))
    for first in range(0, len(texts), _CHUNK):
        hashed = _hashed(texts.slice(first, _CHUNK), begin)
        found[first : first + _CHUNK] = (_hashed_digits(hashed) % np.uint32(PLACES)) / PLACES
    return found


def bucket_ranges(weights: Sequence[float], coverage: float = 1.0) -> tuple[Range, ...]:
    """The range of each variant.

    A variant's range begins where the weights before it end, whatever the coverage, and covers that share of its
    weight: more coverage adds people to variants and moves nobody from one to another. (GrowthBook takes equal
    weights instead where they do not sum to 1; here they are refused.)
    """
    shares = np.asarray(weights, dtype=np.float64)
    if not len(shares) or (shares < 0).any() or not abs(shares.sum() - 1.0) <= _TOLERANCE:
        raise ValueError(f"weights must be 0 or more and sum to 1, not {list(weights)}")
    if not 0 <= coverage <= 1:
        raise ValueError(f"coverage must be from 0 to 1, not {coverage:g}")
    starts = np.concatenate([[0.0], np.cumsum(shares)[:-1]])
    return tuple(
        (float(start), float(start + coverage * share)) for start, share in zip(starts, shares, strict=True)
    )


def variants_at(places: Floats, ranges: Sequence[Range]) -> Ints:
    """Number of the range that each place is in, -1 where it is in none."""
    found = np.full(len(places), NOT_IN_EXPERIMENT, dtype=np.int64)
    for number, (start, end) in enumerate(ranges):
        found[(places >= start) & (places < end)] = number
    return found


def propensities(ranges: Sequence[Range]) -> Floats:
    """How likely each variant is for somebody who has one: its share of the places that any variant has."""
    of_place = variants_at(np.arange(PLACES) / PLACES, ranges)
    counts = np.bincount(of_place[of_place >= 0], minlength=len(ranges))
    return np.asarray(counts / max(int(counts.sum()), 1))


def in_slot(ids: Ids, slot: Slot) -> Booleans:
    """Who belongs to the slot: by a hash that knows the group and no experiment."""
    place = places(ids, f"__{slot.group}")
    return (place >= slot.start) & (place < slot.end)


def is_held_out(ids: Ids, holdout: Holdout) -> Booleans:
    """Who belongs to the holdout: by a hash that knows it and no experiment, so growing it frees nobody."""
    return places(ids, f"__holdout:{holdout.name}") < holdout.share


def as_texts(ids: Ids) -> pa.Array:
    """The ids as one array of texts. Raises ValueError where one is missing: it would have nobody's place."""
    if isinstance(ids, pa.ChunkedArray):
        texts = ids.combine_chunks()
    elif isinstance(ids, pa.Array):
        texts = ids
    else:
        texts = pa.array(ids, from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if texts.type != pa.large_string():
        texts = texts.cast(pa.large_string())
    if texts.null_count:
        raise ValueError(f"{texts.null_count} ids are missing: every lead of an experiment needs one")
    return texts


def _hashed_text(text: str) -> np.uint32:
    value = _OFFSET_BASIS
    units = np.frombuffer(text.encode("utf-16-le"), dtype="<u2")
    for unit in units.tolist():
        value = ((value ^ unit) * int(_PRIME)) & 0xFFFFFFFF
    return np.uint32(value)


def _hashed(texts: pa.Array, begin: np.uint32) -> Words:
    """FNV-1a over each text, going on from `begin`."""
    letters, offsets = _letters(texts)
    lengths = np.diff(offsets)
    hashed = np.full(len(texts), begin, dtype=np.uint32)
    longest = int(lengths.max(initial=0))
    if longest and (lengths == longest).all():
        table = letters[offsets[0] : offsets[-1]].reshape(len(texts), longest)
        for position in range(longest):
            hashed ^= table[:, position]
            hashed *= _PRIME
        return hashed
    # The longest first: those that have a letter at a position are then the first so many.
    order = np.argsort(-lengths, kind="stable")
    starts, counts, values = offsets[:-1][order], lengths[order], hashed[order]
    for position in range(longest):
        some = int(np.searchsorted(-counts, -position, side="left"))
        values[:some] ^= letters[starts[:some] + position]
        values[:some] *= _PRIME
    hashed[order] = values
    return hashed


def _letters(texts: pa.Array) -> tuple[npt.NDArray[np.uint8] | npt.NDArray[np.uint16], Ints]:
    """All code units on end, and where each text begins in them (one more: where the last ends)."""
    _, offset_buffer, data = texts.buffers()
    offsets = np.frombuffer(offset_buffer, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    bytes_of_all = np.frombuffer(data, dtype=np.uint8) if data else np.empty(0, dtype=np.uint8)
    if not (bytes_of_all[offsets[0] : offsets[-1]] >= 128).any():
        return bytes_of_all, offsets
    units = [np.frombuffer(text.encode("utf-16-le"), dtype="<u2") for text in texts.to_pylist()]
    ends = np.cumsum([0, *(len(text) for text in units)])
    return np.concatenate(units), ends


def _hashed_digits(numbers: Words) -> Words:
    """FNV-1a over the decimal digits of each number."""
    hashed = np.full(len(numbers), _OFFSET_BASIS, dtype=np.uint32)
    for power in range(9, -1, -1):
        upwards = numbers // np.uint32(10**power)
        digits = (upwards % np.uint32(10)) + np.uint32(ord("0"))
        further = (hashed ^ digits) * _PRIME
        hashed = further if power == 0 else np.where(upwards > 0, further, hashed)
    return hashed
