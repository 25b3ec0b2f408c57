"""The hand-over door: what is due becomes an owner's, once, and whoever is not free does not get it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from leadflow_pipeline.campaign import set_status
from leadflow_pipeline.delivery.dispatch import dispatch_due
from leadflow_pipeline.delivery.handover import count_waiting
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline_tests.delivery.owners_world import HOUR, NOW, TODAY, YESTERDAY, OwnersWorld

DAY = timedelta(days=1)


@pytest.fixture
def ready(owners: OwnersWorld) -> OwnersWorld:
    """Two reps, and a lead planned for the first."""
    owners.register()
    owners.rep("anke")
    owners.rep("tom")
    owners.plan({"lead-1": ["anke", "tom"]})
    return owners


def test_a_planned_owner_is_told_once_whatever_is_computed_again(ready: OwnersWorld) -> None:
    summary = ready.hand_over()
    assert (summary.handed_over, summary.held, ready.owners()) == (1, {}, {"lead-1": ["anke"]})
    fact = ready.handoffs()[0]
    assert (fact["origin"], fact["reason"], fact["planned_rep"]) == ("pipeline", "as planned", "anke")
    assert (fact["differs_at"], fact["decision_day"]) == (None, YESTERDAY)
    assert fact["first_touch_due_at"] == NOW + DAY + 2 * HOUR  # 7.5 hours on Wednesday, 2.5 on Thursday
    told, warned = ready.messages()
    assert (told["channel"], told["recipient"], told["next_attempt_at"]) == (
        "email",
        "anke@sales.example.org",
        NOW,
    )
    assert warned["next_attempt_at"] == NOW + 5 * HOUR
    assert "Ida Example" in told["body_text"]

    ready.plan({"lead-1": ["tom", "anke"]})  # the day again, under other rules
    assert ready.hand_over(NOW + HOUR).handed_over == 0
    assert ready.owners() == {"lead-1": ["anke"]}


def test_a_backfill_hands_nothing_over_and_notifies_nobody(ready: OwnersWorld) -> None:
    ready.plan({f"old-{number}": ["anke"] for number in range(20)}, day=YESTERDAY - 2 * DAY)
    assert ready.hand_over().handed_over == 1
    assert set(ready.owners()) == {"lead-1"}
    # A person may say that it is not too late.
    assert ready.hand_over(since=YESTERDAY - 2 * DAY).handed_over == 20
    assert ready.hand_over(since=date(2026, 1, 1)).handed_over == 0


def test_an_owner_planned_long_ago_and_never_told_is_not_told_now(ready: OwnersWorld) -> None:
    assert ready.hand_over(NOW + 60 * HOUR).handed_over == 0
    assert (ready.messages(), ready.owners(), ready.held()) == ([], {}, {})


@pytest.mark.parametrize("change", ["left", "paused", "away", "unknown"])
def test_whoever_is_not_there_does_not_get_the_lead(owners: OwnersWorld, change: str) -> None:
    owners.register()
    owners.rep("tom")
    if change != "unknown":
        owners.rep("anke")
    if change in ("left", "paused"):
        owners.rep("anke", TODAY, status=change)
    if change == "away":
        owners.absence("anke", TODAY, TODAY)
    owners.plan({"lead-1": ["anke", "tom"]})
    summary = owners.hand_over()
    assert (owners.owners(), summary.to_next_best) == ({"lead-1": ["tom"]}, 1)
    fact = owners.handoffs()[0]
    assert (fact["planned_rep"], fact["differs_at"]) == ("anke", NOW)
    assert fact["reason"].startswith("the next best")
    assert "anke" not in fact["reason"]


def test_nobody_free_holds_the_lead_tells_the_operators_once_and_goes_on_trying(owners: OwnersWorld) -> None:
    owners.register(handover="{operators: ops@sender.example.org}")
    owners.rep("anke", capacity={"per_day": 1})
    owners.plan({"lead-1": ["anke"], "lead-2": ["anke"], "lead-3": []})
    summary = owners.hand_over()
    assert summary.handed_over == 1
    assert summary.held == {"1 candidate: 1 full": 1, "the plan found nobody": 1}
    owners.hand_over(NOW + HOUR)
    (alert,) = owners.messages(recipient="ops@sender.example.org")
    assert "2 leads wait" in alert["subject"]
    assert "leads.example" not in alert["body_text"]
    assert "Ida" not in alert["body_text"]
    assert set(owners.held()) == {"lead-2", "lead-3"}

    # Days later, when the decision would be too old had it not been held: the next day has room again.
    later = owners.hand_over(NOW + 4 * DAY)
    assert later.handed_over == 1
    assert owners.owners() == {"lead-1": ["anke"], "lead-2": ["anke"]}
    assert set(owners.held()) == {"lead-3"}
    owners.plan({"lead-3": ["anke"]}, day=TODAY + 4 * DAY)
    owners.hand_over(NOW + 5 * DAY)
    assert (len(owners.owners()), owners.held()) == (3, {})


def test_operators_hear_again_only_when_all_they_heard_of_are_settled_and_others_wait(
    owners: OwnersWorld,
) -> None:
    owners.register(handover="{operators: ops@sender.example.org}")
    owners.rep("anke")
    alerts = []
    for number, planned in enumerate(
        ({"lead-1": [], "lead-2": []}, {"lead-1": ["anke"], "lead-3": []}, {"lead-2": ["anke"]})
    ):
        owners.plan(planned, day=YESTERDAY + number * DAY)
        owners.hand_over(NOW + number * DAY)
        alerts.append(len(owners.messages(recipient="ops@sender.example.org")))
    assert (alerts, set(owners.held())) == ([1, 1, 2], {"lead-3"})


def test_a_reps_leads_of_all_campaigns_count(owners: OwnersWorld) -> None:
    owners.rep("anke", capacity={"open_leads": 3})
    for slug in ("autumn", "spring"):
        owners.register(slug)
        owners.plan({f"{slug}-{number}": ["anke"] for number in range(3)}, campaign=slug)
    assert owners.hand_over().handed_over == 3
    assert count_waiting(owners.engine, NOW) == 3
    owners.outcome("autumn-0", "won", NOW, campaign="autumn")
    owners.outcome("autumn-1", "meeting", NOW, campaign="autumn")
    assert owners.hand_over(NOW + HOUR).handed_over == 1


def test_what_a_person_says_is_handed_over_at_once_and_over_capacity(ready: OwnersWorld) -> None:
    ready.rep("tom", TODAY, capacity={"per_day": 0})
    add_override(
        ready.engine, campaign="spring", lead_id="lead-1", field="owner", value="tom", actor="eva", reason="knows them",
        occurred_at=NOW - HOUR,
    )  # fmt: skip
    summary = ready.hand_over()
    assert (summary.by_hand, ready.owners()) == (1, {"lead-1": ["tom"]})
    fact = ready.handoffs()[0]
    assert (fact["origin"], fact["planned_rep"], fact["reason"]) == ("hand", "anke", "decided by hand")
    add_override(
        ready.engine, campaign="spring", lead_id="lead-1", field="owner", value="anke", actor="eva", reason="back",
        occurred_at=NOW + HOUR,
    )  # fmt: skip
    assert ready.hand_over(NOW + 2 * HOUR).by_hand == 1
    assert ready.hand_over(NOW + 3 * HOUR).handed_over == 0
    assert ready.owners() == {"lead-1": ["tom", "anke"]}
    assert ready.handoffs()[1]["previous_rep"] == "tom"


def test_a_person_who_names_nobody_we_know_holds_the_lead(ready: OwnersWorld) -> None:
    add_override(
        ready.engine, campaign="spring", lead_id="lead-1", field="owner", value="tim", actor="eva", reason="typo",
        occurred_at=NOW,
    )  # fmt: skip
    assert ready.hand_over().held == {"1 candidate: 1 not known": 1}


def test_a_re_decision_goes_to_the_new_owner(ready: OwnersWorld) -> None:
    ready.hand_over()
    ready.plan({"lead-1": ["tom"]}, day=TODAY, number=2, status="REASSIGNED")
    ready.hand_over(NOW + DAY)
    assert ready.owners() == {"lead-1": ["anke", "tom"]}
    # What the first owner had not been told yet is told no more.
    summary = dispatch_due(ready.engine, ready.settings, NOW + DAY)
    assert (summary.sent, summary.suppressed, summary.expired) == (1, 2, 0)


def test_ended_leads_paused_campaigns_and_rehearsals_hand_nothing_over(ready: OwnersWorld) -> None:
    rehearsal = ready.hand_over(dry_run=True)
    assert (rehearsal.handed_over, ready.owners(), ready.messages()) == (1, {}, [])
    set_status(ready.engine, "spring", "paused", actor="test")
    assert ready.hand_over().handed_over == 0
    set_status(ready.engine, "spring", "active", actor="test")
    ready.outcome("lead-1", "lost", NOW - HOUR)
    assert ready.hand_over().handed_over == 0


def test_a_template_that_fails_for_a_lead_is_told_and_the_shipped_one_stands(owners: OwnersWorld) -> None:
    owners.register(handover='{brief: "- {{ (city|length) // 0 }}"}')
    owners.rep("anke")
    owners.plan({"lead-1": ["anke"]})
    summary = owners.hand_over()
    assert "mend handover.brief" in summary.problems[0]
    assert "Similar accounts" in owners.messages()[0]["body_text"]


def test_without_an_address_and_a_channel_the_hand_over_is_a_file(owners: OwnersWorld) -> None:
    owners.register(handover="{slack_channel: sales, hubspot: true, email: false}")
    owners.rep("anke", email=None)
    owners.plan({"lead-1": ["anke"]})
    owners.hand_over()
    summary = dispatch_due(owners.engine, owners.settings, NOW)
    assert (summary.sent, summary.problems) == (2, {})
    files = sorted(path.suffix for path in owners.settings.outbox_folder.iterdir())
    assert files == [".json", ".json"]
