"""Content keys that came already, held in memory as the bytes that they stand for. Pure.

What belongs here: a set of keys that grows by columns. What does not: how many are worth holding (`door`), and what a
key is made of (`keys`).

A million take 16 MB: as texts they took 40, and as much again whenever somebody looked for some of them.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.harvest.keys import KEY_BYTES

Keys = npt.NDArray[np.bytes_]
"""Of 16 bytes each. numpy leaves out zeros at the end of such bytes when it shows or compares them: all are equally
long, so no two that differ become one.
"""


class HeldKeys:
    """Sorted, so that many are found at once."""

    def __init__(self) -> None:
        self._held = _bytes_of(pd.Series([], dtype="str"))

    def __len__(self) -> int:
        return len(self._held)

    def hold(self, keys: pd.Series) -> None:
        """Adds keys that are not held yet, each once."""
        news = np.sort(_bytes_of(keys))
        self._held = np.insert(self._held, np.searchsorted(self._held, news), news)

    def are_held(self, keys: pd.Series) -> npt.NDArray[np.bool_]:
        """Which of the keys are."""
        asked = _bytes_of(keys)
        if not len(self._held):
            return np.zeros(len(asked), dtype=bool)
        places = np.searchsorted(self._held, asked).clip(max=len(self._held) - 1)
        return np.asarray(self._held[places] == asked)


def _bytes_of(keys: pd.Series) -> Keys:
    return np.frombuffer(bytes.fromhex("".join(keys)), dtype=f"S{KEY_BYTES}")
