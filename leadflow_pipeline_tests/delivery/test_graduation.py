"""A lead that answers, or is engaged enough, goes to its owner with the thread, once, and the clock starts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from threading import Thread
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import insert

from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.graduation import count_graduations, graduate_due
from leadflow_pipeline.delivery.notice_words import GRADUATION, OVERDUE, TOLD, WARNED
from leadflow_pipeline.delivery.promises import read_promises
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import inbound_mails, messages, nurtured_leads
from leadflow_pipeline_tests.delivery.owners_world import HOUR, NOW, YESTERDAY, OwnersWorld

SENT, ANSWERED = NOW - timedelta(days=1), NOW - timedelta(minutes=10)


@pytest.fixture
def written_to(owners: OwnersWorld) -> OwnersWorld:
    """A lead of Anke's that was written to; Tom is next, Mara is the manager."""
    owners.register(sla="{first_touch_hours: 4}")
    for rep in ("anke", "tom"):
        owners.rep(rep, manager="mara", working_hours={"start": "09:00", "end": "18:00"})
    owners.rep("mara")
    owners.plan({"lead-1": ["anke", "tom"]})
    owners.hand_over(SENT)
    sent(owners, "lead-1")
    return owners


def sent(world: OwnersWorld, lead: str, step: int = 1, at: datetime = SENT) -> None:
    row = {
        "channel": "email", "subject_key": f"{lead} enrolled", "step": step, "campaign": "spring",
        "campaign_version": 1, "lead_id": lead, "recipient": f"{lead}@leads.example", "recipient_key": lead,
        "sequence": "aggressive_close", "subject": "A short question", "body_text": "Hello Ida,\n\nis it time?",
        "body_html": "", "headers": {}, "rfc_message_id": f"<{lead}-{step}@x>", "planned_at": at,
        "not_after": at + timedelta(days=3), "next_attempt_at": at, "state": "sent", "sent_at": at,
    }  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(messages).values(row))


def answered(world: OwnersWorld, text: str = "Yes, call me.\nIda <b>\u202e", at: datetime = ANSWERED) -> None:
    world.event("lead-1", "reply", at)
    mail = {
        "mailbox": "m", "mail_key": str(at), "kind": "reply", "campaign": "spring", "lead_id": "lead-1",
        "received_at": at, "subject": "Re: A short question", "body_text": text, "verdict": {},
    }  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(inbound_mails).values(mail))


def planned(world: OwnersWorld, state: str, code: str, day: date = YESTERDAY) -> None:
    frame = pd.DataFrame(
        [
            {
                "day": pd.Timestamp(day).as_unit("us"), "lead_id": "lead-1", "enrolment_id": "lead-1 enrolled",
                "sequence": "aggressive_close", "state": state, "enrolled_at": NOW, "steps_total": 3,
                "steps_planned": 1, "reasons": f'[{{"code": "{code}", "text": ""}}]',
            }
        ]
    )  # fmt: skip
    rows = conform(frame, nurtured_leads, campaign="spring", campaign_version=1)
    replace_partitions(
        world.engine, nurtured_leads, "spring", [day], rows, campaign_version=1, run_id="a test"
    )


def told(world: OwnersWorld, **where: Any) -> list[tuple[int, str]]:
    rows = world.messages(sequence=GRADUATION, **where)
    return [(row["step"], row["recipient"].partition("@")[0]) for row in rows]


def test_an_answer_goes_to_the_owner_with_the_thread_once(written_to: OwnersWorld) -> None:
    answered(written_to)
    assert count_graduations(written_to.engine, NOW) == 1
    assert [graduate_due(written_to.engine, NOW).graduated for _ in range(2)] == [1, 0]
    assert told(written_to) == [(TOLD, "anke"), (WARNED, "anke"), (OVERDUE, "mara")]
    email = written_to.messages(sequence=GRADUATION, step=TOLD)[0]
    assert email["subject"] == "Replied: Ida Example, Example Ltd"
    assert "Please be in touch by Wed 6 May 2026, 13:30 (UTC)." in email["body_text"]
    ours, theirs = email["body_text"].index("We wrote on 05 May"), email["body_text"].index("They wrote on")
    assert ours < email["body_text"].index("is it time?") < theirs < email["body_text"].index("Yes, call me.")
    assert "Ida &lt;b&gt;" in email["body_html"]
    assert "\u202e" not in email["body_html"]


