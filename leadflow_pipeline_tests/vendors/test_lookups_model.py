"""Any order of events: ordering, asking, losing answers, dying, settling and the passing of time, against a model.

The model knows only what a customer would put on a bill: who was charged when, and what a person allowed twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from leadflow_pipeline.errors import Deferred, FateUnknown, PermanentError
from leadflow_pipeline.vendors.limits import spent
from leadflow_pipeline.vendors.lookups import Answer, Budget, Submitted, carry_out, lookups_in, order, settle
from leadflow_pipeline_tests.vendors.vendor_world import CAMPAIGNS, NOT_FOUND_TTL, NOW, TTL, VENDOR, questions

SUBJECTS = ("ida", "ada", "nobody", "bob")
BUDGET = Budget(calls=6, credits=5, leads=8)
MANNERS = ("answers", "takes", "lost", "strange", "deferred", "refused", "dies")


class Died(BaseException):
    """The asking process is gone, whatever it was about to do."""


@dataclass
class Bill:
    """A vendor whose manner changes, and what it charged: subject -> moments."""

    now: datetime = NOW
    manner: str = "answers"
    charges: dict[str, list[datetime]] = field(default_factory=dict)
    allowed: Counter[str] = field(default_factory=Counter)
    requests: list[list[str]] = field(default_factory=list)

    vendor = VENDOR
    most_at_once = 2
    is_repeatable = False
    credits_at_most = 1.0

    def ask(self, asked: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | Submitted:
        subjects = [question["subject"] for question in asked]
        if self.manner == "deferred":
            raise Deferred("acme asks to come back later", self.now + timedelta(hours=1))
        if self.manner == "refused":
            raise PermanentError("acme refused with status 401: check its key")
        for subject in subjects:
            self.charges.setdefault(subject, []).append(self.now)
        if self.manner == "lost":
            raise FateUnknown("acme may have carried out a request")
        if self.manner == "dies":
            raise Died
        if self.manner == "strange":
            return []
        if self.manner == "takes":
            self.requests.append(subjects)
            return Submitted(f"r{len(self.requests) - 1}", timedelta(minutes=1))
        return [self.answer(subject) for subject in subjects]

    def collect(self, request_id: str, asked: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | None:
        if self.manner in ("lost", "strange"):
            return None
        if self.manner == "dies":
            raise Died
        return [self.answer(subject) for subject in self.requests[int(request_id[1:])]]

    def answer(self, subject: str) -> Answer:
        return Answer(None) if subject == "nobody" else Answer({"of": subject}, credits=1)


steps = st.lists(
    st.one_of(
        st.tuples(
            st.just("order"), st.sampled_from(CAMPAIGNS), st.sets(st.sampled_from(SUBJECTS), min_size=1)
        ),
        st.tuples(st.just("round"), st.sampled_from(CAMPAIGNS), st.sampled_from(MANNERS)),
        st.tuples(st.just("settle"), st.sampled_from(["ask-again", "give-up"]), st.integers(0, 5)),
        st.tuples(st.just("pass"), st.sampled_from([0, 2, 23, 24 * 20, 24 * 80]), st.none()),
    ),
    max_size=25,
)


@settings(max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=steps)
def test_whatever_happens_nothing_is_paid_for_twice_within_its_time(
    engine: Engine, registered: None, steps: list[tuple[str, Any, Any]]
) -> None:
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE leadflow.vendor_lookups, leadflow.vendor_spending"))
    bill = Bill()
    for kind, what, how in steps:
        match kind:
            case "order":
                with engine.begin() as connection:
                    order(connection, questions(what, sorted(how)), bill.now)
            case "round":
                bill.manner = how
                go_round(engine, bill, what)
            case "settle":
                decide(engine, bill, what, how)
            case "pass":
                bill.now += timedelta(hours=what)
        check(engine, bill)


def go_round(engine: Engine, bill: Bill, campaign: str) -> None:
    try:
        carry_out(
            engine, bill, campaign=campaign, provider=VENDOR, budget=BUDGET, now=lambda: bill.now, answer_ttl=TTL,
            not_found_ttl=NOT_FOUND_TTL, most=5,
        )  # fmt: skip
    except Died:
        return


def decide(engine: Engine, bill: Bill, decision: Any, number: int) -> None:
    unknown = lookups_in(engine, "unknown")["lookup_id"].tolist()
    if not unknown:
        return
    lookup = unknown[number % len(unknown)]
    with engine.connect() as connection:
        query = text("SELECT question ->> 'subject' FROM leadflow.vendor_lookups WHERE lookup_id = :lookup")
        subject = connection.scalar(query, {"lookup": lookup})
    settle(engine, lookup, decision, "wilma", now=lambda: bill.now)
    bill.allowed[subject] += decision == "ask-again"


def check(engine: Engine, bill: Bill) -> None:
    for subject, moments in bill.charges.items():
        time_to_live = NOT_FOUND_TTL if subject == "nobody" else TTL
        too_soon = sum(later - earlier < time_to_live for earlier, later in pairwise(moments))
        assert too_soon <= bill.allowed[subject], "paid twice, and nobody allowed it"
    with engine.connect() as connection:
        rows = connection.execute(
            text(
                "SELECT count(*) FILTER (WHERE finished_at IS NOT NULL AND expires_at IS NULL) AS endless, "
                "count(*) FILTER (WHERE copied_from IS NOT NULL AND credits > 0) AS dear, "
                "count(*) FILTER (WHERE state = 'answered' AND answer ->> 'of' <> question ->> 'subject') AS wrong, "
                "coalesce(sum(credits), 0) AS kept FROM leadflow.vendor_lookups"
            )
        ).one()
        most = connection.execute(
            text("SELECT unit, max(amount) FROM leadflow.vendor_spending GROUP BY unit")
        ).all()
    assert (rows.endless, rows.dear, rows.wrong) == (0, 0, 0)
    caps = {"calls": BUDGET.calls, "credits": BUDGET.credits, "leads": BUDGET.leads}
    assert all(0 <= amount <= caps[unit] for unit, amount in most)
    charged = sum(len(moments) for subject, moments in bill.charges.items() if subject != "nobody")
    assert rows.kept <= charged
    day = bill.now.date()
    today = sum(moment.date() == day for moments in bill.charges.values() for moment in moments)
    assert sum(spent(engine, slug, VENDOR, day, "leads") for slug in CAMPAIGNS) >= today
