"""The once-only purchase: what is asked, what is copied, and what each failure leaves behind."""

from __future__ import annotations

import threading
from datetime import date, timedelta

import pandas as pd
import pytest
from sqlalchemy import select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.store.schema import activity_log
from leadflow_pipeline.vendors.limits import spent
from leadflow_pipeline.vendors.lookups import (
    Answer,
    Budget,
    Ordered,
    answers_before,
    leads_answered_on,
    lookups_in,
    order,
    settle,
)
from leadflow_pipeline.vendors.session import Refused
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.vendors.vendor_world import (
    NOT_FOUND_TTL,
    NOW,
    TTL,
    VENDOR,
    VendorAsker,
    World,
    questions,
)

DAY = timedelta(days=1)


def test_what_is_ordered_is_asked_once_and_its_answer_kept(world: World) -> None:
    assert world.order("spring", "ida", "ida", "nobody", "ada") == Ordered(planned=3, known=1)
    done = world.round("spring")
    assert (done.asked, done.credits, done.problem) == (3, 2, None)
    assert dict(+done.states) == {"answered": 2, "not_found": 1}
    assert [(row["state"], row["expires_at"], row["credits"], row["answer"]) for row in world.rows()] == [
        ("answered", NOW + TTL, 1, {"of": "ida"}),
        ("not_found", NOW + NOT_FOUND_TTL, 0, None),
        ("answered", NOW + TTL, 1, {"of": "ada"}),
    ]
    assert world.order("spring", "ida", "nobody") == Ordered(known=2)
    assert world.round("spring").asked == 0
    assert world.server.charges == {"ida": 1, "ada": 1}


def test_an_answer_is_copied_to_other_campaigns_at_no_cost_until_it_expires(world: World) -> None:
    world.order("spring", "ida")
    world.round("spring")
    world.now += DAY
    assert world.order("autumn", "ida") == Ordered(copied=1)
    [paid, copy] = world.rows()
    assert (copy["answer"], copy["credits"], copy["copied_from"]) == (paid["answer"], 0, paid["lookup_id"])
    assert (copy["finished_at"], copy["expires_at"]) == (world.now, paid["expires_at"])
    world.now = NOW + TTL
    assert world.order("autumn", "ida") == Ordered(planned=1)
    world.round("autumn")
    assert world.server.charges == {"ida": 2}


def test_a_source_hears_of_copies_too(world: World) -> None:
    world.order("spring", "ida")
    world.round("spring")
    assert world.order("autumn", "ida", source="hall") == Ordered(planned=1)
    world.told.clear()
    assert world.round("autumn").states["copied"] == 1
    assert world.told[0][["source", "state", "answer"]].to_numpy().tolist() == [
        ["hall", "answered", '{"of": "ida"}']
    ]
    assert world.server.charges == {"ida": 1}


def test_two_leads_and_one_question_cost_once(world: World) -> None:
    with world.engine.begin() as connection:
        asked = questions("spring", ["ida", "ada"])
        order(connection, [asked[0], *(type(asked[0])(**{**vars(asked[0]), "lead_id": "twin"}),)], NOW)
    done = world.round("spring")
    assert (done.asked, done.states["copied"]) == (1, 1)
    assert {row["lead_id"] for row in world.rows() if row["state"] == "answered"} == {"ida", "twin"}


def test_while_one_campaign_asks_the_other_does_not_and_copies_later(world: World) -> None:
    world.order("spring", "ida")
    world.order("autumn", "ida", "ada")

    class MeanwhileTheOther(VendorAsker):
        def ask(self, asked):
            other = world.round("autumn")
            assert other.asked == 1
            return super().ask(asked)

    world.round("spring", asker=MeanwhileTheOther(world.asker().session))
    assert world.states("autumn") == {"ida": "planned", "ada": "answered"}
    world.round("autumn")
    assert world.server.charges == {"ida": 1, "ada": 1}
    assert world.states("autumn")["ida"] == "answered"


def test_a_second_process_for_the_same_provider_leaves_at_once(world: World) -> None:
    world.order("spring", "ida")

    class MeanwhileAnother(VendorAsker):
        def ask(self, asked):
            other = world.round("spring")
            assert other.problem == "another process is asking acme for campaign spring already"
            assert world.states() == {"ida": "on_wire"}
            return super().ask(asked)

    world.round("spring", asker=MeanwhileAnother(world.asker().session))
    assert world.states() == {"ida": "answered"}


