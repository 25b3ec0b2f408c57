"""Webhooks on a real socket: what comes in, what is refused, and that nothing comes in twice."""

from __future__ import annotations

import json
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import Engine, create_engine, insert, make_url, select, text

from leadflow_pipeline.campaign import load, register, set_status
from leadflow_pipeline.partitions import last_complete_day
from leadflow_pipeline.service import bodies
from leadflow_pipeline.service.deliveries import KEPT, Delivery, Fate, forget_old_ids, take_in_deliveries
from leadflow_pipeline.service.entrances import TRUSTED_FOR
from leadflow_pipeline.store.due_days import DueDays, due_days
from leadflow_pipeline.store.frames import empty
from leadflow_pipeline.store.keys import address_key
from leadflow_pipeline.store.partitions import replace_partitions
from leadflow_pipeline.store.schema import (
    DERIVED_TABLES,
    engagement_events,
    outcomes,
    source_records,
    suppressions,
    webhook_deliveries,
)
from leadflow_pipeline.store.suppressions import ERASURE
from leadflow_pipeline_tests.service.senders import (
    BUSY,
    CAMPAIGN,
    IDA,
    OLD_SECRET,
    Sender,
    count,
    signed,
    stored_ids,
)


def test_a_lead_is_in_the_database_once_it_is_acknowledged(sender: Sender, engine: Engine) -> None:
    before = datetime.now(UTC)
    answer = sender.send([IDA, {"contact": {"email": "otto@leads.example"}, "tags": ["a", "b"], "n": 1.50}])
    assert (answer.status_code, answer.json()) == (202, {"id": "msg_1", "leads": 2})
    with engine.connect() as connection:
        rows = connection.execute(select(source_records).order_by(source_records.c.row_number)).all()
    assert [row.payload for row in rows] == [
        {"contact.email": "ida@leads.example", "contact.name": "Ida Example", "company.name": "Example Ltd"},
        {"contact.email": "otto@leads.example", "tags": '["a", "b"]', "n": "1.5"},
    ]
    assert {(row.source, row.origin) for row in rows} == {("form", "webhook msg_1")}
    assert all(before <= row.occurred_at <= datetime.now(UTC) for row in rows)


def test_the_same_id_again_changes_nothing_and_with_another_body_it_is_refused(
    sender: Sender, engine: Engine
) -> None:
    first = sender.send(IDA)
    again = sender.send(IDA, secret=OLD_SECRET, at=datetime.now(UTC) - timedelta(minutes=4))
    assert (again.status_code, again.json()) == (200, first.json())
    other = sender.send({**IDA, "plan": "gold"})
    assert other.status_code == 409
    assert other.headers["content-type"] == "application/problem+json"
    assert (count(engine), count(engine, webhook_deliveries)) == (1, 1)
    assert sender.send(IDA, "msg_2").status_code == 202
    assert (count(engine), count(engine, webhook_deliveries)) == (1, 2)


def test_fifty_times_at_once_is_one_lead(sender: Sender, engine: Engine) -> None:
    with ThreadPoolExecutor(50) as senders:
        answers = list(senders.map(lambda _: sender.send(IDA), range(50)))
    assert sorted(answer.status_code for answer in answers) == [200] * 49 + [202]
    assert len({answer.text for answer in answers}) == 1
    assert (count(engine), count(engine, webhook_deliveries)) == (1, 1)


def test_two_services_take_in_a_delivery_once(engine: Engine, fair: str) -> None:
    source = load(engine, fair).rules.sources[0]
    deliveries = [
        Delivery("fair", source, f"msg_{number}", "key", [{**IDA, "n": number}]) for number in range(5)
    ]

    def take(number: int) -> list[Fate]:
        return take_in_deliveries(engine, deliveries[:: -1 if number % 2 else 1], datetime.now(UTC))

    with ThreadPoolExecutor(8) as services:
        fates = [fate for told in services.map(take, range(8)) for fate in told]
    assert (fates.count(Fate.TAKEN), fates.count(Fate.REPEATED)) == (5, 35)
    assert count(engine) == 5


