"""What a plan of nurture has to know, read from the store: no lead that neither is due nor turns, no column or event
that nobody asks about. A door to the database that only reads.

What does not belong here: deciding anything from it (`plan`), and who may turn (`movers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

import pandas as pd
from sqlalchemy import Column, ColumnElement, Engine, Table, and_, or_
from sqlalchemy.sql.base import ReadOnlyColumnCollection

from leadflow_pipeline.lead_fields import columns_holding, with_custom_fields
from leadflow_pipeline.nurture.by_hand import ENROL, acts_by_hand
from leadflow_pipeline.nurture.endings import DOMAIN, REPLY, stops_on_colleagues
from leadflow_pipeline.nurture.movers import behaviours_asked, moved_by_facts, moved_by_rows
from leadflow_pipeline.nurture.plan import RUNNING_STATES
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.step_conditions import SCORED_FIELDS, TIER_FIELD
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.store.facts import read_events, read_outcomes, read_overrides, read_rep_touches
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.partitions import (
    as_of,
    latest_before,
    latest_that,
    leads_with,
    read_history,
    read_partitions,
)
from leadflow_pipeline.store.schema import (
    enriched_leads,
    nurtured_leads,
    qualified_leads,
    routed_leads,
    scored_leads,
)

PREVIOUS_COLUMNS = (
    "day", "lead_id", "enrolment_id", "sequence", "state", "enrolled_at", "tier_at_enrolment", "steps_planned",
    "next_step", "next_touch_at", "last_step_at", "waits_until", "rests_until",
)  # fmt: skip
ROUTED_COLUMNS = (
    "day", "lead_id", "email", "status", "tier", "sequence", "sequence_start_at", "routing_number",
)  # fmt: skip
LEAD_COLUMNS = ("day", "lead_id", "email", "time_zone", "country")
EVENT_COLUMNS = ("lead_id", "behaviour", "occurred_at", "is_machine")
NOTE = "note"


@dataclass
class Known:
    """What is known of a campaign's leads at the end of the last of some days; each is read when it is asked for."""

    engine: Engine
    partitions: PartitionRange
    rules: NurtureRules

    @cached_property
    def routed(self) -> pd.DataFrame:
        """What routing decided on the days."""
        return self._within(routed_leads, ROUTED_COLUMNS)

    @cached_property
    def rejected(self) -> pd.Series[bool]:
        """Whether qualification rejected each routed lead, where that gives it a sequence of its own."""
        rejected = pd.Series(False, index=self.routed.index)
        if self.rules.low_score_sequence is None or self.routed.empty:
            return rejected
        judged = as_of(
            self.engine, qualified_leads, self.partitions.campaign, self.routed, ["lead_id", "status"]
        )
        refused = pd.MultiIndex.from_frame(judged.loc[judged["status"].eq("REJECTED"), ["day", "lead_id"]])
        return rejected | pd.MultiIndex.from_frame(self.routed[["day", "lead_id"]]).isin(refused)

    @cached_property
    def events(self) -> pd.DataFrame:
        """What people among the leads did, as far as any rule asks about it."""
        return read_events(
            self.engine,
            self.partitions.campaign,
            before=self.partitions.as_of,
            columns=EVENT_COLUMNS,
            behaviours=behaviours_asked(self.rules),
            by_people=True,
        )

    @cached_property
    def outcomes(self) -> pd.DataFrame:
        """How leads ended."""
        return read_outcomes(self.engine, self.partitions.campaign, before=self.partitions.as_of)

    @cached_property
    def overrides(self) -> pd.DataFrame:
        """What people decided of leads."""
        return read_overrides(self.engine, self.partitions.campaign, self.partitions.as_of)

    @cached_property
    def rep_touches(self) -> pd.DataFrame | None:
        """When reps were in touch with leads, where that stops sequences. Of a note the lead knows nothing."""
        if not self.rules.stop_on_owner_touch:
            return None
        touches = read_rep_touches(
            self.engine,
            self.partitions.campaign,
            since=datetime.min.replace(tzinfo=UTC),
            before=self.partitions.as_of,
        )
        return touches.loc[touches["kind"].ne(NOTE), ["lead_id", "occurred_at"]]

    @cached_property
    def previous(self) -> pd.DataFrame:
        """Where the passages stood before the days that are due in them, or that something may move in them."""
        first_day, last_day = (pd.Timestamp(day).as_unit("us") for day in self._ends)
        moved = [
            self.routed["lead_id"],
            moved_by_facts(
                self.events, self.outcomes, self.overrides, self.rep_touches, self.rules, first_day, last_day
            ),
            moved_by_rows(self._leads_within, self._scores_within, self.rules),
            self._colleagues_of_repliers(),
        ]
        return latest_that(
            self.engine,
            nurtured_leads,
            self.partitions.campaign,
            self.partitions.first_day,
            meets=self._is_due,
            or_of=pd.concat(moved),
            columns=PREVIOUS_COLUMNS,
        )

    @cached_property
    def leads(self) -> pd.DataFrame:
        """Address, time zone and what conditions ask for; and the companies of all who replied, on every day."""
        leads = pd.concat([self._before(enriched_leads, self._lead_columns), self._leads_within])
        if stops_on_colleagues(self.rules):
            companies = read_history(
                self.engine,
                enriched_leads,
                self.partitions.campaign,
                self.partitions.last_day,
                lead_ids=self._repliers(),
                columns=["day", "lead_id", DOMAIN],
            )
            # Rows of the history first: of one day they say more.
            leads = pd.concat([leads, companies], ignore_index=True).drop_duplicates(["lead_id", "day"])
        return with_custom_fields(leads.reset_index(drop=True), self.rules.fields_asked)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """What conditions ask for of the score, and the engagement where it hands leads to sales."""
        if not self._scores_asked:
            return self._scores_within
        before = self._before(scored_leads, list(self._scores_within.columns))
        return pd.concat([before, self._scores_within], ignore_index=True)

    @cached_property
    def tiers(self) -> pd.DataFrame:
        """The tier, where conditions ask for it."""
        columns = ["day", "lead_id", TIER_FIELD]
        if TIER_FIELD not in self.rules.fields_asked:
            return empty(routed_leads)[columns]
        return pd.concat([self._before(routed_leads, columns), self.routed[columns]], ignore_index=True)

    @cached_property
    def _at_hand(self) -> pd.Series[str]:
        acts = acts_by_hand(self.overrides, self.rules.sequence_names)
        enrolled = acts.loc[acts["act"].eq(ENROL), "lead_id"]
        at_hand: pd.Series[str] = pd.concat([self.previous["lead_id"], self.routed["lead_id"], enrolled])
        return at_hand.drop_duplicates()

    @cached_property
    def _lead_columns(self) -> list[str]:
        asked = [
            field for field in self.rules.fields_asked if field not in SCORED_FIELDS and field != TIER_FIELD
        ]
        domain = [DOMAIN] if stops_on_colleagues(self.rules) and len(self._repliers()) else []
        return list(dict.fromkeys([*LEAD_COLUMNS, *columns_holding(asked), *domain]))

    @cached_property
    def _leads_within(self) -> pd.DataFrame:
        return self._within(enriched_leads, self._lead_columns)

    @cached_property
    def _scores_asked(self) -> list[str]:
        return [field for field in self.rules.fields_asked if field in SCORED_FIELDS]

    @cached_property
    def _scores_within(self) -> pd.DataFrame:
        columns = list(dict.fromkeys(["day", "lead_id", *self._scores_asked, "engagement"]))
        if not self._scores_asked and self.rules.graduate_at_engagement is None:
            return empty(scored_leads)[columns]
        return self._within(scored_leads, columns)

    def _repliers(self, *, since: datetime | None = None) -> pd.Series[str]:
        """The leads that replied, ever or since a moment, where their replies stop their colleagues."""
        replies = self.events.loc[self.events["behaviour"].eq(REPLY)]
        if since is not None:
            replies = replies.loc[replies["occurred_at"] >= since]
        return replies["lead_id"].drop_duplicates()

    def _colleagues_of_repliers(self) -> pd.Series[str]:
        """Everybody who ever was of a company that somebody replied from in the days."""
        repliers = self._repliers(since=_midnight(self._ends[0]))
        if not stops_on_colleagues(self.rules) or repliers.empty:
            return repliers.head(0)
        companies = read_history(
            self.engine, enriched_leads, self.partitions.campaign, self.partitions.last_day, lead_ids=repliers,
            columns=[DOMAIN],
        )[DOMAIN]  # fmt: skip
        return leads_with(
            self.engine,
            enriched_leads,
            self.partitions.campaign,
            self.partitions.last_day,
            enriched_leads.c[DOMAIN],
            companies,
        )

    def _is_due(self, row: ReadOnlyColumnCollection[str, Column[Any]]) -> ColumnElement[bool]:
        """Whether a passage moves on by itself in the days, as `plan.moves_by_itself` has it."""
        midnight = _midnight(self.partitions.last_day) + timedelta(days=1)
        falls_due = or_(row.next_touch_at.is_(None), row.next_touch_at < midnight + timedelta(days=1))
        return or_(and_(row.state.in_(RUNNING_STATES), falls_due), row.rests_until <= midnight)

    @property
    def _ends(self) -> tuple[Any, Any]:
        return self.partitions.first_day, self.partitions.last_day

    def _before(self, table: Table, columns: Sequence[str]) -> pd.DataFrame:
        """Leads at hand as they stood before the days."""
        return latest_before(
            self.engine, table, self.partitions.campaign, self.partitions.first_day, lead_ids=self._at_hand,
            columns=list(columns),
        )  # fmt: skip

    def _within(self, table: Table, columns: Sequence[str]) -> pd.DataFrame:
        """Every row of the days."""
        return read_partitions(
            self.engine, table, self.partitions.campaign, self.partitions.days, list(columns)
        )


def _midnight(day: Any) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
