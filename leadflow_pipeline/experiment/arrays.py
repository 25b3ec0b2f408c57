"""The kinds of arrays that this room speaks of, and an interval. Nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Booleans: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both of them in it. Infinite ends say that nothing is known on that side."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        """Whether the value is in it."""
        return self.low <= value <= self.high

    @property
    def width(self) -> float:
        """Its length."""
        return self.high - self.low