def test_whoever_cannot_sign_learns_nothing(sender: Sender, engine: Engine) -> None:
    register(
        engine, CAMPAIGN.replace("campaign: fair", "campaign: other").replace("form", "first"), "other.yaml"
    )
    answers = [
        sender.send(IDA, headers={"webhook-signature": "v1,AAAA"}),
        sender.send(IDA, headers={"webhook-timestamp": "1"}),
        sender.send(IDA, headers={"webhook-id": "another"}),
        sender.send(IDA, at=datetime.now(UTC) - timedelta(minutes=6)),
        sender.send(IDA, path="/webhooks/lead/nobody"),
        sender.send(IDA, path="/webhooks/lead/fair/nothing"),
        sender.send(IDA, path="/webhooks/lead/Fair'%00--"),
        sender.client.post("/webhooks/lead/fair", json=IDA),
        sender.send(IDA, path="/webhooks/lead/other?source=form"),
    ]
    assert {answer.status_code for answer in answers} == {401}
    told = [{**answer.json(), "correlation_id": ""} for answer in answers]
    assert all(each == told[0] for each in told)
    assert "ida" not in answers[0].text
    assert count(engine) == 0


def test_the_source_may_be_named_in_either_way(sender: Sender, engine: Engine) -> None:
    source = CAMPAIGN.partition("sources:\n")[2]
    register(engine, CAMPAIGN + source.replace("name: form", "name: chat"), "fair.yaml")
    assert sender.send(IDA).status_code == 401
    assert sender.send(IDA, "msg_1", path="/webhooks/lead/fair?source=chat").status_code == 202
    assert sender.send(IDA, "msg_2", path="/webhooks/lead/fair/form").status_code == 202
    with engine.connect() as connection:
        assert set(connection.scalars(select(source_records.c.source))) == {"chat", "form"}


def test_a_webhook_may_tell_what_became_of_leads(sender: Sender, engine: Engine) -> None:
    told = (
        "  - {name: crm, kind: webhook, secrets_from: [LEADFLOW_FAIR_HOOK], contents: outcomes, of: form, "
        "mapping: {source_key: id, outcome: stage}, day: {column: at}}\n"
    )
    keyed = CAMPAIGN.replace("mapping: {", "mapping: {source_key: contact.id, ")
    register(engine, keyed + told, "fair.yaml")
    ida = {"contact": {"id": 7, "email": "ida@leads.example"}}
    assert sender.send(ida, path="/webhooks/lead/fair/form").status_code == 202
    at = datetime.now(UTC).isoformat(timespec="seconds")
    won = [
        {"id": 7, "stage": "won", "at": at},
        {"id": 8, "stage": "won", "at": at},
        {"id": 7, "stage": "won", "at": "9999-12-31T23:59:59-23:59"},
    ]
    assert sender.send(won, "msg_2", path="/webhooks/lead/fair/crm").status_code == 202
    assert (count(engine, outcomes), count(engine)) == (1, 3)


def one_name_in_many_ways(parts: int) -> dict[str, Any]:
    """`a.a.a` as one member, as one in another, ...: 2 ** (parts - 1) members that come to the same name."""
    rest = {
        first: one_name_in_many_ways(parts - first) if first < parts else 1 for first in range(1, parts + 1)
    }
    return {".".join("a" * first): value for first, value in rest.items()}


def test_an_id_that_no_index_holds_is_quarantined(sender: Sender, engine: Engine) -> None:
    register(engine, BUSY, "busy.yaml")
    long, at = Random(1).randbytes(4_000).hex(), "2026-03-01T10:00:00Z"
    told = [{"id": "1", "what": "click", "event": event, "at": at} for event in ("7", long)]
    told.append({"id": long, "what": "click", "at": at})
    assert sender.send(told, path="/webhooks/lead/busy/visits").status_code == 202
    told = [{"id": lead_id, "what": "won", "at": at} for lead_id in ("1", long)]
    assert sender.send(told, path="/webhooks/lead/busy/crm").status_code == 202
    assert [count(engine, table) for table in (engagement_events, outcomes, source_records)] == [1, 1, 3]


