"""What happened to leads, in order, and the two tables made of it.

What belongs here: gathering entries and turning them into rows. What does not: deciding any of them
(`passage`).

A lead's row of a day is where its last entry of that day left it; the reasons of all entries stand in it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline import wording
from leadflow_pipeline.nurture.timetable import Days, Moments, Positions

Columns = dict[str, npt.NDArray[Any]]

WHERE = (
    "enrolment", "steps", "next_step", "next_touch", "last_step", "waits_until", "rests_until", "tier",
)  # fmt: skip
"""Where a passage stands: what an entry notes beside its state and reason."""


@dataclass
class Journal:
    """Entries as they were added: for each lead in the order in which they happened."""

    _entries: list[Columns] = field(default_factory=list)
    _touches: list[Columns] = field(default_factory=list)
    _reasons: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(
        self, lead: Positions, day: Days, *, state: npt.NDArray[np.int64], reason: tuple[str, str], where: Columns
    ) -> None:  # fmt: skip
        """One entry for each lead: the state it entered and why, and where its passage stands (`WHERE`)."""
        number = self._reasons.setdefault(reason, len(self._reasons))
        self._entries.append(
            {"lead": lead, "day": day, "state": state, "reason": np.full(len(lead), number), **where}
        )

    def add_touches(
        self, lead: Positions, day: Days, enrolment: Positions, step: Positions, channel: Positions,
        planned_at: Moments,
    ) -> None:  # fmt: skip
        """One touch for each lead."""
        self._touches.append(
            {
                "lead": lead, "day": day, "enrolment": enrolment, "step": step, "channel": channel,
                "planned_at": planned_at,
            }
        )  # fmt: skip

    def touches(self) -> Columns:
        """All touches, by day, lead and step."""
        columns = _gather(self._touches, ("lead", "day", "enrolment", "step", "channel", "planned_at"))
        order = np.lexsort((columns["step"], columns["lead"], columns["day"]))
        return {name: column[order] for name, column in columns.items()}

    def days(self) -> tuple[Columns, pd.Series[Any]]:
        """The last entry of each lead and day, by day and lead; beside it the day's reasons as JSON text."""
        columns = _gather(self._entries, ("lead", "day", "state", "reason", *WHERE))
        order = np.lexsort((np.arange(len(columns["lead"])), columns["lead"], columns["day"]))
        columns = {name: column[order] for name, column in columns.items()}
        lead, day = columns["lead"], columns["day"]
        begins = np.flatnonzero(np.r_[True, (lead[1:] != lead[:-1]) | (day[1:] != day[:-1])][: len(lead)])
        lasts = np.r_[begins[1:], len(lead)][: len(begins)] - 1
        reasons = self._reasons_json(columns["reason"], begins, lasts)
        return {name: column[lasts] for name, column in columns.items()}, reasons

    def _reasons_json(self, reason: Positions, begins: Positions, lasts: Positions) -> pd.Series[Any]:
        """The reasons from each begin to each last as a JSON list, each distinct list written once."""
        texts = [json.dumps({"code": code, "text": text}, ensure_ascii=False) for code, text in self._reasons]
        # Lists are numbered as they grow, so that a number stands for a list however long it is.
        lists: list[tuple[int, ...]] = [()]
        number = np.zeros(len(begins), dtype="int64")
        for offset in range((lasts - begins).max(initial=-1) + 1):
            has_one = np.flatnonzero(begins + offset <= lasts)
            grown = number[has_one] * len(texts) + reason[begins[has_one] + offset]
            kinds, kind = np.unique(grown, return_inverse=True)
            numbers = np.zeros(len(kinds), dtype="int64")
            for place, (before, added) in enumerate(zip(*np.divmod(kinds, len(texts)), strict=True)):
                is_news = not lists[before] or lists[before][-1] != added
                numbers[place] = len(lists) if is_news else before
                if is_news:
                    lists.append((*lists[before], int(added)))
            number[has_one] = numbers[kind]
        every = np.ones(len(number), dtype=bool)
        return wording.as_column(
            wording.spell(
                number, lambda each: f"[{', '.join(texts[added] for added in lists[each])}]", every
            ),
            pd.RangeIndex(len(number)),
        )


def _gather(parts: list[Columns], names: tuple[str, ...]) -> Columns:
    """The parts one after the other; columns without a row where there is none."""
    moments = ("planned_at", "next_touch", "last_step", "waits_until", "rests_until")
    types = {"day": "datetime64[D]", **dict.fromkeys(moments, "datetime64[us]")}
    return {
        name: np.concatenate([np.zeros(0, types.get(name, "int64")), *(part[name] for part in parts)])
        for name in names
    }
