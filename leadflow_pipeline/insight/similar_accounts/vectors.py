"""Vectors of companies: TF-IDF of what is known of each, turned to the directions in which companies differ most. Pure.

What belongs here: learning, making and comparing vectors, and a model as bytes. What does not: where texts come from
(`companies`), and where vectors are kept (`builds`).

Each part of the rules (industry, place, ...) is a vector of length 1 times the root of its weight, so the likeness of
two companies is about the weighted average of how alike their parts are. A model is arrays of numbers; nothing is
unpickled, and it holds no text.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
import scipy

from leadflow_pipeline.insight.similar_accounts.companies import PART_OF, WHOLE
from leadflow_pipeline.insight.similar_accounts.grams import BUCKETS, grams, wholes
from leadflow_pipeline.insight.similar_accounts.rules import SimilarityWeights

Matrix = npt.NDArray[np.float32]

DIMENSIONS: Final = 128
MOST_LEARNED_FROM: Final = 20_000
"""Companies. More change the directions by little, and cost as much each."""
FEWEST_SHARING: Final = 2
"""Companies that an n-gram must occur in: one alone is like nobody by it."""
MOST_COMPARED_WHOLE: Final = 20_000
"""Companies up to which a query looks at all of them."""
CELLS_LOOKED_INTO: Final = 0.08
"""Share of the cells, those nearest, but at least FEWEST_CELLS; the benchmark
`similar_accounts` measures what is missed."""
FEWEST_CELLS: Final = 16
ROUNDS: Final = 8
"""Of moving cells to the middle of what lies in them: after these they hardly move."""
SEED: Final = 1


@dataclass(frozen=True)
class Vectoriser:
    """What makes vectors of companies, and knows where to look for those nearby."""

    buckets: npt.NDArray[np.int32]
    """n-grams that count, ascending."""
    rarity: npt.NDArray[np.float32]
    """Of each: ln((1 + companies) / (1 + companies that have it)) + 1, as scikit-learn's TfidfTransformer has it."""
    directions: npt.NDArray[np.float16]
    """n-grams x DIMENSIONS."""
    cells: Matrix
    """The middle of each cell; one where all is compared."""

    def vectors(self, texts: pd.DataFrame, accounts: int, weights: SimilarityWeights) -> Matrix:
        """A row of length 1 for each account; all zero where nothing is known that counts. `texts` as `companies`."""
        counts = _counted(texts, accounts)
        return self.turned(_weighed(counts, self.buckets, self.rarity, weights))

    def turned(self, weighed: scipy.sparse.csr_array) -> Matrix:
        """Weighed n-grams, one row an account, in the directions of the model."""
        turned = np.zeros((weighed.shape[0], DIMENSIONS), dtype=np.float32)
        turned[:, : self.directions.shape[1]] = weighed @ self.directions.astype(np.float32)
        return _of_length_one(turned)

    def cell_of(self, vectors: Matrix) -> npt.NDArray[np.int64]:
        """The cell that each vector lies in."""
        return np.concatenate(
            [np.argmax(vectors[part] @ self.cells.T, axis=1) for part in _parts(len(vectors))]
            or [np.zeros(0, dtype=np.int64)]
        ).astype(np.int64)

    def cells_near(self, vector: npt.NDArray[np.float32]) -> list[int]:
        """The cells in which a vector's neighbours lie, the nearest first."""
        count = max(FEWEST_CELLS, round(len(self.cells) * CELLS_LOOKED_INTO))
        nearest: list[int] = np.argsort(-(self.cells @ vector), kind="stable")[:count].tolist()
        return nearest

    def to_bytes(self) -> bytes:
        """The model as npz."""
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **vars(self))
        return buffer.getvalue()

    @classmethod
    def from_bytes(cls, model: bytes) -> Vectoriser:
        """The model that `to_bytes` gave."""
        with np.load(io.BytesIO(model), allow_pickle=False) as arrays:
            return cls(**{name: arrays[name] for name in cls.__dataclass_fields__})


def model_key(model: bytes) -> str:
    """The SHA-256 of a model."""
    return hashlib.sha256(model).hexdigest()


def learn(texts: pd.DataFrame, accounts: int, weights: SimilarityWeights) -> tuple[Vectoriser, Matrix]:
    """A model of these companies, and their vectors. The same companies give the same model."""
    counts = _counted(texts, accounts)
    sharing = (
        np.bincount(scipy.sparse.vstack([*counts.values()]).indices, minlength=BUCKETS)
        if counts
        else np.zeros(BUCKETS)
    )
    buckets = np.flatnonzero(sharing >= FEWEST_SHARING).astype(np.int32)
    rarity = (np.log((1 + accounts) / (1 + sharing[buckets])) + 1).astype(np.float32)
    weighed = _weighed(counts, buckets, rarity, weights)
    draw = np.random.default_rng(SEED)
    few = np.sort(draw.permutation(accounts)[:MOST_LEARNED_FROM])
    directions = _directions(weighed[few])
    rough = Vectoriser(buckets, rarity, directions, np.zeros((1, DIMENSIONS), dtype=np.float32))
    vectors = rough.turned(weighed)
    if accounts <= MOST_COMPARED_WHOLE:
        return rough, vectors
    return Vectoriser(buckets, rarity, directions, _cells(vectors[few], round(accounts**0.5), draw)), vectors


