"""The release door: what is due now becomes a message once, and nothing else does."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from sqlalchemy import insert, text

from leadflow_pipeline.campaign import set_status
from leadflow_pipeline.delivery.dispatch import count_due, dispatch_due
from leadflow_pipeline.delivery.release import release_due
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import account_leads, accounts, rep_touches
from leadflow_pipeline.store.suppressions import lift
from leadflow_pipeline_tests.delivery.world import NOW, TODAY, YESTERDAY, World
from leadflow_pipeline_tests.suppressed import add_suppression


def override(world: World, value: str, **moments: object) -> None:
    add_override(
        world.engine, campaign="spring-sale", lead_id="lead-0", field="nurture", value=value, actor="a person",
        reason="because", **{"occurred_at": NOW - timedelta(minutes=5), **moments},
    )  # fmt: skip


def released(world: World, at=NOW, **options: object) -> int:
    return release_due(world.engine, world.settings, at, **options).count


def test_what_is_due_is_released_once(world: World) -> None:
    world.register()
    world.plan(3)
    assert count_due(world.engine, NOW) == 3
    assert [released(world), released(world)] == [3, 0]
    assert {row["state"] for row in world.rows()} == {"planned"}


def test_before_its_time_and_after_its_time_nothing_is_released(world: World) -> None:
    world.register()
    world.plan(1, planned_at=NOW, stale_after=timedelta(hours=72))
    assert released(world, NOW - timedelta(seconds=1)) == 0
    assert released(world, NOW + timedelta(hours=72)) == 0
    assert released(world, NOW + timedelta(hours=72) - timedelta(seconds=1)) == 1


def test_a_backfill_of_old_days_releases_nothing(world: World) -> None:
    world.register()
    for days in range(5, 25):
        day = TODAY - timedelta(days=days)
        world.plan(3, day=day, planned_at=NOW - timedelta(days=days - 1))
    assert dispatch_due(world.engine, world.settings, NOW).to_dict()["released"] == 0
    assert not world.settings.outbox_folder.exists()


def test_a_plan_computed_again_under_another_tier_sends_no_step_twice(world: World) -> None:
    world.register()
    world.plan(2)
    released(world)
    world.plan(2, day=YESTERDAY - timedelta(days=1), sequence="cold_outreach")
    world.plan(2, sequence="cold_outreach")
    assert released(world) == 0


def test_a_dry_run_counts_and_leaves_no_trace(world: World) -> None:
    world.register()
    world.plan(2)
    summary = dispatch_due(world.engine, world.settings, NOW, dry_run=True)
    assert (summary.released, summary.by_sequence, world.rows()) == (2, {"regular_nurture": 2}, [])


def test_a_limit_leaves_the_rest_for_the_next_time(world: World) -> None:
    world.register()
    world.plan(5)
    assert [released(world, limit=2), released(world, limit=2), released(world, limit=2)] == [2, 2, 1]


def test_paused_campaigns_release_nothing(world: World) -> None:
    world.register()
    world.plan(1)
    set_status(world.engine, "spring-sale", "paused", actor="a person")
    assert released(world) == 0
    set_status(world.engine, "spring-sale", "active", actor="a person")
    assert released(world) == 1


@pytest.mark.parametrize("state", ["PAUSED", "STOPPED", "GRADUATED"])
def test_a_lead_that_the_plan_holds_now_is_not_written_to(world: World, state: str) -> None:
    world.register()
    world.plan([{"lead_id": "lead-0"}], day=YESTERDAY - timedelta(days=1))
    world.plan([{"lead_id": "lead-0"}], state=state)
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, set(result.held)) == (0, {f"plan: {state.lower()}"})


def test_a_touch_of_an_enrolment_that_was_superseded_is_not_released(world: World) -> None:
    world.register()
    world.plan([{"lead_id": "lead-0"}], day=YESTERDAY - timedelta(days=1))
    world.plan([{"lead_id": "lead-0", "enrolment_id": "the new one"}], planned_at=NOW + timedelta(hours=1))
    assert released(world) == 0


@pytest.mark.parametrize("behaviour", ["reply", "unsubscribe", "bounce", "complaint", "meeting"])
def test_what_happened_a_minute_ago_counts(world: World, behaviour: str) -> None:
    world.register()
    world.plan(2)
    world.event("lead-0", behaviour, NOW - timedelta(minutes=1))
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, result.held[behaviour]) == (1, 1)


def test_opens_machines_and_other_campaigns_hold_nobody(world: World) -> None:
    world.register()
    world.register("autumn-sale")
    world.plan(1)
    world.event("lead-0", "open", NOW - timedelta(minutes=1))
    world.event("lead-0", "reply", NOW - timedelta(minutes=1), is_machine=True)
    world.event("lead-0", "unsubscribe", NOW - timedelta(minutes=1), campaign="autumn-sale")
    assert released(world) == 1


def test_an_unsubscription_counts_even_where_the_campaign_file_forgot_it(world: World) -> None:
    world.register(nurture="stop_on: [reply]")
    world.plan(1)
    world.event("lead-0", "unsubscribe", NOW - timedelta(minutes=1))
    assert released(world) == 0


@pytest.mark.parametrize("outcome", ["won", "lost", "meeting"])
def test_outcomes_count(world: World, outcome: str) -> None:
    world.register()
    world.plan(1)
    world.outcome("lead-0", outcome, NOW - timedelta(minutes=1))
    assert released(world) == 0


@pytest.mark.parametrize(
    ("scope", "subject", "campaign", "count"),
    [
        ("address", "lead-0@leads.example", "", 0),
        ("address", "lead-0@leads.example", "spring-sale", 0),
        ("address", "lead-0@leads.example", "autumn-sale", 1),
        ("domain", "leads.example", "", 0),
        ("domain", "example", "", 1),
    ],
)
def test_suppressions_count(world: World, scope: str, subject: str, campaign: str, count: int) -> None:
    world.register()
    world.plan(1)
    named = address_key(subject) if scope == "address" else subject
    add_suppression(world.engine, scope=scope, subject=named, reason="asked", campaign=campaign)
    assert released(world) == count


def test_a_hand_stops_pauses_and_resumes(world: World) -> None:
    world.register()
    world.plan(1)
    world.event("lead-0", "reply", NOW - timedelta(hours=1))
    override(world, "resume", expires_at=NOW + timedelta(hours=1))
    override(world, "pause", occurred_at=NOW - timedelta(minutes=4), expires_at=NOW + timedelta(minutes=10))
    assert released(world) == 0
    assert released(world, NOW + timedelta(hours=2)) == 0, "with the resumption the reply counts again"
    assert released(world, NOW + timedelta(minutes=11)) == 1


def test_one_sequence_at_a_time_writes_to_a_person(world: World) -> None:
    for slug in ("autumn-sale", "spring-sale"):
        world.register(slug)
        world.plan([{"lead_id": f"{slug}-lead", "email": "Anna@leads.example"}], campaign=slug)
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, result.held["another sequence writes to the person"]) == (1, 1)
    assert world.rows()[0]["campaign"] == "autumn-sale"
    dispatch_due(world.engine, world.settings, NOW)

    world.plan(
        [{"lead_id": "autumn-sale-lead", "email": "anna@leads.example"}],
        campaign="autumn-sale", day=TODAY, state="COMPLETED", planned_at=NOW + timedelta(days=30),
    )  # fmt: skip
    assert released(world, NOW + timedelta(hours=1)) == 0, "not on the same day"
    assert released(world, NOW + timedelta(hours=21)) == 1


def test_after_a_standstill_two_steps_do_not_leave_together(world: World) -> None:
    world.register()
    world.plan(1, day=YESTERDAY - timedelta(days=2), step=1, planned_at=NOW - timedelta(hours=60))
    world.plan(1, step=2)
    assert dispatch_due(world.engine, world.settings, NOW).sent == 1
    assert dispatch_due(world.engine, world.settings, NOW + timedelta(hours=1)).sent == 0
    assert dispatch_due(world.engine, world.settings, NOW + timedelta(hours=21)).sent == 1
    assert [row["step"] for row in world.rows()] == [1, 2]


def test_a_template_without_a_needed_default_is_held_until_it_is_mended(world: World) -> None:
    own = "sequences: {regular_nurture: {emails: [%s]}}\n  unused: 1"
    email = '{delay_days: %d, subject: "Hello %s", text: "Hello"}'
    four = [email % (number, "{{ first_name }}" if number == 0 else "there") for number in range(4)]
    world.register(nurture=own.replace("\n  unused: 1", "") % ", ".join(four))
    world.plan([{"lead_id": "lead-0"}, {"lead_id": "lead-1", "first_name": "Anna"}])
    result = release_due(world.engine, world.settings, NOW)
    assert result.count == 1
    assert list(result.held) == [
        "regular_nurture 1: 'first_name' is undefined: give the token a default in the template"
    ]
    world.register()
    assert released(world) == 1


def test_old_days_are_dated_by_their_plan_not_by_their_partition(world: World) -> None:
    world.register()
    world.plan(1, day=date(2026, 5, 3), planned_at=NOW - timedelta(hours=30))
    assert released(world) == 1


def test_a_later_email_waits_for_a_first_that_was_never_sent(world):
    """It would speak of emails that the person never got."""
    world.register()
    world.plan(1, step=2)
    released = release_due(world.engine, world.settings, NOW)
    assert released.count == 0
    assert released.held == {"the first email of the sequence was never sent": 1}


FIRST_TASK = """
    send_window: {start: "00:00", end: "23:59", weekdays: [mon, tue, wed, thu, fri, sat, sun]}
    sequences:
      regular_nurture:
        steps:
          - {channel: branch, when: [{behaviour: visit}], otherwise: {go_to: letter}}
          - {channel: task, delay_days: 0, title: Call}
          - {name: letter, delay_days: 0, subject: a, text: b}
          - {name: last, delay_days: 0, subject: a, text: b}
