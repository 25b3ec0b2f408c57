"""The door to a language model, over real sockets: asked once, within the budget, and never told who a lead is."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, create_engine, insert
from typer.testing import CliRunner

from leadflow_pipeline.automation.vendors import ask_campaign, asking_campaigns
from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli.enrichment import app
from leadflow_pipeline.enrich import inquiry
from leadflow_pipeline.partitions import end_of
from leadflow_pipeline.score.opinion.asking import ask_opinions
from leadflow_pipeline.store.facts import read_opinions
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import lead_aliases
from leadflow_pipeline.vendors.reporting import ProviderReport
from leadflow_pipeline_tests.enrich.asking import Clock
from leadflow_pipeline_tests.fakes.http import ALWAYS, NETWORK_FAILURES, REFUSED
from leadflow_pipeline_tests.fakes.language_model import NO_OPINION, FakeLanguageModel
from leadflow_pipeline_tests.score.opinion.opinionated import (
    CAMPAIGN,
    DAY,
    KEY,
    campaign_text,
    enrich,
    lookups,
    person,
    start,
)
from leadflow_pipeline_tests.suppressed import add_suppression

PEOPLE = [person(number) for number in range(4)]


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "test-key")


@pytest.fixture
def model() -> Iterator[FakeLanguageModel]:
    with FakeLanguageModel() as server:
        yield server


def ask(engine: Engine, clock: Clock, campaign: str = CAMPAIGN) -> ProviderReport:
    (report,) = ask_opinions(engine, campaign, clock, wait=clock.wait)
    return report


def test_each_lead_is_asked_about_once_and_what_it_cost_is_known(engine, model):
    start(engine, model.url, *PEOPLE)
    clock = Clock()
    first = ask(engine, clock)
    assert (first.asked, first.answered, first.credits, first.problem) == (4, 4, 2.0, None)
    clock.wait(3_600)
    assert ask(engine, clock).asked == 0
    assert len(model.requests) == 4
    assert set(model.charges.values()) == {1}
    (status,) = inquiry.provider_status(engine, CAMPAIGN)
    assert (status["provider"], status["answered"], status["credits"]) == ("language model", 4, 2.0)
    (asked,) = inquiry.lead_status(engine, CAMPAIGN, "lead01")["asked"]
    assert (asked["state"], asked["credits"]) == ("answered", 0.5)
    opinions = read_opinions(engine, CAMPAIGN, before=end_of(DAY))
    assert opinions.set_index("lead_id")["opinion"].to_dict() == {f"lead{n:02d}": 72.0 for n in range(4)}
    assert read_opinions(engine, CAMPAIGN, before=datetime(2026, 5, 3, tzinfo=UTC)).empty


def test_nothing_that_tells_who_a_lead_is_leaves_this_machine(engine, model):
    fields = (
        ", fields: [job_title, seniority, department, industry, company_size, country, source, custom.plan]"
    )
    notes = '{"plan": "Ida Lovejoy, +49 30 23125 100, ida0@leads.example"}'
    start(engine, model.url, person(0, custom=notes), person(1, job_title="Lovejoy's owner"), more=fields)
    assert ask(engine, Clock()).answered == 2
    sent = b"".join(request.body for request in model.requests).decode().casefold()
    for private in ("ida", "lovejoy", "leads.example", "@", "23125", "linkedin", "lead0"):
        assert private not in sent
    assert [model.lead(request).get("job_title") for request in model.requests] == ["Head of Lamps 0", None]
    assert "lamps for lighthouses" in sent
    assert "industry is one of software, retail (weight 2)" in sent


def test_leads_of_whom_the_same_is_known_share_one_question(engine, model):
    start(engine, model.url, *(person(number, job_title="Owner") for number in range(4)))
    report = ask(engine, Clock())
    assert (report.asked, report.answered, report.credits) == (1, 4, 0.5)
    assert len(model.requests) == 1
    assert len(read_opinions(engine, CAMPAIGN, before=end_of(DAY))) == 4


def test_of_whom_nothing_is_known_nobody_is_asked(engine, model):
    start(engine, model.url, person(0, job_title=None, country=None))
    assert ask(engine, Clock()).asked == 0


def test_every_answer_that_is_none_is_kept_paid_for_once_and_without_an_effect(engine, model):
    kinds = sorted(NO_OPINION)
    start(engine, model.url, *(person(number) for number in range(len(kinds))))
    for kind in kinds:
        model.misbehave(kind)
    clock = Clock()
    report = ask(engine, clock)
    assert (report.asked, report.failed, report.answered) == (len(kinds), len(kinds), 0)
    clock.wait(6 * 86_400)
    assert ask(engine, clock).asked == 0
    assert len(model.requests) == len(kinds)
    kept = lookups(engine)
    assert {(row["state"], row["credits"]) for row in kept} == {("failed", 0.5)}
    assert all(
        row["problem"].startswith("the language model ") and "\n" not in row["problem"] for row in kept
    )
    assert read_opinions(engine, CAMPAIGN, before=clock.moment).empty


@pytest.mark.parametrize(
    "kind",
    [*NETWORK_FAILURES, "bad key", "no permission", "no such model", "bad request", "no credit left",
     "too many requests for long", "login page"],
)  # fmt: skip
def test_a_model_that_fails_has_no_effect_and_says_so_in_one_line(engine, model, kind):
    start(engine, model.url, PEOPLE[0], more=", timeout_seconds: 0.2")
    model.misbehave(kind, ALWAYS)
    clock = Clock()
    if kind == "unavailable, come back soon":
        clock.wait(1)
    report = ask(engine, clock)
    (row,) = lookups(engine)
    assert report.answered == 0
    assert row["state"] in ("planned", "unknown", "failed")
    told = report.problem or row["problem"]
    assert told
    assert "\n" not in told
    assert "test-key" not in told
    assert "Lamps" not in told
    assert sum(model.charges.values()) <= 1
    assert read_opinions(engine, CAMPAIGN, before=clock.moment).empty
    if kind in (REFUSED, "bad key", "too many requests for long", "server error", "no credit left"):
        model.recover()
        clock.wait(2 * 3_600)
        assert ask(engine, clock).answered == 1


def test_a_missing_key_is_one_line(engine, model, monkeypatch):
    monkeypatch.delenv(KEY)
    start(engine, model.url, *PEOPLE)
    assert KEY in (ask(engine, Clock()).problem or "")
    assert not model.requests


def test_the_budget_of_a_day_is_kept_and_the_rest_waits(engine, model):
    start(engine, model.url, *PEOPLE, more=", budget: {calls: 3, credits: 1}")
    clock = Clock()
    told = [ask(engine, clock) for _ in range(2)]
    assert [report.asked for report in told] == [2, 0]
    assert "budget" in (told[1].problem or "")
    assert told[1].waiting == 2
    clock.wait(86_400)
    assert ask(engine, clock).asked == 2


@pytest.mark.parametrize(("when_changed", "questions"), [("wait", 1), ("ask_again", 2)])
def test_a_lead_that_changed_is_asked_about_again_where_the_campaign_says_so(
    engine, model, when_changed, questions
):
    start(engine, model.url, PEOPLE[0], more=f", when_changed: {when_changed}, valid_for_days: 30")
    clock = Clock()
    ask(engine, clock)
    clock.wait(86_400)
    enrich(engine, clock().date(), person(0, job_title="Owner"))
    ask(engine, clock)
    ask(engine, clock)
    assert len(model.requests) == questions
    clock.wait(31 * 86_400)
    enrich(engine, clock().date(), person(0, job_title="Owner"))
    ask(engine, clock)
    assert len(model.requests) == questions + 1


def test_nobody_is_asked_about_old_leads_aliases_and_those_who_want_no_mail(engine, model):
    start(engine, model.url, *PEOPLE, day=DAY - timedelta(days=8))
    enrich(engine, DAY, *(person(number) for number in range(4, 7)))
    add_suppression(engine, scope="address", subject=address_key("ida4@leads.example"), reason="unsubscribed")
    alias = {"lead_id": "lead05", "alias_of": "lead06", "match_probability": 1.0, "evidence": []}
    with engine.begin() as connection:
        connection.execute(
            insert(lead_aliases).values(campaign=CAMPAIGN, day=DAY, campaign_version=1, **alias)
        )
    assert ask(engine, Clock()).asked == 1
    assert [row["lead_id"] for row in lookups(engine)] == ["lead06"]


def test_conditions_say_who_is_asked_about(engine, model):
    only = ", ask_when: [{field: job_title, contains: [Lamps 2]}]"
    start(engine, model.url, *PEOPLE, more=only)
    assert ask(engine, Clock()).asked == 1


def test_a_person_sees_what_it_said_and_what_it_cost(engine, model):
    start(engine, model.url, *PEOPLE[:1])
    ask(engine, Clock())
    status = CliRunner().invoke(app, ["status", CAMPAIGN, "lead00"])
    assert 'language model on 2026-05-03: 72 of 100: "as it seems"' in status.output
    assert "0.5" in status.output
    found = inquiry.lead_status(engine, CAMPAIGN, "lead00")
    assert (found["opinion"]["score"], found["provenance"]) == (72, {})
    assert inquiry.lead_status(engine, CAMPAIGN, "lead01")["opinion"] is None


def test_the_schedule_asks_where_the_section_is_and_nowhere_else(engine, model):
    start(engine, model.url, *PEOPLE)
    register(engine, campaign_text(model.url, slug="autumn").partition("opinion:")[0], "autumn.yaml")
    assert asking_campaigns(engine) == [CAMPAIGN]
    assert ask_opinions(engine, "autumn") == []
    # By the clock of this machine these leads are old: a backfill buys nothing.
    assert [row.data["asked"] for row in ask_campaign(engine, CAMPAIGN)] == ["language model"]
    assert not model.requests


def test_an_asker_that_is_killed_while_the_model_thinks_pays_nothing_twice(engine, model):
    start(engine, model.url, PEOPLE[0])
    fork = multiprocessing.get_context("fork")

    def work() -> None:
        mine = create_engine(engine.url, hide_parameters=True)
        clock = Clock()
        ask_opinions(mine, CAMPAIGN, clock, wait=clock.wait)
        os._exit(0)

    thinking, may_answer = threading.Event(), threading.Event()

    def think(_lead: object) -> dict[str, int]:
        thinking.set()
        may_answer.wait(30)
        return {"score": 72}

    model.mind = think
    victim = fork.Process(target=work, daemon=True)
    victim.start()
    assert thinking.wait(30)
    victim.kill()
    victim.join()
    may_answer.set()
    clock = Clock()
    for _ in range(3):
        report = ask(engine, clock)
        clock.wait(3_600)
    assert report.unknown == 1
    assert len(model.requests) == 1
    (unknown,) = inquiry.unknown_lookups(engine, CAMPAIGN)
    assert unknown["provider"] == "language model"
