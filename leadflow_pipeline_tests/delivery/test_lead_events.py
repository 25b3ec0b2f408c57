"""Others are told what became of leads: present news, once, in each lead's order, signed, and never lost."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Table, create_engine, insert, select, update

from leadflow_pipeline.delivery import dispatcher
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.lead_events.deliveries import DEAD, NoDeadLetter, deliveries, retry_dead
from leadflow_pipeline.delivery.lead_events.endpoints import (
    OVERLAP,
    Endpoint,
    EndpointRefused,
    Wanted,
    add_endpoint,
    check,
    disable_endpoint,
    enable_endpoint,
    keys_of,
    read_endpoint,
    rotate_key,
    secret_of,
)
from leadflow_pipeline.delivery.lead_events.event_way import GIVEN_UP, try_endpoint
from leadflow_pipeline.delivery.lead_events.news import GRADUATED, QUALIFIED, ROUTED, SCORED
from leadflow_pipeline.delivery.lead_events.telling import is_anything_new, tell_news
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.settings import Settings
from leadflow_pipeline.signatures import key_of
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    activity_log,
    handoffs,
    lead_event_states,
    message_attempts,
    messages,
    nurtured_leads,
    qualified_leads,
    routed_leads,
    scored_leads,
)
from leadflow_pipeline.vendors.public_connections import is_public_address
from leadflow_pipeline_tests.delivery.world import World
from leadflow_pipeline_tests.fakes.http import ALWAYS, REFUSED
from leadflow_pipeline_tests.fakes.webhook_receiver import FakeWebhookReceiver

FORK = multiprocessing.get_context("fork")


class Telling(World):
    """A world with an endpoint that hears of it. Clocks are real: partitions are written now."""

    endpoint: Endpoint

    @property
    def settings(self) -> Settings:
        return super().settings.model_copy(update={"webhooks_to_private_hosts": True})

    def hear(self, url: str, **wanted: Any) -> Endpoint:
        with self.engine.begin() as connection:
            self.endpoint = add_endpoint(
                connection, Wanted(url, **wanted), actor="test", now=now(), to_private=True
            )
        return self.endpoint

    def computed(self, table: Table, day: date | None = None, **columns: Any) -> None:
        """A partition of a stage, with a row for each lead; yesterday's where no day is given."""
        day = day or yesterday()
        frame = pd.DataFrame({"day": pd.Timestamp(day).as_unit("us"), "lead_id": LEADS, **DEFAULTS[table]})
        for name, value in columns.items():
            frame[name] = value
        conformed = conform(frame, table, campaign="spring-sale", campaign_version=1)
        replace_partitions(
            self.engine, table, "spring-sale", [day], conformed, campaign_version=1, run_id="test"
        )

    def hand_over(self, lead: str, rep: str, number: int = 1) -> None:
        row = {
            "campaign": "spring-sale", "lead_id": lead, "assignment_number": number, "rep": rep,
            "decision_day": now().date(), "origin": "pipeline", "reason": "best match",
        }  # fmt: skip
        with self.engine.begin() as connection:
            connection.execute(insert(handoffs).values(row))

    def dispatch(self, at: datetime | None = None) -> Any:
        return dispatch_due(self.engine, self.settings, at or now())

    def let_wait_end(self) -> None:
        """As if the time to the next attempt had passed. Receivers look at the clock, so ours cannot be turned."""
        with self.engine.begin() as connection:
            connection.execute(
                update(messages).where(messages.c.state == "planned").values(next_attempt_at=now())
            )

    def told(self) -> list[tuple[str, str, int]]:
        """Lead, kind and number of every message."""
        return [
            (row["lead_id"], row["subject"], row["payload"]["event"]["data"]["number"]) for row in self.rows()
        ]


LEADS = ["lead-0", "lead-1"]
DEFAULTS: dict[Table, dict[str, Any]] = {
    scored_leads: {
        "email": None, "source": "list", "icp_fit": 0.81234567, "engagement": 12.0, "temperature": "warm",
        "conversion_probability": None, "score": 71.26, "score_breakdown": "{}", "reasons": "[]",
        "model_version": None,
    },
    qualified_leads: {
        "email": None, "source": "list", "icp_fit": 0.8, "score": 71.26, "status": "QUALIFIED", "reasons": "[]",
        "is_override": False, "model_version": None,
    },
    routed_leads: {
        "email": None, "source": "list", "icp_fit": 0.8, "score": 71.26, "intent_score": 0.0, "status": "ROUTED",
        "tier": "WARM", "sequence": "regular_nurture", "owner": None, "boosted_by_intent": False,
        "routing_number": 1, "reasoning": "fit 0.8",
    },
    nurtured_leads: {
        "enrolment_id": "e-1", "sequence": "regular_nurture", "state": "GRADUATED", "steps_total": 4,
        "steps_planned": 1, "reasons": "[]",
    },
}  # fmt: skip