def test_many_who_see_it_at_once_tell_it_once(written_to: OwnersWorld) -> None:
    answered(written_to)
    threads = [Thread(target=graduate_due, args=(written_to.engine, NOW)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(told(written_to, step=TOLD)) == 1


def test_a_run_that_is_killed_leaves_all_or_nothing(written_to: OwnersWorld) -> None:
    answered(written_to)

    def stop(point: str) -> None:
        if point == "before_commit":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        graduate_due(written_to.engine, NOW, at_point=stop)
    assert not told(written_to)
    assert graduate_due(written_to.engine, NOW).graduated == 1


@pytest.mark.parametrize(("is_called", "states"), [(True, ["suppressed"] * 2), (False, ["sent"] * 2)])
def test_the_owners_clock_runs_until_somebody_calls(
    written_to: OwnersWorld, is_called: bool, states: list[str]
) -> None:
    answered(written_to)
    graduate_due(written_to.engine, NOW)
    written_to.event("lead-1", "reply", NOW + HOUR)
    if is_called:
        written_to.touch("lead-1", "anke", NOW + HOUR)
    for hours in (3, 5):
        dispatch_due(written_to.engine, written_to.settings, NOW + hours * HOUR)
    rows = written_to.messages(sequence=GRADUATION)
    assert [row["state"] for row in rows] == ["sent", *states]


def test_what_is_planned_of_the_sequence_leaves_no_more(written_to: OwnersWorld) -> None:
    written_to.register(sla="{first_touch_hours: 4}")
    planned(written_to, "GRADUATED", "engagement")
    graduate_due(written_to.engine, NOW)
    sent(written_to, "lead-1", step=2, at=NOW)
    with written_to.engine.begin() as connection:
        connection.execute(
            messages.update().where(messages.c.step == 2, messages.c.sequence == "aggressive_close")
            .values(state="planned", sent_at=None)
        )  # fmt: skip
    assert dispatch_due(written_to.engine, written_to.settings, NOW).suppressed == 1


@pytest.mark.parametrize(
    ("state", "code", "days", "subject"),
    [
        ("GRADUATED", "engagement", 0, "Ready to talk: Ida Example, Example Ltd"),
        ("GRADUATED", "goal", 0, "Ready to talk: Ida Example, Example Ltd"),
        ("GRADUATED", "meeting", 0, None),
        ("STOPPED", "unsubscribe", 0, None),
        ("GRADUATED", "engagement", 10, None),
    ],
)
def test_what_the_plan_graduates_is_told_while_it_is_fresh(
    written_to: OwnersWorld, state: str, code: str, days: int, subject: str | None
) -> None:
    planned(written_to, state, code, YESTERDAY - timedelta(days=days))
    graduate_due(written_to.engine, NOW)
    found = [row["subject"] for row in written_to.messages(sequence=GRADUATION, step=TOLD)]
    assert found == ([subject] if subject else [])


@pytest.mark.parametrize("at", [NOW - timedelta(days=9), SENT - timedelta(hours=1)])
def test_old_answers_and_answers_to_nothing_are_told_to_nobody(written_to: OwnersWorld, at: datetime) -> None:
    answered(written_to, at=at)
    assert graduate_due(written_to.engine, NOW).graduated == 0


def test_where_the_owner_is_away_the_next_best_has_it(written_to: OwnersWorld) -> None:
    written_to.absence("anke", NOW.date(), NOW.date())
    answered(written_to)
    graduate_due(written_to.engine, NOW)
    assert written_to.owners() == {"lead-1": ["anke", "tom"]}
    assert told(written_to, step=TOLD) == [(TOLD, "tom")]
    dispatch_due(written_to.engine, written_to.settings, NOW)
    assert [row["state"] for row in written_to.messages(sequence=GRADUATION, step=TOLD)] == ["sent"]


def test_where_nobody_is_there_it_goes_to_whoever_looks_after_the_campaign(written_to: OwnersWorld) -> None:
    for rep in ("anke", "tom"):
        written_to.absence(rep, NOW.date(), NOW.date())
    answered(written_to)
    assert graduate_due(written_to.engine, NOW).to_operators == 1
    assert told(written_to) == [(TOLD, "eva")]


def test_a_campaign_may_keep_it_to_itself(written_to: OwnersWorld) -> None:
    written_to.register(handover="{graduations: false}", sla="{first_touch_hours: 4}")
    answered(written_to)
    assert count_graduations(written_to.engine, NOW) == 0


def test_the_promise_to_be_in_touch_with_a_lead_that_answered_is_counted(written_to: OwnersWorld) -> None:
    answered(written_to)
    graduate_due(written_to.engine, NOW)

    def clocks(at: datetime) -> list[tuple[str, str]]:
        found = read_promises(written_to.engine, at, "spring")
        return list(zip(found["origin"], found["state"], strict=True))

    due = read_promises(written_to.engine, NOW + HOUR)["due_at"].iloc[-1]
    assert due == NOW + 4 * HOUR
    assert clocks(NOW + HOUR)[-1] == ("graduation", "open")
    assert clocks(NOW + 5 * HOUR)[-1] == ("graduation", "open_late")
    written_to.touch("lead-1", "anke", NOW + 2 * HOUR)
    assert clocks(NOW + 5 * HOUR)[-1] == ("graduation", "kept")
    assert len(clocks(NOW + 5 * HOUR)) == 2, "beside the one of the hand-over"