def test_many_at_once_from_two_campaigns_pay_once_for_each(world: World) -> None:
    names = [f"lead{number}" for number in range(30)]
    for slug in ("spring", "autumn"):
        world.order(slug, *names)
    threads = [threading.Thread(target=world.round, args=(slug,)) for slug in ("spring", "autumn") * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for slug in ("spring", "autumn"):
        world.round(slug)
    assert set(world.states().values()) == {"answered"}
    assert world.server.charges == dict.fromkeys(names, 1)


def test_a_lost_answer_is_unknown_for_every_campaign_until_a_person_decides(world: World) -> None:
    world.order("spring", "ida", "ada")
    world.order("autumn", "ida")
    world.server.misbehave("lost answer")
    lost = world.round("spring")
    assert "may have carried out a request" in (lost.problem or "")
    for slug in ("spring", "autumn", "spring"):
        world.now += DAY
        assert world.round(slug).asked == 0
    assert world.states("spring") == {"ida": "unknown", "ada": "unknown"}
    [first, second] = lookups_in(world.engine, "unknown")["lookup_id"]
    settle(world.engine, first, "give-up", "wilma", now=lambda: world.now)
    settle(world.engine, second, "ask-again", "wilma", now=lambda: world.now)
    with pytest.raises(PermanentError, match="nothing to settle"):
        settle(world.engine, first, "ask-again", "wilma")
    assert world.round("spring").states["answered"] == 1
    assert world.round("autumn").states["copied"] == 1
    assert world.states("autumn") == {"ida": "failed"}
    assert world.server.charges == {"ida": 1, "ada": 2}
    with world.engine.connect() as connection:
        actions = connection.scalars(select(activity_log.c.action)).all()
    assert actions == ["lookup: give-up", "lookup: ask-again"]


def test_what_is_free_is_asked_again_after_an_unknown_fate(world: World) -> None:
    world.order("spring", "ida")
    world.server.misbehave("lost answer")
    world.round("spring")
    assert world.states() == {"ida": "unknown"}
    world.round("spring", is_repeatable=True)
    assert world.states() == {"ida": "answered"}


def test_a_submitted_question_is_polled_until_its_answer_is_there(world: World) -> None:
    world.order("spring", "ida", "nobody")
    world.server.is_ready = False
    assert world.round("spring", is_submitting=True).states["pending"] == 2
    assert world.round("spring", is_submitting=True).asked == 0
    world.server.misbehave("lost answer", ALWAYS, path="/result")
    world.now += timedelta(minutes=2)
    assert world.round("spring", is_submitting=True).problem is not None
    world.server.recover()
    world.server.is_ready = True
    world.now += timedelta(hours=1)
    assert world.round("spring", is_submitting=True).credits == 1
    assert world.states() == {"ida": "answered", "nobody": "not_found"}
    assert world.server.charges == {"ida": 1}


def test_an_answer_goes_to_whom_it_is_about_though_another_was_erased_meanwhile(world: World) -> None:
    world.order("spring", "erased", "ida", "ada")
    world.round("spring", is_submitting=True, most_at_once=3)
    with world.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM leadflow.vendor_lookups WHERE lead_id = 'erased'")
    world.now += timedelta(minutes=1)
    world.round("spring", is_submitting=True)
    assert {row["subject"]: row["answer"] for row in world.rows()} == {
        "ida": {"of": "ida"}, "ada": {"of": "ada"},
    }  # fmt: skip


def test_an_answer_that_never_comes_is_lost_after_a_week(world: World) -> None:
    world.order("spring", "ida")
    world.server.is_ready = False
    world.round("spring", is_submitting=True)
    for _ in range(2):
        world.now += 4 * DAY
        world.round("spring", is_submitting=True)
    assert world.states() == {"ida": "unknown"}


def test_a_budget_is_kept_over_rounds_and_the_rest_waits_for_tomorrow(world: World) -> None:
    budget = Budget(calls=10, credits=3, leads=100)
    world.order("spring", "a", "b", "nobody", "c", "d", "e")
    first = world.round("spring", budget=budget)
    assert "the day's budget of acme is used up" in (first.problem or "")
    assert first.deferred_until == NOW.replace(hour=0) + DAY
    assert sum(world.server.charges.values()) == 3
    assert world.round("spring", budget=budget).asked == 0
    assert spent(world.engine, "spring", VENDOR, NOW.date(), "credits") == 3
    world.now += DAY
    assert world.round("spring", budget=budget).deferred_until is None
    assert set(world.states().values()) == {"answered", "not_found"}


@pytest.mark.parametrize("budget", [Budget(0, 5, 5), Budget(5, 0.5, 5), Budget(5, 5, 0)])
def test_nothing_is_asked_without_a_budget(world: World, budget: Budget) -> None:
    world.order("spring", "ida")
    assert world.round("spring", budget=budget).asked == 0
    assert world.server.requests == []


def test_what_is_deferred_was_not_asked_and_costs_nothing(world: World) -> None:
    budget = Budget(calls=10, credits=10, leads=10)
    world.order("spring", "ida")
    world.server.misbehave("unavailable for long")
    done = world.round("spring", budget=budget)
    assert done.deferred_until == NOW + timedelta(hours=1)
    assert world.rows()[0]["attempts"] == 0
    assert [
        spent(world.engine, "spring", VENDOR, NOW.date(), unit) for unit in ("calls", "credits", "leads")
    ] == [0] * 3
    assert world.round("spring", budget=budget).asked == 0
    world.now += timedelta(hours=1)
    assert world.round("spring", budget=budget).states["answered"] == 1


class Refusing(VendorAsker):
    """A vendor that refuses any batch with a question it does not like."""

    def ask(self, asked):
        if any(question["subject"].startswith("bad") for question in asked):
            raise Refused("acme refused with status 422: check what is asked of it", 422)
        return super().ask(asked)


def test_one_bad_question_spoils_no_batch(world: World) -> None:
    world.order("spring", "a", "bad", "c", "d", "e")
    done = world.round("spring", asker=Refusing(world.asker().session, most_at_once=3))
    assert world.states() == {
        "a": "answered",
        "bad": "failed",
        "c": "answered",
        "d": "answered",
        "e": "answered",
    }
    assert done.states["failed"] == 1
    assert world.rows()[1]["expires_at"] == NOW + DAY


def test_a_vendor_that_refuses_everything_does_not_use_up_the_questions(world: World) -> None:
    world.order("spring", *(f"bad{number}" for number in range(20)))
    world.round("spring", asker=Refusing(world.asker().session, most_at_once=1))
    assert sorted(world.states().values()) == ["failed"] * 5 + ["planned"] * 15


def test_a_wrong_key_leaves_every_question_for_later(world: World) -> None:
    world.order("spring", "a", "b")

    class WithoutAKey(VendorAsker):
        def ask(self, asked):
            raise PermanentError("acme refused with status 401: check its key")

    done = world.round("spring", asker=WithoutAKey(world.asker().session))
    assert done.problem == "acme refused with status 401: check its key"
    world.now += timedelta(hours=1)
    assert world.round("spring").states["answered"] == 2


@pytest.mark.parametrize("answers", [[], [None], "text", [Answer({"of": "x"})] * 3])
def test_an_answer_of_an_unknown_shape_may_have_been_paid_for(world: World, answers: object) -> None:
    world.order("spring", "a", "b")

    class Strange(VendorAsker):
        def ask(self, asked):
            return answers

    done = world.round("spring", asker=Strange(world.asker().session))
    assert done.problem.startswith("acme answered in a shape its client does not know")
    assert set(world.states().values()) == {"unknown"}


def test_an_answer_with_what_the_database_refuses_is_not_lost(world: World) -> None:
    world.order("spring", "a")

    class Odd(VendorAsker):
        def ask(self, asked):
            return [
                Answer(
                    {"nul": "a\x00b", "half": "\ud83d", "number": float("nan"), "deep": [{"x": float("inf")}]}
                )
            ]

    world.round("spring", asker=Odd(world.asker().session))
    [row] = world.rows()
    assert row["answer"] == {"nul": "a\ufffdb", "half": "\ufffd", "number": None, "deep": [{"x": None}]}


def test_what_on_answers_does_is_committed_with_the_answers(world: World) -> None:
    world.order("spring", "a")

    def keep(connection, answers: pd.DataFrame) -> None:
        assert answers["state"].tolist() == ["answered"]
        connection.exec_driver_sql("INSERT INTO leadflow.persons (person_id) VALUES ('with-the-answer')")

    world.keep = keep
    world.round("spring")
    with world.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT person_id FROM leadflow.persons").scalars().all() == [
            "with-the-answer"
        ]


