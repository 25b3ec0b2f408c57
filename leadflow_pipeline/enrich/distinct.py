"""Work done once for each distinct text, then spread over all rows.

What belongs here: the spreading. What does not: the work itself. Leads repeat their titles, companies and
countries far more often than not, so rules that cost a regular expression or a parser run on the distinct
values only.
"""

from __future__ import annotations

from collections.abc import Callable
from types import CodeType, FunctionType
from typing import TypeVar, cast

import numpy as np
import pandas as pd

Frame = TypeVar("Frame", pd.Series, pd.DataFrame)


def for_each_distinct(texts: pd.Series, work: Callable[[pd.Series], Frame]) -> Frame:
    """`work` of the distinct values of `texts`, as long as `texts` and indexed like it. Missing texts give
    missing.

    `work` takes a text Series without missing or repeated values, and answers with a Series or frame of as
    many rows in the same order. It must look at one value at a time: it sees them in the order in which they
    first occur.
    """
    codes, values = pd.factorize(texts)
    result = work(pd.Series(values, dtype="str")) if len(values) else _of_nothing(work)
    # Position -1 stands for a missing text; pandas would take the last row, so those rows are blanked by
    # reindexing.
    spread = result.reset_index(drop=True).reindex(np.where(codes < 0, len(values), codes))
    spread.index = texts.index
    return spread


def _of_nothing(work: Callable[[pd.Series], Frame]) -> Frame:
    """`work` of no text: only its columns matter, and finding them out costs as much as a day of leads would.

    So they are remembered for each function that depends on nothing else.
    """
    code = work.__code__ if isinstance(work, FunctionType) and not work.__closure__ else None
    if code is None:
        return work(pd.Series(dtype="str"))
    if code not in _RESULTS_OF_NOTHING:
        _RESULTS_OF_NOTHING[code] = work(pd.Series(dtype="str"))
    return cast(Frame, _RESULTS_OF_NOTHING[code])


_RESULTS_OF_NOTHING: dict[CodeType, pd.Series | pd.DataFrame] = {}
