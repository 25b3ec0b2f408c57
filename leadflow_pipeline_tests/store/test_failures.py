"""What a failed step tells Dagster: whether to try again, and never a lead."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import dagster as dg
import psycopg
import pytest
from sqlalchemy import Engine, text

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.store.failures import plain_failures, with_plain_failures

CANARY = "canary-anna@example.org"


def break_python(engine: Engine) -> None:
    float(CANARY)


def break_with_a_cause(engine: Engine) -> None:
    try:
        {}[CANARY]
    except KeyError as error:
        raise RuntimeError(f"no lead {CANARY}") from error


def break_a_constraint(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(
            text(
                "INSERT INTO leadflow.campaigns (campaign, status, current_version) "
                "VALUES (:lead, 'active', 1)"
            ),
            {"lead": CANARY},
        )


def break_a_cast(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(text("SELECT CAST(:lead AS integer)"), {"lead": CANARY})


def break_below_sqlalchemy(engine: Engine) -> None:
    with psycopg.connect(
        engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
    ) as raw:
        raw.execute("SELECT %s::date", [CANARY])


@pytest.mark.parametrize(
    "break_it",
    [break_python, break_with_a_cause, break_a_constraint, break_a_cast, break_below_sqlalchemy],
)
def test_no_failure_carries_a_lead_into_the_event_log(
    engine: Engine, break_it: Callable[[Engine], None], capfd: pytest.CaptureFixture[str]
) -> None:
    attempts = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    @with_plain_failures
    def failing(context: dg.AssetExecutionContext) -> Iterator[dg.Output[int]]:
        attempts.append(context.retry_number)
        break_it(engine)
        yield dg.Output(1)

    with dg.DagsterInstance.ephemeral() as instance:
        result = dg.materialize([failing], instance=instance, raise_on_error=False)
        events = [dg.serialize_value(event) for event in instance.all_logs(result.run_id)]
    printed = capfd.readouterr()
    assert not result.success
    assert attempts == [0], "a permanent failure is not tried again"
    assert CANARY not in "".join([*events, printed.out, printed.err])
    assert any("leadflow_pipeline_tests" not in event and "failing" in event for event in events)


@pytest.mark.parametrize(
    "error",
    [TransientError("the server restarts"), ConnectionResetError(), TimeoutError()],
    ids=lambda error: type(error).__name__,
)
def test_what_may_pass_is_tried_again(error: Exception) -> None:
    attempts = []

    @dg.asset(retry_policy=dg.RetryPolicy(max_retries=2))
    @with_plain_failures
    def recovering(context: dg.AssetExecutionContext) -> Iterator[dg.Output[int]]:
        attempts.append(context.retry_number)
        if context.retry_number == 0:
            raise error
        yield dg.Output(1)

    assert dg.materialize([recovering]).success
    assert attempts == [0, 1]


def test_a_deadlock_is_tried_again_and_a_broken_rule_is_not(engine: Engine) -> None:
    def raise_state(state: str) -> None:
        with engine.begin() as connection:
            connection.execute(text(f"DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{state}'; END $$"))

    with pytest.raises(TransientError, match="40P01"), plain_failures():
        raise_state("40P01")
    with pytest.raises(dg.Failure, match="23505") as failure, plain_failures():
        raise_state("23505")
    assert failure.value.allow_retries is False


def test_our_own_sentence_is_passed_on() -> None:
    with pytest.raises(dg.Failure, match="mend line 3") as failure, plain_failures():
        raise PermanentError("the campaign file is wrong: mend line 3")
    assert failure.value.allow_retries is False
