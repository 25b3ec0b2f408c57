"""What a failed step may say, and whether trying it again may help.

What belongs here: the one place where an exception becomes what Dagster keeps for ever. What does not: the
errors themselves (`leadflow_pipeline.errors`).

Dagster writes an exception's message, and those of its causes, into its event log. A message of pandas,
PostgreSQL or Python may quote a lead (`could not convert string to float: '...'`, `Failing row contains
(...)`), so only our own errors, which hold no personal data by contract, are passed on; of all others the
kind and the place are kept.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import dagster as dg
import psycopg
from sqlalchemy.exc import DBAPIError

from leadflow_pipeline.errors import LeadflowError, TransientError

PACKAGE_ROOT = Path(__file__).resolve().parent.parent

Step = TypeVar("Step", bound=Callable[..., Iterator[Any]])

PASSED_ON = (dg.Failure, dg.RetryRequested, dg.DagsterExecutionInterruptedError)
"""What already is Dagster's own way to end a step."""

TRANSIENT_SQL_STATES = ("08", "40", "53", "55", "57")
"""PostgreSQL's error classes for a lost connection, a serialisation conflict or deadlock, scarce resources,
an object in use, and an operator's intervention (PostgreSQL manual, appendix A)."""

DISK_FULL = "53100"


@contextmanager
def plain_failures() -> Iterator[None]:
    """Turns whatever goes wrong inside into an error that is fit for Dagster's event log.

    Raises `TransientError` for what may pass (the retry policy tries again), and `dagster.Failure` without
    retries for everything else: a wrong rule or a broken record is as wrong the second time.
    """
    try:
        yield
    except PASSED_ON:
        raise
    except Exception as error:  # noqa: BLE001 (the last line before the event log)
        if is_transient(error):
            raise TransientError(describe(error)) from None
        raise dg.Failure(
            describe(error), metadata={"where": dg.MetadataValue.json(places_of(error))}, allow_retries=False
        ) from None


def with_plain_failures(step: Step) -> Step:
    """Runs a generator step inside `plain_failures`.

    Its annotations are resolved here, because Dagster reads the signature of what it decorates and
    understands no annotation that is still text.
    """

    @wraps(step)
    def guarded(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with plain_failures():
            yield from step(*args, **kwargs)

    guarded.__signature__ = inspect.signature(step, eval_str=True)  # type: ignore[attr-defined]
    return guarded  # type: ignore[return-value]


def is_transient(error: BaseException) -> bool:
    """Whether the same step may succeed a moment later."""
    answer = database_error(error)
    if answer is not None:
        is_lost_connection = answer.sqlstate is None and isinstance(answer, psycopg.OperationalError)
        return is_lost_connection or (
            (answer.sqlstate or "").startswith(TRANSIENT_SQL_STATES) and answer.sqlstate != DISK_FULL
        )
    return isinstance(error, TransientError | ConnectionError | TimeoutError)


def describe(error: BaseException) -> str:
    """One sentence without personal data: our own message, or a foreign error's kind and place."""
    if isinstance(error, LeadflowError):
        return str(error)
    place = next(iter(reversed(places_of(error))), "outside this package")
    answer = database_error(error)
    if answer is not None:
        return f"PostgreSQL refused a statement ({database_reason(answer)}) at {place}"
    return f"{type(error).__name__} at {place}; its message is withheld because it may quote a lead"


def places_of(error: BaseException) -> list[str]:
    """The frames of this package that the error passed through, outermost first."""
    frames = traceback.extract_tb(error.__traceback__)
    return [
        f"{path.relative_to(PACKAGE_ROOT.parent)}:{frame.lineno} in {frame.name}"
        for frame in frames
        if (path := Path(frame.filename)).is_relative_to(PACKAGE_ROOT) and path != Path(__file__)
    ]


def database_error(error: BaseException) -> psycopg.Error | None:
    """What PostgreSQL answered, whether SQLAlchemy wrapped it or not; None for any other error."""
    answer = error.orig if isinstance(error, DBAPIError) else error
    return answer if isinstance(answer, psycopg.Error) else None


def database_reason(answer: psycopg.Error) -> str:
    """Kind, code and the names of the table, column and constraint: never the detail, which holds the row."""
    names = [
        f"{kind} {name}"
        for kind in ("table", "column", "constraint")
        if (name := getattr(answer.diag, f"{kind}_name")) is not None
    ]
    return ", ".join([type(answer).__name__, answer.sqlstate or "no code", *names])
