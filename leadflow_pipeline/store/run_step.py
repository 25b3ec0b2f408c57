"""What every step of a Dagster run does its work within, whether it computes a stage or sends messages.

What belongs here: that whatever a step writes down belongs to its run, that it is a span, and that its failure is fit
for the event log. What does not: failures themselves (`store.failures`), and what a stage has beside
(`store.stage_asset`).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, TypeVar

import dagster as dg

from leadflow_pipeline.store.failures import plain_failures, with_plain_failures
from leadflow_pipeline.telemetry.correlation import CORRELATION_TAG, correlated
from leadflow_pipeline.telemetry.logs import FIELDS
from leadflow_pipeline.telemetry.spans import span

log = logging.getLogger(__name__)

Step = TypeVar("Step", bound=Callable[..., Iterator[Any]])


@contextmanager
def of_run(context: dg.OpExecutionContext, **counts: int) -> Iterator[None]:
    """Whatever is written down within belongs to the request that launched the run, else to the run. A line of the log
    says that it ended, whichever way.
    """
    step: dict[str, str | int] = {"step": context.op.name, "job": context.job_name, **counts}
    begun, state = time.perf_counter(), "failed"
    with correlated(context.run.tags.get(CORRELATION_TAG, context.run_id)), span("step", **step):
        try:
            yield
            state = "done"
        finally:
            milliseconds = round((time.perf_counter() - begun) * 1e3)
            told = {**step, "run_id": context.run_id, "state": state, "milliseconds": milliseconds}
            log.info("step ended", extra={FIELDS: told})


@contextmanager
def run_step(context: dg.OpExecutionContext) -> Iterator[None]:
    """The work of an op."""
    with plain_failures(), of_run(context):
        yield


def as_run_step(step: Step) -> Step:
    """The work of an asset that is a generator, whether it asks for its context or not."""

    @wraps(step)
    def within(*args: Any, **kwargs: Any) -> Iterator[Any]:
        with of_run(dg.OpExecutionContext.get()):
            yield from step(*args, **kwargs)

    return with_plain_failures(within)  # type: ignore[return-value]
