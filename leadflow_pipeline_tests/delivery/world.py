"""Campaigns with touches that are due, as the pipeline would have stored them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, func, select, text

from leadflow_pipeline.campaign import register
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.facts import add_engagement_events, add_outcomes
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    engagement_events,
    enriched_leads,
    message_attempts,
    messages,
    nurture_touches,
    nurtured_leads,
    outcomes,
)

NOW = datetime(2026, 5, 5, 9, 30, tzinfo=UTC)
TODAY, YESTERDAY = date(2026, 5, 5), date(2026, 5, 4)

AT_ALL_HOURS = """
    send_window: {start: "00:00", end: "23:59", weekdays: [mon, tue, wed, thu, fri, sat, sun]}
"""

CAMPAIGN_FILE = """
campaign: {slug}
name: {name}
sender: {{name: Eva Berg, email: eva@sender.example.org}}
postal_address: |
  Example Ltd
  1 Sample Street
  10115 Berlin
time_zone: UTC
sources:
  - name: list
    mapping: {{email: email, custom.plan: plan}}
nurture:
  {nurture}
"""


@dataclass
class World:
    """A database with campaigns, and the folder that emails go to."""

    engine: Engine
    home: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, public_url="https://mail.example.org/leads")

    def register(
        self, slug: str = "spring-sale", nurture: str = AT_ALL_HOURS, name: str = "Spring Sale"
    ) -> str:
        """A campaign, as its file says."""
        register(self.engine, CAMPAIGN_FILE.format(slug=slug, nurture=nurture, name=name), f"{slug}.yaml")
        return slug

    def plan(
        self,
        leads: Sequence[dict[str, Any]] | int,
        *,
        campaign: str = "spring-sale",
        day: date = YESTERDAY,
        step: int = 1,
        sequence: str = "regular_nurture",
        state: str = "TOUCH_DUE",
        planned_at: datetime = NOW - timedelta(minutes=30),
        stale_after: timedelta = timedelta(hours=72),
        channel: str = "email",
    ) -> list[str]:
        """Leads with a touch in the partition of `day`; the partition is replaced. Their enrolments."""
        if isinstance(leads, int):
            leads = [{"lead_id": f"lead-{number}"} for number in range(leads)]
        rows = pd.DataFrame(
            [
                {"email": f"{lead['lead_id']}@leads.example", "first_name": None, "enrolment_id": "", **lead}
                for lead in leads
            ]
        )
        rows["day"] = pd.Timestamp(day).as_unit("us")
        named = rows["enrolment_id"].where(rows["enrolment_id"].ne(""), f"{campaign}-" + rows["lead_id"])
        rows["enrolment_id"] = named
        enriched = rows.drop(columns=["enrolment_id"]).assign(
            is_new=True, source="list", received_at=NOW, email_status="valid", email_is_role=False,
            email_is_disposable=False, email_is_free=False, phone_status="missing", is_decision_maker=False,
            recent_job_change=False, company_funded_recently=False, company_hiring=False,
            social_urls="{}", enrichment_status="none", provenance="{}",
        )  # fmt: skip
        if "custom" not in enriched:
            enriched["custom"] = "{}"
        nurtured = rows[["day", "lead_id", "enrolment_id"]].assign(
            sequence=sequence, state=state, enrolled_at=NOW, steps_total=4, steps_planned=step,
            next_touch_at=NOW + timedelta(days=4), reasons="[]",
        )  # fmt: skip
        touches = rows[["day", "lead_id", "enrolment_id", "email"]].assign(
            step=step,
            sequence=sequence,
            channel=channel,
            planned_at=planned_at,
            not_after=planned_at + stale_after,
        )
        for table, frame in (
            (enriched_leads, enriched),
            (nurtured_leads, nurtured),
            (nurture_touches, touches),
        ):
            conformed = conform(frame, table, campaign=campaign, campaign_version=1)
            replace_partitions(
                self.engine, table, campaign, [day], conformed, campaign_version=1, run_id="a test"
            )
        return named.tolist()

    def event(
        self,
        lead: str,
        behaviour: str,
        at: datetime,
        *,
        campaign: str = "spring-sale",
        is_machine: bool = False,
    ) -> None:
        """A lead does something."""
        row = {
            "campaign": campaign, "event_id": f"{lead}-{behaviour}", "lead_id": lead, "behaviour": behaviour,
            "occurred_at": at, "is_machine": is_machine, "origin": "test",
        }  # fmt: skip
        add_engagement_events(self.engine, conform(pd.DataFrame([row]), engagement_events))

    def outcome(self, lead: str, outcome: str, at: datetime, *, campaign: str = "spring-sale") -> None:
        """What became of a lead."""
        row = {"campaign": campaign, "lead_id": lead, "outcome": outcome, "occurred_at": at, "origin": "test"}
        add_outcomes(self.engine, conform(pd.DataFrame([row]), outcomes))

    def states(self) -> dict[str, int]:
        """How many messages are in each state."""
        query = select(messages.c.state, func.count()).group_by(messages.c.state)
        with self.engine.connect() as connection:
            return dict(connection.execute(query).tuples().all())

    def rows(self) -> list[dict[str, Any]]:
        """Every message."""
        with self.engine.connect() as connection:
            return [
                dict(row)
                for row in connection.execute(select(messages).order_by(messages.c.message_id)).mappings()
            ]

    def attempts(self) -> list[dict[str, Any]]:
        """Every attempt."""
        query = select(message_attempts).order_by(message_attempts.c.message_id, message_attempts.c.attempt)
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def end_leases(self) -> None:
        """As if the time of every lease had passed."""
        with self.engine.begin() as connection:
            connection.execute(
                text("UPDATE leadflow.messages SET lease_until = '2000-01-01Z' WHERE lease_until IS NOT NULL")
            )
