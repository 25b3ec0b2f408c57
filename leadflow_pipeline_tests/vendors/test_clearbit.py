"""Clearbit's client against a server with Clearbit's shapes and errors."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.errors import FateUnknown, PermanentError, TransientError
from leadflow_pipeline.vendors import clearbit
from leadflow_pipeline.vendors.clearbit import Clearbit, Pending
from leadflow_pipeline_tests.fakes.clearbit import FakeClearbit
from leadflow_pipeline_tests.fakes.http import ALWAYS
from leadflow_pipeline_tests.fakes.people import invented_people
from leadflow_pipeline_tests.vendors.clients import is_plain, repeatable, session_to

ADA = invented_people(1)[0]
TOLD = {
    "bad key": PermanentError,
    "over quota": PermanentError,
    "pending": Pending,
    "too many requests": TransientError,
    "too many requests for long": TransientError,
    "too many requests without retry-after": TransientError,
}
NOBODY = ("not found", "invalid email", "both null")


def client(server: FakeClearbit, engine: Engine) -> Clearbit:
    return Clearbit(session_to(server, engine, clearbit))


def test_a_person_and_their_company_are_found(engine: Engine) -> None:
    with FakeClearbit() as server:
        found = client(server, engine).combined(ADA.email)
    assert found is not None
    assert found["person"]["name"]["familyName"] == ADA.last_name
    assert found["company"]["metrics"]["employees"] == ADA.employees
    assert server.charges == {ADA.email: 1}


def test_a_queued_look_up_is_answered_when_it_is_asked_again(engine: Engine) -> None:
    with FakeClearbit(pending=2) as server:
        api = client(server, engine)
        for _ in range(2):
            with pytest.raises(Pending):
                api.combined(ADA.email)
        assert api.combined(ADA.email) is not None
    assert server.charges.total() == 1


@pytest.mark.parametrize("email", ["nobody@leads.example", "info@halden-leads.example"])
def test_nobody_is_an_answer(engine: Engine, email: str) -> None:
    with FakeClearbit() as server:
        assert client(server, engine).combined(email) is None


@pytest.mark.parametrize("kind", NOBODY)
def test_every_way_of_saying_nobody_is_understood(engine: Engine, kind: str) -> None:
    with FakeClearbit() as server:
        server.misbehave(kind)
        assert client(server, engine).combined(ADA.email) is None


def test_one_of_the_two_alone_is_enough(engine: Engine) -> None:
    with FakeClearbit() as server:
        for kind, missing, present in (
            ("person null", "person", "company"),
            ("company null", "company", "person"),
        ):
            server.misbehave(kind)
            found = client(server, engine).combined(ADA.email)
            assert found is not None
            assert found[missing] is None
            assert found[present]


def test_every_failure_is_known_to_these_tests() -> None:
    assert set(FakeClearbit.kinds()) == {*repeatable(TOLD), *NOBODY, "person null", "company null"}


@pytest.mark.parametrize(("kind", "expected"), repeatable(TOLD).items())
def test_a_look_up_that_fails_says_so_plainly(engine: Engine, kind: str, expected: type[Exception]) -> None:
    with FakeClearbit() as server:
        server.misbehave(kind, ALWAYS)
        with pytest.raises(expected) as caught:
            client(server, engine).combined(ADA.email)
    assert is_plain(caught.value, ADA.email, ADA.last_name, ADA.domain)
    assert "clearbit" in str(caught.value).lower()
    assert not isinstance(caught.value, FateUnknown)