def test_as_of_a_moment_an_answer_that_came_later_is_still_waited_for(world: World) -> None:
    world.order("spring", "ida", "nobody", "ada")
    world.round("spring", most=2)
    world.now += DAY
    world.round("spring")
    leads = pd.Series(["ida", "nobody", "ada", "stranger"])
    before = answers_before(world.engine, "spring", leads, NOW + timedelta(hours=1))
    assert before.set_index("lead_id")["state"].to_dict() == {
        "ida": "answered",
        "nobody": "not_found",
        "ada": "waiting",
    }
    later = before[before["lead_id"] == "ada"].iloc[0]
    assert later[["finished_at", "answer", "credits", "expires_at"]].isna().all()
    after = answers_before(world.engine, "spring", leads, world.now + DAY)
    assert after.set_index("lead_id")["state"]["ada"] == "answered"
    assert answers_before(world.engine, "spring", leads, NOW).empty
    days = [date(2026, 3, 2), date(2026, 3, 3)]
    answered = leads_answered_on(world.engine, "spring", days)
    assert list(zip(answered["lead_id"], answered["day"].dt.date, strict=True)) == [
        ("ida", days[0]), ("nobody", days[0]), ("ada", days[1]),
    ]  # fmt: skip


def test_lookups_are_listed_without_what_was_asked(world: World) -> None:
    world.order("spring", "ida")
    world.order("autumn", "ida")
    listed = lookups_in(world.engine, "planned", "autumn")
    assert listed["campaign"].tolist() == ["autumn"]
    assert not {"question", "answer", "subject_key"} & set(listed.columns)
    with pytest.raises(ValueError, match="write one of planned"):
        lookups_in(world.engine, "open")


def test_the_same_text_in_another_case_is_another_subject(world: World) -> None:
    assert world.order("spring", "AbC", "aBc").planned == 2
