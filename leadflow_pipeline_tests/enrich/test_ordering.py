"""The door to vendors, over real sockets: whose turn it is, within the budget, and whatever vendors do."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import Engine, insert, select, text

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.enrich.ordering import ProviderReport, order_and_ask, recent_leads
from leadflow_pipeline.enrich.plan import plan_enriched
from leadflow_pipeline.enrich.vendor_facts import read_facts
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.schema import harvested_leads, lead_aliases, vendor_lookups
from leadflow_pipeline_tests.enrich.answered import KEY
from leadflow_pipeline_tests.enrich.asking import (
    CAMPAIGN,
    DAY,
    PEOPLE,
    Clock,
    campaign_text,
    harvest,
    provider,
    start,
    step,
)
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.clearbit import FakeClearbit
from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
from leadflow_pipeline_tests.fakes.http import ALWAYS, REFUSED
from leadflow_pipeline_tests.fakes.n8n_step import FakeN8nStep
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.samples import minimal_campaign_text
from leadflow_pipeline_tests.suppressed import add_suppression

COMPANY = "company, company_size"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY, "test-key")


@pytest.fixture
def clearbit() -> Iterator[FakeClearbit]:
    with FakeClearbit(PEOPLE[:3]) as server:
        yield server


@pytest.fixture
def apollo() -> Iterator[FakeApollo]:
    with FakeApollo(PEOPLE[:6]) as server:
        yield server


@pytest.fixture
def dropcontact() -> Iterator[FakeDropcontact]:
    with FakeDropcontact(PEOPLE[:8]) as server:
        yield server


@pytest.fixture
def n8n() -> Iterator[FakeN8nStep]:
    with FakeN8nStep() as server:
        yield server


def ask(engine: Engine, clock: Clock, campaign: str = CAMPAIGN) -> dict[str, ProviderReport]:
    reports = order_and_ask(engine, campaign, None, clock, wait=clock.wait)
    return {report.provider: report for report in reports}


def states(engine: Engine) -> list[tuple[str, str]]:
    table = vendor_lookups.c
    query = select(table.provider, table.state).order_by(table.lookup_id)
    with engine.connect() as connection:
        return [(row.provider, row.state) for row in connection.execute(query)]


def test_each_lead_is_taken_to_the_next_provider_until_nothing_is_missing(
    engine, clearbit, apollo, dropcontact
):
    start(
        engine,
        campaign_text(
            provider(clearbit, "clearbit", COMPANY),
            provider(apollo, "apollo", COMPANY),
            provider(dropcontact, "dropcontact", COMPANY),
        ),
    )
    clock = Clock()
    told = ask(engine, clock)
    assert (told["clearbit"].asked, told["clearbit"].answered, told["clearbit"].not_found) == (9, 3, 6)
    assert (told["apollo"].asked, told["apollo"].answered, told["apollo"].credits) == (6, 3, 3.0)
    assert (told["dropcontact"].asked, told["dropcontact"].waiting) == (3, 3)
    for _ in range(3):
        clock.wait(120)
        told = ask(engine, clock)
    assert told["dropcontact"].waiting == 0
    asked = [person.email for person in PEOPLE]
    assert set(clearbit.charges) == set(asked)
    assert set(apollo.charges) == set(asked[3:6])
    assert max([*clearbit.charges.values(), *apollo.charges.values(), *dropcontact.charges.values()]) == 1


def test_asking_again_asks_nobody(engine, clearbit, apollo):
    start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY), provider(apollo, "apollo", COMPANY)))
    clock = Clock()
    ask(engine, clock)
    requests = len(clearbit.requests) + len(apollo.requests)
    clock.wait(3_600)
    ask(engine, clock)
    assert len(clearbit.requests) + len(apollo.requests) == requests


def test_another_campaign_pays_nothing_for_what_is_known(engine, clearbit):
    for slug in ("spring", "autumn"):
        start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY), slug=slug))
    clock = Clock()
    first, second = ask(engine, clock)["clearbit"], ask(engine, clock, "autumn")["clearbit"]
    assert (first.credits, second.credits) == (9.0, 0.0)
    assert (second.asked, sum(clearbit.charges.values())) == (0, 9)


def test_an_old_answer_is_asked_for_again_and_kept_until_there_is_a_new_one(engine, clearbit):
    start(
        engine,
        campaign_text(provider(clearbit, "clearbit", COMPANY, ", answer_ttl_days: 30")),
        PEOPLE[:1],
    )
    clock = Clock()
    assert ask(engine, clock)["clearbit"].answered == 1
    clock.wait(29 * 86_400)
    harvest(engine, CAMPAIGN, PEOPLE[:1], clock().date())
    assert ask(engine, clock)["clearbit"].asked == 0
    clearbit.misbehave("not found", ALWAYS)
    clock.wait(2 * 86_400)
    assert ask(engine, clock)["clearbit"].asked == 1
    rules = load(engine, CAMPAIGN).rules.enrichment
    leads = recent_leads(engine, CAMPAIGN, None, clock().date(), rules)
    facts = read_facts(engine, CAMPAIGN, leads["lead_id"], clock() + timedelta(days=1), rules)
    assert plan_enriched(leads, rules, facts)["company"].tolist() == [PEOPLE[0].company]


def test_leads_of_long_ago_are_not_asked_about(engine, clearbit):
    start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY)), day=DAY - timedelta(days=8))
    assert ask(engine, Clock())["clearbit"].asked == 0
    assert not clearbit.requests


def test_nobody_is_asked_about_aliases_or_about_those_who_want_no_mail(engine, clearbit):
    start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY)))
    add_suppression(engine, scope="address", subject=address_key(PEOPLE[0].email), reason="unsubscribed")
    alias = {"lead_id": "lead01", "alias_of": "lead02", "match_probability": 1.0, "evidence": []}
    with engine.begin() as connection:
        connection.execute(
            insert(lead_aliases).values(campaign=CAMPAIGN, day=DAY, campaign_version=1, **alias)
        )
    assert ask(engine, Clock())["clearbit"].asked == 7
    assert not {PEOPLE[0].email, PEOPLE[1].email} & set(clearbit.charges)


def test_the_budget_of_a_day_is_kept_and_the_rest_waits_for_the_next(engine, clearbit):
    start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY, ", budget: {leads: 4}")))
    clock = Clock()
    told = [ask(engine, clock)["clearbit"] for _ in range(2)]
    assert [report.asked for report in told] == [4, 0]
    assert told[0].waiting == 5
    assert "budget" in (told[1].problem or "")
    clock.wait(86_400)
    assert ask(engine, clock)["clearbit"].asked == 4


def test_conditions_say_who_is_asked_about(engine, clearbit):
    only = ', ask_when: [{field: email, contains: ["@halden"]}]'
    start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY, only)))
    ask(engine, Clock())
    assert clearbit.charges
    assert all("@halden" in email for email in clearbit.charges)


def test_a_missing_key_is_one_line_and_the_others_are_asked(engine, clearbit, apollo, monkeypatch):
    monkeypatch.delenv(KEY)
    monkeypatch.setenv("LEADFLOW_OTHER_KEY", "test-key")
    other = provider(apollo, "apollo", COMPANY).replace(KEY, "LEADFLOW_OTHER_KEY")
    start(engine, campaign_text(other, provider(clearbit, "clearbit", COMPANY)))
    told = ask(engine, Clock())
    assert told["apollo"].answered == 6
    assert KEY in (told["clearbit"].problem or "")


def test_a_step_is_told_only_what_is_declared_and_only_that_is_taken(engine, n8n):
    n8n.misbehave("unasked fields", ALWAYS)
    start(engine, campaign_text(step(n8n.step_url)), PEOPLE[:2])
    assert ask(engine, Clock())["step"].answered == 2
    assert [set(request.json()) for request in n8n.requests] == [{"email"}] * 2
    assert {request.headers["authorization"] for request in n8n.requests} == {"Bearer test-key"}


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        ("a list of one", "answered"),
        ("an empty list", "not_found"),
        ("no fields", "not_found"),
        ("null", "not_found"),
        ("empty body", "not_found"),
        ("a number", "failed"),
        ("answers at once", "failed"),
        ("workflow failed", "unknown"),
        ("lost answer", "unknown"),
        ("not active", "planned"),
        ("bad key", "planned"),
        ("too many requests for long", "planned"),
    ],
)
def test_a_step_that_answers_oddly_is_told_apart(engine, n8n, kind, state):
    n8n.misbehave(kind)
    start(engine, campaign_text(step(n8n.step_url, ", timeout_seconds: 0.5")), PEOPLE[:1])
    told = ask(engine, Clock())["step"]
    assert states(engine) == [("step", state)]
    assert told.problem is None or PEOPLE[0].email not in told.problem


USUAL_FAILURES = {
    "pending",
    "too many requests for long",
    "server error",
    "reset midway",
    "bad key",
    "not found",
}


@pytest.mark.parametrize("kind", sorted({*FakeClearbit.failures} - {"read timeout"}))
def test_whatever_a_vendor_does_it_is_one_plain_line_and_made_good_later(engine, clearbit, kind, slow):
    if kind not in USUAL_FAILURES and not slow:
        pytest.skip("with --slow")
    clearbit.misbehave(kind, ALWAYS)
    start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY)), PEOPLE[:2])
    clock = Clock()
    told = ask(engine, clock)["clearbit"]
    assert told.problem is None or "\n" not in told.problem
    assert "leads.example" not in (told.problem or "")
    clearbit.recover()
    for _ in range(2):
        clock.wait(8 * 3_600)
        ask(engine, clock)
    final = {"not found": "not_found", "invalid email": "not_found", "both null": "not_found"}
    assert [state for _, state in states(engine)][-2:] == [final.get(kind, "answered")] * 2


def test_a_vendor_that_is_down_holds_up_nobody_else(engine, clearbit, n8n):
    clearbit.misbehave(REFUSED)
    start(engine, campaign_text(step(n8n.step_url), provider(clearbit, "clearbit", COMPANY)), PEOPLE[:2])
    told = ask(engine, Clock())
    assert told["step"].answered == 2
    assert told["clearbit"].waiting == 2
    assert told["clearbit"].deferred_until


def test_what_nobody_knows_the_fate_of_is_not_asked_again_and_holds_up_nothing(engine, apollo, dropcontact):
    apollo.misbehave("lost answer", ALWAYS)
    start(
        engine,
        campaign_text(provider(apollo, "apollo", COMPANY), provider(dropcontact, "dropcontact", COMPANY)),
        PEOPLE[:3],
    )
    clock = Clock()
    told = ask(engine, clock)
    assert (told["apollo"].unknown, told["dropcontact"].waiting) == (3, 3)
    requests = len(apollo.requests)
    for _ in range(2):
        clock.wait(120)
        ask(engine, clock)
    assert len(apollo.requests) == requests
    assert states(engine)[3:] == [("dropcontact", "answered")] * 3


def test_leads_of_the_open_day_are_asked_about_before_any_partition_holds_them(engine, clearbit):
    start(engine, campaign_text(provider(clearbit, "clearbit", COMPANY)), PEOPLE[:1])
    with engine.connect() as connection:
        rows = read(connection, select(harvested_leads))
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE leadflow.harvested_leads"))
    reports = order_and_ask(engine, CAMPAIGN, rows, Clock())
    assert reports[0].answered == 1


def test_a_campaign_without_providers_asks_nobody(engine):
    register(engine, minimal_campaign_text(CAMPAIGN), "spring.yaml")
    assert order_and_ask(engine, CAMPAIGN) == []


def test_a_day_of_many_leads_is_asked_about_in_bulk(engine):
    people = invented_people(60)
    with FakeApollo(people) as server:
        start(engine, campaign_text(provider(server, "apollo", COMPANY)), people)
        assert ask(engine, Clock())["apollo"].answered == 60
        assert len(server.requests) == 6
