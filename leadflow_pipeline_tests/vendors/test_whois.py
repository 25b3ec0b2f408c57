"""What registries say by WHOIS, over real sockets: who is asked, what is read, and what every failure means."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, select

from leadflow_pipeline.errors import Deferred, TransientError
from leadflow_pipeline.store.schema import domain_lookups
from leadflow_pipeline.vendors import domains
from leadflow_pipeline.vendors.domains import LookedUp, look_up_domains
from leadflow_pipeline.vendors.limits import FAILURES_THAT_OPEN
from leadflow_pipeline.vendors.session import VendorSession
from leadflow_pipeline.vendors.whois import Whois
from leadflow_pipeline.vendors.whois_text import Registration, read_registration
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.rdap import FakeRdap
from leadflow_pipeline_tests.fakes.whois import FakeWhois
from leadflow_pipeline_tests.vendors.clients import is_plain

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
SINCE_1997 = Registration(True, date(1997, 9, 15))


@pytest.fixture
def server() -> Iterator[FakeWhois]:
    with FakeWhois() as server:
        yield server


def client(server: FakeWhois, engine: Engine, directory: str = "", now: datetime = NOON) -> Whois:
    """A client whose clock stands still and whose waits take no time."""
    waited: list[float] = []
    return Whois(engine, directory or server.address, seconds=0.3, now=lambda: now, wait=waited.append)


# --- who is asked ------------------------------------------------------------------------------------------------


def test_the_directory_is_asked_once_for_a_top_level_domain_and_its_registry_for_each_domain(
    engine: Engine, server: FakeWhois
) -> None:
    whois = client(server, engine)
    assert whois.registration("leads.example") == SINCE_1997
    assert whois.registration("NOBODY.example") == Registration(False)
    assert server.asked == ["example", "leads.example", "nobody.example"]


def test_who_has_no_server_is_not_asked(engine: Engine) -> None:
    with FakeWhois(servers={"test": ""}) as server:
        whois = client(server, engine)
        assert whois.registration("leads.test") == Registration(None)
        assert whois.registration("leads.nowhere") == Registration(None)
        assert server.asked == ["test", "nowhere"]


def test_what_a_registry_wants_after_the_domain_is_sent(engine: Engine) -> None:
    with FakeWhois({"leads.jp/e": "2001/03/22"}, {"jp": "127.0.0.1"}) as server:
        assert client(server, engine).registration("leads.jp").on == date(2001, 3, 22)


@pytest.mark.parametrize(
    "domain",
    ["", "example", "two..dots.example", "leads.example\r\nanother", "-T x.example", "lédts.example"],
)
def test_what_can_be_no_domain_is_sent_nowhere(engine: Engine, server: FakeWhois, domain: str) -> None:
    assert client(server, engine).registration(domain) == Registration(False)
    assert server.asked == []


def test_a_public_directory_does_not_lead_into_a_private_network(
    engine: Engine, server: FakeWhois, monkeypatch: pytest.MonkeyPatch
) -> None:
    whois = client(server, engine)
    monkeypatch.setattr(whois, "_server_of", lambda _top: "127.0.0.1")  # as a public one would have named it
    with pytest.raises(TransientError, match="private network"):
        whois.registration("leads.example")
    assert server.asked == []


# --- what is read ------------------------------------------------------------------------------------------------

SPELLINGS = {
    "Creation Date: 1997-09-15T04:00:00Z": date(1997, 9, 15),
    "   Created On:15-Sep-1997 04:00:00 UTC": date(1997, 9, 15),
    "created:      1997.09.15 13:00:00": date(1997, 9, 15),
    "created:     19970915 #162310": date(1997, 9, 15),
    "        Registered on: 15-Sep-1997": date(1997, 9, 15),
    "Registration Time: 1997-09-15 12:20:05": date(1997, 9, 15),
    "domain_dateregistered: 1997-09-15T00:00:00+12:00": date(1997, 9, 15),
    "registered:   15.09.1997 18:55:00": date(1997, 9, 15),
    "Domain Name Commencement Date: 05-04-1997": date(1997, 4, 5),
    "Data de registo / Creation Date (dd/mm/yyyy): 05/04/1997": date(1997, 4, 5),
    "Domain registered: 09/15/1997": date(1997, 9, 15),
    "Created on..............: 1997-Sep-15.": date(1997, 9, 15),
    "Record created on 1997-09-15 (YYYY-MM-DD)": date(1997, 9, 15),
    "Domain Registration Date:      Mon Sep 15 07:50:40 GMT 1997": date(1997, 9, 15),
    "created:      September 15 1997": date(1997, 9, 15),
    "Registered Date            : 1997. 09. 15.": date(1997, 9, 15),
    "[Created on]                    1997/09/15": date(1997, 9, 15),
    "[登録年月日]                    1997/09/15": date(1997, 9, 15),
    "Entry created:\n\tMonday 15th September 1997": date(1997, 9, 15),
    "Fecha de registro: 1997-09-15": date(1997, 9, 15),
}


@pytest.mark.parametrize(("line", "day"), SPELLINGS.items())
def test_registries_spell_the_day_in_many_ways(line: str, day: date) -> None:
    text = f"Domain: leads.example\nLast updated: 2020-01-02\nExpiry date: 2031-01-02\n{line}\nchanged: 2020-01-03\n"
    assert read_registration(text, "leads.example") == Registration(True, day)


@pytest.mark.parametrize(
    "line",
    [
        "Status: connect",
        "Registered on: before Aug-1996",
        "Created: 1997-02-30",
        "created: 0000-00-00",
        "Registrant created: 1997-09-15",
        "Last update of the registration database: 2025-01-01",
    ],
)
def test_a_registry_that_tells_no_day_still_shows_the_domain(line: str) -> None:
    assert read_registration(f"Domain: leads.example\n{line}\n", "leads.example") == Registration(True)


@pytest.mark.parametrize(
    "text",
    [
        'No match for "leads.example".',
        "Domain: leads.example\nStatus: free",
        "%ERROR:101: no entries found",
        "leads.example is available.",
        "Domain not found.",
        "The domain has not been registered.",
        "We do not have an entry in our database matching your query.",
        "Available",
    ],
)
def test_no_such_domain_is_said_in_many_ways(text: str) -> None:
    assert read_registration(text, "leads.example") == Registration(False)


@given(st.text(max_size=200))
def test_any_text_can_be_read(text: str) -> None:
    read_registration(text, "leads.example")


# --- what fails --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("only_registry", [True, False])
@pytest.mark.parametrize("kind", FakeWhois.kinds())
def test_every_failure_is_one_plain_line_and_ends_no_round(
    engine: Engine, server: FakeWhois, kind: str, only_registry: bool
) -> None:
    server.misbehave(kind, only_registry=only_registry)
    with pytest.raises(TransientError) as caught:
        client(server, engine).registration("leads.example")
    assert not isinstance(caught.value, Deferred)
    assert is_plain(caught.value, "leads.example")


@pytest.mark.parametrize("directory", ["a..b", "127.0.0.1:99999"])
def test_a_directory_that_is_none_is_a_plain_failure(
    engine: Engine, server: FakeWhois, directory: str
) -> None:
    with pytest.raises(TransientError, match="cannot be reached") as caught:
        client(server, engine, directory).registration("leads.example")
    assert is_plain(caught.value, "leads.example")


def test_a_server_that_finds_us_asking_too_much_is_left_alone(engine: Engine, server: FakeWhois) -> None:
    server.misbehave("rate limit", 1)
    whois = client(server, engine)
    for _ in range(3):
        with pytest.raises(TransientError, match="no more questions"):
            whois.registration("leads.example")
    assert server.asked == ["example", "leads.example"]
    later = client(server, engine, now=NOON + timedelta(hours=2))
    assert later.registration("leads.example") == SINCE_1997


def test_a_server_that_is_down_is_not_asked_again_and_again(engine: Engine, server: FakeWhois) -> None:
    server.misbehave("closes at once", only_registry=False)
    for _ in range(FAILURES_THAT_OPEN + 3):
        with pytest.raises(TransientError):
            client(server, engine).registration("leads.example")
    assert len(server.asked) == FAILURES_THAT_OPEN


# --- after RDAP --------------------------------------------------------------------------------------------------


def look_up(
    engine: Engine, rdap: FakeRdap, server: FakeWhois, wanted: list[str], now: datetime = NOON
) -> LookedUp:
    waited: list[float] = []
    session = VendorSession(engine, domains.RDAP_VENDOR, rdap.url, timeout=(1, 0.2), wait=waited.append)
    return look_up_domains(engine, "registration", wanted, session, lambda: now, whois=client(server, engine))


def test_only_what_rdap_does_not_know_is_asked_by_whois_and_kept_as_long(
    engine: Engine, server: FakeWhois
) -> None:
    server.registered["shy.example"] = "Domain: shy.example\nStatus: connect\n"
    wanted = ["known.example", "leads.example", "nobody.example", "shy.example"]
    with FakeRdap({"known.example": date(2001, 2, 3)}) as rdap:
        assert look_up(engine, rdap, server, wanted) == LookedUp(answered=4)
        assert server.asked == ["example", *wanted[1:]]
        assert look_up(engine, rdap, server, wanted, NOON + timedelta(days=8)) == LookedUp(answered=1)
    with engine.connect() as connection:
        kept = connection.execute(
            select(domain_lookups.c.domain, domain_lookups.c.answer).where(
                domain_lookups.c.finished_at == NOON
            )
        )
        assert {row.domain: row.answer for row in kept} == {
            "known.example": {"registered_on": "2001-02-03", "is_registered": True},
            "leads.example": {"registered_on": "1997-09-15", "is_registered": True},
            "nobody.example": {"registered_on": None, "is_registered": False},
            "shy.example": {"registered_on": None, "is_registered": True},
        }


def test_a_registry_that_fails_keeps_nobody_else_waiting(engine: Engine, server: FakeWhois) -> None:
    server.misbehave("rate limit", 1)
    wanted = ["leads.example", "known.example"]
    with FakeRdap({"known.example": date(2001, 2, 3)}) as rdap:
        assert look_up(engine, rdap, server, wanted) == LookedUp(answered=1, failed=1)
        assert look_up(engine, rdap, server, wanted, NOON + timedelta(hours=1)) == LookedUp()


def test_where_rdap_itself_fails_whois_is_not_asked(engine: Engine, server: FakeWhois) -> None:
    with FakeRdap({}) as rdap:
        rdap.misbehave("server error", ALWAYS)
        look_up(engine, rdap, server, ["leads.example"])
    assert server.asked == []
