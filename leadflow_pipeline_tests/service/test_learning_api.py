"""What learns and who is learned of, by API: experiments, models, reps, how routing works, similar accounts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

import httpx
import pandas as pd
import pytest
from fastapi import FastAPI
from sqlalchemy import Engine, insert, select, update

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.insight.similar_accounts.builds import build_similar_accounts
from leadflow_pipeline.route.owners.reps.rep import Capacity, Rep
from leadflow_pipeline.route.owners.reps.roster import import_reps
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.engine import engine_for
from leadflow_pipeline.store.facts import add_outcomes
from leadflow_pipeline_tests.databases import Databases
from leadflow_pipeline_tests.delivery.owners_world import OwnersWorld
from leadflow_pipeline_tests.invented_models import crown, invented_model, keep
from leadflow_pipeline_tests.samples import minimal_campaign_text

NOW = datetime.now(UTC)
TODAY = NOW.date()
YESTERDAY, LONG_AGO = TODAY - timedelta(days=1), TODAY - timedelta(days=300)
SLUG = "/campaigns/spring"
DECLARED: dict[str, Any] = {
    "key": "gentler",
    "hypothesis": "they reply more when they are left more time",
    "kind": "sequences",
    "variants": [{"key": "as-is"}, {"key": "gentle", "sequences": {"WARM": "long_term_nurture"}}],
    "primary": {"behaviour": "reply", "within_days": 7},
}


class Api:
    """The service in this process, over a database with something of everything."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.app: FastAPI = build_app(lambda: engine, lambda: NOW)
        self.tokens = {
            scope: create_token(engine, scope.word, scope, requests_a_minute=100_000) for scope in Scope
        }
        self.of_autumn = create_token(engine, "autumn", Scope.ADMIN, campaigns=frozenset({"autumn"}))

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        status: int = HTTPStatus.OK,
        **headers: str,
    ) -> Any:
        """The answer, which has to have the status."""

        async def asking() -> httpx.Response:
            transport = httpx.ASGITransport(self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                bearer = {"Authorization": f"Bearer {token or self.tokens[Scope.ADMIN]}"}
                named = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.request(method, f"/api/v1{path}", headers=bearer | named, json=body)

        answer = asyncio.run(asking())
        assert answer.status_code == status, answer.text
        self.headers = answer.headers
        return answer.json() if answer.content else None

    def get(self, path: str, **asked: Any) -> Any:
        return self.ask("GET", path, **asked)

    def post(self, path: str, body: Any = None, **asked: Any) -> Any:
        return self.ask("POST", path, {} if body is None else body, **asked)


@pytest.fixture(scope="module")
def engine(databases: Databases) -> Iterator[Engine]:
    url = databases.take()
    engine = engine_for(url)
    yield engine
    engine.dispose()
    databases.give_back(url)


@pytest.fixture(scope="module")
def api(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Api:
    """Two campaigns; in spring a champion, reps with leads yesterday, and a build of companies."""
    register(
        engine, minimal_campaign_text("spring", extra="ownership: {exclude_reps: [cy]}\n"), "spring.yaml"
    )
    register(engine, minimal_campaign_text("autumn"), "autumn.yaml")
    crown(engine, "spring", LONG_AGO, invented_model())
    keep(engine, "spring", YESTERDAY, invented_model(base=-1))
    told = [
        Rep(rep="ada@leads.example", name="Ada", team="north", capacity=Capacity(per_day=4, open_leads=10)),
        Rep(rep="bo", team="north"),
        Rep(rep="cy", team="south"),
    ]
    import_reps(engine, told, actor="ida", origin="a test")
    world = OwnersWorld(engine, tmp_path_factory.mktemp("home"))
    leads = {"lead-1": ["ada@leads.example", "bo"], "lead-2": ["bo"], "lead-3": []}
    world.plan(leads, day=YESTERDAY, fields={"company_domain": "example.org"})
    with engine.begin() as connection:
        best = [
            {"rep": "ada@leads.example", "match": 0.5, "value": 90, "price": 10},
            {"rep": "bo", "match": 0.5, "value": 95, "price": 0},
        ]
        chosen = update(schema.owner_decisions).where(schema.owner_decisions.c.lead_id == "lead-1")
        connection.execute(chosen.values(expected_value=90, price=10, candidates={"best": best}))
        common = {"campaign": "spring", "day": YESTERDAY, "campaign_version": 1, "rotation": {}}
        days = [
            {"rep": "ada@leads.example", "capacity": 4, "assigned": 1, "floor": 1, "load": 0.25, "price": 10},
            {"rep": "bo", "capacity": 4, "assigned": 1, "floor": 2, "load": 0.9, "price": 0},
        ]
        connection.execute(
            insert(schema.rep_days), [common | {"eligible": 2, "open_leads": 1} | each for each in days]
        )
        given = {"campaign": "spring", "assignment_number": 1, "decision_day": TODAY, "reason": "as planned"}
        noon = NOW - timedelta(hours=2)
        rows = [
            {"lead_id": "lead-1", "rep": "ada@leads.example", "planned_rep": "ada@leads.example"},
            {"lead_id": "lead-2", "rep": "ada@leads.example", "planned_rep": "bo"},
        ]
        late = {"origin": "pipeline", "decided_at": noon, "first_touch_due_at": noon + timedelta(minutes=30)}
        connection.execute(insert(schema.handoffs), [given | late | each for each in rows])
        held = {"assignment_number": 1, "decision_day": YESTERDAY, "reason": "nobody", "last_tried_at": NOW}
        waits = {"campaign": "spring", "lead_id": "lead-3", "held_since": NOW - timedelta(hours=6)}
        connection.execute(insert(schema.held_handoffs).values(held | waits))
    won = pd.DataFrame({"lead_id": ["lead-2"], "outcome": ["won"], "occurred_at": [pd.Timestamp(NOW)]})
    add_outcomes(engine, won.assign(campaign="spring", value=100.0, origin="a test"))
    return Api(engine)


def audited(engine: Engine, action: str) -> list[str]:
    log = schema.activity_log.c
    with engine.connect() as connection:
        return list(connection.scalars(select(log.actor).where(log.action == action)))


# --- experiments -----------------------------------------------------------------------------------------------------


def test_an_experiment_is_declared_started_and_stopped(api: Api) -> None:
    assert api.get(f"{SLUG}/experiments")["items"] == []
    made = api.post(f"{SLUG}/experiments", DECLARED, status=201, Idempotency_Key="one")
    assert made == {"campaign": "spring", "experiment": "gentler", "campaign_version": 2}
    assert api.post(f"{SLUG}/experiments", DECLARED, status=201, Idempotency_Key="one") == made
    assert api.headers["Idempotent-Replayed"] == "true"
    assert "already" in api.post(f"{SLUG}/experiments", DECLARED, status=409)["detail"]
    assert load(api.engine, "spring").version == 2
    refused = api.post(
        f"{SLUG}/experiments", {**DECLARED, "key": "b", "primary": {"behaviour": "sneeze"}}, status=422
    )
    assert "primary.behaviour" in refused["detail"]
    assert "sneeze" not in json.dumps(refused)
    api.post(f"{SLUG}/experiments", {**DECLARED, "alpha": "0.05"}, status=422)

    (row,) = api.get("/experiments?state=draft")["items"]
    assert (row["campaign"], row["experiment"], row["from_day"]) == ("spring", "gentler", None)
    assert api.get("/experiments", token=api.of_autumn)["items"] == []
    one = f"{SLUG}/experiments/gentler"
    api.get(one, token=api.of_autumn, status=404)
    api.get(f"{SLUG}/experiments/nobody", status=404)

    api.post(f"{one}/start", token=api.tokens[Scope.OPERATE], status=403)
    said = api.post(f"{one}/start", {"from_day": str(YESTERDAY)}, status=409)["detail"]
    assert said.startswith("1 day computed already")
    started = api.post(
        f"{one}/start", {"from_day": str(YESTERDAY), "accept_days_due": True}, Idempotency_Key="s"
    )
    assert (started["state"], started["days_due_again"]) == ("running", 1)
    assert "is running" in api.post(f"{one}/start", {"accept_days_due": True}, status=409)["detail"]
    results = api.get(f"{one}/results")
    assert results["verdict"]["standing"] == "running"
    assert sum(each["leads"] for each in results["exposed"]) == 0
    unknown = api.post(f"{one}/analyse")
    assert unknown["size"] is None
    assert "name its rate" in unknown["why_no_size"]
    planned = api.post(f"{one}/analyse", {"baseline": 0.05, "leads_a_day": 100})
    assert planned["size"]["planned_leads"] > 1_000
    tomorrow = str(TODAY + timedelta(days=1))
    api.post(f"{one}/decide", {"winner": "nobody", "from_day": tomorrow}, status=409)
    stopped = api.post(f"{one}/stop", {"from_day": tomorrow, "reason": "it is a test"})
    assert stopped["days_due_again"] == 0
    found = api.get(one)
    assert (found["state"], found["next_state"], found["next_from_day"]) == ("running", "stopped", tomorrow)
    assert [each["actor"] for each in found["decisions"]] == ["api admin", "api admin"]
    assert api.get(one, If_None_Match=api.headers["ETag"], status=304) is None
    assert audited(api.engine, "experiment.running") == ["api admin"]


# --- models ----------------------------------------------------------------------------------------------------------


def test_models_are_told_promoted_and_gone_back_from(api: Api) -> None:
    first = api.get(f"{SLUG}/models?limit=1")
    (newest,) = first["items"]
    (champion,) = api.get(f"{SLUG}/models?cursor={first['next_cursor']}")["items"]
    assert (newest["when"], champion["when"], champion["auc"]) == ("never", "now", 0.71)
    status = api.get(f"{SLUG}/models/status")
    assert (status["model_version"], status["since"], status["models"]) == (
        champion["model_version"],
        str(LONG_AGO),
        2,
    )
    metrics = api.get(f"{SLUG}/models/{newest['model_version'][:8]}/metrics")
    assert metrics["measures"]["rules"]["auc"] == 0.62
    assert metrics["importance"][0]["feature"]
    api.get(f"{SLUG}/models/{'f' * 64}/metrics", status=404)

    promote = f"{SLUG}/models/{newest['model_version']}/promote"
    tomorrow = str(TODAY + timedelta(days=1))
    done = api.post(promote, {"from_day": tomorrow}, Idempotency_Key="p")
    assert (done["model_version"], done["days_due_again"]) == (newest["model_version"], 0)
    assert api.post(promote, {"from_day": tomorrow}, Idempotency_Key="p") == done
    assert "already" in api.post(promote, {"from_day": tomorrow}, status=409)["detail"]
    too_early = api.post(promote, {"from_day": str(LONG_AGO), "accept_days_due": True}, status=409)
    assert "cannot score" in too_early["detail"]
    back = api.post(f"{SLUG}/models/roll-back", {"from_day": tomorrow})
    assert back["model_version"] == champion["model_version"]
    rules = api.post(f"{SLUG}/models/none/promote", {"from_day": tomorrow})
    assert rules["model_version"] is None
    assert (
        "nothing to roll back"
        in api.post(f"{SLUG}/models/roll-back", {"from_day": tomorrow}, status=409)["detail"]
    )
    assert audited(api.engine, "model.rollback") == ["api admin"]


def test_what_launches_runs_says_when_dagster_is_away(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADFLOW_DAGSTER_URL", "http://127.0.0.1:9")
    get_settings.cache_clear()
    for path, body in (
        (f"{SLUG}/models/train", {"promote": False}),
        (f"{SLUG}/similar-accounts/rebuild", None),
    ):
        assert "leadflow up" in api.post(path, body, status=503)["detail"]
    ahead = {"as_of": str(TODAY + timedelta(days=2))}
    assert "not begun" in api.post(f"{SLUG}/models/train", ahead, status=409)["detail"]
    monkeypatch.undo()
    get_settings.cache_clear()


# --- reps ------------------------------------------------------------------------------------------------------------


def test_reps_are_listed_changed_and_away(api: Api) -> None:
    first = api.get("/reps?limit=2")
    assert [each["rep"] for each in first["items"]] == ["ada@leads.example", "bo"]
    assert [each["rep"] for each in api.get(f"/reps?cursor={first['next_cursor']}")["items"]] == ["cy"]
    assert [each["rep"] for each in api.get("/reps?campaign=spring")["items"]] == ["ada@leads.example", "bo"]
    api.get("/reps", token=api.of_autumn, status=403)
    api.get("/reps?campaign=spring", token=api.of_autumn, status=404)
    api.get("/reps/cy?campaign=spring", status=404)
    api.get("/reps/nobody", status=404)

    (ada,) = (each for each in api.get("/rep-capacity")["items"] if each["rep"].startswith("ada"))
    assert (ada["given_today"], ada["limit_today"], ada["room"]) == (2, 4, 2)
    assert (ada["open_leads"], ada["limit_open"], ada["load"]) == (1, 10, 0.5), "one of them is won"
    assert api.get("/reps/bo/capacity")["room"] is None

    api.post("/reps", {"rep": "bo"}, status=409)
    assert api.post("/reps", {"rep": "dee", "team": "east"}, status=201)["changed"] is True
    api.post("/reps", {"rep": "eve", "weight": "2"}, status=422)
    record = api.get("/reps/dee")["record"] | {"team": "west"}
    tag = api.headers["ETag"]
    assert api.ask("PUT", "/reps/dee", record, If_Match=tag)["changed"] is True
    assert api.ask("PUT", "/reps/dee", record, If_Match=tag, status=412)
    assert api.ask("PUT", "/reps/dee", record)["changed"] is False
    assert len(api.get("/reps/dee")["history"]) == 2
    api.ask("PUT", "/reps/dee", record, token=api.tokens[Scope.OPERATE], status=403)

    away = {"first_day": str(YESTERDAY), "last_day": str(TODAY + timedelta(days=3))}
    noted = api.post(
        "/reps/dee/absences", away, status=201, token=api.tokens[Scope.OPERATE], Idempotency_Key="a"
    )
    assert api.get("/reps/dee/capacity")["is_away"] is True
    assert api.get("/reps?cursor=" + first["next_cursor"])["items"][1]["is_absent"] is True
    api.post("/reps/dee/absences", away | {"last_day": str(LONG_AGO)}, status=409)
    gone = api.ask("DELETE", f"/reps/dee/absences/{noted['absence_id']}")
    assert gone["withdrawn"] == [away]
    api.ask("DELETE", f"/reps/dee/absences/{noted['absence_id']}", status=404)
    stands = [each for each in api.get("/reps/dee/absences")["items"] if each["withdrawn_at"] is None]
    assert [each["last_day"] for each in stands] == [str(YESTERDAY)], "what is over stands"
    api.post("/reps/dee/back", status=409)
    assert audited(api.engine, "reps.absent") == ["api operate"]


def test_how_reps_do(api: Api) -> None:
    board = api.get(f"{SLUG}/reps/leaderboard")
    assert {each["rep"] for each in board["reps"]} >= {"ada@leads.example", "bo"}
    ada = next(each for each in board["reps"] if each["rep"].startswith("ada"))
    assert (ada["leads"], ada["wins"], ada["place"]) == (2, 1, 1)
    one = api.get(f"{SLUG}/reps/ada@leads.example/performance?as_of={TODAY}")
    assert [each["rep"] for each in one["reps"]] == ["ada@leads.example"]
    assert one["load"][0]["load"] == 0.25
    assert api.get(f"{SLUG}/reps/performance")["weeks"]
    api.get(f"{SLUG}/reps/nobody/performance", status=404)
    api.get(f"{SLUG}/reps/leaderboard?as_of=1999-01-01", status=422)


# --- analytics -------------------------------------------------------------------------------------------------------


def test_how_well_routing_works(api: Api) -> None:
    found = api.get(f"{SLUG}/analytics/routing-efficiency")
    assert (found["handed_over"], found["other_than_planned"], found["held_now"]) == (2, 1, 1)
    assert found["by_origin"] == {"pipeline": 2}
    assert found["by_method"] == {"held": 1, "optimal": 2}
    assert found["hours_held"]["median"] == 6
    balance = found["balance"]
    assert (balance["reps"], balance["gini"], balance["highest_load"], balance["floors_missed"]) == (
        2,
        0,
        0.9,
        1,
    )
    # lead-1 has ada for 90, and would gain 95 with bo, where there is room: at most 95 + ada's four places for 10 each.
    assert found["optimum"] == {"leads": 1, "value": 90, "bound": 135, "share": 0.6667}
    touches = found["first_touches"]
    assert touches["kept"] + touches["late"] + touches["open"] + touches["overdue"] == 2
    api.get(f"{SLUG}/analytics/routing-efficiency?from_day=2026-06-01&to_day=2026-05-01", status=409)
    nothing = api.get("/campaigns/autumn/analytics/routing-efficiency")
    assert (nothing["handed_over"], nothing["optimum"]["share"], nothing["balance"]["gini"]) == (
        0,
        None,
        None,
    )


# --- similar accounts ------------------------------------------------------------------------------------------------


def test_companies_like_one(api: Api) -> None:
    search = f"{SLUG}/similar-accounts/search"
    assert api.post(search, {"text": "software in Berlin"}) == {
        "campaign": "spring", "as_of": str(TODAY), "build_day": None, "items": [],
    }  # fmt: skip
    build_similar_accounts(api.engine, "spring", TODAY)
    assert api.post(search, {"company": {"industry": "software"}})["build_day"] == str(TODAY)
    api.post(search, {"lead_id": "nobody"}, status=404)
    api.post(search, {"lead_id": "lead-1", "text": "software"}, status=409)
    (build,) = api.get(f"{SLUG}/similar-accounts/statistics")["builds"]
    assert (build["accounts"], build["won"], build["leads"], build["value_won"]) == (1, 0, 3, 0)
    assert build["industries"] == [{"name": "software", "accounts": 1}]
    assert api.get("/campaigns/autumn/similar-accounts/statistics")["builds"] == []