def _counted(texts: pd.DataFrame, accounts: int) -> dict[str, scipy.sparse.csr_array]:
    """Part of the rules -> how often each n-gram occurs, accounts x BUCKETS."""
    rows: dict[str, list[tuple[npt.NDArray[Any], npt.NDArray[Any]]]] = {}
    for kind, said in texts.groupby("kind", sort=True):
        codes, distinct = pd.factorize(said["text"])
        text, bucket = (wholes if kind in WHOLE else grams)(pd.Series(distinct, dtype="str"), str(kind))
        once = scipy.sparse.csr_array(
            (np.ones(len(text), dtype=np.float32), (text, bucket)), shape=(len(distinct), BUCKETS)
        )
        who = scipy.sparse.csr_array(
            (np.ones(len(codes), dtype=np.float32), (said["account"].to_numpy(), codes)),
            shape=(accounts, len(distinct)),
        )
        rows.setdefault(PART_OF.get(str(kind), "words"), []).append((who, once))
    return {
        part: sum((who @ once for who, once in found[1:]), found[0][0] @ found[0][1])
        for part, found in rows.items()
    }


def _weighed(
    counts: dict[str, scipy.sparse.csr_array],
    buckets: npt.NDArray[np.int32],
    rarity: npt.NDArray[np.float32],
    weights: SimilarityWeights,
) -> scipy.sparse.csr_array:
    """Accounts x n-grams that count: each part of length 1, times the root of its weight."""
    accounts = next(iter(counts.values())).shape[0] if counts else 0
    place = np.full(BUCKETS, -1, dtype=np.int64)
    place[buckets] = np.arange(len(buckets))
    found = []
    for part, numbers in sorted(counts.items()):
        entries = numbers.tocoo()
        column = place[entries.coords[1]]
        row, column, times = (values[column >= 0] for values in (entries.coords[0], column, entries.data))
        weight = (1 + np.log(times)) * rarity[column]
        length = np.sqrt(np.bincount(row, weights=weight**2, minlength=accounts))
        found.append((row, column, weight / length[row] * getattr(weights, part) ** 0.5))
    if not found:
        return scipy.sparse.csr_array((accounts, len(buckets)), dtype=np.float32)
    row, column, weight = (np.concatenate(values) for values in zip(*found, strict=True))
    return scipy.sparse.csr_array((weight.astype(np.float32), (row, column)), shape=(accounts, len(buckets)))


def _directions(weighed: scipy.sparse.csr_array) -> npt.NDArray[np.float16]:
    """n-grams x as many directions as there are, at most DIMENSIONS, the weightiest first."""
    from sklearn.utils.extmath import randomized_svd  # takes a second to load

    count = min(DIMENSIONS, *weighed.shape)
    if count == 0 or weighed.nnz == 0:
        return np.zeros((weighed.shape[1], 0), dtype=np.float16)
    _, _, directions = randomized_svd(weighed, count, n_iter=2, random_state=SEED)
    return np.ascontiguousarray(directions.T, dtype=np.float16)


def _cells(vectors: Matrix, count: int, draw: np.random.Generator) -> Matrix:
    """Middles of cells, by k-means on the sphere."""
    middles = vectors[np.sort(draw.permutation(len(vectors))[:count])]
    for _ in range(ROUNDS):
        cell = np.concatenate([np.argmax(vectors[part] @ middles.T, axis=1) for part in _parts(len(vectors))])
        members = scipy.sparse.csr_array(
            (np.ones(len(cell), dtype=np.float32), (cell, np.arange(len(cell)))),
            shape=(len(middles), len(cell)),
        )
        sums = members @ vectors
        is_empty = ~sums.any(axis=1)
        sums[is_empty] = middles[is_empty]
        middles = _of_length_one(sums)
    return middles


def _of_length_one(rows: Matrix) -> Matrix:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    divided: Matrix = np.divide(rows, lengths, out=np.zeros_like(rows), where=lengths > 1e-6)
    return divided


def _parts(rows: int) -> Iterator[slice]:
    """Bounds the memory of comparing many with many."""
    return (slice(start, start + 10_000) for start in range(0, rows, 10_000))
