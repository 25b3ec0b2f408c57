"""Owners for whoever waits: decided once, by the rules of whole days, durable, told, and honoured by the plan."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest
from sqlalchemy import Engine, create_engine, delete, func, select, update

from leadflow_pipeline.campaign import load, set_status
from leadflow_pipeline.delivery.lead_events.endpoints import Wanted, add_endpoint
from leadflow_pipeline.delivery.lead_events.news import ROUTED
from leadflow_pipeline.delivery.lead_events.telling import tell_news
from leadflow_pipeline.harvest.erasing import erase_person
from leadflow_pipeline.harvest.open_day import leads_of_open_day
from leadflow_pipeline.partitions import PartitionRange
from leadflow_pipeline.route.owner_days import plan_owner_days
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.service.decisions.asked import Asked, Decided
from leadflow_pipeline.service.decisions.decision_queue import DecisionQueue, States
from leadflow_pipeline.service.decisions.newcomers import NoLead, take_in_newcomers
from leadflow_pipeline.service.warming import read_ahead
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_override
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline.telemetry.correlation import correlated
from leadflow_pipeline_tests.delivery.owners_world import NOW, TODAY, YESTERDAY, OwnersWorld
from leadflow_pipeline_tests.service.conftest import served

LEADS = [f"lead-{number:02}" for number in range(40)]


class Asker:
    """A service in a thread of this process, and somebody with a token."""

    def __init__(self, world: OwnersWorld, url: str) -> None:
        self.world = world
        token = create_token(world.engine, "crm", Scope.OPERATE, requests_a_minute=100_000)
        self.client = httpx.Client(
            base_url=f"{url}/api/v1/routing", headers={"Authorization": f"Bearer {token}"}, timeout=60
        )

    def decide(self, lead_id: str, key: str | None = None, what: str = "decide") -> httpx.Response:
        headers = {"X-Correlation-ID": f"request-{key}"} | ({"Idempotency-Key": key} if key else {})
        return self.client.post(f"/{what}", json={"campaign": "spring", "lead_id": lead_id}, headers=headers)


@pytest.fixture
def asker(engine: Engine, tmp_path: Path) -> Iterator[Asker]:
    """Two reps with room for some leads each, and leads that are routed and have no owner."""
    world = OwnersWorld(engine, tmp_path)
    world.register()
    world.rep("anke", capacity={"per_day": 12}, industries=["software"])
    world.rep("tom", capacity={"per_day": 8, "open_leads": 8})
    world.rep("gone", status="left")
    world.plan({lead: [] for lead in LEADS})
    with engine.begin() as connection:
        connection.execute(delete(schema.owner_decisions))
    with served(build_app(now=lambda: NOW)) as url:
        yield Asker(world, url)


def test_a_decision_is_made_once_told_once_and_said_again_to_whoever_asks(asker: Asker) -> None:
    predicted = asker.decide("lead-00", what="predict").json()
    assert asker.world.owners() == {}, "a prediction writes nothing"
    first = asker.decide("lead-00", "one")
    told = first.json()
    assert (first.status_code, told["status"], told["owner"]) == (200, "ROUTED", "anke")
    assert predicted["owner"] == "anke"
    assert [each["rep"] for each in told["candidates"]] == ["anke", "tom"]
    assert (told["struck"], told["assignment_number"]) == ({"inactive": 1}, 1)
    assert told["reasons"][0].startswith("anke is the best of 2 who may have it")

    again = asker.decide("lead-00", "one")
    assert (again.json(), again.headers["Idempotent-Replayed"]) == (told, "true")
    assert asker.decide("lead-01", "one").status_code == 409
    other = asker.decide("lead-00", "another").json()
    assert (other["status"], other["owner"]) == ("ALREADY_ROUTED", "anke")
    assert asker.decide("nobody", "two").status_code == 404

    fact = asker.world.handoffs()[0]
    assert (fact["origin"], fact["decision_day"], fact["told_at"]) == ("service", TODAY, None)
    assert asker.world.messages() == []
    summary = asker.world.hand_over()
    assert (summary.handed_over, summary.messages) == (1, {"email": 2})
    assert asker.world.messages()[0]["recipient"] == "anke@sales.example.org"
    assert {each["correlation_id"] for each in asker.world.messages()} == {"request-one"}
    assert (asker.world.hand_over().handed_over, len(asker.world.messages())) == (0, 2)
    listed = asker.client.get("/decisions", params={"campaign": "spring", "limit": 1}).json()
    assert listed["items"][0]["decision"]["status"] == "ALREADY_ROUTED"
    assert listed["next_cursor"]


def test_what_is_read_before_anybody_asks_leaves_no_trace_and_needs_no_database(asker: Asker) -> None:
    states = States(lambda: asker.world.engine, lambda: NOW)
    read_ahead(lambda: asker.world.engine, states)
    assert states.of("spring").version.campaign == "spring"
    with asker.world.engine.connect() as connection:
        records = connection.scalar(select(func.count()).select_from(schema.source_records))
    assert (records, asker.world.owners(), asker.world.held()) == (0, {}, {})
    nowhere = create_engine("postgresql+psycopg://nobody@127.0.0.1:1/none")
    without_tables = create_engine(asker.world.engine.url.set(database="postgres"))
    for other in (nowhere, without_tables):
        read_ahead(lambda other=other: other, States(lambda other=other: other, lambda: NOW))
    without_tables.dispose()


def test_many_at_once_never_exceed_what_reps_can_take_and_the_rest_wait(asker: Asker) -> None:
    def ask(number: int) -> dict[str, object]:
        lead_id = LEADS[number % 40]
        answer: dict[str, object] = asker.decide(lead_id, f"{lead_id}-{number // 80}").json()
        return answer

    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(ask, range(160)))
    owners = asker.world.owners()
    assert all(len(had) == 1 for had in owners.values())
    assert Counter(had[0] for had in owners.values()) == {"anke": 12, "tom": 8}
    for answer in answers:
        assert answer["owner"] == owners.get(str(answer["lead_id"]), [None])[0], answer
    held = [answer for answer in answers if answer["status"] == "HELD"]
    assert len({answer["lead_id"] for answer in held}) == 20
    assert held[0]["remedy"]
    assert set(asker.world.held()) == set(LEADS) - set(owners)
    # Somebody comes back: what waits is tried again by the hand-over, with whoever might have had it.
    with asker.world.engine.begin() as connection:
        back = {"rep": "anke", "name": "Anke", "email": "anke@sales.example.org", "capacity": {"per_day": 30}}
        connection.execute(update(schema.reps).where(schema.reps.c.rep == "anke").values(document=back))
    assert asker.world.hand_over().handed_over == 38
    assert Counter(had[0] for had in asker.world.owners().values()) == {"anke": 30, "tom": 8}
    assert len(asker.world.held()) == 2


def test_what_a_day_gave_already_is_counted_once_however_often_the_state_is_read_anew(
    engine: Engine, tmp_path: Path
) -> None:
    """Elin's limits are of open leads too, and two campaigns share Tom: each has the half that is its own."""
    world = OwnersWorld(engine, tmp_path)
    campaigns = ("autumn", "spring")
    for campaign in campaigns:
        world.register(campaign)
        world.plan({lead: [] for lead in LEADS[:4]}, campaign=campaign)
    with engine.begin() as connection:
        connection.execute(delete(schema.owner_decisions))
    world.rep("elin", capacity={"per_day": 4, "open_leads": 4})
    world.rep("tom", capacity={"per_day": 2}, allotments={"autumn": 0.5, "spring": 0.5})
    states = States(lambda: engine, lambda: NOW)
    queue = DecisionQueue(lambda: engine, states, lambda: NOW)
    owners = []
    for lead, campaign in itertools.product(LEADS[:4], campaigns):
        states.read(campaign)
        (decided,) = queue.decide_now([Asked(campaign, lead, f"{campaign} {lead}", "asked", "test")])
        assert isinstance(decided, Decided)
        owners.append((decided.answer["owner"], campaign))
    assert Counter(owner for owner, _ in owners) == {"elin": 4, "tom": 2, None: 2}
    assert Counter(campaign for owner, campaign in owners if owner == "tom") == {"autumn": 1, "spring": 1}


