"""A day of harvest with every vendor failing in every documented way: green or deferred, with one plain line each.

Whatever happens, nothing is lost: once the vendor is well again, everything comes in, and nothing was paid for twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
from leadflow_pipeline_tests.fakes.http import ALWAYS, NETWORK_FAILURES, REFUSED, FakeServer
from leadflow_pipeline_tests.fakes.hubspot import FakeHubSpot
from leadflow_pipeline_tests.fakes.json_api import FakeJsonApi
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.fakes.website import FakeWebsite
from leadflow_pipeline_tests.harvest.sources.asked import (
    AskingWorld,
    apollo,
    dropcontact,
    hubspot,
    json_api,
    web,
)

PEOPLE = invented_people(25)
BUILDERS: dict[type[FakeServer], Callable[[str], str]] = {
    FakeApollo: apollo,
    FakeDropcontact: dropcontact,
    FakeHubSpot: hubspot,
    FakeJsonApi: json_api,
    FakeWebsite: web,
}
HELD = "read timeout"
"""Takes as long as the time limit of a read; shown once, for the session that all share."""

UNPAID_AND_KNOWN = re.compile(r"|".join(re.escape(text) for text in ("leads.example", "test-key", "http://")))


SEARCHES = {(FakeApollo, "endless pages"), (FakeApollo, "repeated page")}
"""Ways in which only Apollo's search fails; its people are still bought."""


def kinds() -> list[tuple[type[FakeServer], str]]:
    return [(server, kind) for server in BUILDERS for kind in server.kinds() if kind != HELD]


def bring_people(asking: AskingWorld, folder: Path) -> None:
    """People without an email, for those who ask about them."""
    file = folder / "people.csv"
    header = "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received"
    rows = [f",{person.first_name},{person.last_name},{person.company},,,,,,,2026-05-01" for person in PEOPLE]
    file.write_text("\n".join([header, *rows]), "utf-8")
    import_file(asking.engine, asking.campaign, file)


@pytest.mark.parametrize(
    ("server_class", "kind"), kinds(), ids=lambda value: getattr(value, "__name__", value)
)
def test_a_failure_ends_in_a_plain_line_and_loses_nothing(
    asking: AskingWorld, tmp_path: Path, server_class: type[FakeServer], kind: str, slow: bool
) -> None:
    if kind in NETWORK_FAILURES and server_class in (FakeJsonApi, FakeWebsite) and not slow:
        pytest.skip(
            "the network fails alike for all; it is shown where money hangs on it, and for all with --slow"
        )
    with server_class(PEOPLE) as server:  # type: ignore[call-arg]
        asking.register(BUILDERS[server_class](server.url))
        if server_class is FakeDropcontact:
            bring_people(asking, tmp_path)
        server.misbehave(kind, times=ALWAYS, path="search" if (server_class, kind) in SEARCHES else "")
        for _ in range(2):
            report = asking.collect_one()
            asking.clock.at += timedelta(hours=2)
            assert report.state in ("done", "more", "deferred", "failed")
            if report.state in ("deferred", "failed"):
                assert report.problem is not None
                assert "\n" not in report.problem
                assert not UNPAID_AND_KNOWN.search(report.problem)
                assert report.until is not None
                row = asking.row(report.source)
                assert (row.state, row.problem) == (report.state, report.problem)
        server.recover()
        asking.clock.at += timedelta(days=3)
        is_unknown = "unknown" in asking.lookups()
        for _ in range(8):
            report = asking.collect_one()
            asking.clock.at += timedelta(days=1)
            if report.state == "done":
                break
        assert (report.state, report.problem) == ("done", None) or is_unknown
        assert set(server.charges.values()) <= {1}
        if not is_unknown and kind != "nobody matched":
            assert len({str(record) for record in asking.records(report.source)}) >= len(PEOPLE)


