"""Emails that were sent, with links and a trap, as rendering and release leave them in the database."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, insert

from leadflow_pipeline.campaign import register
from leadflow_pipeline.delivery.tracking import Tracked, link_url, pixel_url, token_of, tracking_key
from leadflow_pipeline.delivery.unsubscribe import unsubscribe_url
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import message_links, messages

CAMPAIGN = "spring-sale"
CAMPAIGN_FILE = """\
campaign: spring-sale
name: Spring <Sale>
sender: {name: Eva Berg, email: eva@sender.example.org}
postal_address: 1 Sample Street, 10115 Berlin, Germany
time_zone: UTC
sources: [{name: list, mapping: {email: email}}]
"""
SENT_AT = datetime(2026, 5, 5, 9, 30, tzinfo=UTC)
BROWSER = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0 Safari/537.36"
LATER = timedelta(hours=2)
"""After sending: when a person reads."""


@dataclass(frozen=True)
class Letter:
    """One email that was sent."""

    message_id: int
    lead_id: str
    key: str
    links: int
    """The last of them is the trap."""

    @property
    def pixel(self) -> str:
        return pixel_url("", self.key)

    def link(self, number: int) -> str:
        return link_url("", self.key, number)

    def token(self, number: int) -> str:
        return token_of(Tracked(self.key, number))

    @property
    def recipient_key(self) -> str:
        return address_key(f"{self.lead_id}@leads.example")

    @property
    def unsubscribe(self) -> str:
        return unsubscribe_url("", CAMPAIGN, self.recipient_key)

    @property
    def rfc_message_id(self) -> str:
        return f"<{self.key}@sender.example.org>"

    def everything(self) -> list[str]:
        """Every address in the email."""
        return [self.pixel, *(self.link(number + 1) for number in range(self.links)), self.unsubscribe]


def send(
    engine: Engine, count: int = 1, *, links: int = 3, sent_at: datetime = SENT_AT, first: int = 0
) -> list[Letter]:
    """Emails to as many leads, all sent at one moment. Registers the campaign where there is none yet."""
    register(engine, CAMPAIGN_FILE, "spring-sale.yaml")
    letters = []
    rows = []
    for number in range(first, first + count):
        lead = f"lead-{number}"
        key = tracking_key("email", f"enrolment-{number}", 1)
        letter = Letter(number + 1, lead, key, links)
        letters.append(letter)
        rows.append(
            {
                "message_id": letter.message_id, "channel": "email", "subject_key": f"enrolment-{number}", "step": 1,
                "campaign": CAMPAIGN, "campaign_version": 1, "lead_id": lead, "recipient": f"{lead}@leads.example",
                "recipient_key": letter.recipient_key, "sequence": "regular_nurture", "subject": "Hello",
                "body_text": "", "body_html": "", "headers": {}, "rfc_message_id": letter.rfc_message_id,
                "planned_at": sent_at, "not_after": sent_at + timedelta(days=3), "state": "sent", "sent_at": sent_at,
                "next_attempt_at": sent_at, "tracking_key": key,
            }
        )  # fmt: skip
    ways = [
        {
            "message_id": letter.message_id,
            "number": number + 1,
            "target": f"https://www.example.org/{letter.lead_id}/{number + 1}",
            "is_trap": number + 1 == links,
        }
        for letter in letters
        for number in range(links)
    ]
    with engine.begin() as connection:
        connection.execute(insert(messages), rows)
        connection.execute(insert(message_links), ways)
    return letters
