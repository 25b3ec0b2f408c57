"""A language model over real sockets: a number within bounds, or one plain line and no number."""

from __future__ import annotations

import pytest
from sqlalchemy import Engine

from leadflow_pipeline.errors import FateUnknown, LeadflowError, PermanentError, TransientError
from leadflow_pipeline.vendors import language_model
from leadflow_pipeline.vendors.language_model import LanguageModel, NoOpinion, Opinion, plain_reason
from leadflow_pipeline.vendors.session import VendorSession
from leadflow_pipeline_tests.fakes.http import NETWORK_FAILURES
from leadflow_pipeline_tests.fakes.language_model import MODEL, NO_OPINION, FakeLanguageModel
from leadflow_pipeline_tests.vendors.clients import bought, is_plain, repeatable

VENDOR = "language model of this test"
LEAD = {"job_title": "Head of Lighthouses", "country": "PT"}

OF_ITS_OWN = {
    "bad key": PermanentError,
    "no permission": PermanentError,
    "no such model": PermanentError,
    "bad request": PermanentError,
    "too many requests": TransientError,
    "too many requests for long": TransientError,
    "no credit left": TransientError,
    "overloaded": TransientError,
    "unavailable": TransientError,
    "server error": TransientError,
}
ERRORS = bought({**OF_ITS_OWN, "login page": FateUnknown})
ERRORS_OF_ONES_OWN = repeatable({**OF_ITS_OWN, "login page": TransientError})


def client(server: FakeLanguageModel, engine: Engine, *, is_repeatable: bool = False) -> LanguageModel:
    session = VendorSession(
        engine,
        VENDOR,
        server.url,
        headers=language_model.headers(server.key),
        timeout=(1, 0.5),
        wait=lambda _: None,
    )
    return LanguageModel(session, VENDOR, MODEL, is_repeatable=is_repeatable)


def test_a_number_and_a_short_reason_are_taken(engine: Engine) -> None:
    with FakeLanguageModel(lambda _: {"score": 41.5, "why": "small\u0000 but\nkeen"}) as server:
        assert client(server, engine).opinion("Judge.", LEAD) == Opinion(41.5, "small but keen")
        (request,) = server.requests
    sent = request.json()
    assert [message["role"] for message in sent["messages"]] == ["system", "user"]
    assert server.lead(request) == LEAD
    assert (sent["model"], sent["temperature"], sent["response_format"]) == (
        MODEL,
        0,
        {"type": "json_object"},
    )
    assert sent["max_tokens"] <= 200


@pytest.mark.parametrize("score", [0, 100, 0.5])
def test_the_bounds_are_within(engine: Engine, score: float) -> None:
    with FakeLanguageModel(lambda _: {"score": score}) as server:
        assert client(server, engine).opinion("Judge.", LEAD) == Opinion(score)


@pytest.mark.parametrize("kind", sorted(NO_OPINION))
def test_every_answer_that_is_none_is_one_plain_line(engine: Engine, kind: str) -> None:
    with FakeLanguageModel() as server:
        server.misbehave(kind)
        said = client(server, engine).opinion("Judge.", LEAD)
        assert len(server.requests) == 1
    assert isinstance(said, NoOpinion)
    assert is_plain(Exception(said.problem), "Lighthouses", "85", "sorry", "score")


def test_every_failure_is_known_to_these_tests() -> None:
    assert set(ERRORS) | set(NO_OPINION) == set(FakeLanguageModel.kinds())
    assert set(ERRORS) == set(ERRORS_OF_ONES_OWN)
    assert set(NETWORK_FAILURES) < set(ERRORS)


@pytest.mark.parametrize(("kind", "expected"), sorted(ERRORS.items(), key=str))
def test_a_request_that_fails_says_so_plainly(engine: Engine, kind: str, expected: type[Exception]) -> None:
    with FakeLanguageModel() as server:
        server.misbehave(kind, times=100)
        with pytest.raises(LeadflowError) as told:
            client(server, engine).opinion("Judge.", LEAD)
        assert sum(server.charges.values()) <= 1, "what may be paid for is not sent twice"
    assert isinstance(told.value, expected)
    assert is_plain(told.value, "Lighthouses", "score")


@pytest.mark.parametrize("kind", ["read timeout", "gateway timeout", "server error", "truncated json"])
def test_a_model_of_ones_own_may_be_asked_again(engine: Engine, kind: str) -> None:
    with FakeLanguageModel() as server:
        server.misbehave(kind, times=100)
        with pytest.raises(ERRORS_OF_ONES_OWN[kind]):
            client(server, engine, is_repeatable=True).opinion("Judge.", LEAD)


def test_without_a_key_none_is_sent() -> None:
    assert language_model.headers(None) == {}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("  fits  well ", "fits well"),
        ("see https://evil.example/x?y=1 now", "see now"),
        ("go to www.evil.example or evil.example/path, or ask boss@evil.example", "go to or or ask"),
        ("[click](javascript:alert(1)) <b>now</b>", "click(javascript:alert(1)) bnow/b"),
        ("\u202eright to left\u2066", "right to left"),
        ("\r\n\t", None),
        ("word " * 100, ("word " * 100)[:120].strip()),
    ],
)
def test_a_models_words_are_plain_before_they_are_shown(text: str, shown: str | None) -> None:
    assert plain_reason(text) == shown