def now() -> datetime:
    return datetime.now(UTC)


def yesterday() -> date:
    return now().date() - timedelta(days=1)


@pytest.fixture
def receiver() -> Iterator[FakeWebhookReceiver]:
    with FakeWebhookReceiver() as receiver:
        yield receiver


@pytest.fixture
def telling(engine: Any, tmp_path: Path, receiver: FakeWebhookReceiver) -> Telling:
    world = Telling(engine, tmp_path)
    world.register()
    receiver.secret = secret_of(world.hear(f"{receiver.url}/in"))
    DEFAULTS[routed_leads]["sequence_start_at"] = now()
    DEFAULTS[nurtured_leads]["enrolled_at"] = now()
    return world


def test_a_life_is_told_once_in_order_and_as_it_is_now(
    telling: Telling, receiver: FakeWebhookReceiver
) -> None:
    assert not is_anything_new(telling.engine, now())
    for table in (scored_leads, qualified_leads, routed_leads):
        telling.computed(table)
    assert is_anything_new(telling.engine, now())
    assert tell_news(telling.engine).events == 6
    assert not is_anything_new(telling.engine, now())
    telling.hand_over("lead-0", "ann")
    telling.computed(nurtured_leads)
    assert tell_news(telling.engine).messages == 3
    assert [each for each in telling.told() if each[0] == "lead-0"] == [
        ("lead-0", kind, number)
        for number, kind in enumerate((SCORED, QUALIFIED, ROUTED, ROUTED, GRADUATED), 1)
    ]
    for table in (scored_leads, qualified_leads, routed_leads, nurtured_leads):
        telling.computed(table)
    assert tell_news(telling.engine).events == 0, "computed again with the same result"
    telling.computed(scored_leads, now().date() - timedelta(days=9), score=12.0)
    assert tell_news(telling.engine).events == 0, "a backfill of an old day is no news"
    while telling.dispatch().sent:
        pass
    assert receiver.numbers() == {"lead-0": [1, 2, 3, 4, 5], "lead-1": [1, 2, 3, 4]}
    data = next(event for event in receiver.taken if event["data"]["number"] == 4)["data"]
    assert (data["owner"], data["assignment_number"], data["tier"], data["status"]) == (
        "ann",
        1,
        "WARM",
        "QUALIFIED",
    )
    assert (data["score"], data["icp_fit"], data["campaign_version"]) == (71.3, 0.8123, 1)
    assert "email" not in data
    telling.computed(scored_leads, score=80.0)
    assert tell_news(telling.engine).events == 2, "a present change is"
    # what a day computed again says of a lead that has gone on since, is no news
    telling.computed(scored_leads, now().date(), score=90.0)
    assert tell_news(telling.engine).events == 2
    telling.computed(scored_leads, score=85.0)
    assert tell_news(telling.engine).events == 0


def test_only_who_is_qualified_anew_is_told_and_only_to_who_asked(telling: Telling) -> None:
    telling.plan([{"lead_id": lead} for lead in LEADS])
    with telling.engine.begin() as connection:
        disable_endpoint(connection, telling.endpoint.endpoint_id, actor="test", now=now())
    telling.hear("http://127.0.0.1:1/in", events=(QUALIFIED,), include=("email",), campaigns=("spring-sale",))
    telling.hear("http://127.0.0.1:1/of-another", campaigns=("autumn",))
    telling.computed(scored_leads)
    for status in ("QUALIFIED", "REJECTED", "QUALIFIED", "QUALIFIED"):
        telling.computed(qualified_leads, status=status)
        tell_news(telling.engine)
    told = telling.told()
    assert [kind for _, kind, _ in told] == [QUALIFIED] * 4
    assert {number for _, _, number in told} == {2, 3}, "1 was the score, of which it does not hear"
    assert telling.rows()[0]["payload"]["event"]["data"]["email"] == f"{LEADS[0]}@leads.example"
    with telling.engine.begin() as connection:
        enable_endpoint(connection, telling.rows()[0]["recipient"], actor="test", now=now())
    erase_person(telling.engine, f"{LEADS[0]}@leads.example", actor="test")
    with telling.engine.connect() as connection:
        assert set(connection.scalars(select(lead_event_states.c.lead_id))) == {LEADS[1]}
    assert {row["lead_id"] for row in telling.rows()} == {LEADS[1]}


