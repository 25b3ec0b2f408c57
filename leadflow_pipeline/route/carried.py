"""What carries over from day to day: where each lead stands, and who waits for a turn.

What belongs here: the state that routing has between days, and a day's step. What does not: where the state
before the first day comes from (`plan.py`).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.experiment.exposure import Exposures, Given
from leadflow_pipeline.experiment.treatment import sequence_codes
from leadflow_pipeline.overrides import standing_overrides
from leadflow_pipeline.route.decision import RoutingStatus, Verdict
from leadflow_pipeline.route.fit import TIERS, Codes
from leadflow_pipeline.route.judgement import SEQUENCES, Facts, Grounds, Judge, Outcome
from leadflow_pipeline.route.limit import best_first, best_of, within_limit
from leadflow_pipeline.route.readings import outcome_of, read_column, sequence_code, tier_code
from leadflow_pipeline.route.rules import RoutingRules

ONE_DAY = pd.Timedelta(days=1)

NOWHERE = -1
"""Row of a lead that does not wait."""


@dataclass(frozen=True)
class PlannedDay:
    """What one day decides: candidates by row, the day once for each, and the grounds."""

    rows: Codes
    days: npt.NDArray[np.datetime64]
    grounds: Grounds


class Carried:
    """The state between days. `plan_day` must be called for consecutive days, in order.

    Leads are known by number here; the arrays named `lead_...` have an entry for each lead, the others one
    for each candidate row.
    """

    def __init__(
        self,
        candidates: pd.DataFrame,
        facts: Facts,
        earlier: pd.DataFrame,
        outcomes: pd.DataFrame,
        overrides: pd.DataFrame,
        rules: RoutingRules,
        first_day: pd.Timestamp,
        exposures: Exposures | None = None,
    ) -> None:
        self._facts, self._overrides, self._rules = facts, overrides, rules
        self._judge = Judge(rules)
        self._exposures = exposures
        self._day = candidates["day"].to_numpy()
        self._lead, self._ids = pd.factorize(candidates["lead_id"])
        if exposures is not None:
            self._place = exposures.ids.get_indexer(self._ids)
        self._rank = best_first(candidates["score"], candidates["lead_id"]) if rules.max_leads else self._lead
        self._stand_where_left(earlier)
        self._wait_where_left(first_day)
        self._learn_outcomes(outcomes)
        ordered = overrides.loc[overrides["field"].isin(["tier", "sequence"]), "lead_id"]
        self._lead_has_override = self._ids.isin(ordered)

    def plan_day(self, day: pd.Timestamp) -> PlannedDay:
        """Judges the news of a day and the leads that wait, and remembers what comes of it."""
        begin, end = np.searchsorted(self._day, [day.to_datetime64(), (day + ONE_DAY).to_datetime64()])
        news = np.arange(begin, end)
        self._lead_waits_in[self._lead[news]] = NOWHERE
        waiting = self._waiting_on(day)
        rows = np.concatenate([news, waiting])
        given = self._given_on(day, rows)
        grounds = self._judge.judge(
            self._facts_on(day, rows, len(news)), self._sequences(given, len(rows)) if given else None
        )
        grounds = grounds.with_verdict(within_limit(grounds.verdict, self._rank[rows], self._rules.max_leads))
        self._remember(rows, grounds)
        if given and self._exposures is not None:
            self._exposures.meet(day.date(), given, self._place[self._lead[rows]], grounds.is_routed)
        is_news = np.arange(len(rows)) < len(news)
        told = np.flatnonzero(is_news | (grounds.verdict != Verdict.WAITING))
        return PlannedDay(rows[told], np.repeat(day.to_datetime64(), len(told)), grounds.rows(told))

    def _waiting_on(self, day: pd.Timestamp) -> Codes:
        """Rows of the waiting leads whose turn may come on a day, or that ended by then."""
        waiting = self._lead_waits_in[self._lead_waits_in != NOWHERE]
        has_ended = self._lead_ended_on[self._lead[waiting]] <= day.to_datetime64()
        in_line = waiting[~has_ended & self._rules.enable_auto_routing]
        turn_may_come = best_of(in_line, self._rank, self._rules.max_leads)
        return np.sort(np.concatenate([waiting[has_ended], turn_may_come]))

    def _facts_on(self, day: pd.Timestamp, rows: Codes, news: int) -> Facts:
        """The facts of rows as of the end of a day; the first `news` of them are of that day itself."""
        facts, lead = self._facts.rows(rows), self._lead[rows]
        has_ended = self._lead_ended_on[lead] <= day.to_datetime64()
        facts = replace(
            facts,
            outcome=np.where(has_ended, self._lead_outcome[lead], Outcome.OPEN),
            old_tier=self._lead_tier[lead],
            old_sequence=self._lead_sequence[lead],
            routing_number=self._lead_routings[lead],
        )
        if not self._lead_has_override[lead[news:]].any():
            return facts
        keys = pd.DataFrame({"lead_id": self._ids[lead], "day": day})
        tier = standing_overrides(self._overrides, "tier", keys, among=TIERS)["value"]
        sequence = standing_overrides(self._overrides, "sequence", keys, among=SEQUENCES)["value"]
        return replace(
            facts,
            tier_override=read_column(tier, tier_code),
            sequence_override=read_column(sequence, sequence_code),
        )

    def _given_on(self, day: pd.Timestamp, rows: Codes) -> list[Given]:
        """What experiments give to the leads of rows on a day."""
        if self._exposures is None:
            return []
        return self._exposures.given_on(day.date(), self._place[self._lead[rows]])

    def _sequences(self, given: list[Given], rows: int) -> Codes:
        """The sequence that each lead enters from each tier, by its variants."""
        return sequence_codes(given, rows, TIERS, SEQUENCES, self._judge.sequence_of_tier)

    def _remember(self, rows: Codes, grounds: Grounds) -> None:
        """Takes the verdicts of a day into the state."""
        lead, verdict = self._lead[rows], grounds.verdict
        routed = grounds.is_routed
        self._lead_tier[lead[routed]] = grounds.tier[routed]
        self._lead_sequence[lead[routed]] = grounds.sequence[routed]
        self._lead_routings[lead[routed]] += 1
        self._lead_waits_in[lead] = np.where(verdict == Verdict.WAITING, rows, NOWHERE)

    def _stand_where_left(self, earlier: pd.DataFrame) -> None:
        """Takes over where each lead stood before the first day."""
        before = earlier.set_index("lead_id").reindex(self._ids)
        stands = before["status"].isin([RoutingStatus.ROUTED, RoutingStatus.ALREADY_ROUTED])
        self._lead_tier = read_column(before["tier"].where(stands), tier_code)
        self._lead_sequence = read_column(before["sequence"].where(stands), sequence_code)
        # A copy, because it is counted up in place and a column may lend its memory.
        routings = before["routing_number"].where(stands).fillna(0)
        self._lead_routings = routings.to_numpy(dtype="int64", copy=True)

    def _wait_where_left(self, first_day: pd.Timestamp) -> None:
        """Takes over who waited before the first day: the leads of candidates of earlier days."""
        self._lead_waits_in = np.full(len(self._ids), NOWHERE, dtype="int64")
        waiting = np.flatnonzero(self._day < first_day.to_datetime64())
        self._lead_waits_in[self._lead[waiting]] = waiting

    def _learn_outcomes(self, outcomes: pd.DataFrame) -> None:
        """Takes over when each lead was first won or lost; NaT, which is before no day, if never."""
        ends = outcomes[outcomes["outcome"].isin(["won", "lost"])].sort_values(["occurred_at", "outcome"])
        first = ends.drop_duplicates("lead_id").set_index("lead_id").reindex(self._ids)
        self._lead_outcome = read_column(first["outcome"], outcome_of)
        ended_on = first["occurred_at"].dt.tz_convert("UTC").dt.tz_localize(None).dt.normalize()
        self._lead_ended_on = ended_on.to_numpy()