def test_a_source_that_fails_does_not_stop_the_others(asking: AskingWorld) -> None:
    with FakeHubSpot() as crm, FakeJsonApi() as partner, FakeWebsite() as site:
        asking.register(hubspot(crm.url), json_api(partner.url), web(site.url))
        crm.misbehave("bad key", times=ALWAYS)
        site.misbehave(REFUSED)
        reports = {report.source: report for report in asking.collect()}
        assert reports["crm"].state == "failed"
        assert reports["crm"].problem == "hubspot refused with status 401: check its key"
        assert reports["members"].state == "deferred"
        assert (reports["partner"].state, reports["partner"].new) == ("done", 25)


def test_endless_pages_end_at_the_cap(asking: AskingWorld) -> None:
    with FakeHubSpot(invented_people(400)) as server:
        asking.register(hubspot(server.url, ", most_pages: 2, budget: {leads_per_job: 1000}"))
        report = asking.collect_one()
        assert (report.state, report.pages, report.new) == ("failed", 2, 199)
        assert report.problem == (
            "its pages have no end after 2: the sweep ends here; narrow it, or raise most_pages"
        )
        asking.clock.at += timedelta(days=1)
        assert asking.collect_one().new > 0


def test_pages_that_repeat_end_the_sweep(asking: AskingWorld) -> None:
    with FakeJsonApi() as server:
        asking.register(json_api(server.url))
        server.misbehave("endless pages", times=ALWAYS)
        report = asking.collect_one()
        assert (report.state, report.pages) == ("failed", 2)
        assert report.problem == "its pages begin to repeat after 2 pages: the sweep ends here"


def test_a_missing_key_is_named(asking: AskingWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADFLOW_HUBSPOT_KEY")
    asking.register(hubspot("http://127.0.0.1:9"))
    report = asking.collect_one()
    assert report.state == "failed"
    assert "LEADFLOW_HUBSPOT_KEY is not set" in str(report.problem)


@pytest.mark.parametrize(
    ("path", "extra", "said"),
    [
        ("/private/members", "", "robots.txt of .* does not allow /private/members: it is not read"),
        ("/moved", "", "a page leads to elsewhere.example, which allowed_hosts does not name"),
        ("/big", "", "its page is larger than 4 MiB: such a page is not read"),
        ("/members", ", next_page: a.email", "a page leads to no host"),
    ],
)
def test_a_page_that_is_not_read(asking: AskingWorld, path: str, extra: str, said: str) -> None:
    with FakeWebsite() as server:
        source = web(server.url, path)
        asking.register(source.replace("next_page: a.next", extra.removeprefix(", ")) if extra else source)
        report = asking.collect_one()
        assert report.state == "failed"
        assert re.match(said, str(report.problem))


def test_the_private_network_is_out_of_bounds(asking: AskingWorld) -> None:
    with FakeWebsite() as server:
        asking.register(web(server.url).replace("allow_private_hosts: true", "allow_private_hosts: false"))
        report = asking.collect_one()
        assert report.state == "failed"
        assert "private network" in str(report.problem)
        assert server.requests == []


def test_without_an_answer_about_robots_nothing_is_read(asking: AskingWorld) -> None:
    with FakeWebsite() as server:
        asking.register(web(server.url))
        server.misbehave("robots broken", times=ALWAYS, path="/robots.txt")
        report = asking.collect_one()
        assert report.state == "deferred"
        assert str(report.problem).startswith("without its robots.txt nothing may be read")
        assert server.count("/members") == 0
        server.recover()
        server.misbehave("robots not found", times=ALWAYS, path="/robots.txt")
        asking.clock.at += timedelta(hours=1)
        assert asking.collect_one().new == 25


def test_a_day_has_so_many_calls(asking: AskingWorld) -> None:
    with FakeJsonApi() as server:
        asking.register(json_api(server.url, extra=", budget: {calls: 2}"))
        report = asking.collect_one()
        assert (report.state, report.pages, report.new) == ("deferred", 2, 20)
        assert report.problem == "its 2 calls a day are used up"
        assert report.until is not None
        asking.clock.at = report.until
        assert asking.collect_one(only_due=True).new == 5