@pytest.mark.parametrize("trouble", ["unavailable", "reset before answer", "lost answer", REFUSED])
def test_failures_pass_and_no_later_event_overtakes(
    telling: Telling, receiver: FakeWebhookReceiver, trouble: str
) -> None:
    for table in (scored_leads, qualified_leads, routed_leads):
        telling.computed(table)
    tell_news(telling.engine)
    receiver.misbehave(trouble)
    summary = telling.dispatch()
    if trouble == "unavailable":  # of one lead; the other's events go on
        assert (summary.sent, summary.deferred, summary.waiting) == (3, 1, 0)
    else:
        assert (summary.sent, summary.deferred) == (0, 2)
    telling.dispatch()
    waiting = [row for row in telling.rows() if row["state"] == "planned"]
    assert {row["next_attempt_at"] > now() for row in waiting} == {True}, "nothing is looked at in vain"
    receiver.recover()
    telling.let_wait_end()
    while telling.dispatch().sent:
        pass
    assert receiver.numbers() == {lead: [1, 2, 3] for lead in LEADS}
    twice = sum(times > 1 for times in receiver.times.values())
    assert twice == (trouble == "lost answer"), "what came again came with the same id"


def work(world: Telling, at: datetime, point: str, number: int) -> None:
    """A dispatcher that is killed when it comes to `point` for the `number`-th time."""
    seen = 0
    dispatcher.BATCH = 2  # type: ignore[misc]

    def at_point(name: str) -> None:
        nonlocal seen
        seen += name == point
        if seen == number:
            os.kill(os.getpid(), signal.SIGKILL)

    dispatch_due(create_engine(world.engine.url), world.settings, at, at_point=at_point)
    os._exit(0)


@pytest.mark.parametrize("point", ["claimed", "before_wire", "on_wire", "accepted", "settled"])
def test_a_killed_dispatcher_loses_nothing_and_repeats_only_the_same_id(
    telling: Telling, receiver: FakeWebhookReceiver, point: str
) -> None:
    for table in (scored_leads, qualified_leads, routed_leads):
        telling.computed(table)
    tell_news(telling.engine)
    telling.engine.dispose()
    killed = FORK.Process(target=work, args=(telling, now(), point, 2))
    killed.start()
    killed.join(60)
    assert killed.exitcode == -signal.SIGKILL
    assert all(numbers == [1, 2, 3][: len(numbers)] for numbers in receiver.numbers().values())
    telling.end_leases()
    telling.dispatch()
    assert receiver.numbers() == {lead: [1, 2, 3] for lead in LEADS}, "lost or out of order"
    assert telling.states() == {"sent": 6}
    assert sorted(receiver.times.values()) == [1] * 5 + [2 if point == "accepted" else 1]


def test_who_is_gone_hears_no_more_and_dead_letters_wait_for_a_hand(
    telling: Telling, receiver: FakeWebhookReceiver
) -> None:
    telling.computed(scored_leads)
    tell_news(telling.engine)
    receiver.misbehave("gone")
    assert telling.dispatch().failed == 2
    endpoint_id = telling.endpoint.endpoint_id
    telling.computed(scored_leads, score=99.0)
    assert tell_news(telling.engine).messages == 0
    with telling.engine.begin() as connection:
        endpoint = read_endpoint(connection, endpoint_id)
        assert endpoint.disabled_at is not None
        assert "410" in (endpoint.disabled_reason or "")
        dead = deliveries(connection, endpoint_id, states=DEAD)
        assert [each["number"] for each in dead] == [1, 1]
        with pytest.raises(NoDeadLetter, match="disabled"):
            retry_dead(connection, endpoint_id, actor="test", now=now())
        enable_endpoint(connection, endpoint_id, actor="test", now=now())
        with pytest.raises(NoDeadLetter, match="nothing was changed"):
            retry_dead(connection, endpoint_id, [dead[0]["message_id"], 999], actor="test", now=now())
        assert len(retry_dead(connection, endpoint_id, actor="test", now=now())) == 2
    receiver.misbehave("unavailable", ALWAYS)
    telling.let_wait_end()
    assert telling.dispatch().deferred == 2
    with telling.engine.begin() as connection:
        tried_for_days = now() + GIVEN_UP
        connection.execute(update(messages).values(not_after=tried_for_days, next_attempt_at=now()))
    assert telling.dispatch().failed == 2, "given up"
    receiver.recover()
    with telling.engine.begin() as connection:
        assert len(retry_dead(connection, endpoint_id, actor="test", now=now())) == 2
    assert telling.dispatch().sent == 2
    with telling.engine.connect() as connection:
        actions = list(connection.scalars(select(activity_log.c.action).order_by(activity_log.c.activity_id)))
    for what in ("added", "disabled", "enabled", "retried"):
        assert f"webhook_endpoint.{what}" in actions