"""


def steps_planned(world: World, number: int) -> None:
    with world.engine.begin() as connection:
        connection.execute(text("UPDATE leadflow.nurtured_leads SET steps_planned = :n"), {"n": number})


def test_the_first_email_need_be_neither_the_first_step_nor_the_first_touch(world: World):
    world.register(nurture=FIRST_TASK)
    world.plan(1, step=3)
    steps_planned(world, 1)
    assert released(world) == 1, "a fork and a task were gone past"

    world.plan([{"lead_id": "called"}], day=YESTERDAY - timedelta(days=1), step=2, channel="task")
    steps_planned(world, 1)
    assert released(world) == 1
    world.plan([{"lead_id": "called"}], step=4)
    steps_planned(world, 3)
    assert release_due(world.engine, world.settings, NOW).held == {
        "the first email of the sequence was never sent": 1
    }, "a task is no email"
    steps_planned(world, 2)
    assert released(world) == 1


@pytest.mark.parametrize(
    ("order", "hours_before", "held"),
    [
        ("skip", 1, "passed over by hand"),
        ("skip", -0.2, None),
        ("skip", 30, None),
        ("move last", 1, "moved to another step by hand"),
        ("move 4", 1, "moved to another step by hand"),
        ("move letter", 1, None),
        ("move last", -0.2, None),
        ("enrol cold_outreach", 1, "another sequence was begun by hand"),
        ("enrol cold_outreach", -0.2, "another sequence was begun by hand"),
        ("enrol cold_outreach", 30, None),
        ("enrol nothing_known", 1, None),
    ],
)
def test_what_was_asked_since_a_touch_was_planned_counts_at_the_door(
    world: World, order: str, hours_before: float, held: str | None
):
    """As the next plan will have it: until a touch falls due it is the step that comes next."""
    world.register(nurture=FIRST_TASK)
    world.plan(1, step=3)
    steps_planned(world, 1)
    planned_at = NOW - timedelta(minutes=30)
    override(world, order, occurred_at=planned_at - timedelta(hours=hours_before))
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, dict(result.held)) == ((0, {held: 1}) if held else (1, {}))


def test_of_two_touches_of_a_day_the_nearer_one_is_passed_over(world: World):
    world.register(nurture=FIRST_TASK)
    world.plan(1, step=3)
    with world.engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO leadflow.nurture_touches SELECT campaign, day, lead_id, enrolment_id, 4, sequence, "
                "channel, email, planned_at + interval '10 minutes', not_after, campaign_version "
                "FROM leadflow.nurture_touches"
            )
        )
    steps_planned(world, 2)
    override(world, "skip", occurred_at=NOW - timedelta(hours=1))
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, dict(result.held)) == (1, {"passed over by hand": 1})
    assert [row["step"] for row in world.rows()] == [4], "though no email was sent before it"


def test_nobody_is_written_to_while_everybody_is_suppressed_and_a_lifted_one_forbids_nothing(world: World):
    world.register()
    world.plan(1)
    add_suppression(world.engine, scope="all", subject="", reason="a mistake in the list", occurred_at=NOW)
    assert release_due(world.engine, world.settings, NOW).held == {"nobody is written to now": 1}
    with world.engine.begin() as connection:
        assert lift(connection, NOW + timedelta(minutes=1), scope="all", subject="")
    assert released(world, NOW + timedelta(minutes=2)) == 1


def test_a_rep_who_is_in_touch_stops_the_sequence_and_a_note_does_not(world: World):
    world.register()
    world.plan(2)
    touch(world, "lead-0", "call", NOW - timedelta(minutes=5))
    touch(world, "lead-1", "note", NOW - timedelta(minutes=5))
    result = release_due(world.engine, world.settings, NOW)
    assert (result.count, dict(result.held)) == (1, {"a rep is in touch with the lead": 1})
    override(world, "resume", occurred_at=NOW)
    assert released(world) == 1


def test_a_touch_of_before_the_enrolment_stops_nothing_and_a_campaign_may_go_on(world: World):
    world.register()
    world.plan(1)
    touch(world, "lead-0", "call", NOW - timedelta(days=30))
    assert released(world) == 1
    world.register("autumn-sale", nurture="stop_on_owner_touch: false")
    world.plan([{"lead_id": "other"}], campaign="autumn-sale")
    touch(world, "other", "call", NOW - timedelta(minutes=5), campaign="autumn-sale")
    assert released(world) == 1


@pytest.mark.parametrize(("rules", "count"), [("{}", 1), ("stop_on_colleague_reply: false", 2)])
def test_a_colleagues_reply_stops_the_others_of_the_account(world: World, rules: str, count: int):
    world.register(nurture=rules)
    world.plan(3)
    with world.engine.begin() as connection:
        connection.execute(
            insert(accounts), [{"account_id": name, "name": name, "name_key": name} for name in "ab"]
        )
        member = {"campaign": "spring-sale", "evidence": {}}
        connection.execute(
            insert(account_leads),
            [
                {**member, "lead_id": lead, "account_id": account}
                for lead, account in (("lead-0", "a"), ("lead-1", "a"), ("lead-2", "b"))
            ],
        )
    world.event("lead-0", "reply", NOW - timedelta(minutes=5))
    assert released(world) == count


def touch(world: World, lead: str, kind: str, at: datetime, campaign: str = "spring-sale") -> None:
    row = {
        "campaign": campaign, "touch_id": f"{lead}-{kind}", "lead_id": lead, "rep": "rep", "kind": kind,
        "occurred_at": at, "origin": "test",
    }  # fmt: skip
    with world.engine.begin() as connection:
        connection.execute(insert(rep_touches).values(row))
