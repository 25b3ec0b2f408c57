"""Dropcontact's client against a server with Dropcontact's shapes, limits and errors."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.errors import FateUnknown, PermanentError, TransientError
from leadflow_pipeline.vendors import dropcontact
from leadflow_pipeline.vendors.dropcontact import Dropcontact, FoundEmail, credits_of, found_emails
from leadflow_pipeline_tests.fakes.dropcontact import FakeDropcontact
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.vendors.clients import bought, is_plain, repeatable, session_to

PEOPLE = invented_people(25)
ASKED = [
    {"first_name": PEOPLE[0].first_name, "last_name": PEOPLE[0].last_name, "company": PEOPLE[0].company},
    {"email": "nobody@leads.example"},
    {"first_name": "Nobody", "last_name": "Here", "website": "nowhere.example"},
]
TOLD = {
    "bad key": PermanentError,
    "missing data": PermanentError,
    "too many records": PermanentError,
    "data too big": PermanentError,
    "not enough credits": PermanentError,
    "not found": PermanentError,
    "unprocessable": PermanentError,
    "too many requests": TransientError,
    "too many requests for long": TransientError,
}
SUBMITTED = bought(
    {
        **TOLD,
        "accepted without id": FateUnknown,
        "refused in a 200": TransientError,
        "not ready": TransientError,
    }
)


def client(server: FakeDropcontact, engine: Engine) -> Dropcontact:
    return Dropcontact(session_to(server, engine, dropcontact))


def test_a_batch_is_submitted_polled_and_read_in_its_order(engine: Engine) -> None:
    with FakeDropcontact(PEOPLE, polls_before_ready=2) as server:
        api = client(server, engine)
        request_id = api.submit(ASKED)
        assert [api.result(request_id) for _ in range(2)] == [None, None]
        records = api.result(request_id)
    assert records is not None
    assert [found_emails(record) for record in records] == [
        [FoundEmail(PEOPLE[0].email, "nominative", "pro")],
        [FoundEmail("nobody@leads.example", "nominative", "invalid domain")],
        [],
    ]
    costs = [credits_of(asked, record) for asked, record in zip(ASKED, records, strict=True)]
    assert costs == [1, 1, 0]
    assert server.charges == {PEOPLE[0].email: 1, "nobody@leads.example": 1}


def test_french_words_and_older_shapes_mean_the_same(engine: Engine) -> None:
    with FakeDropcontact(PEOPLE, polls_before_ready=0) as server:
        api = client(server, engine)
        french = api.result(api.submit(ASKED[:2], language="fr"))
        english = api.result(api.submit(ASKED[:2], language="en"))
    assert french is not None
    assert english is not None
    assert french != english
    assert [found_emails(record) for record in french] == [found_emails(record) for record in english]
    assert found_emails({"email": "ada@leads.example"}) == [FoundEmail("ada@leads.example", "", "")]
    assert found_emails({"email": [None, {"email": None}, {"email": "ada@leads.example"}]}) == [
        FoundEmail("ada@leads.example", "", "")
    ]


def test_an_id_nobody_knows_is_not_told_from_one_that_is_not_ready(engine: Engine) -> None:
    with FakeDropcontact(PEOPLE) as server:
        assert client(server, engine).result("no-such-batch") is None


def test_more_records_than_a_batch_holds_are_refused_before_anything_is_sent(engine: Engine) -> None:
    with FakeDropcontact(PEOPLE) as server:
        with pytest.raises(PermanentError, match="1 to 250"):
            client(server, engine).submit([{"email": f"p{number}@leads.example"} for number in range(251)])
        assert server.requests == []


def test_a_batch_that_the_credits_do_not_cover_is_refused_whole(engine: Engine) -> None:
    with FakeDropcontact(PEOPLE, credits_left=2) as server:
        with pytest.raises(PermanentError):
            client(server, engine).submit(ASKED)
        assert not server.charges


def test_every_failure_is_known_to_these_tests() -> None:
    assert set(FakeDropcontact.kinds()) == set(SUBMITTED)


@pytest.mark.parametrize(("kind", "expected"), SUBMITTED.items())
def test_a_batch_whose_fate_is_unknown_is_not_submitted_again(
    engine: Engine, kind: str, expected: type[Exception]
) -> None:
    with FakeDropcontact(PEOPLE) as server:
        server.misbehave(kind, ALWAYS)
        with pytest.raises(expected) as caught:
            client(server, engine).submit(ASKED)
    assert is_plain(caught.value, "nobody@leads.example", PEOPLE[0].last_name)
    assert "dropcontact" in str(caught.value).lower()
    assert server.charges.total() <= 2
    if expected is FateUnknown:
        assert server.count("/enrich/all") == 1


@pytest.mark.parametrize(("kind", "expected"), repeatable(TOLD).items())
def test_asking_for_a_batch_that_fails_says_so_plainly(
    engine: Engine, kind: str, expected: type[Exception]
) -> None:
    with FakeDropcontact(PEOPLE) as server:
        request_id = client(server, engine).submit(ASKED)
        server.misbehave(kind, ALWAYS)
        with pytest.raises(expected) as caught:
            client(server, engine).result(request_id)
        assert is_plain(caught.value, "nobody@leads.example")
        assert not isinstance(caught.value, FateUnknown)
        assert server.charges.total() == 2


@pytest.mark.parametrize("kind", ["not ready", "refused in a 200", "accepted without id"])
def test_a_200_that_is_no_success_means_not_yet(engine: Engine, kind: str) -> None:
    with FakeDropcontact(PEOPLE) as server:
        server.misbehave(kind, ALWAYS)
        assert client(server, engine).result("stand-in-000001") is None
