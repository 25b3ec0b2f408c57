"""Journeys from paths as people write them, for tests and the benchmark."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from leadflow_pipeline.insight.attribution.journeys import Journeys


def journeys_of(
    paths: Sequence[str],
    conversions: Sequence[float] | None = None,
    value: Sequence[float] | None = None,
    in_vain: Sequence[float] | None = None,
) -> Journeys:
    """Paths such as `ads > email > email`, each touch a day before the next; each converted once and is worth 1
    where nothing else is said.
    """
    split = pd.Series(paths, dtype="str").str.split(" > ")
    codes, names = pd.factorize(split.explode(), sort=True)
    lengths = split.str.len().to_numpy(dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    ones = [1.0] * len(paths)
    often = np.asarray(ones if conversions is None else conversions, dtype=np.float64)
    within = np.arange(len(codes)) - np.repeat(starts[:-1], lengths)
    return Journeys(
        channels=tuple(map(str, names)),
        starts=starts,
        touches=codes.astype(np.int64),
        ages=(np.repeat(lengths, lengths) - within).astype(np.float64),
        made_lead=np.zeros(len(codes), dtype=bool),
        made_opportunity=np.zeros(len(codes), dtype=bool),
        conversions=often,
        value=often if value is None else np.asarray(value, dtype=np.float64),
        in_vain=np.asarray([0.0] * len(paths) if in_vain is None else in_vain, dtype=np.float64),
    )
