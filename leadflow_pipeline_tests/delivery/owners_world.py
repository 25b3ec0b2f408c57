"""Campaigns whose leads have planned owners, as the pipeline would have stored them, and reps."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
from sqlalchemy import Engine, delete, insert, select, text

from leadflow_pipeline.campaign import register
from leadflow_pipeline.delivery.handover import HandoverSummary, hand_over_due
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.store.facts import add_engagement_events, add_outcomes
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    engagement_events,
    enriched_leads,
    handoffs,
    held_handoffs,
    messages,
    outcomes,
    owner_decisions,
    rep_absences,
    rep_touches,
    reps,
    routed_leads,
    scored_leads,
)

NOW = datetime(2026, 5, 6, 9, 30, tzinfo=UTC)
"""A Wednesday."""
TODAY, YESTERDAY = date(2026, 5, 6), date(2026, 5, 5)

CAMPAIGN_FILE = """
campaign: {slug}
name: Spring Sale
sender: {{name: Eva Berg, email: eva@sender.example.org}}
postal_address: 1 Sample Street, 10115 Berlin
time_zone: UTC
sources:
  - name: list
    mapping: {{email: email, custom.plan: plan}}
ownership: {{sla: {sla}}}
handover: {handover}
"""


@dataclass
class OwnersWorld:
    """A database with reps and planned owners, and the folder that messages go to."""

    engine: Engine
    home: Path

    @property
    def settings(self) -> Settings:
        return Settings(home=self.home, public_url="https://mail.example.org/leads")

    def register(self, slug: str = "spring", handover: str = "{}", sla: str = "{}") -> str:
        register(self.engine, CAMPAIGN_FILE.format(slug=slug, handover=handover, sla=sla), f"{slug}.yaml")
        return slug

    def rep(self, rep: str, from_day: date = date(2026, 1, 1), **record: Any) -> str:
        """What is known of a rep from a day on."""
        document = {"rep": rep, "name": rep.title(), "email": f"{rep}@sales.example.org", **record}
        row = {"rep": rep, "from_day": from_day, "document": document, "content_key": "", "actor": "test"}
        self._add(reps, row)
        return rep

    def absence(self, rep: str, first: date, last: date) -> None:
        self._add(rep_absences, {"rep": rep, "first_day": first, "last_day": last, "actor": "test"})

    def plan(
        self,
        leads: dict[str, Sequence[str]],
        *,
        campaign: str = "spring",
        day: date = YESTERDAY,
        number: int = 1,
        status: str = "ASSIGNED",
        fields: dict[str, Any] | None = None,
        reasons: Sequence[str] = (),
    ) -> None:
        """Leads with the reps that the plan of a day names, the owner first; none: nobody was found."""
        rows = pd.DataFrame({"lead_id": list(leads)})
        rows["day"] = pd.Timestamp(day).as_unit("us")
        known = {
            "email": rows["lead_id"] + "@leads.example", "first_name": "Ida", "last_name": "Example",
            "full_name": "Ida Example", "company": "Example Ltd", "company_key": "example",
            "job_title": "Head of Sales",
            "industry": "software", "company_size": 200, "size_band": "51-200", "city": "Berlin", "country": "DE",
            "phone": "+4930123456", "custom": "{}", **(fields or {}),
        }  # fmt: skip
        enriched = rows.assign(
            is_new=True, source="list", received_at=NOW, email_status="valid", email_is_role=False,
            email_is_disposable=False, email_is_free=False, phone_status="valid", is_decision_maker=True,
            recent_job_change=True, company_funded_recently=False, company_hiring=False,
            social_urls="{}", enrichment_status="none", provenance="{}", **known,
        )  # fmt: skip
        scored = rows.assign(
            source="list", icp_fit=0.84, engagement=40.0, temperature="warm", score=82.5, score_breakdown="{}",
            reasons='["Industry is one of software (+20)", "Job title (+8)"]',
        )  # fmt: skip
        routed = rows.assign(
            source="list", icp_fit=0.84, score=82.5, intent_score=0.5, status="ROUTED", tier="HOT",
            sequence="aggressive_close", sequence_start_at=NOW, boosted_by_intent=False, routing_number=1,
            reasoning="as it is",
        )  # fmt: skip
        decided = rows.assign(
            status=[status if named else "HELD" for named in leads.values()],
            assignment_number=number,
            owner=[named[0] if named else None for named in leads.values()],
            method="optimal",
            reasons=json.dumps(list(reasons)),
            candidates=[_candidates(named) for named in leads.values()],
        )
        for table, frame in (
            (enriched_leads, enriched), (scored_leads, scored), (routed_leads, routed), (owner_decisions, decided),
        ):  # fmt: skip
            conformed = conform(frame, table, campaign=campaign, campaign_version=1)
            replace_partitions(
                self.engine, table, campaign, [day], conformed, campaign_version=1, run_id="a test"
            )

    def hand_over(self, at: datetime = NOW, **options: Any) -> HandoverSummary:
        return hand_over_due(self.engine, at, **options)

    def touch(self, lead: str, rep: str, at: datetime, campaign: str = "spring") -> None:
        row = {
            "campaign": campaign, "touch_id": f"{lead}-{at}", "lead_id": lead, "rep": rep, "kind": "call",
            "occurred_at": at, "origin": "test",
        }  # fmt: skip
        self._add(rep_touches, row)

    def event(self, lead: str, behaviour: str, at: datetime, campaign: str = "spring") -> None:
        row = {
            "campaign": campaign, "event_id": f"{lead}-{behaviour}-{at}", "lead_id": lead, "behaviour": behaviour,
            "occurred_at": at, "is_machine": False, "origin": "test",
        }  # fmt: skip
        add_engagement_events(self.engine, conform(pd.DataFrame([row]), engagement_events))

    def outcome(self, lead: str, outcome: str, at: datetime, campaign: str = "spring") -> None:
        row = {"campaign": campaign, "lead_id": lead, "outcome": outcome, "occurred_at": at, "origin": "test"}
        add_outcomes(self.engine, conform(pd.DataFrame([row]), outcomes))

    def owners(self) -> dict[str, list[str]]:
        """Everybody who has had each lead, the present owner last."""
        query = select(handoffs.c.lead_id, handoffs.c.rep).order_by(
            handoffs.c.lead_id, handoffs.c.assignment_number
        )
        found: dict[str, list[str]] = {}
        with self.engine.connect() as connection:
            for lead, rep in connection.execute(query).tuples():
                found.setdefault(lead, []).append(rep)
        return found

    def handoffs(self) -> list[dict[str, Any]]:
        return self._rows(select(handoffs).order_by(handoffs.c.lead_id, handoffs.c.assignment_number))

    def held(self) -> dict[str, str]:
        return {row["lead_id"]: row["reason"] for row in self._rows(select(held_handoffs))}

    def messages(self, **where: Any) -> list[dict[str, Any]]:
        """Messages in the order in which they were written, those that have these values."""
        rows = self._rows(select(messages).order_by(messages.c.message_id))
        return [row for row in rows if all(row[name] == value for name, value in where.items())]

    def forget(self) -> None:
        """As if nothing had been handed over yet."""
        with self.engine.begin() as connection:
            for table in (messages, held_handoffs, handoffs):
                connection.execute(delete(table))

    def end_leases(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(
                text("UPDATE leadflow.messages SET lease_until = '2000-01-01Z' WHERE lease_until IS NOT NULL")
            )

    def _rows(self, query: Any) -> list[dict[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def _add(self, table: Any, row: dict[str, Any]) -> None:
        with self.engine.begin() as connection:
            connection.execute(insert(table).values(row))


def _candidates(named: Sequence[str]) -> str:
    best = ", ".join(f'{{"rep": "{rep}", "match": 0.5, "value": 10.0, "price": 0.0}}' for rep in named)
    return f'{{"best": [{best}], "may": {len(named)}, "full": 0, "struck": {{}}}}'


HOUR = timedelta(hours=1)
