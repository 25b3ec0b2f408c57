"""Apollo's client against a server with Apollo's shapes, limits and errors."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.errors import FateUnknown, PermanentError, TransientError
from leadflow_pipeline.vendors import apollo
from leadflow_pipeline.vendors.apollo import Apollo
from leadflow_pipeline_tests.fakes.apollo import FakeApollo
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.vendors.clients import bought, is_plain, repeatable, session_to

PEOPLE = invented_people(25)
TOLD = {
    "bad key": PermanentError,
    "not in scope": PermanentError,
    "invalid parameters": PermanentError,
    "unknown error": PermanentError,
    "too many requests": TransientError,
    "too many requests in plain json": TransientError,
    "too many requests for long": TransientError,
    "too many requests without retry-after": TransientError,
}
NO_ERROR = {"nobody matched", "endless pages", "repeated page", "matches left out"}


def client(server: FakeApollo, engine: Engine) -> Apollo:
    return Apollo(session_to(server, engine, apollo))


@pytest.mark.parametrize("shape", ["current", "legacy"])
def test_a_search_is_read_to_its_last_page(engine: Engine, shape: str) -> None:
    with FakeApollo(PEOPLE, shape=shape) as server:
        pages = [client(server, engine).search({}, page, per_page=10) for page in (1, 2, 3)]
    assert [len(page.people) for page in pages] == [10, 10, 5]
    assert [page.is_last for page in pages] == [False, False, True]
    assert {page.total for page in pages} == {25}
    assert {person["id"] for page in pages for person in page.people} == {p.vendor_id for p in PEOPLE}
    assert not server.charges


def test_a_search_narrows_by_filters(engine: Engine) -> None:
    with FakeApollo(PEOPLE) as server:
        page = client(server, engine).search({"person_seniorities": ["vp"]}, 1)
    assert page.total == len(page.people) == sum(person.seniority == "vp" for person in PEOPLE)


def test_pages_that_apollo_does_not_show_are_never_asked_for(engine: Engine) -> None:
    with FakeApollo(PEOPLE) as server:
        for page, per_page in ((501, 100), (0, 10), (1, 101)):
            with pytest.raises(PermanentError, match="narrow the filters"):
                client(server, engine).search({}, page, per_page)
    assert server.requests == []


def test_a_search_with_more_people_than_are_shown_ends_where_apollo_ends(engine: Engine) -> None:
    with FakeApollo(PEOPLE) as server:
        server.misbehave("endless pages", ALWAYS)
        page = client(server, engine).search({}, 500, 100)
    assert page.is_last


def test_people_are_enriched_in_the_order_asked_and_charged_once(engine: Engine) -> None:
    details = [{"id": PEOPLE[3].vendor_id}, {"email": "nobody@leads.example"}, {"email": PEOPLE[1].email}]
    with FakeApollo(PEOPLE) as server:
        matches = client(server, engine).bulk_match(details)
    assert [person and person["email"] for person in matches.people] == [
        PEOPLE[3].email,
        None,
        PEOPLE[1].email,
    ]
    assert matches.credits == 2
    assert matches.request_id == "-7310482966150388217"
    assert server.charges == {PEOPLE[3].email: 1, PEOPLE[1].email: 1}


def test_matches_without_places_for_the_unknown_go_to_whom_they_are_about(engine: Engine) -> None:
    details = [
        {"email": "nobody@leads.example"},
        {"name": f"{PEOPLE[2].first_name} {PEOPLE[2].last_name}", "domain": PEOPLE[2].domain},
        {"id": PEOPLE[5].vendor_id},
    ]
    with FakeApollo(PEOPLE) as server:
        server.misbehave("matches left out")
        matches = client(server, engine).bulk_match(details)
    assert [person and person["email"] for person in matches.people] == [
        None,
        PEOPLE[2].email,
        PEOPLE[5].email,
    ]


def test_nobody_matched_is_an_answer_and_costs_nothing(engine: Engine) -> None:
    with FakeApollo(PEOPLE) as server:
        server.misbehave("nobody matched")
        matches = client(server, engine).bulk_match([{"email": PEOPLE[0].email}])
    assert matches.people == [None]
    assert matches.credits == 0
    assert not server.charges


def test_somebody_without_an_address_is_found_and_costs_nothing(engine: Engine) -> None:
    with FakeApollo(PEOPLE, without_email=frozenset({4})) as server:
        matches = client(server, engine).bulk_match([{"id": PEOPLE[4].vendor_id}])
    assert matches.people[0] is not None
    assert matches.people[0]["email"] is None
    assert matches.credits == 0


def test_eleven_people_are_refused_before_anything_is_sent(engine: Engine) -> None:
    with FakeApollo(PEOPLE) as server:
        with pytest.raises(PermanentError, match="1 to 10"):
            client(server, engine).bulk_match([{"email": person.email} for person in PEOPLE[:11]])
        assert server.requests == []


def test_every_failure_is_known_to_these_tests() -> None:
    assert set(FakeApollo.kinds()) == set(repeatable(TOLD)) | NO_ERROR


@pytest.mark.parametrize(("kind", "expected"), repeatable(TOLD).items())
def test_a_search_that_fails_says_so_plainly(engine: Engine, kind: str, expected: type[Exception]) -> None:
    with FakeApollo(PEOPLE) as server:
        server.misbehave(kind, ALWAYS)
        with pytest.raises(expected) as caught:
            client(server, engine).search({"q_keywords": "Kowalczyk"}, 1)
    assert is_plain(caught.value, "Kowalczyk", "@")
    assert "apollo" in str(caught.value).lower()
    assert not isinstance(caught.value, FateUnknown)


@pytest.mark.parametrize(("kind", "expected"), bought(TOLD).items())
def test_enrichment_that_fails_is_never_repeated_where_it_may_be_paid(
    engine: Engine, kind: str, expected: type[Exception]
) -> None:
    with FakeApollo(PEOPLE) as server:
        server.misbehave(kind, ALWAYS)
        with pytest.raises(expected) as caught:
            client(server, engine).bulk_match([{"email": PEOPLE[0].email}])
    assert is_plain(caught.value, PEOPLE[0].email, PEOPLE[0].last_name)
    assert server.charges.total() <= 1
    if expected is FateUnknown:
        assert server.count("bulk_match") == 1


def test_an_unlimited_window_has_an_empty_header_and_does_no_harm(engine: Engine) -> None:
    with FakeApollo(PEOPLE, windows=(None, None, None)) as server:
        assert client(server, engine).search({}, 1).total == 25
