"""A small world for plans of nurture: leads routed on days, and what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Table

from leadflow_pipeline.experiment.exposure import EXPOSURE_COLUMNS, Begun
from leadflow_pipeline.experiment.life_cycle import StateChange
from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.nurture.movers import moved_by_facts, moved_by_rows
from leadflow_pipeline.nurture.plan import moves_by_itself, plan_nurture
from leadflow_pipeline.nurture.reading import EVENT_COLUMNS, ROUTED_COLUMNS
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.step_conditions import SCORED_FIELDS
from leadflow_pipeline.partitions import days_between, end_of
from leadflow_pipeline.store.frames import conform, dtypes_of, empty
from leadflow_pipeline.store.schema import (
    engagement_events,
    enriched_leads,
    experiment_exposures,
    nurtured_leads,
    outcomes,
    overrides,
    rep_touches,
    routed_leads,
    scored_leads,
)

MONDAY = date(2026, 5, 4)
LEAD_COLUMNS = ("day", "lead_id", "email", "time_zone", "country", "company_domain", "industry")


def frame(table: Table, rows: Iterable[dict[str, Any]], columns: Sequence[str] | None = None) -> pd.DataFrame:
    """Rows in the dtypes of a table, with only the columns that matter to a plan."""
    dtypes = dtypes_of(table.columns)
    names = list(columns or dtypes)
    rows = list(rows)
    return pd.DataFrame(
        {name: pd.Series([row.get(name) for row in rows], dtype=dtypes[name]) for name in names}
    )


@dataclass
class World:
    """Facts and routed leads of one campaign."""

    rules: NurtureRules = field(default_factory=NurtureRules)
    time_zone: str = "UTC"
    routed_rows: list[dict[str, Any]] = field(default_factory=list)
    lead_rows: list[dict[str, Any]] = field(default_factory=list)
    event_rows: list[dict[str, Any]] = field(default_factory=list)
    outcome_rows: list[dict[str, Any]] = field(default_factory=list)
    override_rows: list[dict[str, Any]] = field(default_factory=list)
    score_rows: list[dict[str, Any]] = field(default_factory=list)
    tier_rows: list[dict[str, Any]] = field(default_factory=list)
    touch_rows: list[dict[str, Any]] = field(default_factory=list)
    send_times: Experiment | None = None
    """Tried from the first change on; `exposure_rows` say on whom."""
    changes: list[StateChange] = field(default_factory=list)
    exposure_rows: list[dict[str, Any]] = field(default_factory=list)

    def route(
        self, lead: str, day: date, sequence: str = "regular_nurture", number: int = 1, email: str | None = "at",
        zone: str | None = None, country: str | None = None,
    ) -> None:  # fmt: skip
        """A lead is routed at the end of a day."""
        address = f"{lead}@leads.example" if email == "at" else email
        self.routed_rows.append(
            {
                "day": day, "lead_id": lead, "email": address, "status": "ROUTED", "sequence": sequence,
                "sequence_start_at": end_of(day), "routing_number": number,
            }
        )  # fmt: skip
        self.lead_rows.append(
            {"day": day, "lead_id": lead, "email": address, "time_zone": zone, "country": country}
        )

    def know(self, lead: str, day: date, company_domain: str | None, industry: str | None = None) -> None:
        """More becomes known of a lead."""
        self.lead_rows = [row for row in self.lead_rows if (row["lead_id"], row["day"]) != (lead, day)] + [
            {
                "day": day, "lead_id": lead, "email": f"{lead}@leads.example", "company_domain": company_domain,
                "industry": industry,
            }
        ]  # fmt: skip

    def event(self, lead: str, behaviour: str, at: datetime, *, is_machine: bool = False) -> None:
        """A lead does something."""
        self.event_rows.append(
            {"lead_id": lead, "behaviour": behaviour, "occurred_at": at, "is_machine": is_machine}
        )

    def outcome(self, lead: str, outcome: str, at: datetime) -> None:
        """A lead is won, lost, or agrees to meet."""
        self.outcome_rows.append({"lead_id": lead, "outcome": outcome, "occurred_at": at})

    def touch(self, lead: str, at: datetime) -> None:
        """A rep is in touch with a lead."""
        self.touch_rows.append({"lead_id": lead, "occurred_at": at})

    def meet(self, lead: str, day: date, variant: str) -> None:
        """A lead meets the experiment."""
        self.exposure_rows.append(
            {
                "day": day, "lead_id": lead, "experiment": "hours", "variant": variant,
                "is_holdout": variant == "holdout", "propensity": 0.5,
            }
        )  # fmt: skip

    def override(self, lead: str, value: str, at: datetime, until: datetime | None = None) -> None:
        """Somebody pauses, stops or resumes a lead by hand."""
        self.override_rows.append(
            {
                "override_id": len(self.override_rows), "lead_id": lead, "field": "nurture", "value": value,
                "actor": "a person", "reason": "because", "occurred_at": at, "expires_at": until,
            }
        )  # fmt: skip

    def plan(
        self, days: Sequence[date], previous: pd.DataFrame | None = None
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The plan of these days; `previous` is what earlier runs stored."""
        before = end_of(days[-1])
        stored = empty(nurtured_leads) if previous is None else previous
        earlier = stored.loc[stored["day"] < pd.Timestamp(days[0])]
        latest = earlier.sort_values("day").drop_duplicates("lead_id", keep="last")
        routed = conform_routed([row for row in self.routed_rows if row["day"] in days])
        leads = frame(enriched_leads, self._known(self.lead_rows, days), LEAD_COLUMNS)
        scores = frame(scored_leads, self._known(self.score_rows, days), ["day", "lead_id", *SCORED_FIELDS])
        tiers = frame(routed_leads, self._known(self.tier_rows, days), ["day", "lead_id", "tier"])
        facts = [
            frame(table, [row for row in rows if row["occurred_at"] < before], columns)
            for table, rows, columns in (
                (engagement_events, self.event_rows, EVENT_COLUMNS),
                (outcomes, self.outcome_rows, ("lead_id", "outcome", "occurred_at")),
                (overrides, self.override_rows, None),
            )
        ]
        # As few rows as the store would give: of leads that move by themselves, or that something moves.
        moved = pd.concat([routed["lead_id"], *self._moved(facts, leads, scores, tiers, days)])
        moves = moves_by_itself(latest, pd.Timestamp(days[-1])) | latest["lead_id"].isin(moved)
        return plan_nurture(
            routed,
            latest.loc[moves],
            leads,
            scores,
            tiers,
            *facts,
            self.rules,
            campaign="spring-sale",
            days=days,
            time_zone=self.time_zone,
            rep_touches=self._touches(before),
            send_times=self._tried(days) if self.changes else None,
        )

    def _tried(self, days: Sequence[date]) -> Begun:
        assert self.send_times is not None
        exposed = self._known(self.exposure_rows, days)
        return Begun([self.send_times], self.changes, frame(experiment_exposures, exposed, EXPOSURE_COLUMNS))

    def _touches(self, before: datetime) -> pd.DataFrame:
        rows = [row for row in self.touch_rows if row["occurred_at"] < before]
        return frame(rep_touches, rows, ["lead_id", "occurred_at"])

    def _moved(
        self,
        facts: Sequence[pd.DataFrame],
        leads: pd.DataFrame,
        scores: pd.DataFrame,
        tiers: pd.DataFrame,
        days: Sequence[date],
    ) -> Iterator[pd.Series[str]]:
        """The leads that something moves in the days."""
        first, last = pd.Timestamp(days[0]), pd.Timestamp(days[-1])
        events, touches = facts[0], self._touches(end_of(days[-1]))
        yield moved_by_facts(*facts, touches, self.rules, first, last)
        yield moved_by_rows(leads.loc[leads["day"] >= first], scores.loc[scores["day"] >= first], self.rules)
        yield tiers.loc[tiers["day"] >= first, "lead_id"]
        replied = events.loc[
            events["behaviour"].eq("reply") & (events["occurred_at"] >= first.tz_localize("UTC"))
        ]
        theirs = leads.loc[leads["lead_id"].isin(replied["lead_id"]), "company_domain"].dropna()
        yield leads.loc[leads["company_domain"].isin(theirs), "lead_id"]

    def _known(self, rows: list[dict[str, Any]], days: Sequence[date]) -> list[dict[str, Any]]:
        """Rows of leads up to the last day; in the order of days, as they are read."""
        return sorted((row for row in rows if row["day"] <= days[-1]), key=lambda row: row["day"])

    def days_after(self, first: date, count: int) -> tuple[date, ...]:
        """`count` days from the first on."""
        return days_between(first, first + timedelta(days=count - 1))


def conform_routed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Routed rows with the columns that nurture reads."""
    return frame(routed_leads, rows, ROUTED_COLUMNS)


def stored(nurtured: pd.DataFrame) -> pd.DataFrame:
    """A plan's rows as they would come back from the database."""
    return conform(nurtured, nurtured_leads, campaign="spring-sale", campaign_version=1)
