"""HubSpot's client against a server with HubSpot's shapes, limits and errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.errors import FateUnknown, PermanentError, TransientError
from leadflow_pipeline.vendors import hubspot
from leadflow_pipeline.vendors.hubspot import HubSpot
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.hubspot import FakeHubSpot
from leadflow_pipeline_tests.fakes.people import FIRST_DAY, invented_people
from leadflow_pipeline_tests.vendors.clients import is_plain, repeatable, session_to

PEOPLE = invented_people(25)
TOLD = {
    "bad key": PermanentError,
    "expired key": PermanentError,
    "missing scope": PermanentError,
    "validation error": PermanentError,
    "locked": TransientError,
    "too many requests": TransientError,
    "too many searches": TransientError,
    "too many requests today": TransientError,
    "too many requests for long": TransientError,
    "timeout inside": TransientError,
    "partly failed": TransientError,
}
NO_ERROR = {"repeated cursor", "endless pages", "some refused"}
"""Of a page of contacts."""


def client(server: FakeHubSpot, engine: Engine) -> HubSpot:
    return HubSpot(session_to(server, engine, hubspot))


def emails_of_sweep(
    api: HubSpot, limit: int, between: Callable[[int], object] = lambda _page: None, since: Any = None
) -> list[str]:
    """The address of every contact of a sweep; `between` is called after each page."""
    emails: list[str] = []
    after, number = None, 0
    while True:
        page = api.contacts(since, after, ["email"], limit)
        emails += [contact["properties"]["email"] for contact in page.contacts]
        number += 1
        if page.after is None:
            return emails
        assert page.after != after
        after = page.after
        between(number)


@pytest.mark.parametrize("limit", [1, 7, 100])
def test_a_sweep_gives_every_contact_by_when_it_changed(engine: Engine, limit: int) -> None:
    with FakeHubSpot(PEOPLE[::-1]) as server:
        emails = emails_of_sweep(client(server, engine), limit)
    assert list(dict.fromkeys(emails)) == [person.email for person in PEOPLE]


def test_only_what_changed_since_is_asked_for(engine: Engine) -> None:
    with FakeHubSpot(PEOPLE) as server:
        page = client(server, engine).contacts(PEOPLE[20].changed_at, None, ["email", "company"])
    assert [contact["id"] for contact in page.contacts] == [str(512 + number) for number in range(20, 25)]
    assert page.contacts[0]["properties"]["company"] == PEOPLE[20].company
    assert page.after is None


def test_a_contact_edited_during_a_sweep_hides_none_behind_it(engine: Engine) -> None:
    last = PEOPLE[-1].changed_at
    with FakeHubSpot(PEOPLE) as server:
        emails = emails_of_sweep(
            client(server, engine), 5, lambda page: server.change(page, last + timedelta(hours=page))
        )
    assert set(emails) == {person.email for person in PEOPLE}


def test_contacts_changed_in_one_moment_are_all_given(engine: Engine) -> None:
    people = [replace(person, changed_at=FIRST_DAY) for person in PEOPLE]
    with FakeHubSpot(people) as server:
        emails = emails_of_sweep(client(server, engine), 10)
    assert set(emails) == {person.email for person in PEOPLE}


def test_more_contacts_than_a_search_reaches_are_all_given(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadflow_pipeline_tests.fakes.hubspot.MOST_RESULTS", 10)
    with FakeHubSpot(PEOPLE) as server:
        emails = emails_of_sweep(client(server, engine), 4)
    assert set(emails) == {person.email for person in PEOPLE}


def test_more_contacts_of_one_moment_than_a_search_reaches_are_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadflow_pipeline.vendors.hubspot.MOST_RESULTS", 20)
    people = [replace(person, changed_at=FIRST_DAY) for person in PEOPLE]
    with FakeHubSpot(people) as server, pytest.raises(PermanentError, match="one millisecond"):
        emails_of_sweep(client(server, engine), 4)


def test_a_cursor_of_something_else_is_refused(engine: Engine) -> None:
    with FakeHubSpot(PEOPLE) as server:
        for cursor in ("", "NTI1Cg==", "1740816000000", "-5:3", "x:0"):
            with pytest.raises(PermanentError, match="begin the sweep anew"):
                client(server, engine).contacts(None, cursor, [])


def test_every_failure_is_known_to_these_tests() -> None:
    assert set(FakeHubSpot.kinds()) == set(repeatable(TOLD)) | NO_ERROR


@pytest.mark.parametrize(("kind", "expected"), repeatable(TOLD).items())
def test_a_page_that_fails_says_so_plainly(engine: Engine, kind: str, expected: type[Exception]) -> None:
    with FakeHubSpot(PEOPLE) as server:
        server.misbehave(kind, ALWAYS)
        with pytest.raises(expected) as caught:
            client(server, engine).contacts(None, None, ["email"])
    assert is_plain(caught.value, "@")
    assert "hubspot" in str(caught.value).lower()
    assert not isinstance(caught.value, FateUnknown)


def test_contacts_are_put_in_once_each_and_told_apart_in_any_order(engine: Engine) -> None:
    contacts = [{"email": f"Lead-{number}@leads.example", "company": str(number)} for number in range(120)]
    with FakeHubSpot(()) as server:
        put = client(server, engine).put_contacts(
            [*contacts, {"email": "lead-7@LEADS.example", "company": "last"}]
        )
    assert (len(server.requests), len(server.put), len(put)) == (2, 120, 120)
    assert server.put["lead-7@leads.example"]["company"] == "last"
    assert {each.is_new for each in put.values()} == {True}
    ids = {email: 10_000 + place for place, email in enumerate(server.put)}
    assert {email: int(each.contact_id or 0) for email, each in put.items()} == ids


def test_a_contact_that_is_refused_is_told_without_its_address(engine: Engine) -> None:
    with FakeHubSpot(()) as server:
        server.misbehave("some refused")
        put = client(server, engine).put_contacts([{"email": "ida@leads.example"}])
    refused = put["ida@leads.example"]
    assert (refused.contact_id, refused.problem) == (
        None,
        "HubSpot did not take the contact (VALIDATION_ERROR)",
    )
