"""How full each rep is: the share of its limits for the campaign that is taken. Pure.

What belongs here: that share. What does not: what follows from it (`overload.py`), and the places of a day
(`capacity.py`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.route.owners.reps.capacity import allotment
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def load_of(roster: Roster, campaign: str, given_this_week: Ints, open_leads: Ints) -> Floats:
    """The larger of two shares, 0 to 1 and above where more was given: of the week's leads, and of open leads. `[R]`

    0 for a rep without such limits: its day is limited by `capacity.room` alone. The counts are the campaign's own,
    against the rep's allotment for it.
    """
    load = np.zeros(len(roster.reps))
    for column, rep in enumerate(roster.reps):
        share = float(allotment(rep, campaign)[0])
        for limit, taken in (
            (rep.capacity.per_week, given_this_week[column]),
            (rep.capacity.open_leads, open_leads[column]),
        ):
            if limit is not None:
                room = limit * share
                load[column] = max(load[column], taken / room if room > 0 else 1.0)
    return load
