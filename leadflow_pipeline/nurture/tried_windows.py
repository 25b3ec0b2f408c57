"""The send windows that experiments of kind `send_times` try on leads, as of each day.

What belongs here: which window a lead has instead of the campaign's. What does not: who meets an experiment (routing
settles it, `experiment.exposure`), when a window is open (`timing.send_window`), and reading. Pure.

As with the words of emails: while the experiment runs a lead keeps the variant that it met when it was routed, and one
that was routed before it began takes no part; a winner's window is for everybody; after a stop all have the campaign's.
A step that has a window of its own keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.experiment.exposure import Begun, Exposures
from leadflow_pipeline.experiment.treatment import window_codes
from leadflow_pipeline.nurture.timing.rules import SendWindow

Positions = npt.NDArray[np.int64]
Days = npt.NDArray[np.datetime64]

NONE = -1
KIND: Final = "send_times"


@dataclass(frozen=True)
class TriedWindows:
    """The windows that are tried; leads by position."""

    windows: tuple[SendWindow, ...]
    codes: dict[tuple[str, str], int]
    exposures: Exposures

    @classmethod
    def of(cls, begun: Begun, lead_index: pd.Index[Any]) -> TriedWindows:
        """Of the leads in an index, from experiments of this kind."""
        windows: list[SendWindow] = []
        codes: dict[tuple[str, str], int] = {}
        for experiment in begun.experiments:
            for variant in experiment.variants:
                if variant.send_window is not None:
                    codes[experiment.key, variant.key] = len(windows)
                    windows.append(SendWindow.model_validate(variant.send_window))
        exposures = Exposures(
            lead_index.tolist(), begun.experiments, begun.changes, exposed=begun.exposed, shares={}
        )
        return cls(tuple(windows), codes, exposures)

    def at(self, lead: Positions, day: Days) -> Positions:
        """The window of each lead as of the end of each day, by its number in `windows`; NONE for the campaign's."""
        numbers = np.full(len(lead), NONE, dtype="int64")
        for each in np.unique(day):
            here = np.flatnonzero(day == each)
            as_of: date = each.astype("datetime64[D]").item()
            given = self.exposures.settled_on(as_of, lead[here])
            numbers[here] = window_codes(given, len(here), self.codes, otherwise=NONE)
        return numbers
