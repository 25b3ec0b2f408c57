"""The service as one application, and the process that serves it.

What belongs here: composing routers, and starting. What does not: any route.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from leadflow_pipeline.service import problems
from leadflow_pipeline.service.access.callers import Callers
from leadflow_pipeline.service.access.gate import Gatekeeper
from leadflow_pipeline.service.api.routes import add_access, add_api
from leadflow_pipeline.service.certificates import Certificates
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.contract import add_contract
from leadflow_pipeline.service.correlating import Correlating
from leadflow_pipeline.service.decisions.decision_queue import DecisionQueue, States
from leadflow_pipeline.service.deliveries import Delivery, Fate, forget_old_ids, take_in_deliveries
from leadflow_pipeline.service.delivery_queue import DeliveryQueue
from leadflow_pipeline.service.documentation import add_documentation
from leadflow_pipeline.service.health import health_router
from leadflow_pipeline.service.intake import intake_router
from leadflow_pipeline.service.journal_storing import store_for_ever, store_last
from leadflow_pipeline.service.metrics.failing import FailingRequests
from leadflow_pipeline.service.metrics.routes import add_metrics
from leadflow_pipeline.service.preferences import preferences_router
from leadflow_pipeline.service.problems import NOT_NOW
from leadflow_pipeline.service.protocol import BoundedProtocol
from leadflow_pipeline.service.provider_hooks import provider_router
from leadflow_pipeline.service.tracking import add_tracking
from leadflow_pipeline.service.tracking_journal import Journal
from leadflow_pipeline.service.tracking_targets import Targets
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.telemetry.logs import set_up_logs

log = logging.getLogger(__name__)

BETWEEN_CLEANINGS = timedelta(hours=1)
SECONDS_TO_FINISH = 10
SECONDS_OPEN = 75
"""For a connection between two requests: whoever asks now and then need not connect each time."""
SECONDS_BETWEEN_THREADS = 0.0005
"""How long one thread may keep another waiting: whoever comes back from the database with a decision waits for the
thread that reads requests, and a group comes back three times.
"""


def build_app(
    engine_of: Callable[[], Engine] = get_engine,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    certificates: Certificates | None = None,
) -> FastAPI:
    """The application. It asks for its engine when it needs it, so it starts while the database is down."""

    def store(deliveries: Sequence[Delivery]) -> list[Fate]:
        return take_in_deliveries(engine_of(), deliveries, now())

    queue = DeliveryQueue(store)
    journal = Journal(get_settings().journal_folder)
    targets = Targets(engine_of)
    states = States(engine_of, now)
    decisions = DecisionQueue(engine_of, states, now)

    @asynccontextmanager
    async def at_work(_: FastAPI) -> AsyncIterator[None]:
        tasks = [
            asyncio.create_task(queue.work()),
            asyncio.create_task(decisions.work()),
            asyncio.create_task(store_for_ever(journal, engine_of)),
            asyncio.create_task(callers.note_for_ever()),
            asyncio.create_task(failing.note_for_ever()),
            asyncio.create_task(_clean(engine_of, now)),
        ]
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await callers.note()
        await failing.note()
        states.shut()
        targets.shut()
        await store_last(journal, engine_of)

    app = FastAPI(
        title="leadflow",
        version=version("leadflow-pipeline"),
        description="Campaigns, their leads and who gets them, for programs. Takes in leads by signed webhooks "
        "(https://www.standardwebhooks.com), and what comes back of emails.",
        lifespan=at_work,
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
    )
    callers = Callers(engine_of, now)
    failing = FailingRequests(engine_of)
    context = ServiceContext(engine_of, now)
    add_access(app, Gatekeeper(callers))
    problems.register(app)
    add_metrics(app, context, failing)
    add_contract(app)
    app.add_middleware(Correlating)
    add_documentation(app)
    add_tracking(app, journal, targets, now)
    app.include_router(intake_router(engine_of, queue, now))
    app.include_router(preferences_router(journal, engine_of, now))
    app.include_router(provider_router(journal, now, certificates))
    app.include_router(health_router(engine_of))
    app.state.decisions = decisions
    add_api(app, context)
    return app


def server_of(app: FastAPI, host: str, port: int) -> uvicorn.Server:
    """A server that is not running yet. Port 0: any that is free."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            http=BoundedProtocol,
            loop="auto",  # uvloop, where there is one
            ws="none",
            access_log=False,  # addresses of people, and nothing that the database does not know better
            log_level="warning",
            server_header=False,
            timeout_keep_alive=SECONDS_OPEN,
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
    )


def serve(host: str | None = None, port: int | None = None) -> None:
    """Serves until a signal says stop; requests under way are finished first."""
    set_up_logs()
    settings = get_settings()
    sys.setswitchinterval(SECONDS_BETWEEN_THREADS)
    server_of(build_app(), host or settings.service_host, port or settings.service_port).run()


async def _clean(engine_of: Callable[[], Engine], now: Callable[[], datetime]) -> None:
    """Forgets old ids from time to time; a database that is down is met again the next time."""
    while True:
        try:
            await asyncio.to_thread(lambda: forget_old_ids(engine_of(), now()))
        except NOT_NOW as error:
            log.warning("old webhook ids were not removed (%s)", type(error).__name__)
        await asyncio.sleep(BETWEEN_CLEANINGS.total_seconds())
