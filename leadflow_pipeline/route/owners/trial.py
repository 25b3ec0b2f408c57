"""Owners of past days as they would have been: what is tried, beside the rules. Only the model, and the reps of it.

What belongs here: what a trial changes about the facts that a plan rests on. What does not: computing days (`plan.py`),
and comparing them (`insight.dry_run`). Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Histories, RepRecord


@dataclass(frozen=True)
class Trial:
    """What is supposed of the past."""

    reps: tuple[Rep, ...] | None = None
    """The whole list of reps that holds; None: the reps there were."""
    from_day: date = date.min
    """From which day on it holds; nothing that is stored of reps for that day or later does."""
    keep_missing: bool = False
    """Whether reps who are not in the list stay as they were; else they have left."""
    honours_handoffs: bool = False
    """Whether an owner who was told of a lead has it. Else nobody was told anything in these days, so that the plan
    alone says whose each lead is."""

    def records(self, known: Iterable[RepRecord]) -> list[RepRecord]:
        """What is known of reps, where this is tried."""
        if self.reps is None:
            return list(known)
        before = [record for record in known if record.from_day < self.from_day]
        told = {rep.rep: rep for rep in self.reps}
        standing = Histories(before).reps_on(self.from_day)
        left = [
            rep.model_copy(update={"status": "left"})
            for rep in standing
            if rep.rep not in told and rep.status != "left" and not self.keep_missing
        ]
        number = max((record.record_id for record in before), default=0)
        return before + [
            RepRecord(number + place, self.from_day, rep)
            for place, rep in enumerate([*told.values(), *left], start=1)
        ]
