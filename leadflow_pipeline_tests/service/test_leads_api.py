"""Leads by program over days that were really computed: found, told of, decided about, scored, in and out."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, func, insert, select

from leadflow_pipeline.campaign import register
from leadflow_pipeline.cli.runs import QUIET
from leadflow_pipeline.definitions import STAGE_ASSETS, build_defs
from leadflow_pipeline.harvest.importing import Contents, import_file
from leadflow_pipeline.identity.present import resolve_persons
from leadflow_pipeline.identity.present_accounts import resolve_present_accounts
from leadflow_pipeline.insight.known_leads import lead_of_address
from leadflow_pipeline.partitions import CAMPAIGN_PARTITIONS_NAME, PartitionRange, days_between
from leadflow_pipeline.service.access.scopes import Scope
from leadflow_pipeline.service.access.tokens import create_token
from leadflow_pipeline.service.app import build_app
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.engine import engine_for, get_engine
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline_tests.databases import Databases
from leadflow_pipeline_tests.samples import minimal_campaign_text

FIRST, LAST, OPEN = date(2026, 3, 2), date(2026, 3, 5), date(2026, 3, 6)
NOW = datetime(2026, 3, 6, 15, tzinfo=UTC)
HEADER = "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received\n"
LEADS = (
    "ida@leads.example,Ida,Example,Example Ltd,Head of Sales,software,200,DE,,gold,2026-03-02\n"
    "otto@leads.example,Otto,Sample,Sample AG,,retail,20,DE,,gold,2026-03-03\n"
    "zoe@leads.example,Zoë,Examplova,Sample Tools,,retail,700,DE,,gold,2026-03-03\n"
    "ida@leads.example,Ida,Example,Example Ltd,Head of Sales,software,200,DE,,silver,2026-03-05\n"
)
EVENTS = (
    "email,behaviour,occurred_at,is_machine\n"
    "ida@leads.example,click,2026-03-04T10:00:00Z,false\n"
    "ida@leads.example,visit,2026-03-06T09:00:00Z,false\n"
)
PROVIDERS = (
    "  providers:\n    - {name: people, kind: clearbit, key_from: LEADFLOW_PEOPLE_KEY, fields: [job_title]}\n"
)
IDA, OTTO, ZOE, NEW = (
    lead_of_address("spring", f"{name}@leads.example") for name in ("ida", "otto", "zoe", "new")
)
NOBODY = "0" * 32


class Client:
    """Somebody with tokens, who asks without a socket."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.app = build_app(now=lambda: NOW)
        self.tokens = {scope: create_token(engine, scope.word, scope) for scope in Scope}

    def __call__(
        self, method: str, path: str, expected: int = 200, scope: Scope = Scope.OPERATE, **sent: Any
    ) -> Any:
        """The JSON of an answer that has the expected status; without JSON the answer."""

        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                headers = {"Authorization": f"Bearer {self.tokens[scope]}", **sent.pop("headers", {})}
                return await client.request(method, f"/api/v1{path}", headers=headers, **sent)

        answer = asyncio.run(ask())
        assert answer.status_code == expected, answer.text
        is_json = (
            "json" in answer.headers.get("content-type", "") and "jsonl" not in answer.headers["content-type"]
        )
        return answer.json() if is_json else answer


def compute(first: date, last: date) -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(CAMPAIGN_PARTITIONS_NAME, ["spring"])
        assert dg.materialize(
            list(STAGE_ASSETS),
            instance=instance,
            resources=build_defs().resources,
            tags=PartitionRange("spring", days_between(first, last)).tags,
            run_config=QUIET,
        ).success


