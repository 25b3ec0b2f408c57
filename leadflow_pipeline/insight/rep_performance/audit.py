"""Whether groups of reps get their fair share of leads, by any attribute that is kept of reps. Pure.

What belongs here: from reps' days to what each was due, and the audit of groups. What does not: the statistics of
parity (`route.owners.fairness`), and any decision: attributes are looked at here and nowhere else.

What a rep is due on a day is its part, by weight times the leads it might have had, of all that were given that day:
the fair share of `route.owners.fairness`, as far as it can be told from the counts that are kept. So a group that lacks
territory is due less; that it lacks territory is another question.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd

from leadflow_pipeline.route.owners.choice.fairness import FOUR_FIFTHS, parity

TEAM: Final = "team"
"""Audited beside what the operator keeps of reps, under the name it has in the file."""
NOT_SAID: Final = "not said"


def due_and_got(rep_days: pd.DataFrame, weights: pd.Series) -> pd.DataFrame:
    """Of each rep, over all days: `got` and `due`, in leads. `weights` are the reps', by rep; one without counts 1."""
    weight = rep_days["rep"].map(weights).fillna(1.0).to_numpy(dtype=float)
    takes_part = rep_days["capacity"].gt(0).to_numpy()
    claim = pd.Series(weight * rep_days["eligible"].to_numpy(dtype=float) * takes_part, index=rep_days.index)
    of_day = claim.groupby(rep_days["day"]).transform("sum")
    given = rep_days["assigned"].groupby(rep_days["day"]).transform("sum").astype("float64")
    due: pd.Series = given * np.divide(claim, of_day, out=np.zeros(len(claim)), where=of_day > 0)
    counted = pd.DataFrame({"got": rep_days["assigned"].astype("float64"), "due": due})
    return counted.groupby(rep_days["rep"]).sum()


def audit(shares: pd.DataFrame, groups: pd.Series) -> pd.DataFrame:
    """Parity of the groups of an attribute (`groups`: each rep's, by rep), and in `says` what it comes to."""
    known = shares[shares["due"].gt(0) | shares["got"].gt(0)]
    said = groups.reindex(known.index).replace("", np.nan)
    found = parity(known["got"], known["due"], said)
    return found.assign(says=[_says(row) for row in found.to_dict("records")])


def _says(row: dict[Any, Any]) -> str:
    if row["is_small"]:
        return "too few reps to say anything of the group"
    if row["is_surely_below"]:
        return f"surely gets less than {FOUR_FIFTHS:.0%} of what the best served group gets"
    if row["is_below"]:
        return f"less than {FOUR_FIFTHS:.0%} of the best served group's, which may be chance"
    return "no less than is fair"