NO_LEADS = (
    (b"", 400),
    (b"{", 400),
    (b'{"a": "\xff"}', 400),
    (b'{"a": NaN}', 400),
    (b'{"a": "b", "a": "b"}', 422),
    (b'{"a": "half \\ud83d"}', 422),
    (b'{"a": {"\\u0000": 1}}', 422),
    (b"[" * 100_000, 422),
    (b'{"a":' * 40 + b"1" + b"}" * 40, 422),
    (b"[]", 422),
    (b"7", 422),
    (b'[{"email": "a@leads.example"}, null]', 422),
    (json.dumps([{"n": n} for n in range(1_001)]).encode(), 422),
    (json.dumps({f"column {n}": n for n in range(501)}).encode(), 422),
    (json.dumps(one_name_in_many_ways(12)).encode(), 422),
    (b" " * (256 << 10) + b"{}", 413),
)
"""Bodies, and how each is answered."""


def test_a_body_that_is_no_leads_is_refused_with_a_reason(sender: Sender, engine: Engine) -> None:
    for body, status in NO_LEADS:
        answer = sender.send(body)
        assert answer.status_code == status, body[:12]
        assert answer.json()["detail"], body[:12]
    assert (count(engine), stored_ids(engine)) == (0, set())


def test_a_body_without_a_stated_length_is_cut_off_too(sender: Sender, engine: Engine) -> None:
    blocks = (b" " * 4_096 for _ in range(1_000))
    answer = sender.client.post("/webhooks/lead/fair", content=blocks, headers=signed(b"", "msg_1"))
    assert answer.status_code == 413
    assert sender.send(IDA, headers={"content-encoding": "gzip"}).status_code == 415
    assert count(engine) == 0


