"""A day of harvest with every vendor failing in every documented way: green or deferred, with one plain line each.

Whatever happens, nothing is lost: once the vendor is well again, everything comes in, and nothing was paid for twice.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from leadflow_pipeline.harvest.collecting import CollectReport
from leadflow_pipeline.vendors import session
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
from leadflow_pipeline_tests.fakes.http import ALWAYS, REFUSED, FakeServer
from leadflow_pipeline_tests.fakes.hubspot import FakeHubSpot
from leadflow_pipeline_tests.fakes.json_api import FakeJsonApi
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.fakes.website import FakeWebsite
from leadflow_pipeline_tests.harvest.sources.asked import (
    BY_CURSOR,
    BY_LINK,
    AskingWorld,
    apollo,
    dropcontact,
    hubspot,
    json_api,
    web,
)

PEOPLE = invented_people(12)

PRIVATE = re.compile("|".join(map(re.escape, ("leads.example", "test-key", "http://", PEOPLE[0].last_name))))


Failing = tuple[str, str]
"""The way in which a server fails, and a part of the addresses at which it does."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A source that fails: whom it asks, and how that fails, one way a day."""

    name: str
    server: type[FakeServer]
    text: Callable[[str], str]
    """The source in a campaign file, given the server's URL."""
    failures: Sequence[Failing]
    options: Mapping[str, Any] = field(default_factory=dict)
    """Of the server."""


def every(server: type[FakeServer], path: str = "", *, but: Container[str] = ()) -> list[Failing]:
    """All in which a server can fail, but for what another of its addresses shows."""
    return [(kind, path) for kind in server.kinds() if kind not in but]


OF_SEARCHING = ("endless pages", "repeated page")
OF_BUYING = ("nobody matched", "matches left out")
OF_LINKS = ("repeated cursor", "link to another host")
OF_ROBOTS = [kind for kind in FakeWebsite.kinds() if kind.startswith("robots")]

SOURCES = (
    Asked(
        "found",
        FakeApollo,
        apollo,
        every(FakeApollo, "/mixed_people", but=OF_BUYING) + every(FakeApollo, "/people/", but=OF_SEARCHING),
    ),
    Asked(
        "addresses",
        FakeDropcontact,
        dropcontact,
        every(FakeDropcontact) + every(FakeDropcontact, "/enrich/all/"),
    ),
    Asked("crm", FakeHubSpot, hubspot, every(FakeHubSpot)),
    Asked("partner", FakeJsonApi, json_api, every(FakeJsonApi, but=OF_LINKS)),
    Asked(
        "by-cursor",
        FakeJsonApi,
        lambda url: json_api(url, BY_CURSOR).replace("partner", "by-cursor"),
        [("repeated cursor", "")],
        {"paging": "cursor"},
    ),
    Asked(
        "by-link",
        FakeJsonApi,
        lambda url: json_api(url, BY_LINK).replace("partner", "by-link"),
        [(kind, "") for kind in OF_LINKS],
        {"paging": "link"},
    ),
    Asked(
        "members",
        FakeWebsite,
        web,
        every(FakeWebsite, "/members", but=OF_ROBOTS)
        + [(kind, "/robots.txt") for kind in (*OF_ROBOTS, "server error", "redirect to another host")],
    ),
)


OF_DAYS = 3
"""Of so many days one is tried; all with --slow, which takes minutes."""


def days() -> list[dict[Asked, Failing]]:
    """Days on which every source fails in a way of its own, until each has failed in every way it can."""
    ways = itertools.zip_longest(*(source.failures for source in SOURCES))
    return [
        {source: way for source, way in zip(SOURCES, chosen, strict=True) if way is not None}
        for chosen in ways
    ]


def is_plain(asking: AskingWorld, report: CollectReport) -> bool:
    """Whether a source that is left says why in one line, here and in its row, and when it is tried again."""
    if report.state in ("done", "more"):
        return report.problem is None
    row = asking.row(report.source)
    return (
        report.state in ("deferred", "failed")
        and report.until is not None
        and report.until > asking.clock.at
        and (row.state, row.problem) == (report.state, report.problem)
        and bool(report.problem)
        and len(report.problem or "") <= 300
        and "\n" not in str(report.problem)
        and not PRIVATE.search(str(report.problem))
    )


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "failing" in metafunc.fixturenames:
        chosen = days()[:: 1 if metafunc.config.getoption("slow") else OF_DAYS]
        metafunc.parametrize("failing", chosen, ids=range(len(chosen)))


def test_a_day_on_which_every_vendor_fails_ends_in_a_plain_line_for_each_and_loses_nothing(
    asking: AskingWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: dict[Asked, Failing]
) -> None:
    monkeypatch.setattr(session, "TIMEOUT", (1, 0.1))
    with ExitStack() as stack:
        servers = {
            source: stack.enter_context(source.server(PEOPLE, **source.options))  # type: ignore[call-arg]
            for source in failing
        }
        asking.register(*(source.text(server.url) for source, server in servers.items()))
        asking.import_people(tmp_path, PEOPLE)
        for source, (way, path) in failing.items():
            servers[source].misbehave(way, times=ALWAYS, path=path)
        for _ in range(2):
            reports = asking.collect()
            assert [report.source for report in reports] == [source.name for source in failing]
            assert [report for report in reports if not is_plain(asking, report)] == []
            asking.clock.at += timedelta(hours=2)
        for server in servers.values():
            server.recover()
        asking.clock.at += timedelta(days=3)
        for source, server in servers.items():
            asking.collect_to_the_end(source.name)
            assert set(server.charges.values()) <= {1}, source.name
            found = {str(record) for record in asking.records(source.name)}
            is_unknown = asking.has_unknown_questions(source.name)
            assert len(found) >= len(PEOPLE) or is_unknown or failing[source][0] == "nobody matched", (
                source.name
            )


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


def test_a_request_that_is_made_again_counts_among_a_day_s_calls(asking: AskingWorld) -> None:
    with FakeHubSpot() as server:
        asking.register(hubspot(server.url, ", budget: {calls: 3}"))
        server.misbehave("server error", times=ALWAYS)
        report = asking.collect_one()
        assert (report.state, report.problem) == ("deferred", "its 3 calls a day are used up")
        assert len(server.requests) == 3


def test_purchases_and_polls_count_among_a_day_s_calls(asking: AskingWorld, tmp_path: Path) -> None:
    with FakeDropcontact(PEOPLE, polls_before_ready=9) as server:
        asking.register(dropcontact(server.url, ", budget: {calls: 3}"))
        asking.import_people(tmp_path, PEOPLE)
        for _ in range(4):
            report = asking.collect_one()
            asking.clock.at += timedelta(minutes=30)
        assert (report.state, report.problem) == ("deferred", "its 3 calls a day are used up")
        assert len(server.requests) == 3
        asking.clock.at += timedelta(days=1)
        asking.collect_one()
        assert len(server.requests) == 4
        assert asking.lookups() == ["pending"] * len(PEOPLE)
