"""What came back becomes facts once, with all that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from threading import Thread
from typing import Any

import pytest
from sqlalchemy import Table, func, select, update

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.inbound.happenings import Happening, Kind
from leadflow_pipeline.inbound.recording import record
from leadflow_pipeline.inbound.subscriptions import resubscribe, unsubscribe
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import (
    activity_log,
    engagement_events,
    messages,
    overrides,
    person_leads,
    persons,
    suppressions,
)
from leadflow_pipeline.store.suppressions import lift, standing_of_address
from leadflow_pipeline_tests.delivery.world import NOW, TODAY, World

KEY = address_key("lead-0@leads.example")
LATER = NOW + timedelta(hours=2)


@pytest.fixture
def sent(world: World) -> World:
    """Two leads that were written to."""
    world.register()
    world.plan(2)
    assert dispatch_due(world.engine, world.settings, NOW).sent == 2
    return world


def happening(kind: Kind, message: int = 1, at: datetime = LATER, **more: Any) -> Happening:
    return Happening(more.pop("event_id", f"{kind}-{message}"), kind, message, at, "a test", **more)


def recorded(world: World, *happenings: Happening, now: datetime = LATER) -> int:
    with world.engine.begin() as connection:
        return record(connection, happenings, now)


def rows(world: World, table: Table, *names: str) -> list[tuple[Any, ...]]:
    with world.engine.connect() as connection:
        return sorted(map(tuple, connection.execute(select(*(table.c[name] for name in names)))))


def standing(world: World, at: datetime = LATER) -> dict[str, str]:
    with world.engine.connect() as connection:
        return standing_of_address(connection, KEY, at)


def test_each_counts_once_however_often_it_is_told(sent: World) -> None:
    told = [happening("click"), happening("reply", 2), happening("click"), happening("open", 99)]
    assert [recorded(sent, *told), recorded(sent, *reversed(told))] == [2, 0]
    assert rows(sent, engagement_events, "behaviour", "lead_id") == [("click", "lead-0"), ("reply", "lead-1")]
    assert rows(sent, activity_log, "action")[1:] == [("inbound.click",), ("inbound.reply",)]


def test_many_told_by_several_at_once_in_any_order_count_once(sent: World) -> None:
    told = [happening("click", 1 + number % 2, event_id=f"{number}") for number in range(200)]
    news: list[int] = []
    threads = [
        Thread(target=lambda part=part: news.append(recorded(sent, *part)))
        for part in (told, told[::-1], told[100:] + told[:100])
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(news), sum(news)) == (3, 200)


@pytest.mark.parametrize(
    ("kind", "more", "campaigns"),
    [
        ("unsubscribe", {}, {""}),
        ("unsubscribe", {"everywhere": False}, {"spring-sale"}),
        ("unsubscribe", {"is_machine": True, "machine_reason": "scanner"}, set()),
        ("complaint", {"everywhere": False}, {""}),
        ("bounce", {}, {""}),
        ("reply", {}, set()),
    ],
)
def test_who_says_so_is_not_written_to_any_more(
    sent: World, kind: Kind, more: dict[str, Any], campaigns: set[str]
) -> None:
    recorded(sent, happening(kind, **more))
    assert standing(sent).keys() == campaigns


def test_answers_of_machines_are_no_replies_and_count_for_nothing(sent: World) -> None:
    recorded(sent, happening("auto_reply"), happening("delivered"))
    assert rows(sent, engagement_events, "behaviour", "is_machine") == [
        ("auto_reply", True),
        ("delivered", True),
    ]


def test_who_is_away_pauses_until_they_are_back_and_all_their_leads_do(sent: World) -> None:
    sent.register("autumn-sale")
    with sent.engine.begin() as connection:
        connection.execute(persons.insert(), [person()])
        connection.execute(
            person_leads.insert(),
            [lead_of_person("spring-sale", "lead-0"), lead_of_person("autumn-sale", "x")],
        )
    back = LATER + timedelta(days=9)
    recorded(sent, happening("auto_reply", away_until=back))
    recorded(sent, happening("auto_reply", event_id="the same again", away_until=back))
    recorded(sent, happening("auto_reply", 2, away_until=LATER - timedelta(days=1)))
    assert rows(sent, overrides, "campaign", "lead_id", "value", "reason", "expires_at") == [
        ("autumn-sale", "x", "pause", "out of office", back),
        ("spring-sale", "lead-0", "pause", "out of office", back),
    ]


def test_who_is_away_gets_the_next_email_when_they_are_back(sent: World) -> None:
    recorded(sent, happening("auto_reply", away_until=NOW + timedelta(days=3)))
    tomorrow = NOW + timedelta(days=1)
    sent.plan(1, day=TODAY, step=2, planned_at=tomorrow, stale_after=timedelta(days=5))
    held = dispatch_due(sent.engine, sent.settings, tomorrow + timedelta(hours=1)).held
    assert held == {"out of office": 1}
    assert dispatch_due(sent.engine, sent.settings, NOW + timedelta(days=3, hours=1)).sent == 1


def test_an_address_that_refuses_in_a_row_is_suppressed(sent: World) -> None:
    most = get_settings().soft_bounces_in_a_row
    first = rows(sent, messages, "message_id", "lead_id")[0]
    with sent.engine.begin() as connection:
        row = dict(
            connection.execute(select(messages).where(messages.c.message_id == first[0])).mappings().one()
        )
        row.pop("message_id")
        more = [
            {
                **row,
                "step": step,
                "rfc_message_id": f"<{step}@x>",
                "tracking_key": None,
                "sent_at": NOW + timedelta(minutes=step),
            }
            for step in range(2, most + 2)
        ]
        ids = list(connection.scalars(messages.insert().values(more).returning(messages.c.message_id)))
    told = [happening("soft_bounce", number) for number in ids]
    again = replace(told[0], event_id="told again")
    recorded(sent, *told[: most - 1], again)
    assert not standing(sent), "one email refused twice counts once, and the first of all was delivered"
    recorded(sent, told[-1])
    assert standing(sent) == {"": f"refused {most} emails in a row"}


def test_who_was_let_in_again_stays_in_until_it_is_said_again(sent: World) -> None:
    recorded(sent, happening("unsubscribe"))
    with sent.engine.begin() as connection:
        assert lift(connection, LATER + timedelta(hours=1), subject=KEY) == ["unsubscribed"]
    recorded(sent, happening("unsubscribe", event_id="told late", at=LATER + timedelta(minutes=1)))
    assert not standing(sent, LATER + timedelta(hours=2))
    recorded(sent, happening("unsubscribe", event_id="said again", at=LATER + timedelta(hours=2)))
    assert standing(sent, LATER + timedelta(hours=3)) == {"": "unsubscribed"}


def test_five_posts_of_one_link_are_one_suppression_and_it_is_taken_back(sent: World) -> None:
    wish: dict[str, Any] = {
        "campaign": "spring-sale", "recipient_key": KEY, "everywhere": True, "event_id": "one", "origin": "page",
    }  # fmt: skip
    with sent.engine.begin() as connection:
        news = [unsubscribe(connection, occurred_at=LATER, **wish) for _ in range(5)]
    assert (news, rows(sent, suppressions, "subject")) == ([True, False, False, False, False], [(KEY,)])
    with sent.engine.begin() as connection:
        back = {**wish, "event_id": "back", "occurred_at": LATER + timedelta(hours=1)}
        assert [resubscribe(connection, **back), resubscribe(connection, **back)] == [True, False]
    assert not standing(sent, LATER + timedelta(hours=2))
    later = NOW + timedelta(days=1)
    sent.plan(1, day=TODAY, step=2, planned_at=later)
    assert dispatch_due(sent.engine, sent.settings, later).sent == 1


def test_a_mailbox_that_is_gone_is_not_brought_back_by_a_wish(sent: World) -> None:
    recorded(sent, happening("bounce"))
    with sent.engine.begin() as connection:
        assert not resubscribe(
            connection, campaign="spring-sale", recipient_key=KEY, everywhere=True, event_id="back",
            occurred_at=LATER + timedelta(hours=1), origin="page",
        )  # fmt: skip
    assert standing(sent, LATER + timedelta(hours=2)) == {"": "mailbox does not exist"}


def test_what_comes_back_of_a_message_to_one_of_us_is_no_event_of_the_lead(sent: World) -> None:
    with sent.engine.begin() as connection:
        connection.execute(update(messages).where(messages.c.message_id == 1).values(recipient_key=""))
    told: Sequence[Happening] = [happening("auto_reply", away_until=LATER + timedelta(days=9))]
    assert [recorded(sent, *told), recorded(sent, *told)] == [1, 0]
    with sent.engine.connect() as connection:
        assert not connection.scalar(select(func.count()).select_from(engagement_events))
        assert not connection.scalar(select(func.count()).select_from(overrides))


def person() -> dict[str, Any]:
    return {"person_id": "p"}


def lead_of_person(campaign: str, lead_id: str) -> dict[str, Any]:
    return {
        "campaign": campaign, "lead_id": lead_id, "person_id": "p", "match_probability": 1.0, "evidence": {},
    }  # fmt: skip
