"""Steps that are no emails, and emails in other words, at the release door."""

from __future__ import annotations

import base64
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from leadflow_pipeline.campaign import CampaignError, parse_campaign
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.delivery.release.present import CLOSED
from leadflow_pipeline.store.schema import (
    experiment_exposures,
    experiment_states,
    handoffs,
    message_links,
    reps,
)
from leadflow_pipeline_tests.delivery.world import CAMPAIGN_FILE, NOW, TODAY, YESTERDAY, World
from leadflow_pipeline_tests.fakes.http import FakeServer, Received, Reply

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()

STEPS = """
    send_window: {{start: "00:00", end: "23:59", weekdays: [mon, tue, wed, thu, fri, sat, sun]}}
    sequences:
      regular_nurture:
        steps:
          - {{channel: task, delay_days: 0, title: "Call {{{{ first_name | default('them') }}}}",
             text: "They asked for a call."}}
          - {{delay_days: 1, subject: Hello, text: "Hello"}}
          - {{channel: webhook, name: planner, delay_days: 1, url: "{url}", secret_from: LEADFLOW_PLANNER_SECRET,
             fields: [first_name, custom.plan]}}
          - {{delay_days: 1, subject: Hello again, text: "Hello again"}}
          - {{delay_days: 1, subject: And again, text: "Hello again"}}
          - {{delay_days: 1, subject: The last, text: "Hello again"}}
      long_term_nurture:
        steps:
          - {{delay_days: 0, subject: Hello, text: "Hello from {{{{ owner | default('nobody yet') }}}}"}}
"""


class Receiver(FakeServer):
    def respond(self, received: Received) -> Reply:
        return Reply(204)


def registered(world: World, url: str = "https://planner.example.org/in", more: str = "") -> None:
    world.register(nurture=STEPS.format(url=url) + more)


def owned(world: World, rep: str = "ann", status: str = "active") -> None:
    """The lead has an owner."""
    document = {"rep": rep, "name": rep.title(), "email": f"{rep}@sales.example.org", "status": status}
    record = {
        "rep": rep,
        "from_day": date(2026, 1, 1),
        "document": document,
        "content_key": "",
        "actor": "test",
    }
    handoff = {
        "campaign": "spring-sale", "lead_id": "lead-0", "assignment_number": 1, "rep": rep,
        "decision_day": TODAY, "origin": "hand", "reason": "a test", "decided_at": NOW - timedelta(days=1),
    }  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(reps), [record])
        connection.execute(insert(handoffs), [handoff])


def due(world: World, step: int, channel: str, at: datetime = NOW, **lead: Any) -> None:
    world.plan([{"lead_id": "lead-0", **lead}], step=step, channel=channel, planned_at=at)


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("active", "ann@sales.example.org"),
        ("left", "eva@sender.example.org"),
        (None, "eva@sender.example.org"),
    ],
    ids=["owner", "an owner who left", "nobody"],
)
def test_a_task_goes_to_whoever_has_the_lead_now(world: World, status: str | None, told: str) -> None:
    registered(world)
    if status:
        owned(world, status=status)
    due(world, 1, "task", first_name="Anna")
    assert [release_due(world.engine, world.settings, NOW).count for _ in range(2)] == [1, 0]
    [row] = world.rows()
    assert (row["channel"], row["recipient"], row["subject"]) == ("email", told, "Call Anna")
    assert "They asked for a call.\nDue by 2026-05-06 09:30 UTC." in row["body_text"]
    assert (row["recipient_key"], row["subject_key"], row["step"]) == ("", "spring-sale-lead-0", 1)
    assert dispatch_due(world.engine, world.settings, NOW).sent == 1


def test_a_task_goes_into_the_crm_where_there_is_one_and_is_none_of_the_hand_over_s(world: World) -> None:
    registered(world, more="handover: {hubspot: true, slack_channel: sales}\n")
    owned(world)
    due(world, 1, "task")
    release_due(world.engine, world.settings, NOW)
    [row] = world.rows()
    assert (row["channel"], row["payload"]["kind"]) == ("hubspot", "task")
    assert row["payload"]["hubspot"]["task"]["hs_timestamp"].startswith("2026-05-06T09:30")
    assert row["payload"]["hubspot"]["reference"] in row["body_text"]


def test_an_email_names_the_owner_where_the_lead_has_one(world: World) -> None:
    registered(world)
    owned(world)
    world.plan([{"lead_id": "lead-0"}, {"lead_id": "lead-1"}], sequence="long_term_nurture")
    release_due(world.engine, world.settings, NOW)
    said = {row["lead_id"]: row["body_text"].splitlines()[0] for row in world.rows()}
    assert said == {"lead-0": "Hello from Ann", "lead-1": "Hello from nobody yet"}


def test_a_lead_that_answered_is_no_task_any_more(world: World) -> None:
    registered(world)
    due(world, 1, "task")
    world.event("lead-0", "reply", NOW - timedelta(minutes=1))
    assert dict(release_due(world.engine, world.settings, NOW).held) == {"reply": 1}


