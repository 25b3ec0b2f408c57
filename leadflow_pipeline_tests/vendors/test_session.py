"""Every way in which a request can fail, over real sockets: what is repeated, what is deferred, and what is said."""

from __future__ import annotations

import gzip
import traceback
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import ClassVar

import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline.errors import Deferred, FateUnknown, LeadflowError, PermanentError
from leadflow_pipeline.store.schema import vendor_breakers
from leadflow_pipeline.vendors import session as session_module
from leadflow_pipeline.vendors.session import Rate, Refused, Unanswered, VendorSession
from leadflow_pipeline_tests.fakes.http import (
    ALWAYS,
    NETWORK_FAILURES,
    REFUSED,
    Failure,
    FakeServer,
    Received,
    Reply,
    json_reply,
    refused,
)

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
PERSON = "wilma.private@leads.example"
KEY = "key-that-must-not-leave"


STATUSES = (400, 401, 402, 403, 404, 408, 409, 422, 423, 429, 500, 502, 503, 504)


class Vendor(FakeServer):
    """Echoes; charges a credit for every POST; its further misbehaviour is a status with headers."""

    failures: ClassVar[Mapping[str, Failure]] = {
        **NETWORK_FAILURES,
        **{str(status): refused(json_reply({"message": PERSON}, status)) for status in STATUSES},
        "wait 50": refused(json_reply({"message": PERSON}, 429, {"Retry-After": "50"})),
        "wait 61": refused(json_reply({"message": PERSON}, 429, {"Retry-After": "61"})),
        "wait until": refused(
            json_reply({}, 429, {"Retry-After": format_datetime(NOW + timedelta(seconds=20), usegmt=True)})
        ),
        "wait forever": refused(json_reply({}, 429, {"Retry-After": "999999999999999999"})),
        "wait nonsense": refused(json_reply({}, 429, {"Retry-After": "soon"})),
        "elsewhere": refused(Reply(302, b"", {"Location": "http://127.0.0.2:9/"})),
        "within": refused(Reply(302, b"", {"Location": "/moved?page=2"})),
        "huge": refused(Reply(200, gzip.compress(b" " * (17 << 20)), {"Content-Encoding": "gzip"})),
        "broken gzip": refused(Reply(200, b"no gzip at all", {"Content-Encoding": "gzip"})),
    }

    def respond(self, received: Received) -> Reply:
        if received.method == "POST":
            self.charge("post", 1)
        return json_reply({"path": received.path, "query": dict(received.query)})


class Clock:
    """Stands still but for what is waited."""

    def __init__(self) -> None:
        self.now = NOW
        self.waits: list[float] = []

    def __call__(self) -> datetime:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    with Vendor() as server:
        yield server


@pytest.fixture
def opened(engine: Engine, vendor: Vendor, clock: Clock) -> Callable[..., VendorSession]:
    def open_session(rate: Rate | None = None, url: str | None = None) -> VendorSession:
        return VendorSession(
            engine, "acme", url or vendor.url, headers={"x-api-key": KEY}, rate=rate, timeout=(1, 0.3),
            now=clock, wait=clock.wait,
        )  # fmt: skip

    return open_session


def ask(session: VendorSession, *, is_repeatable: bool = True, method: str = "GET"):
    return session.call(method, "/people", params={"email": PERSON}, is_repeatable=is_repeatable)


def buy(session: VendorSession):
    return session.call("POST", "/people", json={"email": PERSON}, is_repeatable=False)


def said(error: BaseException) -> str:
    """All that a log could show of a failure."""
    return "".join(traceback.format_exception(error))


def test_a_request_names_the_project_and_carries_its_headers(opened, vendor: Vendor) -> None:
    assert ask(opened()).json() == {"path": "/people", "query": {"email": [PERSON]}}
    headers = vendor.requests[0].headers
    assert headers["user-agent"].startswith("leadflow-pipeline/")
    assert headers["x-api-key"] == KEY


@pytest.mark.parametrize(("kind", "seconds"), [("wait 50", 50), ("wait until", 20)])
def test_a_vendor_that_asks_for_up_to_a_minute_gets_it(
    opened, vendor: Vendor, clock: Clock, kind: str, seconds: float
) -> None:
    vendor.misbehave(kind)
    assert buy(opened()).status_code == 200
    assert seconds - 0.001 <= sum(clock.waits) <= seconds + 1.01
    assert len(vendor.requests) == 2


