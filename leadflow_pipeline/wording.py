"""Texts for a million rows at the price of a few: each distinct text is made once and then taken by code.

What belongs here: turning columns of codes into columns of text. What does not: any text itself; a stage
words its own reasons. Pure. The stages share it, like `conditions`, so that all of them explain themselves
equally fast.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

TEXT = pa.large_string()


def spell(codes: npt.NDArray[np.int64], word: Callable[[int], str], where: npt.NDArray[np.bool_]) -> pa.Array:
    """`word(code)` for each row; null where `where` is false."""
    positions, distinct = pd.factorize(codes[where])
    texts = pa.array([word(int(code)) for code in distinct], TEXT)
    indices = np.zeros(len(codes), dtype="int64")
    indices[where] = positions
    return texts.take(pa.array(indices, mask=~where))


def say(text: str, where: npt.NDArray[np.bool_]) -> pa.Array:
    """The same text for each row; null where `where` is false."""
    return pa.array([text], TEXT).take(pa.array(np.zeros(len(where), dtype="int64"), mask=~where))


def join(pieces: Sequence[pa.Array], between: str = "") -> pa.Array:
    """The pieces of each row in order, those that are null left out; "" where all are."""
    # Arrow drops a row whose pieces are all null, so a last piece is there for every row; what comes before
    # it then ends in a separator too many.
    last = say("", np.ones(len(pieces[0]), dtype=bool))
    joined = pc.binary_join_element_wise(*pieces, last, pa.scalar(between, TEXT), null_handling="skip")
    return pc.utf8_slice_codeunits(joined, start=0, stop=-len(between)) if between else joined


def as_column(texts: pa.Array, index: pd.Index) -> pd.Series[str]:
    """Texts as a column of a frame."""
    return pd.Series(pd.array(texts, dtype="str"), index=index)