def test_a_webhook_is_signed_sent_once_and_holds_what_the_file_names(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEADFLOW_PLANNER_SECRET", SECRET)
    with Receiver() as receiver:
        registered(world, f"{receiver.url}/in")
        due(world, 1, "task")
        assert dispatch_due(world.engine, world.settings, NOW).sent == 1
        due(world, 3, "webhook", first_name="Anna", custom='{"plan": "gold", "note": "secret"}')
        assert [dispatch_due(world.engine, world.settings, NOW).sent for _ in range(2)] == [1, 0]
        [request] = receiver.requests
    assert request.json() == {
        "type": "nurture.step.due",
        "timestamp": "2026-05-05T09:30:00+00:00",
        "data": {
            "campaign": "spring-sale", "lead_id": "lead-0", "enrolment_id": "spring-sale-lead-0",
            "sequence": "regular_nurture", "step": 3, "step_name": "planner",
            "lead": {"first_name": "Anna", "custom.plan": "gold"},
        },
    }  # fmt: skip


def test_a_step_that_became_another_kind_is_not_done_twice_and_not_done_wrongly(world: World) -> None:
    registered(world)
    due(world, 1, "task")
    assert release_due(world.engine, world.settings, NOW).count == 1
    due(world, 1, "webhook")
    assert release_due(world.engine, world.settings, NOW).count == 0
    due(world, 2, "task")
    held = release_due(world.engine, world.settings, NOW)
    assert dict(held.held) == {"the sequence has no such step any more": 1}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("https://planner.example.org", "http://planner.example.org"), "in the clear"),
        (
            ("first_name, custom.plan", "first_nam"),
            "first_nam is no field of a lead; did you mean first_name",
        ),
    ],
)
def test_webhooks_that_cannot_be_meant_are_refused(changed: tuple[str, str], said: str) -> None:
    text = CAMPAIGN_FILE.format(
        slug="a", name="A", nurture=STEPS.format(url="https://planner.example.org/in").replace(*changed)
    )
    with pytest.raises(CampaignError, match=said):
        parse_campaign(text, "a.yaml")


# --- variants ---

TRIED = """experiments:
  - key: first-words
    hypothesis: short words are answered more often
    kind: emails
    primary: {behaviour: reply, within_days: 7}
    variants:
      - {key: as-is}
      - key: short
        emails: {regular_nurture: {emails: [{delay_days: 1, subject: Hi, text: 'See https://www.example.org/short'}]}}
"""


def experiment(world: World, state: str, winner: str | None = None, **met: str) -> None:
    change = {
        "campaign": "spring-sale", "experiment": "first-words", "state": state, "winner": winner,
        "from_day": YESTERDAY, "actor": "test", "reason": "a test",
    }  # fmt: skip
    exposures = [
        {
            "campaign": "spring-sale", "day": YESTERDAY, "lead_id": lead.replace("_", "-"),
            "experiment": "first-words", "variant": variant, "is_holdout": variant == "holdout",
            "propensity": 0.5, "campaign_version": 1,
        }
        for lead, variant in met.items()
    ]  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(experiment_states), [change])
        if exposures:
            connection.execute(insert(experiment_exposures), exposures)


def written(world: World) -> dict[str, tuple[str, str | None]]:
    release_due(world.engine, world.settings, NOW)
    return {row["lead_id"]: (row["subject"], row["variant"]) for row in world.rows()}


def test_a_lead_gets_the_words_of_the_variant_that_it_met(world: World) -> None:
    registered(world, more=TRIED)
    experiment(world, "running", lead_0="short", lead_1="as-is", lead_2="holdout")
    world.plan(4, step=2)
    begun(world, 4)
    assert written(world) == {
        "lead-0": ("Hi", "first-words:short"),
        "lead-1": ("Hello", "first-words:as-is"),
        "lead-2": ("Hello", "first-words:holdout"),
        "lead-3": ("Hello", None),
    }
    with world.engine.connect() as connection:
        targets = set(connection.scalars(select(message_links.c.target).where(~message_links.c.is_trap)))
    assert targets == {"https://www.example.org/short"}


def test_a_winner_s_words_are_for_everybody_and_no_step_is_said_twice(world: World) -> None:
    registered(world, more=TRIED)
    experiment(world, "running", lead_0="as-is")
    world.plan(2, step=2)
    begun(world, 1)
    assert written(world) == {"lead-0": ("Hello", "first-words:as-is")}
    experiment(world, "decided", "short")
    begun(world, 2)
    assert written(world)["lead-1"] == ("Hi", "first-words:short")
    assert len(world.rows()) == 2


EVENING = """experiments:
  - key: first-words
    hypothesis: people read their mail in the evening
    kind: send_times
    primary: {behaviour: reply, within_days: 7}
    variants:
      - {key: as-is}
      - {key: evening, send_window: {start: '18:00', end: '21:00'}}
"""


def test_the_window_that_a_lead_met_is_asked_of_the_present(world: World) -> None:
    registered(world, more=EVENING)
    experiment(world, "running", lead_0="evening", lead_1="as-is")
    world.plan(3, step=2)
    begun(world, 3)
    released = release_due(world.engine, world.settings, NOW)
    assert {row["lead_id"] for row in world.rows()} == {"lead-1", "lead-2"}
    assert released.held[CLOSED] == 1
    assert released.free_at == NOW.replace(hour=18, minute=0)


def begun(world: World, leads: int) -> None:
    """The sequence of these leads has begun, with step 1 planned and done before."""
    with world.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE leadflow.nurtured_leads SET steps_planned = 1 "
            f"WHERE lead_id IN ({', '.join(repr(f'lead-{number}') for number in range(leads))})"
        )


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        (("delay_days: 1, subject: Hi", "delay_days: 2, subject: Hi"), "is 2, but 1 in the sequence"),
        (
            ("text: 'See", "then: exit, text: 'See"),
            "changes more than words",
        ),
        (("emails: [{", "emails: [" + "{delay_days: 1, subject: a, text: b}, " * 4 + "{"), "has 4 emails"),
    ],
)
def test_a_variant_changes_words_alone(changed: tuple[str, str], said: str) -> None:
    nurture = STEPS.format(url="https://planner.example.org/in") + TRIED.replace(*changed)
    with pytest.raises(CampaignError, match=said):
        parse_campaign(CAMPAIGN_FILE.format(slug="a", name="A", nurture=nurture), "a.yaml")