def test_a_redirect_is_not_followed_and_a_private_network_is_not_entered(
    telling: Telling, receiver: FakeWebhookReceiver
) -> None:
    telling.computed(scored_leads)
    tell_news(telling.engine)
    receiver.misbehave("redirect", ALWAYS)
    assert telling.dispatch().failed == 2
    assert receiver.count("elsewhere") == 0
    count = len(receiver.requests)
    delivery = try_endpoint(telling.endpoint, now(), 1, to_private=False)
    by_name = replace(telling.endpoint, url=receiver.url.replace("127.0.0.1", "localhost"))
    assert (delivery.outcome, delivery.reply_code) == ("refused", None)
    assert try_endpoint(by_name, now(), 1, to_private=False).outcome == "refused"
    assert len(receiver.requests) == count, "not a byte was sent"
    receiver.recover()
    assert try_endpoint(telling.endpoint, now(), 1, to_private=True).outcome == "accepted"
    with telling.engine.connect() as connection:
        said = set(connection.scalars(select(message_attempts.c.reply_text)))
    assert said == {"the receiver answered with status 302"}


def test_a_rotated_key_and_the_one_before_sign_for_a_day(telling: Telling) -> None:
    before = secret_of(telling.endpoint)
    with telling.engine.begin() as connection:
        rotated = rotate_key(connection, telling.endpoint.endpoint_id, actor="test", now=now())
    assert keys_of(rotated, now()) == [key_of(secret_of(rotated)), key_of(before)]
    assert keys_of(rotated, now() + OVERLAP) == [key_of(secret_of(rotated))]
    with FakeWebhookReceiver(before) as old, FakeWebhookReceiver(secret_of(rotated)) as new:
        for receiver in (old, new):
            there = replace(rotated, url=receiver.url)
            assert try_endpoint(there, now(), 1, to_private=True).outcome == "accepted"


@pytest.mark.parametrize(
    ("wanted", "to_private", "sentence"),
    [
        (Wanted("https://receiver.example.org/in?x=1"), False, None),
        (Wanted("http://127.0.0.1:8000/in"), True, None),
        (Wanted("http://receiver.example.org/in"), True, "https only"),
        (Wanted("http://127.0.0.1:8000/in"), False, "https only"),
        (Wanted("https://10.0.0.1/in"), False, "private network"),
        (Wanted("https://[::1]/in"), False, "private network"),
        (Wanted("https://localhost/in"), False, "private network"),
        (Wanted("https://eva:secret@receiver.example.org/"), False, "holds a user"),
        (Wanted("https://receiver.example.org:99999/"), False, "no web address"),
        (Wanted("https://receiver.example.org/a b"), False, "no web address"),
        (Wanted("ftp://receiver.example.org/"), False, "https only"),
        (Wanted("https://receiver.example.org/", events=()), False, "hears of something"),
        (Wanted("https://receiver.example.org/", events=("lead.lost",)), False, "kind of event"),
        (Wanted("https://receiver.example.org/", include=("phone",)), False, "can be included"),
        (Wanted("https://receiver.example.org/", campaigns=()), False, "no campaign"),
    ],
)
def test_what_an_endpoint_may_be(wanted: Wanted, to_private: bool, sentence: str | None) -> None:
    if sentence is None:
        check(wanted, to_private=to_private)
    else:
        with pytest.raises(EndpointRefused, match=sentence):
            check(wanted, to_private=to_private)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True), ("10.1.2.3", False), ("127.0.0.1", False), ("169.254.169.254", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:a00:1::", False), ("fe80::1%eth0", False),
        ("2606:4700::1111", True), ("224.0.0.1", False), ("0.0.0.0", False),
    ],
)  # fmt: skip
def test_addresses_that_wrap_private_ones_are_private(address: str, expected: bool) -> None:
    assert is_public_address(address) is expected