@pytest.mark.parametrize(
    ("kind", "until"),
    [("wait 61", timedelta(seconds=61)), ("wait forever", timedelta(days=7))],
)
def test_a_vendor_that_asks_for_longer_is_left_alone_by_everybody(
    opened, vendor: Vendor, clock: Clock, kind: str, until: timedelta
) -> None:
    vendor.misbehave(kind)
    with pytest.raises(Deferred, match="acme asks to come back later") as told:
        buy(opened())
    assert told.value.until == NOW + until
    with pytest.raises(Deferred) as told:
        ask(opened())
    assert told.value.until == NOW + until
    assert len(vendor.requests) == 1
    assert clock.waits == []


def test_waiting_again_and_again_ends_after_a_minute_in_all(opened, vendor: Vendor, clock: Clock) -> None:
    vendor.misbehave("wait 50", ALWAYS)
    with pytest.raises(Deferred):
        buy(opened())
    assert sum(clock.waits) <= 60
    assert vendor.charges == {}


@pytest.mark.parametrize("kind", ["429", "423", "wait nonsense"])
def test_a_vendor_that_is_busy_and_says_no_time_is_tried_a_few_times(
    opened, vendor: Vendor, clock: Clock, kind: str
) -> None:
    vendor.misbehave(kind, 2)
    assert buy(opened()).status_code == 200
    assert len(clock.waits) == 2
    assert all(wait >= 2 for wait in clock.waits)
    vendor.misbehave(kind, ALWAYS)
    with pytest.raises(Deferred, match="asks to wait"):
        buy(opened())


def test_a_rate_is_kept_and_a_long_queue_deferred(opened, vendor: Vendor, clock: Clock) -> None:
    session = opened(Rate(3, 60))
    for _ in range(3):
        ask(session)
    assert clock.waits == [pytest.approx(20), pytest.approx(20)]
    slow = opened(Rate(1, 600, bucket="slow"))
    ask(slow)
    with pytest.raises(Deferred, match="its rate is used up"):
        ask(slow)
    assert len(vendor.requests) == 4


def test_who_cannot_be_reached_is_tried_again_with_jitter_then_deferred(
    opened, vendor: Vendor, clock: Clock
) -> None:
    vendor.misbehave(REFUSED)
    with pytest.raises(Deferred, match="acme cannot be reached") as told:
        buy(opened())
    assert not isinstance(told.value, Unanswered)
    assert len(clock.waits) == len(set(clock.waits)) == 3


LOST = ("lost answer", "reset midway", "read timeout", "500", "502", "504", "503", "408", "broken gzip")


@pytest.mark.parametrize("kind", LOST)
def test_what_may_have_been_paid_for_is_sent_once(opened, vendor: Vendor, kind: str) -> None:
    vendor.misbehave(kind)
    with pytest.raises(FateUnknown, match="acme may have carried out a request") as told:
        buy(opened())
    assert len(vendor.requests) == 1
    assert PERSON not in said(told.value)


@pytest.mark.parametrize("kind", LOST)
def test_what_is_free_is_repeated(opened, vendor: Vendor, kind: str) -> None:
    vendor.misbehave(kind, 2)
    assert ask(opened()).status_code == 200
    assert len(vendor.requests) == 3


def test_what_is_free_and_never_answered_is_given_back(opened, vendor: Vendor) -> None:
    vendor.misbehave("500", ALWAYS)
    with pytest.raises(Unanswered, match="it answered with status 500"):
        ask(opened())


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (401, "check its key"),
        (402, "credits and plan"),
        (403, "its key and plan allow"),
        (404, "what is asked"),
    ],
)
def test_a_no_is_final_and_repeats_nothing_of_the_answer(
    opened, vendor: Vendor, status: int, remedy: str
) -> None:
    vendor.misbehave(str(status))
    with pytest.raises(Refused, match=f"acme refused with status {status}: .*{remedy}") as told:
        ask(opened())
    assert told.value.status == status
    assert len(vendor.requests) == 1
    assert PERSON not in said(told.value)