def test_a_body_that_drips_in_is_cut_off(sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "SECONDS_TO_ARRIVE", 0.05)
    address = urlsplit(sender.url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as connection:
        head = "POST /webhooks/lead/fair HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{"
        connection.sendall(head.encode())
        assert connection.recv(65_536).startswith(b"HTTP/1.1 408 ")


def test_what_is_odd_but_means_one_thing_comes_in(sender: Sender, engine: Engine) -> None:
    body = (
        b'\xef\xbb\xbf{"contact": {"email": "ida@leads.example", "name": "\\ud83d\\ude00"}, "n": 1e999, "i": '
        + b"9" * 5_000
        + b', "": 1, "plan": "a", "contact.email": "x"}'
    )
    assert sender.send(body).status_code == 202
    with engine.connect() as connection:
        payload = connection.scalars(select(source_records.c.payload)).one()
    assert payload["contact.name"] == "\U0001f600"
    assert payload["n"] == "1e999"
    assert len(payload["i"]) == 5_000
    assert payload["contact.email (2)"] == "x"


def test_a_lead_that_asked_to_be_forgotten_is_acknowledged_and_not_kept(
    sender: Sender, engine: Engine
) -> None:
    with engine.begin() as connection:
        subject = address_key("ida@leads.example")
        connection.execute(insert(suppressions).values(scope="address", subject=subject, reason=ERASURE))
    assert sender.send(IDA).status_code == 202
    assert count(engine) == 0


def test_a_refused_delivery_takes_no_other_with_it(engine: Engine, fair: str) -> None:
    """Whatever the reader lets pass: here an id that no index holds."""
    source = load(engine, fair).rules.sources[0]
    good = Delivery("fair", source, "msg_1", "key", [IDA])
    bad = Delivery("fair", source, Random(1).randbytes(4_000).hex(), "key", [IDA])
    fates = take_in_deliveries(engine, [good, bad, good], datetime.now(UTC))
    assert fates == [Fate.TAKEN, Fate.REFUSED, Fate.REPEATED]


def test_two_senders_may_use_the_same_id(sender: Sender, engine: Engine) -> None:
    source = CAMPAIGN.partition("sources:\n")[2]
    register(engine, CAMPAIGN + source.replace("name: form", "name: chat"), "fair.yaml")
    for name in ("form", "chat"):
        lead = {"contact": {"email": f"{name}@leads.example"}}
        assert sender.send(lead, "1", path=f"/webhooks/lead/fair/{name}").status_code == 202
    assert count(engine) == 2


def test_a_lead_of_a_day_that_was_computed_makes_it_due_again(sender: Sender, engine: Engine) -> None:
    register(engine, CAMPAIGN + "    day: {column: at}\n", "fair.yaml")
    yesterday = last_complete_day(datetime.now(UTC))
    for table in DERIVED_TABLES:
        replace_partitions(engine, table, "fair", [yesterday], empty(table), campaign_version=2, run_id="run")
    assert due_days(engine, yesterday, yesterday) == []
    assert sender.send({**IDA, "at": f"{yesterday}T23:59:59Z"}).status_code == 202
    assert due_days(engine, yesterday, yesterday) == [DueDays("fair", yesterday, yesterday)]


def test_an_archived_campaign_says_stop_and_a_missing_secret_later(
    sender: Sender, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_status(engine, "fair", "archived", actor="test")
    assert sender.send(IDA).status_code == 410
    set_status(engine, "fair", "paused", actor="test")
    sender.clock.ahead += TRUSTED_FOR
    assert sender.send(IDA).status_code == 202
    monkeypatch.delenv("LEADFLOW_FAIR_HOOK_OLD")
    sender.clock.ahead += TRUSTED_FOR
    assert sender.send(IDA, "msg_2").status_code == 202
    answer = sender.send(IDA, "msg_3", secret=OLD_SECRET)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert answer.json()["detail"] == "this address is not set up yet: send it again later"


def test_ids_are_kept_for_a_week_and_then_forgotten(sender: Sender, engine: Engine) -> None:
    sender.send(IDA)
    now = datetime.now(UTC)
    assert forget_old_ids(engine, now + timedelta(days=7)) == 0
    assert forget_old_ids(engine, now + KEPT + timedelta(minutes=1)) == 1


def test_health_and_refusals_have_one_shape(sender: Sender) -> None:
    assert sender.client.get("/health/live").json() == {"status": "alive"}
    assert sender.client.get("/health/ready").json() == {"status": "ready"}
    described = sender.client.get("/openapi.json").json()["paths"]["/webhooks/lead/{campaign}"]["post"]
    headers = {each["name"] for each in described["parameters"] if each["in"] == "header"}
    assert headers == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    assert {"202", "200", "401", "409", "413", "503"} <= described["responses"].keys()
    page = sender.client.get("/docs").text
    assert "/webhooks/lead/{campaign}/{source}</b>" in page.replace("<wbr>", "")
    assert "webhook-signature" in page
    loaded = re.findall(r"""(?:src=|href=|url\(|@import)\s*["']?(\w+://[^"')\s]*)""", page)
    assert set(loaded) <= {"https://www.standardwebhooks.com"}, "it loads nothing from elsewhere"
    for answer, status in (
        (sender.client.get("/nothing"), 404),
        (sender.client.get("/webhooks/lead/fair"), 405),
    ):
        assert (answer.status_code, answer.json()["status"]) == (status, status)
        assert answer.headers["content-type"] == "application/problem+json"


def test_without_tables_it_is_not_ready(sender: Sender, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE leadflow.webhook_deliveries"))
    answer = sender.client.get("/health/ready")
    assert (answer.status_code, "no tables" in answer.text) == (503, True)


def test_while_the_database_is_down_the_sender_is_to_come_again(
    sender: Sender, database_url: str, server_url: str
) -> None:
    name = make_url(database_url).database
    server = create_engine(server_url, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false"))
        stop = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = :name")
        connection.execute(stop, {"name": name})
        for answer in (sender.send(IDA), sender.client.get("/health/ready")):
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
            assert answer.json()["detail"] == "the database does not answer: send it again later"
        assert sender.client.get("/health/live").status_code == 200
        connection.execute(text(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true"))
    server.dispose()
    assert sender.send(IDA).status_code == 202
