"""The plain way, for comparison: one ORM object, one rule call and one commit per lead and stage.

It does less than the pipeline (no history, no explanation, no quarantine), and is written as such systems are usually
written, not to be slow. Its rate stands beside the pipeline's in `stages`.
"""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

import email_validator
import pandas as pd
import phonenumbers
from sqlalchemy import Engine, ForeignKey, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

TIERS = ((0.85, "HOT", 3), (0.70, "WARM", 4), (0.50, "COOL", 6), (0.0, "COLD", 8))


class Base(DeclarativeBase):
    """Tables of the plain way, in a schema of their own."""


class Lead(Base):
    """One row a lead, changed in place by every stage."""

    __tablename__ = "leads"
    __table_args__ = {"schema": "plain_way"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    email: Mapped[str]
    job_title: Mapped[str]
    company: Mapped[str]
    industry: Mapped[str]
    employees: Mapped[int]
    budget: Mapped[int]
    phone: Mapped[str]
    email_valid: Mapped[bool | None]
    phone_e164: Mapped[str | None]
    score: Mapped[float | None]
    fit: Mapped[float | None]
    status: Mapped[str | None]
    tier: Mapped[str | None]


class Touch(Base):
    """One planned email."""

    __tablename__ = "touches"
    __table_args__ = {"schema": "plain_way"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("plain_way.leads.id"))
    step: Mapped[int]
    planned_at: Mapped[datetime]


def harvest(session: Session, leads: pd.DataFrame) -> None:
    """One INSERT and one commit per lead."""
    for row in leads.to_dict("records"):
        session.add(
            Lead(
                email=row["email"],
                job_title=row["job_title"],
                company=row["company"],
                industry=row["industry"],
                employees=int(row["employees"]),
                budget=int(row["budget"]),
                phone=row["phone"],
            )
        )
        session.commit()


def enrich(lead: Lead) -> None:
    """Checks the address and the phone number."""
    try:
        email_validator.validate_email(lead.email, check_deliverability=False, test_environment=True)
        lead.email_valid = True
    except email_validator.EmailNotValidError:
        lead.email_valid = False
    number = phonenumbers.parse(lead.phone, "US")
    lead.phone_e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def score(lead: Lead) -> None:
    """Fit and points."""
    title = lead.job_title.lower()
    decides = any(word in title for word in ("chief", "head", "vp", "owner", "director"))
    invoices = any(word in title for word in ("financ", "procure", "operations", "payable"))
    fit = 3 * (lead.industry.lower() in {"manufacturing", "logistics", "wholesale"})
    fit += 2 * (50 <= lead.employees <= 5000) + 2 * invoices + 2 * (lead.budget >= 20000) + decides
    lead.fit = fit / 10
    points = 10 * bool(lead.company) + 8 * bool(title) + 5 * bool(lead.phone_e164) + 20
    lead.score = 0.6 * 100 * lead.fit + 0.4 * points


def qualify(lead: Lead) -> None:
    """Threshold and review band."""
    value = lead.score or 0.0
    lead.status = "QUALIFIED" if value >= 50 else "MANUAL_REVIEW" if value >= 40 else "REJECTED"


def route(lead: Lead) -> None:
    """Tier by fit."""
    if lead.status != "REJECTED":
        lead.tier = next(tier for minimum, tier, _ in TIERS if (lead.fit or 0.0) >= minimum)


def nurture(session: Session, lead: Lead) -> None:
    """One touch per email of the tier's sequence."""
    emails = {tier: count for _, tier, count in TIERS}.get(lead.tier or "", 0)
    now = datetime.now(UTC)
    session.add_all(
        Touch(lead_id=lead.id, step=step, planned_at=now + timedelta(days=2 * step))
        for step in range(1, emails + 1)
    )


def run_plain_way(engine: Engine, leads: pd.DataFrame) -> float:
    """Takes the leads through every stage. Returns seconds."""
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA IF EXISTS plain_way CASCADE"))
        connection.execute(text("CREATE SCHEMA plain_way"))
    Base.metadata.create_all(engine)
    started = time.perf_counter()
    with Session(engine) as session:
        harvest(session, leads)
        for stage in (enrich, score, qualify, route, lambda lead: nurture(session, lead)):
            for lead_id in session.scalars(select(Lead.id).order_by(Lead.id)).all():
                stage(session.get_one(Lead, lead_id))
                session.commit()
    return time.perf_counter() - started
