"""What buying is tested against: a vendor on a real socket that charges, and an asker that goes to it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
from sqlalchemy import Connection, Engine, text

from leadflow_pipeline.vendors.lookups import (
    Answer,
    Budget,
    CarriedOut,
    Ordered,
    Question,
    Submitted,
    carry_out,
    order,
)
from leadflow_pipeline.vendors.session import VendorSession
from leadflow_pipeline_tests.fakes.http import FakeServer, Received, Reply, json_reply

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
VENDOR = "acme"
CAMPAIGNS = ("spring", "autumn")
TTL = timedelta(days=90)
NOT_FOUND_TTL = timedelta(days=30)
UNLIMITED = Budget(None, None, None)


class ChargingVendor(FakeServer):
    """Charges a credit for each subject it knows; what begins with "nobody" it does not know.

    `/find` answers at once, `/submit` gives an id, `/result/<id>` the answers when `is_ready`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.is_ready = True
        self.submitted: dict[str, list[str]] = {}
        self.on_charge: Callable[[], object] = lambda: None

    def respond(self, received: Received) -> Reply:
        if received.path.startswith("/result/"):
            subjects = self.submitted[received.path.rpartition("/")[2]]
            return json_reply({"found": [known(subject) for subject in subjects] if self.is_ready else None})
        subjects = received.json()["subjects"]
        for subject in subjects:
            self.charge(subject, 0 if known(subject) is None else 1)
        self.on_charge()
        if received.path == "/find":
            return json_reply({"found": [known(subject) for subject in subjects]})
        request_id = f"r{len(self.submitted)}"
        self.submitted[request_id] = subjects
        return json_reply({"request_id": request_id})


def known(subject: str) -> dict[str, Any] | None:
    """What the vendor knows of a subject."""
    return None if subject.startswith("nobody") else {"of": subject}


@dataclass
class VendorAsker:
    """Asks a `ChargingVendor`; `at_point` is called on the way."""

    session: VendorSession
    is_submitting: bool = False
    is_repeatable: bool = False
    most_at_once: int = 2
    credits_at_most: float = 1.0
    vendor: str = VENDOR
    at_point: Callable[[str], object] = lambda _: None

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | Submitted:
        self.at_point("on_wire")
        path = "/submit" if self.is_submitting else "/find"
        body = {"subjects": [question["subject"] for question in questions]}
        answer = self.session.call("POST", path, json=body, is_repeatable=self.is_repeatable).json()
        self.at_point("answered")
        if self.is_submitting:
            return Submitted(answer["request_id"], timedelta(0))
        return answers_of(answer["found"])

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | None:
        self.at_point("stored")
        found = self.session.call("GET", f"/result/{request_id}", is_repeatable=True).json()["found"]
        self.at_point("collected")
        return None if found is None else answers_of(found)


def answers_of(found: Sequence[Mapping[str, Any] | None]) -> list[Answer]:
    return [Answer(content, credits=0 if content is None else 1) for content in found]


@dataclass
class World:
    """One database, one clock, one vendor, and some campaigns that ask it."""

    engine: Engine
    server: ChargingVendor
    now: datetime = NOW
    told: list[pd.DataFrame] = field(default_factory=list)

    def asker(self, **options: Any) -> VendorAsker:
        session = VendorSession(
            self.engine, VENDOR, self.server.url, timeout=(2, 5), now=lambda: self.now, wait=lambda _: None
        )
        return VendorAsker(session, **options)

    def order(self, campaign: str, *subjects: str, source: str | None = None) -> Ordered:
        """Orders each subject for the lead of its name, or for a source."""
        with self.engine.begin() as connection:
            return order(connection, questions(campaign, subjects, source), self.now)

    def round(
        self, campaign: str, *, budget: Budget = UNLIMITED, most: int = 100, **options: Any
    ) -> CarriedOut:
        return carry_out(
            self.engine, options.pop("asker", None) or self.asker(**options), campaign=campaign, provider=VENDOR,
            budget=budget, now=lambda: self.now, answer_ttl=TTL, not_found_ttl=NOT_FOUND_TTL, most=most,
            on_answers=self.keep,
        )  # fmt: skip

    def keep(self, connection: Connection, answers: pd.DataFrame) -> None:
        self.told.append(answers)

    def rows(self, campaign: str | None = None) -> list[dict[str, Any]]:
        query = text(
            "SELECT *, question ->> 'subject' AS subject FROM leadflow.vendor_lookups "
            "WHERE campaign = :campaign OR :campaign IS NULL ORDER BY lookup_id"
        )
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query, {"campaign": campaign}).mappings()]

    def states(self, campaign: str | None = None) -> dict[str, str]:
        """Subject -> state."""
        return {row["subject"]: row["state"] for row in self.rows(campaign)}


def questions(campaign: str, subjects: Sequence[str], source: str | None = None) -> list[Question]:
    return [
        Question(
            campaign, VENDOR, VENDOR, f"find:{subject}", {"subject": subject},
            lead_id=None if source else subject, source=source,
        )
        for subject in subjects
    ]  # fmt: skip
