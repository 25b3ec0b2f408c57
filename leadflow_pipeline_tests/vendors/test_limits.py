"""What all processes share: a rate no window exceeds, a breaker with one prober, a budget nobody overdraws."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, delete

from leadflow_pipeline.errors import Deferred, PermanentError
from leadflow_pipeline.store.schema import vendor_buckets
from leadflow_pipeline.vendors.limits import Breaker, Rate, block, refund, spend, spent, take_token

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TODAY = NOW.date()


def seconds(number: float) -> timedelta:
    return timedelta(seconds=number)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    requests=st.integers(1, 12),
    per_seconds=st.sampled_from([1.0, 10.0, 60.0]),
    rests=st.lists(st.floats(0, 30), max_size=4),
)
def test_no_window_of_time_sees_more_requests_than_the_rate_allows(
    engine: Engine, requests: int, per_seconds: float, rests: list[float]
) -> None:
    with engine.begin() as connection:
        connection.execute(delete(vendor_buckets))
    rate, at, taken = Rate(requests, per_seconds), NOW, []
    for rest in (*rests, 0):
        for _ in range(3 * requests // 2 + 1):
            while pause := take_token(engine, "apollo", rate, at):
                at += seconds(pause)
            taken.append(at)
        at += seconds(rest)
    # A microsecond is what a moment of the database can tell apart.
    window = seconds(per_seconds) - timedelta(microseconds=requests + 1)
    for start in taken:
        assert sum(start <= moment < start + window for moment in taken) <= requests


def test_a_bucket_is_shared_and_gives_each_token_once(engine: Engine) -> None:
    rate = Rate(50, 60)
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: take_token(engine, "apollo", rate, NOW), range(40)))
    assert sum(wait == 0 for wait in waits) == rate.burst == 10
    assert take_token(engine, "another account", rate, NOW) == 0


def test_a_block_holds_everybody_back_and_is_never_shortened(engine: Engine) -> None:
    block(engine, "apollo", NOW + seconds(90))
    block(engine, "apollo", NOW + seconds(10))
    assert take_token(engine, "apollo", Rate(50, 60), NOW) == 90
    assert take_token(engine, "apollo", None, NOW + seconds(89)) == 1
    assert take_token(engine, "apollo", None, NOW + seconds(90)) == 0


def test_a_clock_that_is_behind_does_not_empty_a_bucket(engine: Engine) -> None:
    rate = Rate(10, 10)
    assert take_token(engine, "apollo", rate, NOW) == 0
    assert take_token(engine, "apollo", rate, NOW - timedelta(hours=1)) == 0


def test_a_rate_that_is_none_is_refused() -> None:
    with pytest.raises(PermanentError, match="at least 1 request"):
        Rate(0, 60)


def down(engine: Engine, at: datetime) -> Breaker:
    breaker = Breaker(engine, "apollo")
    for _ in range(5):
        breaker.check(at)
        breaker.failed(at, "it cannot be reached")
    return breaker


def test_a_breaker_opens_after_five_failures_in_a_row_and_not_after_five_among_others(engine: Engine) -> None:
    breaker = Breaker(engine, "apollo")
    for _ in range(3):
        for _ in range(4):
            breaker.failed(NOW, "it cannot be reached")
        breaker.succeeded()
    breaker.check(NOW)
    down(engine, NOW)
    with pytest.raises(
        Deferred, match="apollo has failed 5 times in a row, lately because it cannot"
    ) as told:
        Breaker(engine, "apollo").check(NOW + seconds(59))
    assert told.value.until == NOW + seconds(60)
    Breaker(engine, "hubspot").check(NOW)


def test_one_of_many_probes_whether_the_vendor_is_back(engine: Engine) -> None:
    down(engine, NOW)

    def may_ask(at: datetime) -> bool:
        try:
            Breaker(engine, "apollo").check(at)
        except Deferred:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(may_ask, [NOW + seconds(60)] * 16)) == 1
    # The prober died, so after its lease there is another one; it finds the vendor down.
    at = NOW + timedelta(minutes=7)
    assert may_ask(at)
    Breaker(engine, "apollo").failed(at, "it cannot be reached")
    assert not may_ask(at + seconds(119))
    assert may_ask(at + seconds(120))
    Breaker(engine, "apollo").succeeded()
    assert all(may_ask(at + seconds(121)) for _ in range(3))


def test_a_pause_never_exceeds_a_quarter_of_an_hour(engine: Engine) -> None:
    breaker = down(engine, NOW)
    for _ in range(40):
        breaker.failed(NOW, "it cannot be reached")
    with pytest.raises(Deferred) as told:
        breaker.check(NOW)
    assert told.value.until == NOW + timedelta(minutes=15)


def test_many_spend_from_one_budget_and_nobody_overdraws_it(
    engine: Engine, campaign: Callable[..., str]
) -> None:
    slug = campaign()

    def take(_: int) -> bool:
        return spend(engine, slug, "apollo", TODAY, "credits", 3, cap=50)

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(take, range(40))) == 16
    assert spent(engine, slug, "apollo", TODAY, "credits") == 48
    refund(engine, slug, "apollo", TODAY, "credits", 2)
    assert take(0)
    assert not spend(engine, slug, "hubspot", TODAY, "credits", 51, cap=50)
    assert spend(engine, slug, "apollo", date(2026, 3, 3), "credits", 50, cap=50)
    assert spend(engine, slug, "apollo", TODAY, "calls", 1_000, cap=None)