def test_what_the_service_decided_is_the_plans_owner_whenever_the_day_is_computed(asker: Asker) -> None:
    """Of leads that are routed today, decided in the middle of the day: before the plan, after it, and again."""
    engine, today = asker.world.engine, PartitionRange("spring", (TODAY,))
    asker.world.plan({lead: [] for lead in LEADS[:6]}, day=TODAY)
    with engine.begin() as connection:
        connection.execute(delete(schema.owner_decisions))
    decided = {lead: asker.decide(lead).json()["owner"] for lead in LEADS[:3]}
    rules = _rules(engine)

    def planned() -> str:
        routed = read_partitions(engine, schema.routed_leads, "spring", [TODAY])
        return plan_owner_days(engine, today, routed, rules).decisions.to_json()

    first = planned()
    owners = {row["lead_id"]: row["owner"] for row in _rows(first) if row["lead_id"] in decided}
    assert owners == decided
    asker.decide(LEADS[0])
    asker.decide(LEADS[0], what="predict")
    asker.world.hand_over()
    assert planned() == first


def test_a_persons_word_an_end_and_a_paused_campaign_count(asker: Asker) -> None:
    engine = asker.world.engine
    add_override(
        engine, campaign="spring", lead_id="lead-02", field="owner", value="tom", actor="test",
        reason="old friends", occurred_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    assert asker.decide("lead-02").json()["owner"] == "tom"
    asker.world.outcome("lead-03", "lost", NOW - timedelta(hours=1))
    lost = asker.decide("lead-03").json()
    assert (lost["status"], lost["owner"], lost["reasons"]) == ("REJECTED_LEAD", None, ["the lead is lost"])
    asker.world.absence("anke", YESTERDAY, TODAY)
    away = asker.decide("lead-04").json()
    assert away["owner"] == "tom", "whoever is away is struck under the lock, whatever the state says"
    batch = asker.client.post("/batch", json={"campaign": "spring", "lead_ids": ["lead-05", "x"]}).json()
    assert (batch["items"][0]["owner"], batch["items"][1]["lead_id"]) == ("tom", "x")
    set_status(engine, "spring", "paused", actor="test")
    assert asker.decide("lead-06").status_code == 409
    wrong = asker.client.post("/decide", json={"campaign": "spring"})
    assert (wrong.status_code, wrong.headers["content-type"]) == (422, "application/problem+json")
    with engine.connect() as connection:
        logged = select(func.count()).where(schema.activity_log.c.action == "routing.decide")
        assert connection.scalar(logged) == 3


def test_a_lead_that_nobody_knew_is_taken_in_judged_and_given_away_at_once(asker: Asker) -> None:
    engine = asker.world.engine
    lead = {"email": "new@leads.example", "plan": 12, "unmapped": {"deep": True}}
    body = {"campaign": "spring", "lead": lead}
    predicted = asker.client.post("/predict", json=body).json()
    assert leads_of_open_day(engine, "spring", NOW).empty, "a prediction takes nothing in"
    headers = {"Idempotency-Key": "new"}
    first = asker.client.post("/decide", json=body, headers=headers)
    told = first.json()
    assert first.status_code == 200, first.text
    assert (told["lead_id"], told["status"]) == (predicted["lead_id"], predicted["status"])
    assert told["reasons"]
    assert told["score"] is not None
    # The day's own run finds the same lead.
    assert leads_of_open_day(engine, "spring", NOW)["lead_id"].tolist() == [told["lead_id"]]
    assert asker.client.post("/decide", json=body, headers=headers).json() == told
    other = {"campaign": "spring", "lead": {"email": "other@leads.example"}}
    assert asker.client.post("/decide", json=other, headers=headers).status_code == 409
    assert len(leads_of_open_day(engine, "spring", NOW)) == 1
    add_override(
        engine, campaign="spring", lead_id=told["lead_id"], field="status", value="QUALIFIED", actor="test",
        reason="a friend", occurred_at=NOW - timedelta(hours=1),
    )  # fmt: skip
    wanted = Wanted("https://receiver.leads.example/in", events=(ROUTED,))
    with engine.begin() as connection:
        add_endpoint(connection, wanted, actor="test", now=NOW - timedelta(days=1), to_private=False)
    tell_news(engine, NOW)
    with engine.begin() as connection:
        connection.execute(delete(schema.messages))
    given = asker.client.post("/decide", json=body, headers={"X-Correlation-ID": "request-new"}).json()
    assert (given["status"], given["owner"]) == ("ROUTED", asker.world.owners()[told["lead_id"]][0])
    assert given["tier"]
    # Its owner is told who it is, and others what became of it, though no day has computed the lead yet.
    asker.world.hand_over()
    with correlated("run-that-tells"):
        assert tell_news(engine, NOW).messages == 1
    *told_owner, event = asker.world.messages()
    assert "not scored yet" not in told_owner[0]["body_text"]
    data = event["payload"]["event"]["data"]
    said = ("lead_id", "owner", "tier", "sequence", "campaign_version", "assignment_number")
    assert {name: data[name] for name in said} == {name: given[name] for name in said}
    assert data["score"] == round(given["score"], 1)
    assert event["correlation_id"] == "request-new"
    # A routing that says the same is no news.
    _compute_routing(engine, given)
    assert tell_news(engine, NOW).messages == 0
    assert asker.client.post("/decide", json={"campaign": "spring", "lead": {"x": 1}}).status_code == 409
    assert asker.client.post("/decide", json={**body, "source": "none"}).status_code == 409
    erase_person(engine, "gone@leads.example", actor="test")
    gone = {"campaign": "spring", "lead": {"email": "Gone@leads.example"}}
    for what in ("predict", "decide"):
        refused = asker.client.post(f"/{what}", json=gone)
        assert (refused.status_code, "forgotten" in refused.text) == (409, True)
    assert len(leads_of_open_day(engine, "spring", NOW)) == 1


def test_newcomers_that_come_at_once_are_judged_as_each_would_be_alone(asker: Asker) -> None:
    engine = asker.world.engine
    version = load(engine, "spring")
    source = version.rules.sources[0]
    erase_person(engine, "gone@leads.example", actor="test")
    take_in_newcomers(engine, version, source, [{"email": "Known@leads.example", "plan": "1"}], NOW)
    records = [
        {"email": "ada@leads.example", "plan": "12", "unmapped": "x"},
        {"email": "known@leads.example", "plan": "2"},
        {"nobody": "at all"},
        {"email": "gone@leads.example"},
        {"email": "ada@leads.example", "plan": "12", "unmapped": "x"},
        {"email": "ben@leads.example"},
        {"plan": "without an address"},
    ]
    alone = [take_in_newcomers(engine, version, source, [each], NOW, store=False)[0] for each in records]
    together = take_in_newcomers(engine, version, source, records, NOW)
    assert [str(each) for each in alone] == [str(each) for each in together]
    assert [isinstance(each, NoLead) for each in together] == [False, False, True, True, False, False, True]
    assert len(leads_of_open_day(engine, "spring", NOW)) == 3

    def ask(number: int) -> tuple[int, str]:
        body = {"campaign": "spring", "lead": {"email": f"{number % 12}@leads.example"}}
        answer = asker.client.post("/decide", json=body, headers={"Idempotency-Key": f"burst-{number}"})
        return answer.status_code, answer.json()["lead_id"]

    with ThreadPoolExecutor(24) as pool:
        told = Counter(pool.map(ask, range(24)))
    assert (len(told), {status for status, _ in told}) == (12, {200})
    assert len(leads_of_open_day(engine, "spring", NOW)) == 15


def _compute_routing(engine: Engine, given: dict[str, Any]) -> None:
    """As the day's run would, coming to what was decided."""
    row = {
        "lead_id": given["lead_id"], "day": pd.Timestamp(TODAY).as_unit("us"), "source": "list", "icp_fit": 0.8,
        "score": given["score"], "intent_score": 0.0, "status": "ROUTED", "tier": given["tier"],
        "sequence": given["sequence"], "sequence_start_at": NOW, "boosted_by_intent": False, "routing_number": 1,
        "reasoning": "as it is",
    }  # fmt: skip
    table = schema.routed_leads
    frame = conform(pd.DataFrame([row]), table, campaign="spring", campaign_version=1)
    replace_partitions(engine, table, "spring", [TODAY], frame, campaign_version=1, run_id="a test")


def _rules(engine: Engine) -> OwnershipRules:
    rules = load(engine, "spring").rules.ownership
    assert rules is not None
    return rules


def _rows(frame: str) -> list[dict[str, object]]:
    columns = json.loads(frame)
    return [{name: column[row] for name, column in columns.items()} for row in next(iter(columns.values()))]
