"""What is asked of name servers and registries, over real sockets, and how the answers are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import Engine, select

from leadflow_pipeline.errors import LeadflowError, TransientError
from leadflow_pipeline.store.schema import domain_lookups
from leadflow_pipeline.vendors import domains
from leadflow_pipeline.vendors.domains import (
    LookedUp,
    look_up_domains,
    mail_servers,
    registration,
)
from leadflow_pipeline.vendors.session import VendorSession
from leadflow_pipeline_tests.fakes.dns import FakeDns
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.rdap import FakeRdap
from leadflow_pipeline_tests.vendors.clients import is_plain, repeatable

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
TOLD = {
    "too many requests": TransientError,
    "too many requests for long": TransientError,
}
NO_DAY = ("not found", "bad request", "without events", "events in another shape", "date nobody can read")


@pytest.fixture
def dns() -> Iterator[FakeDns]:
    with FakeDns() as server:
        yield server


def rdap(server: FakeRdap, engine: Engine, path: str = "") -> VendorSession:
    waited: list[float] = []
    return VendorSession(engine, domains.RDAP_VENDOR, server.url + path, timeout=(1, 0.2), wait=waited.append)


@pytest.mark.parametrize(
    ("domain", "servers"),
    [
        ("leads.example", ("mail.leads.example", "backup.leads.example")),
        ("LEADS.example.", ("mail.leads.example", "backup.leads.example")),
        ("no-mail.example", ()),
        ("only-address.example", ("only-address.example",)),
        ("only-ipv6.example", ("only-ipv6.example",)),
        ("nothing.example", ()),
        ("nowhere.example", ()),
        ("", ()),
        ("two..dots.example", ()),
        ("x" * 64 + ".example", ()),
    ],
)
def test_who_takes_the_mail_of_a_domain(dns: FakeDns, domain: str, servers: tuple[str, ...]) -> None:
    assert mail_servers(domain, dns.resolver(), timeout=2) == servers


def test_an_answer_too_big_for_one_packet_comes_over_tcp(dns: FakeDns) -> None:
    assert len(mail_servers("many-servers.example", dns.resolver(), timeout=2)) == 60


@pytest.mark.parametrize(
    "domain", ["broken.example", "refusing.example", "silent.example", "garbage.example"]
)
def test_broken_and_silent_servers_say_nothing_about_a_domain(dns: FakeDns, domain: str) -> None:
    with pytest.raises(TransientError) as caught:
        mail_servers(domain, dns.resolver(), timeout=0.2)
    assert is_plain(caught.value, domain)


def test_a_round_asks_each_domain_once_and_keeps_failures_for_a_shorter_time(
    engine: Engine, dns: FakeDns
) -> None:
    wanted = ["leads.example", "LEADS.example", "no-mail.example", "broken.example", "nowhere.example", ""]

    def look_up(now: datetime) -> LookedUp:
        return look_up_domains(engine, "mx", wanted, dns.resolver(), lambda: now)

    assert look_up(NOON) == LookedUp(answered=3, failed=1)
    asked = len(dns.asked)
    assert look_up(NOON + timedelta(hours=1)) == LookedUp()
    assert len(dns.asked) == asked
    assert look_up(NOON + timedelta(hours=7)) == LookedUp(failed=1)
    assert look_up(NOON + timedelta(days=8)) == LookedUp(answered=2, failed=1)
    with engine.connect() as connection:
        kept = connection.execute(
            select(domain_lookups.c.domain, domain_lookups.c.answer, domain_lookups.c.problem).where(
                domain_lookups.c.finished_at == NOON
            )
        )
        assert {row.domain: row.answer for row in kept} == {
            "leads.example": {"servers": ["mail.leads.example", "backup.leads.example"]},
            "no-mail.example": {"servers": []},
            "nowhere.example": {"servers": []},
            "broken.example": None,
        }


def test_a_round_has_an_end_in_number_and_in_time(engine: Engine, dns: FakeDns) -> None:
    wanted = [f"d{number}.example" for number in range(40)]
    assert look_up_domains(engine, "mx", wanted, dns.resolver(), lambda: NOON, most=30) == LookedUp(30, 0, 10)
    assert look_up_domains(engine, "mx", wanted, dns.resolver(), lambda: NOON, seconds=0) == LookedUp(left=10)


def test_a_registry_tells_since_when_a_domain_is_registered(engine: Engine) -> None:
    with FakeRdap() as server:
        session = rdap(server, engine)
        assert registration(session, "leads.example").on == date(1997, 9, 15)
        assert registration(session, "nowhere.example").on is None


def test_the_bootstrap_service_leads_to_the_registry(engine: Engine) -> None:
    with FakeRdap() as server:
        assert registration(rdap(server, engine, "/bootstrap"), "leads.example").on == date(1997, 9, 15)


@pytest.mark.parametrize("kind", NO_DAY)
def test_an_answer_without_a_day_is_no_failure(engine: Engine, kind: str) -> None:
    with FakeRdap() as server:
        server.misbehave(kind)
        assert registration(rdap(server, engine), "leads.example").on is None


def test_every_failure_is_known_to_these_tests() -> None:
    assert set(FakeRdap.kinds()) == {*repeatable(TOLD), *NO_DAY}


@pytest.mark.parametrize(("kind", "expected"), repeatable(TOLD).items())
def test_a_registry_that_fails_says_so_plainly(
    engine: Engine, kind: str, expected: type[LeadflowError]
) -> None:
    with FakeRdap() as server:
        server.misbehave(kind, ALWAYS)
        with pytest.raises(expected) as caught:
            registration(rdap(server, engine), "leads.example")
    assert is_plain(caught.value, "leads.example")


def test_a_registry_that_wants_to_be_left_alone_ends_the_round(engine: Engine) -> None:
    with FakeRdap() as server:
        server.misbehave("too many requests for long", ALWAYS)
        wanted = [f"d{number}.example" for number in range(5)]
        report = look_up_domains(engine, "registration", wanted, rdap(server, engine), lambda: NOON)
        assert report.left == 5
        assert report.deferred_until is not None
        assert len(server.requests) == 1


def test_registrations_are_kept(engine: Engine) -> None:
    with FakeRdap() as server:
        wanted = ["leads.example", "nowhere.example"]
        report = look_up_domains(engine, "registration", wanted, rdap(server, engine), lambda: NOON)
    assert report == LookedUp(answered=2)
    with engine.connect() as connection:
        kept = connection.execute(select(domain_lookups.c.domain, domain_lookups.c.answer))
        assert {row.domain: row.answer for row in kept} == {
            "leads.example": {"registered_on": "1997-09-15", "is_registered": True},
            "nowhere.example": {"registered_on": None, "is_registered": False},
        }
