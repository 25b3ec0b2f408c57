"""Each kind of source against its stand-in: everything comes in once, and the second time only what is new."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from leadflow_pipeline.harvest.importing import import_file
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
from leadflow_pipeline_tests.fakes.hubspot import FakeHubSpot
from leadflow_pipeline_tests.fakes.json_api import FakeJsonApi
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.fakes.website import FakeWebsite
from leadflow_pipeline_tests.harvest.sources.asked import (
    BY_CURSOR,
    BY_LINK,
    NOW,
    AskingWorld,
    apollo,
    dropcontact,
    hubspot,
    json_api,
    web,
)

PEOPLE = invented_people(25)
EMAILS = [person.email for person in PEOPLE]


def test_contacts_of_hubspot_come_in_and_then_only_those_that_changed(asking: AskingWorld) -> None:
    people = invented_people(230)
    with FakeHubSpot(people) as server:
        asking.register(hubspot(server.url))
        reports = asking.collect_all()
        assert [report.new for report in reports] == [100, 100, 30]
        assert reports[-1].state == "done"
        assert sorted(asking.emails("crm", "properties.email")) == sorted(person.email for person in people)
        server.change(3, NOW)
        asking.clock.at += timedelta(hours=1)
        again = asking.collect_one(only_due=True)
        assert (again.new, again.state) == (1, "done")
        assert again.rows <= 3
        assert asking.records("crm")[-1]["properties.email"] == people[3].email


def test_more_contacts_that_changed_at_one_moment_than_a_page_holds(asking: AskingWorld) -> None:
    people = invented_people(260)
    with FakeHubSpot(people) as server:
        for number in range(20, 250):
            server.change(number, NOW)
        asking.register(hubspot(server.url, ", budget: {leads_per_job: 1000}"))
        report = asking.collect_one()
        assert (report.new, report.state) == (260, "done")


def test_a_contact_that_changes_while_the_pages_are_read_hides_no_other(asking: AskingWorld) -> None:
    people = invented_people(250)
    with FakeHubSpot(people) as server:
        asking.register(hubspot(server.url))
        asking.collect_one()
        for number in range(40):
            server.change(number, NOW + timedelta(minutes=number))
        asking.clock.at += timedelta(hours=2)
        asking.collect_all()
        emails = set(asking.emails("crm", "properties.email"))
        assert emails == {person.email for person in people}


def test_apollo_finds_people_and_each_is_bought_once(asking: AskingWorld) -> None:
    with FakeApollo(invented_people(25), without_email=frozenset({4})) as server:
        asking.register(apollo(server.url))
        report = asking.collect_one()
        assert (report.ordered, report.new, report.credits, report.state) == (24, 24, 24, "done")
        assert "organization.primary_domain" in asking.records("found")[0]
        asking.clock.at += timedelta(days=2)
        again = asking.collect_one()
        assert (again.pages, again.ordered, again.new, again.credits) == (1, 0, 0, 0)
        assert set(server.charges.values()) == {1}
        assert asking.row("found").records == 24


def test_an_answer_that_another_campaign_paid_for_becomes_a_record_at_no_cost(asking: AskingWorld) -> None:
    with FakeApollo(invented_people(12)) as server:
        asking.register(apollo(server.url))
        asking.collect_one()
        asking.register(apollo(server.url), campaign="summer")
        asking.campaign = "summer"
        report = asking.collect_one()
        assert (report.new, report.credits, report.lookups) == (12, 0, {"copied": 12})
        assert set(server.charges.values()) == {1}


def test_a_job_buys_no_more_than_it_may(asking: AskingWorld) -> None:
    with FakeApollo(invented_people(150)) as server:
        asking.register(apollo(server.url, ", budget: {leads_per_job: 30, credits: 70}"))
        first = asking.collect_one()
        assert (first.state, first.new, first.credits) == ("more", 30, 30)
        asking.collect_one()
        third = asking.collect_one()
        assert (third.state, third.new, third.credits) == ("deferred", 10, 10)
        assert sum(server.charges.values()) == 70
        asking.clock.at += timedelta(days=1)
        assert asking.collect_one().new == 30


def test_dropcontact_finds_addresses_for_people_without_one(asking: AskingWorld, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    header = "Email,First name,Last name,Company,Title,Industry,Employees,Country,Phone,Plan,Received"
    rows = [
        f",{person.first_name},{person.last_name},{person.company},,,,,{person.phone},," for person in PEOPLE
    ]
    with FakeDropcontact(PEOPLE) as server:
        asking.register(
            dropcontact(server.url).replace("website", "list"),
            "{name: list, mapping: "
            "{email: Email, first_name: First name, last_name: Last name, company: Company, phone: Phone}}",
        )
        file.write_text(
            "\n".join([header, *rows[:20], "has@leads.example,Ida,Example,Example,,,,,,,"]), "utf-8"
        )
        import_file(asking.engine, "spring", file, source="list")
        first = asking.collect_one()
        assert (first.ordered, first.state, first.lookups) == (20, "more", {"pending": 20})
        asking.clock.at += timedelta(seconds=31)
        asking.collect_one()
        asking.clock.at += timedelta(minutes=2)
        asking.collect_one()
        found = {record["email"]: record["phone"] for record in asking.records("addresses")}
        assert found == {person.email: person.phone for person in PEOPLE[:20]}
        file.write_text("\n".join([header, *rows]), "utf-8")
        import_file(asking.engine, "spring", file, source="list")
        second = asking.collect_one()
        assert (second.ordered, second.lookups) == (5, {"pending": 5})
        assert set(server.charges.values()) == {1}


@pytest.mark.parametrize("paging", ["page", "cursor", "link"])
def test_a_json_api_however_it_pages(asking: AskingWorld, paging: str) -> None:
    with FakeJsonApi(invented_people(35), paging=paging) as server:  # type: ignore[arg-type]
        asking.register(json_api(server.url, {"page": "", "cursor": BY_CURSOR, "link": BY_LINK}[paging]))
        report = asking.collect_one()
        assert (report.new, report.state) == (35, "done")
        ids = [int(record["id"]) for record in asking.records("partner")]
        assert len(set(ids)) == 35
        assert min(ids) == 9_007_199_254_740_993
        asking.clock.at += timedelta(days=2)
        again = asking.collect_one()
        assert (again.new, again.repeated, again.state) == (0, 35, "done")


@pytest.mark.parametrize(
    ("auth", "key"),
    [
        ("{kind: bearer, key_from: LEADFLOW_API_KEY}", "test-key"),
        ("{kind: header, key_from: LEADFLOW_API_KEY}", "test-key"),
        ("{kind: basic, key_from: LEADFLOW_API_KEY}", "somebody:test-key"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_json_api_however_it_knows_us_and_is_asked(
    asking: AskingWorld, monkeypatch: pytest.MonkeyPatch, auth: str, key: str, method: str
) -> None:
    monkeypatch.setenv("LEADFLOW_API_KEY", key)
    paging = "{kind: number, parameter: offset, start: 0, step: 10}"
    by_offset = f"records_at: leads, query: {{per_page: 10}}, paging: {paging}"
    with FakeJsonApi(PEOPLE) as server:
        source = json_api(server.url, by_offset, f", method: {method}")
        asking.register(source.replace("{kind: bearer, key_from: LEADFLOW_API_KEY}", auth))
        report = asking.collect_one()
        assert (report.new, report.pages, report.state) == (25, 4, "done")
        assert {request.method for request in server.requests} == {method}


def test_a_json_api_is_asked_only_for_what_changed_since(asking: AskingWorld) -> None:
    with FakeJsonApi(PEOPLE) as server:
        asking.register(json_api(server.url, extra=", since: {parameter: updated_after, field: updated_at}"))
        asking.collect_one()
        assert not any("updated_after" in request.query for request in server.requests)
        seen = len(server.requests)
        asking.clock.at += timedelta(days=2)
        asking.collect_one()
        latest = max(person.changed_at for person in PEOPLE).isoformat()
        assert {request.first("updated_after") for request in server.requests[seen:]} == {latest}


def test_a_job_stops_in_mid_page_and_the_next_one_goes_on_there(asking: AskingWorld) -> None:
    with FakeJsonApi(invented_people(35)) as server:
        asking.register(json_api(server.url, extra=", budget: {leads_per_job: 12, leads: 30}"))
        assert [(report.new, report.state) for report in asking.collect_all()] == [
            (12, "more"),
            (12, "more"),
            (6, "deferred"),
        ]
        assert asking.row("partner").problem == "its 30 leads a day are used up"
        asking.clock.at += timedelta(days=1)
        assert asking.collect_one().new == 5
        assert asking.emails("partner", "person.email") == [person.email for person in invented_people(35)]


def test_members_of_a_website(asking: AskingWorld) -> None:
    with FakeWebsite(crawl_delay=3) as server:
        asking.register(web(server.url))
        report = asking.collect_one()
        assert (report.pages, report.new, report.state) == (3, 25, "done")
        assert asking.emails("members", "mail") == EMAILS
        assert asking.clock.waited >= 3 * 2
        assert server.count("/robots.txt") == 1
        assert server.requests[0].path == "/robots.txt"
        assert server.requests[0].headers["user-agent"].startswith("leadflow-pipeline/")


def test_a_redirect_within_the_host_is_followed(asking: AskingWorld) -> None:
    with FakeWebsite() as server:
        asking.register(web(server.url, "/old"))
        assert asking.collect_one().new == 25