@pytest.fixture(scope="module")
def ask(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The service over a campaign of four computed days, and one that is not over."""
    with pytest.MonkeyPatch.context() as patch:
        url = databases.take()
        patch.setenv("LEADFLOW_DATABASE_URL", url)
        patch.setenv("LEADFLOW_PEOPLE_KEY", "none")
        get_settings.cache_clear()
        engine = get_engine()
        register(engine, minimal_campaign_text("spring") + PROVIDERS, "spring.yaml")
        folder = tmp_path_factory.mktemp("files")
        for name, rows, contents in (
            ("leads.csv", HEADER + LEADS, Contents.LEADS),
            ("events.csv", EVENTS, Contents.EVENTS),
        ):
            (folder / name).write_text(rows)
            import_file(engine, "spring", folder / name, contents=contents)
        compute(FIRST, LAST)
        resolve_persons(engine)
        resolve_present_accounts(engine)
        handoff = {
            "campaign": "spring", "lead_id": OTTO, "assignment_number": 1, "rep": "rep-7",
            "decision_day": LAST, "origin": "hand", "reason": "because", "decided_at": NOW,
        }  # fmt: skip
        with engine.begin() as connection:
            connection.execute(insert(schema.handoffs).values(handoff))
        yield Client(engine)
        engine_for(url).dispose()
        databases.give_back(url)
    get_settings.cache_clear()


def found(ask: Client, query: str) -> list[str]:
    return [lead["lead_id"] for lead in ask("GET", f"/campaigns/spring/leads?{query}")["items"]]


def test_leads_are_found_by_what_a_person_remembers(ask: Client) -> None:
    assert found(ask, "") == [IDA, *sorted([OTTO, ZOE], reverse=True)]
    for query, expected in {
        "email=IDA@leads.example": [IDA],
        "email=nobody@leads.example": [],
        "name=ida": [IDA],
        "name=exampl": [IDA, ZOE],
        "name=zoe+ex": [ZOE],
        "name=example&match=exact": [IDA],
        "company=sample": [OTTO, ZOE],
        "company=leads.example": [IDA, OTTO, ZOE],
        "company=Sample+GmbH&match=exact": [OTTO],
        "name=exampl&company=sample": [ZOE],
        "owner=rep-7": [OTTO],
        "owner=rep-8": [],
        "received_on=2026-03-03": [OTTO, ZOE],
        "received_on=2026-03-05": [],
        "as_of=2026-03-02": [IDA],
        "as_of=2001-01-01": [],
    }.items():
        assert sorted(found(ask, query)) == sorted(expected), query
    everybody = ask("GET", "/campaigns/spring/leads")["items"]
    for field in ("status", "tier"):
        for value in {lead[field] for lead in everybody if lead[field]}:
            expected = [lead["lead_id"] for lead in everybody if lead[field] == value]
            assert sorted(found(ask, f"{field}={value}")) == sorted(expected)
    ida = everybody[0]
    assert (ida["received_on"], ida["day"], ida["full_name"]) == ("2026-03-02", "2026-03-05", "Ida Example")

    pages, cursor = [], ""
    while True:
        page = ask("GET", f"/campaigns/spring/leads?limit=1{cursor}")
        pages += [lead["lead_id"] for lead in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert pages == [lead["lead_id"] for lead in everybody]


def test_one_lead_is_told_of_whole(ask: Client) -> None:
    lead = ask("GET", f"/campaigns/spring/leads/{IDA}")
    assert lead["enriched"]["email"] == "ida@leads.example"
    assert lead["scored"]["day"] == "2026-03-05"
    assert lead["handoff"] is None
    assert ask("GET", f"/campaigns/spring/leads/{OTTO}")["handoff"]["rep"] == "rep-7"
    assert ask("GET", f"/campaigns/spring/leads/{IDA}?as_of=2026-03-02")["scored"]["day"] == "2026-03-02"

    story = ask("GET", f"/campaigns/spring/leads/{IDA}/explanation")
    assert round(sum(line["points"] for line in story["scored"]["lines"]), 2) == story["scored"]["score"]
    kinds = [entry["kind"] for entry in ask("GET", f"/campaigns/spring/leads/{IDA}/timeline")["items"]]
    assert {"record", "score", "click"} <= set(kinds)
    one_by_one, cursor = [], ""
    while len(one_by_one) <= len(kinds):
        page = ask("GET", f"/campaigns/spring/leads/{IDA}/timeline?limit=2{cursor}")
        one_by_one += [entry["kind"] for entry in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert one_by_one == kinds

    for path in ("", "/timeline", "/explanation", "/enrichment", "/scores"):
        assert ask("GET", f"/campaigns/spring/leads/{NOBODY}{path}", 404)["status"] == 404
        assert ask("GET", f"/campaigns/autumn/leads/{IDA}{path}", 404)["status"] == 404


def test_a_decision_is_kept_once_and_signed(ask: Client) -> None:
    path = f"/campaigns/spring/leads/{IDA}/overrides"
    decision = {"field": "tier", "value": "HOT", "reason": "knows her"}
    first = ask("POST", path, 201, json=decision, headers={"Idempotency-Key": "a"})
    assert first["value"] == "HOT"
    assert ask("POST", path, 201, json=decision, headers={"Idempotency-Key": "a"}) == first
    ask("POST", path, 409, json={**decision, "value": "COLD"}, headers={"Idempotency-Key": "a"})
    ask("POST", path, 403, Scope.READ, json=decision)
    for wrong, status in (
        ({"value": "canary-7"}, 422),
        ({"field": "score"}, 422),
        ({"more": 1}, 422),
        ({"expires_on": "2026-03-01"}, 409),
        ({"field": "nurture", "value": "enrol canary-7"}, 409),
    ):
        refused = ask("POST", path, status, json={**decision, **wrong})
        assert "canary" not in json.dumps(refused)
    with ask.engine.connect() as connection:
        overrides = connection.execute(select(schema.overrides)).all()
        log = connection.execute(
            select(schema.activity_log).where(schema.activity_log.c.action == "override")
        ).all()
    assert [(row.actor, row.field, row.value) for row in overrides] == [("api operate", "tier", "HOT")]
    assert [(row.actor, row.lead_id) for row in log] == [("api operate", IDA)]


def test_a_lead_is_suppressed_and_let_go(ask: Client) -> None:
    path = f"/campaigns/spring/leads/{ZOE}/suppression"
    assert ask("POST", path, json={"reason": "asked by phone"})["news"] == 1
    assert ask("POST", path, json={"reason": "asked by phone"})["news"] == 0
    with ask.engine.connect() as connection:
        row = connection.execute(select(schema.suppressions)).one()
    assert (row.subject, row.campaign) == (address_key("zoe@leads.example"), "spring")
    assert ask("POST", f"/campaigns/spring/leads/{ZOE}/enrich", 202)["not_asked"] == [ZOE]
    assert ask("POST", f"{path}/lift", json={"reason": "came back"})["reasons"] == ["asked by phone"]


def test_vendors_are_asked_once(ask: Client) -> None:
    ordered = ask("POST", f"/campaigns/spring/leads/{OTTO}/enrich", 202)
    assert (ordered["planned"], ordered["providers"]) == (1, {"people": 1})
    again = ask("POST", "/campaigns/spring/leads/enrich", 202, json={"lead_ids": [OTTO, NOBODY]})
    assert (again["planned"], again["not_asked"], again["unknown"]) == (0, [OTTO], [NOBODY])
    told = ask("GET", f"/campaigns/spring/leads/{OTTO}/enrichment")
    assert [(each["provider"], each["state"]) for each in told["asked"]] == [("people", "planned")]
    assert ask("GET", "/campaigns/spring/enrichment")["providers"][0]["planned"] == 1
    assert [each["name"] for each in ask("GET", "/campaigns/spring/enrichment/types")["types"]] == ["people"]
    assert ask("GET", "/enrichment/types")["types"]
    ask("POST", "/campaigns/spring/enrichment/lookups/1/settle", 409, json={"decision": "give-up"})


def test_validation_asks_nobody_and_keeps_nothing(ask: Client) -> None:
    verdicts = ask(
        "POST",
        "/enrichment/validate",
        scope=Scope.READ,
        json={
            "emails": ["ida@gmial.com", "no address", ""],
            "phones": ["030 901820", "1"],
            "names": ["Dr. Ida Example", "x"],
            "companies": ["Example Ltd", "-"],
            "country": "DE",
        },
    )
    assert verdicts["emails"][0]["suggestion"] == "ida@gmail.com"
    assert [each["status"] for each in verdicts["emails"][1:]] == ["invalid", "missing"]
    assert [each["normalised"] for each in verdicts["phones"]] == ["+4930901820", None]
    assert [(each["last_name"], each["status"]) for each in verdicts["names"]] == [
        ("Example", "valid"), (None, "invalid"),
    ]  # fmt: skip
    assert [(each["key"], each["status"]) for each in verdicts["companies"]] == [
        ("example", "valid"), (None, "invalid"),
    ]  # fmt: skip
    assert "canary" not in json.dumps(ask("POST", "/enrichment/validate", 422, json={"country": "canary"}))


def test_scores_are_told_and_analysed(ask: Client) -> None:
    history = ask("GET", f"/campaigns/spring/leads/{IDA}/scores?limit=1")
    assert history["items"][0]["day"] == "2026-03-05"
    older = ask("GET", f"/campaigns/spring/leads/{IDA}/scores?cursor={history['next_cursor']}")
    assert [score["day"] for score in older["items"]] == ["2026-03-04", "2026-03-02"]
    analytics = ask("GET", "/campaigns/spring/scores/analytics")
    assert analytics["leads"] == 3
    assert sum(bar["leads"] for bar in analytics["distribution"]) == 3
    assert analytics["sources"][0]["name"] == "website"
    assert ask("GET", "/campaigns/spring/scores/analytics?as_of=2001-01-01")["mean_score"] is None
    # Nobody listens where Dagster would, and days that are not over are refused before it is asked.
    ask("POST", "/campaigns/spring/scores/recompute", 409, json={"first_day": OPEN.isoformat()})
    ask("POST", "/campaigns/spring/scores/recompute", 503, json={"first_day": LAST.isoformat()})


def test_a_file_comes_in_whole_and_once(ask: Client, tmp_path: Path) -> None:
    path = "/campaigns/spring/leads/uploads?file_name=more.csv"
    body = (HEADER + "new@leads.example,New,Example,=cmd,,retail,60,DE,,gold,2026-03-06\n").encode()
    asked = {"content": body, "headers": {"Content-Type": "text/csv", "Idempotency-Key": "u"}}
    first = ask("POST", path, 201, **asked)
    assert (first["rows"], first["new"], first["first_day"]) == (1, 1, "2026-03-06")
    assert ask("POST", path, 201, **asked) == first
    again = ask("POST", path, 201, content=body, headers={"Content-Type": "application/octet-stream"})
    assert (again["new"], again["repeated"]) == (0, 1)
    for content, status in ((b"", 422), (b"canary,b\n1,2\n", 409), (b"%PDF-1.7", 409)):
        refused = ask("POST", path, status, content=content, headers={"Content-Type": "text/csv"})
        assert "canary" not in json.dumps(refused)
        assert "more.csv" not in json.dumps(refused)
    uploads = get_settings().home / "uploads"
    assert not list(uploads.iterdir())


def test_tables_go_out_in_every_format(ask: Client) -> None:
    path = "/campaigns/spring/exports/harvested_leads"
    text = ask("GET", path).text
    assert text.splitlines()[0].startswith("campaign,day,lead_id")
    assert len(text.splitlines()) == 5
    lines = ask("GET", f"{path}?format=jsonl&from=2026-03-03&to=2026-03-04").text.splitlines()
    assert sorted(json.loads(line)["lead_id"] for line in lines) == sorted([OTTO, ZOE])
    table = pq.read_table(io.BytesIO(ask("GET", f"{path}?format=parquet").content))
    assert table.num_rows == 4
    assert ask("GET", f"{path}?from=2090-01-01").text.count("\n") == 1
    for other in ("api_tokens", "nothing"):
        ask("GET", f"/campaigns/spring/exports/{other}", 422)
    ask("GET", "/campaigns/spring/exports/overrides?from=2026-03-01", 409)
    ask("GET", "/campaigns/autumn/exports/harvested_leads", 404)


def test_a_score_of_now_is_the_one_that_the_day_will_have(ask: Client) -> None:
    """Last, because it computes the day that was open until here."""
    with ask.engine.connect() as connection:
        rows = select(func.count()).select_from(schema.scored_leads)
        before = connection.scalar(rows)
        one = ask("POST", f"/campaigns/spring/leads/{IDA}/score", scope=Scope.READ)
        assert round(sum(line["points"] for line in one["lines"]), 2) == one["score"]
        many = ask("POST", "/campaigns/spring/leads/score", json={"lead_ids": [IDA, NEW, NOBODY]})
        assert many["unknown"] == [NOBODY]
        assert connection.scalar(rows) == before
    compute(OPEN, OPEN)
    scored = schema.scored_leads.c
    with ask.engine.connect() as connection:
        query = select(scored.lead_id, scored.score, scored.icp_fit, scored.temperature)
        kept = {row.lead_id: row for row in connection.execute(query.where(scored.day == OPEN))}
    told = {score["lead_id"]: score for score in many["scores"]}
    assert told[IDA] == one
    assert {*told} == {IDA, NEW} == {*kept}
    for lead_id, row in kept.items():
        assert told[lead_id]["score"] == row.score
        assert (told[lead_id]["icp_fit"], told[lead_id]["temperature"]) == (
            round(row.icp_fit, 4),
            row.temperature,
        )
