"""Leads of several campaigns, as the pipeline would have stored them, and who they are. Everybody is invented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Engine, select, text

from leadflow_pipeline.identity.persons import person_ids
from leadflow_pipeline.identity.reviews import ask
from leadflow_pipeline.store.facts import add_outcomes
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    account_leads,
    enriched_leads,
    harvested_leads,
    match_reviews,
    outcomes,
    person_aliases,
    person_leads,
    routed_leads,
)
from leadflow_pipeline_tests.suppressed import add_suppression

FIRST_DAY = date(2026, 3, 2)
NOW = datetime(2026, 3, 20, 9, tzinfo=UTC)

FLAGS = (
    "email_is_role", "email_is_disposable", "email_is_free", "is_decision_maker", "recent_job_change",
    "company_funded_recently", "company_hiring",
)  # fmt: skip


@dataclass
class Leads:
    """Writes partitions of leads, and reads what became of them."""

    engine: Engine
    born: dict[tuple[str, str], date] = field(default_factory=dict)

    def arrive(self, campaign: str, leads: Mapping[str, Mapping[str, Any]], day: int = 0) -> None:
        """The leads of one day of a campaign: id -> fields. The partition is replaced."""
        when = FIRST_DAY + timedelta(days=day)
        for lead_id in leads:
            self.born.setdefault((campaign, lead_id), when)
        rows = [
            self._row(campaign, lead_id, fields, when, place)
            for place, (lead_id, fields) in enumerate(leads.items())
        ]
        frame = pd.DataFrame(rows)
        for table in (harvested_leads, enriched_leads):
            own = frame[[name for name in frame.columns if name in table.c]]
            conformed = conform(own, table, campaign=campaign, campaign_version=1)
            replace_partitions(
                self.engine, table, campaign, [when], conformed, campaign_version=1, run_id="a test"
            )

    def _row(
        self, campaign: str, lead_id: str, fields: Mapping[str, Any], when: date, place: int
    ) -> dict[str, Any]:
        received_at = datetime.combine(when, time(8), UTC) + timedelta(seconds=place)
        defaults = {
            "day": pd.Timestamp(when).as_unit("us"), "lead_id": lead_id, "record_count": 1, "source": "list",
            "is_new": self.born[campaign, lead_id] == when, "received_at": received_at, "custom": "{}",
            "email_status": "valid", "phone_status": "missing", "enrichment_status": "none", "provenance": "{}",
            "social_urls": "{}", **dict.fromkeys(FLAGS, False),
        }  # fmt: skip
        texts = dict.fromkeys(
            ("email", "phone", "first_name", "last_name", "company", "company_key", "company_domain", "postcode",
             "city", "country", "linkedin_url")
        )  # fmt: skip
        return {**defaults, **texts, **fields}

    def own(self, campaign: str, lead_id: str, *, owner: str, suppressed: str, outcome: str) -> None:
        """What a lead has that must not get lost: an owner, how it ended, and an address not to be written to."""
        row = {
            "day": pd.Timestamp(FIRST_DAY).as_unit("us"), "lead_id": lead_id, "source": "list", "icp_fit": 0.5,
            "score": 50.0, "intent_score": 0.0, "status": "QUALIFICATION_PENDING", "boosted_by_intent": False,
            "reasoning": "", "owner": owner,
        }  # fmt: skip
        routed = conform(pd.DataFrame([row]), routed_leads, campaign=campaign, campaign_version=1)
        replace_partitions(
            self.engine, routed_leads, campaign, [FIRST_DAY], routed, campaign_version=1, run_id="a test"
        )
        ended = {
            "campaign": campaign,
            "lead_id": lead_id,
            "outcome": outcome,
            "occurred_at": NOW,
            "origin": "a test",
        }
        add_outcomes(self.engine, conform(pd.DataFrame([ended]), outcomes))
        add_suppression(self.engine, scope="address", subject=address_key(suppressed), reason="asked")

    def ask(self, one: str, other: str) -> None:
        """Puts a pair of campaign/lead into the queue."""
        doubt = {"left_id": one, "right_id": other, "match_probability": 0.7, "evidence": '["name"]'}
        with self.engine.begin() as connection:
            ask(connection, "person", pd.DataFrame([doubt]))

    def persons(self) -> list[set[str]]:
        """Who is one person: names of leads, in no order."""
        members = self.read(person_leads)
        names = members["campaign"] + "/" + members["lead_id"]
        return sorted((set(group) for _, group in names.groupby(members["person_id"])), key=sorted)

    def person(self, name: str) -> str:
        """The person_id of campaign/lead."""
        members = self.read(person_leads)
        return members.set_index(members["campaign"] + "/" + members["lead_id"])["person_id"][name]

    def aliases(self) -> dict[str, str]:
        return self.read(person_aliases).set_index("person_id")["alias_of"].to_dict()

    def reviews(self, kind: str = "person") -> list[tuple[str, str, str]]:
        found = self.read(match_reviews)
        found = found[found["kind"] == kind]
        return sorted(zip(found["left_id"], found["right_id"], found["state"], strict=True))

    def accounts(self) -> list[set[str]]:
        members = self.read(account_leads)
        names = members["campaign"] + "/" + members["lead_id"]
        return sorted((set(group) for _, group in names.groupby(members["account_id"])), key=sorted)

    def read(self, table: Any) -> pd.DataFrame:
        with self.engine.connect() as connection:
            rows = connection.execute(select(table)).mappings().all()
        return pd.DataFrame(rows, columns=[column.name for column in table.columns])

    def forget_persons(self) -> None:
        """As if nobody had ever been resolved; what people decided stays."""
        with self.engine.begin() as connection:
            for name in ("person_leads", "person_aliases", "persons"):
                connection.execute(text(f"DELETE FROM leadflow.{name}"))


def id_given_by(name: str) -> str:
    """The person_id that campaign/lead gives as the first lead of a person."""
    campaign, _, lead_id = name.partition("/")
    return str(person_ids(pd.DataFrame({"campaign": [campaign], "lead_id": [lead_id]}))[0])


def anna(**others: Any) -> dict[str, Any]:
    return {
        "email": "anna.berg@firma.example", "first_name": "Anna", "last_name": "Berg", "company": "Firma GmbH",
        "company_key": "firma", "company_domain": "firma.example", "postcode": "10115", "city": "Berlin", **others,
    }  # fmt: skip