def test_no_failure_says_what_was_asked_or_answered_or_the_key(engine: Engine, clock: Clock) -> None:
    errors = []
    for kind in Vendor.kinds():
        with Vendor() as vendor:
            vendor.misbehave(kind, ALWAYS)
            session = VendorSession(
                engine, "acme", vendor.url, headers={"x-api-key": KEY}, timeout=(1, 0.05), now=clock, wait=clock.wait
            )  # fmt: skip
            try:
                ask(session, is_repeatable=kind[:1].isdigit())
            except LeadflowError as error:
                errors.append(error)
    assert len(errors) > len(STATUSES)
    assert not any("\n" in str(error) for error in errors)
    assert not any(word in said(error) for error in errors for word in (PERSON.partition("@")[0], KEY))
    with engine.connect() as connection:
        problems = connection.scalars(select(vendor_breakers.c.problem)).all()
    assert not any(PERSON in (problem or "") for problem in problems)


def test_a_status_that_is_expected_is_an_answer(opened, vendor: Vendor) -> None:
    vendor.misbehave("404")
    response = opened().call("GET", "/people", is_repeatable=True, accept={404})
    assert (response.status_code, response.json()) == (404, {"message": PERSON})


def test_a_key_goes_to_no_other_host(opened, vendor: Vendor) -> None:
    vendor.misbehave("elsewhere")
    with pytest.raises(Refused, match="sends elsewhere"):
        ask(opened())
    with pytest.raises(PermanentError, match="a page of another host"):
        opened().call("GET", f"http://localhost:{vendor.port}/people", is_repeatable=True)
    assert len(vendor.requests) == 1


def test_a_get_is_followed_within_its_host_and_a_purchase_is_not(opened, vendor: Vendor) -> None:
    vendor.misbehave("within")
    assert ask(opened()).json() == {"path": "/moved", "query": {"page": ["2"]}}
    assert opened().call("GET", f"{vendor.url}/next", is_repeatable=True).json()["path"] == "/next"
    vendor.misbehave("within")
    with pytest.raises(Refused):
        buy(opened())


def test_an_answer_without_end_is_not_read_to_it(opened, vendor: Vendor) -> None:
    vendor.misbehave("huge", 2)
    with pytest.raises(PermanentError, match="larger than 16 MiB: ask for less"):
        ask(opened())
    with pytest.raises(FateUnknown, match="larger than 16 MiB"):
        buy(opened())


def test_an_answer_that_trickles_in_is_cut_off(opened, vendor: Vendor, monkeypatch) -> None:
    monkeypatch.setattr(session_module, "MOST_SECONDS", -1.0)
    with pytest.raises(FateUnknown, match="takes longer"):
        buy(opened())


def test_nothing_of_the_environment_changes_where_a_request_goes(
    opened, vendor: Vendor, monkeypatch, tmp_path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    ask(opened())
    assert "authorization" not in vendor.requests[0].headers


def test_a_vendor_that_is_down_is_left_alone_and_one_call_probes(
    opened, vendor: Vendor, clock: Clock
) -> None:
    vendor.misbehave("500", ALWAYS)
    for _ in range(5):
        with pytest.raises(FateUnknown):
            buy(opened())
    with pytest.raises(Deferred, match=r"acme at 127.0.0.1:\d+ has failed 5 times in a row") as told:
        buy(opened())
    assert len(vendor.requests) == 5
    vendor.recover()
    clock.now = told.value.until
    assert buy(opened()).status_code == 200
    assert buy(opened()).status_code == 200


@pytest.mark.parametrize(
    "url", ["api.example.org", "ftp://example.org", "https://user:word@example.org", "https://"]
)
def test_a_base_url_that_is_none_is_refused_without_quoting_it(opened, url: str) -> None:
    with pytest.raises(PermanentError, match="the base URL of acme is none") as told:
        opened(url=url)
    assert "word" not in str(told.value)


def test_a_request_that_cannot_be_made_is_refused_without_quoting_it(engine: Engine, vendor: Vendor) -> None:
    session = VendorSession(engine, "acme", vendor.url, headers={"x-api-key": f"{KEY}\nx: y"})
    with pytest.raises(PermanentError, match="InvalidHeader") as told:
        ask(session)
    assert KEY not in said(told.value)


def test_a_certificate_that_nobody_vouches_for_is_refused(opened, vendor: Vendor) -> None:
    with pytest.raises(LeadflowError):
        ask(opened(url=vendor.url.replace("http:", "https:")))
    assert vendor.requests == []
