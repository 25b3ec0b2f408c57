"""What reps know about, and what of a lead's words they know.

What belongs here: comparing words. What does not: which leads require what (`eligibility.py`). Pure.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import field_values
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.territories import distinct_rows

NOT_KNOWN = 0.5
"""The match where the lead says nothing, or a rep claims no specialty: neither good nor bad."""


class Specialties:
    """The specialties and industries of all reps, ready to be compared. Reps who claim the same are compared once."""

    def __init__(self, reps: Sequence[Rep]) -> None:
        claims = [
            frozenset(folded_text(word) for word in (*rep.specialties, *rep.industries)) - {""}
            for rep in reps
        ]
        self._distinct = list(dict.fromkeys(claims))
        number = {claim: position for position, claim in enumerate(self._distinct)}
        self._group = np.array([number[claim] for claim in claims], dtype=np.int64)
        self._claims_nothing = np.array([not claim for claim in self._distinct], dtype=bool)
        claimed = sorted(set().union(*self._distinct))
        self._filed: dict[str, list[tuple[frozenset[str], npt.NDArray[np.bool_]]]] = {}
        """What is claimed, by one of its words, and by which of the distinct claims."""
        for specialty in claimed:
            words = frozenset(specialty.split())
            by = np.array([specialty in claim for claim in self._distinct], dtype=bool)
            self._filed.setdefault(min(words), []).append((words, by))

    def lacks(self, required: Sequence[str]) -> npt.NDArray[np.bool_]:
        """The reps who lack any of the required specialties."""
        wanted = {folded_text(word) for word in required}
        lacking = np.array([not wanted <= claim for claim in self._distinct], dtype=bool)
        return lacking[self._group]

    def match(
        self, leads: pd.DataFrame, fields: Sequence[str]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """A code for each lead, and for each code and rep the share of the fields whose words the rep knows about.

        Known are words that hold all words of one specialty: `software` knows about `computer software`.
        """
        asked = pd.DataFrame({name: field_values(leads, name) for name in fields}, index=leads.index)
        codes, distinct = distinct_rows(asked)
        rows = distinct.itertuples(index=False, name=None) if fields else [()]
        said = [[set(folded_text(str(value)).split()) for value in row if not pd.isna(value)] for row in rows]
        shares = np.empty((len(said), len(self._distinct)), dtype=np.float32)
        for number, row in enumerate(said):
            shares[number] = self._shares(row)
        return codes, shares[:, self._group]

    def match_of_one(self, values: Sequence[object]) -> npt.NDArray[np.float32]:
        """As `match` for the values of one lead's fields, None where one is missing: a share for each rep."""
        said = [set(folded_text(str(value)).split()) for value in values if value is not None]
        return self._shares(said)[self._group]

    def _shares(self, said: Sequence[set[str]]) -> npt.NDArray[np.float32]:
        """A share for each of the distinct claims."""
        asked = [words for words in said if words]
        counts = np.zeros(len(self._distinct))
        for words in asked:
            counts += self._knowing(words)
        shares = np.where(self._claims_nothing, NOT_KNOWN, counts / len(asked)) if asked else NOT_KNOWN
        return np.broadcast_to(np.float32(shares), counts.shape)

    def _knowing(self, said: set[str]) -> npt.NDArray[np.bool_]:
        """Which of the distinct claims hold something of which all words were said. Looked up by the words said: there
        may be as many claims as reps, and as many values as leads.
        """
        knowing = np.zeros(len(self._distinct), dtype=bool)
        for word in said:
            for words, by in self._filed.get(word, ()):
                if words <= said:
                    knowing |= by
        return knowing
