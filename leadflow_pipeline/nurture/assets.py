"""Nurture in Dagster: routed leads enter their sequence, and the touches of the coming day are planned.

What belongs here: reading facts and earlier rows, calling the plan, and counts for people. What does not: any rule,
and sending: what leaves is no asset, it goes through the release door.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
import pandas as pd
from sqlalchemy import Engine, Table

from leadflow_pipeline.campaign import load, version_named_by
from leadflow_pipeline.lead_fields import columns_holding, with_custom_fields
from leadflow_pipeline.nurture.by_hand import ENROL, acts_by_hand
from leadflow_pipeline.nurture.endings import DOMAIN, REPLY, stops_on_colleagues
from leadflow_pipeline.nurture.plan import may_go_on, plan_nurture, with_low_score_sequence
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.step_conditions import SCORED_FIELDS, TIER_FIELD
from leadflow_pipeline.nurture.summary import summarise_nurtured, summarise_touches
from leadflow_pipeline.partitions import PartitionRange, add_partition_metadata
from leadflow_pipeline.store.facts import read_events, read_outcomes, read_overrides, read_rep_touches
from leadflow_pipeline.store.frames import conform, empty
from leadflow_pipeline.store.locks import stage_lock
from leadflow_pipeline.store.partitions import as_of, latest_before, read_history, read_partitions
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.schema import (
    enriched_leads,
    nurture_touches,
    nurtured_leads,
    qualified_leads,
    routed_leads,
    scored_leads,
)
from leadflow_pipeline.store.stage_asset import stage_multi_asset

PREVIOUS_COLUMNS = (
    "day", "lead_id", "enrolment_id", "sequence", "state", "enrolled_at", "tier_at_enrolment", "steps_planned",
    "next_step", "next_touch_at", "last_step_at", "waits_until", "rests_until",
)  # fmt: skip
LEAD_COLUMNS = ("day", "lead_id", "email", "time_zone", "country")
NOTE = "note"
EVENT_COLUMNS = ("lead_id", "behaviour", "occurred_at", "is_machine")


@stage_multi_asset(
    [nurtured_leads, nurture_touches],
    stage="nurture",
    name="nurture",
    upstream=[routed_leads],
    reads=[enriched_leads, scored_leads, qualified_leads],
)
def nurture(
    context: dg.AssetExecutionContext, routed_leads: pd.DataFrame, store: StoreResource
) -> Iterator[dg.Output[pd.DataFrame]]:
    """Enrols routed leads and plans the touches that fall due in the 24 hours after each day. Sends nothing."""
    partitions = PartitionRange.of(context)
    version = load(store.engine, partitions.campaign, version_named_by(context))
    rules = version.rules.nurture
    with stage_lock(store.engine, partitions.campaign, nurtured_leads.name):
        previous = latest_before(
            store.engine, nurtured_leads, partitions.campaign, partitions.first_day, columns=PREVIOUS_COLUMNS
        )
        events = read_events(
            store.engine, partitions.campaign, before=partitions.as_of, columns=EVENT_COLUMNS
        )
        overrides = read_overrides(store.engine, partitions.campaign, partitions.as_of)
        acts = acts_by_hand(overrides, rules.sequence_names)
        at_hand = [
            previous.loc[may_go_on(previous), "lead_id"],
            routed_leads["lead_id"],
            acts.loc[acts["act"].eq(ENROL), "lead_id"],
        ]
        routed_leads = with_low_score_sequence(
            routed_leads, _rejected(store.engine, partitions, routed_leads, rules), rules
        )
        known = _Reader(store.engine, partitions, pd.concat(at_hand).drop_duplicates(), rules)
        nurtured, touches = plan_nurture(
            routed_leads,
            previous,
            known.leads(events),
            known.scores(),
            known.tiers(),
            events,
            read_outcomes(store.engine, partitions.campaign, before=partitions.as_of),
            overrides,
            rules,
            campaign=partitions.campaign,
            days=partitions.days,
            time_zone=version.rules.time_zone,
            rep_touches=known.rep_touches(),
        )
        for table, frame, summary in (
            (nurtured_leads, nurtured, summarise_nurtured(nurtured, routed_leads)),
            (nurture_touches, touches, summarise_touches(touches)),
        ):
            add_partition_metadata(context, partitions, summary, asset_key=table.name)
            conformed = conform(frame, table, campaign=partitions.campaign, campaign_version=version.version)
            yield dg.Output(conformed, output_name=table.name)


def _rejected(
    engine: Engine, partitions: PartitionRange, routed: pd.DataFrame, rules: NurtureRules
) -> pd.Series[bool]:
    """Whether qualification rejected each routed lead, where that gives it a sequence of its own."""
    rejected = pd.Series(False, index=routed.index)
    if rules.low_score_sequence is None or routed.empty:
        return rejected
    judged = as_of(engine, qualified_leads, partitions.campaign, routed, ["lead_id", "status"])
    refused = pd.MultiIndex.from_frame(judged.loc[judged["status"].eq("REJECTED"), ["day", "lead_id"]])
    return rejected | pd.MultiIndex.from_frame(routed[["day", "lead_id"]]).isin(refused)


@dataclass(frozen=True)
class _Reader:
    """Reads what the plan must know of the leads at hand, and no more."""

    engine: Engine
    partitions: PartitionRange
    at_hand: pd.Series[str]
    rules: NurtureRules

    def leads(self, events: pd.DataFrame) -> pd.DataFrame:
        """Address, time zone and what conditions ask for; and the companies of all who replied, on every day."""
        asked = [
            field for field in self.rules.fields_asked if field not in SCORED_FIELDS and field != TIER_FIELD
        ]
        columns = [*LEAD_COLUMNS, *columns_holding(asked)]
        if not stops_on_colleagues(self.rules):
            return with_custom_fields(self._history(enriched_leads, columns), asked)
        replied = events.loc[events["behaviour"].eq(REPLY), "lead_id"].drop_duplicates()
        history = self._history(enriched_leads, [*columns, DOMAIN] if len(replied) else columns)
        companies = read_history(
            self.engine, enriched_leads, self.partitions.campaign, self.partitions.last_day, lead_ids=replied,
            columns=["day", "lead_id", DOMAIN],
        )  # fmt: skip
        # Rows of the history first: of one day they say more.
        both = pd.concat([history, companies], ignore_index=True).drop_duplicates(["lead_id", "day"])
        return with_custom_fields(both, asked)

    def scores(self) -> pd.DataFrame:
        """What conditions ask for of the score, and the engagement where it hands leads to sales."""
        asked = [field for field in self.rules.fields_asked if field in SCORED_FIELDS]
        if asked:
            return self._history(scored_leads, ["day", "lead_id", *asked, "engagement"])
        columns = ["day", "lead_id", "engagement"]
        if self.rules.graduate_at_engagement is None:
            return empty(scored_leads)[columns]
        return self._within(scored_leads, columns)

    def tiers(self) -> pd.DataFrame:
        """The tier, where conditions ask for it."""
        columns = ["day", "lead_id", TIER_FIELD]
        if TIER_FIELD not in self.rules.fields_asked:
            return empty(routed_leads)[columns]
        return self._history(routed_leads, columns)

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

    def _history(self, table: Table, columns: Sequence[str]) -> pd.DataFrame:
        """Leads as they stood before the range, and every change in it."""
        names = list(dict.fromkeys(columns))
        before = latest_before(
            self.engine, table, self.partitions.campaign, self.partitions.first_day, lead_ids=self.at_hand,
            columns=names,
        )  # fmt: skip
        return pd.concat([before, self._within(table, names)], ignore_index=True)

    def _within(self, table: Table, columns: Sequence[str]) -> pd.DataFrame:
        return read_partitions(
            self.engine, table, self.partitions.campaign, self.partitions.days, list(dict.fromkeys(columns))
        )
