"""The service as one application, and the process that serves it.

What belongs here: composing routers, and starting. What does not: any route.
"""

from __future__ import annotations

import asyncio
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from threading import Thread

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.service import problems
from leadflow_pipeline.service.access.callers import Callers
from leadflow_pipeline.service.access.gate import Gatekeeper
from leadflow_pipeline.service.api.routes import add_access, add_api
from leadflow_pipeline.service.certificates import Certificates
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.contract import add_contract
from leadflow_pipeline.service.correlating import Correlating
from leadflow_pipeline.service.decisions.decision_queue import DecisionQueue, States
from leadflow_pipeline.service.decisions.newcomer_queue import newcomer_queue
from leadflow_pipeline.service.deliveries import Delivery, Fate, forget_old_ids, take_in_deliveries
from leadflow_pipeline.service.delivery_queue import delivery_queue
from leadflow_pipeline.service.documentation import add_documentation
from leadflow_pipeline.service.health import health_router
from leadflow_pipeline.service.intake import intake_router
from leadflow_pipeline.service.journal_storing import store_for_ever, store_last
from leadflow_pipeline.service.metrics.failing import FailingRequests
from leadflow_pipeline.service.metrics.routes import add_metrics
from leadflow_pipeline.service.preferences import preferences_router
from leadflow_pipeline.service.problems import NOT_NOW, note_unexpected
from leadflow_pipeline.service.protocol import BoundedProtocol
from leadflow_pipeline.service.provider_hooks import provider_router
from leadflow_pipeline.service.tracking import add_tracking
from leadflow_pipeline.service.tracking_journal import Journal
from leadflow_pipeline.service.tracking_targets import Targets
from leadflow_pipeline.service.warming import make_ready
from leadflow_pipeline.settings import get_settings
from leadflow_pipeline.store.engine import get_engine
from leadflow_pipeline.store.silence import require_word
from leadflow_pipeline.telemetry.logs import set_up_logs

log = logging.getLogger(__name__)

BETWEEN_CLEANINGS = timedelta(hours=1)
SECONDS_TO_FINISH = 10
SECONDS_BEFORE_GOING_ON = 1.0
SECONDS_OPEN = 75
"""For a connection between two requests: whoever asks now and then need not connect each time."""
SECONDS_BETWEEN_THREADS = 0.0005
"""How long one thread may keep another waiting: whoever comes back from the database with a decision waits for the
thread that reads requests, and a group comes back three times.
"""


def build_app(
    engine_of: Callable[[], Engine] = lambda: get_engine(get_settings().database_patience),
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    certificates: Certificates | None = None,
) -> FastAPI:
    """The application. It asks for its engine when it needs it, so it starts while the database is down."""
    engine_of = _ready(engine_of)

    def store(deliveries: Sequence[Delivery]) -> list[Fate]:
        return take_in_deliveries(engine_of(), deliveries, now())

    queue = delivery_queue(store)
    journal = Journal(get_settings().journal_folder)
    targets = Targets(engine_of)
    states = States(engine_of, now)
    decisions = DecisionQueue(engine_of, states, now)
    newcomers = newcomer_queue(engine_of, now)

    @asynccontextmanager
    async def at_work(_: FastAPI) -> AsyncIterator[None]:
        works = [
            queue.work,
            decisions.work,
            newcomers.work,
            lambda: store_for_ever(journal, engine_of),
            callers.note_for_ever,
            failing.note_for_ever,
            lambda: _clean(engine_of, now),
        ]
        tasks = [asyncio.create_task(_go_on(work)) for work in works]
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
        "(https://www.standardwebhooks.com), and what comes back of emails. JSON is UTF-8, without a member twice, NUL "
        "or half of a surrogate pair in a text, or whole numbers of more than 64 bits.",
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
    app.state.decisions, app.state.newcomers = decisions, newcomers
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
            log_config=None,  # its lines are lines of this process as all others
            server_header=False,
            timeout_keep_alive=SECONDS_OPEN,
            timeout_graceful_shutdown=SECONDS_TO_FINISH,
        )
    )


def serve(host: str | None = None, port: int | None = None, certificates: Certificates | None = None) -> None:
    """Serves until a signal says stop; requests under way are finished first."""
    set_up_logs()
    settings = get_settings()
    sys.setswitchinterval(SECONDS_BETWEEN_THREADS)
    app = build_app(certificates=certificates)
    Thread(
        target=make_ready,
        args=(lambda: app.state.context.engine, app.state.decisions.states),
        name="make ready",
    ).start()
    server_of(app, host or settings.service_host, port or settings.service_port).run()


async def _go_on(work: Callable[[], Awaitable[None]]) -> None:
    """Works for as long as the service runs. What nobody foresaw is noted, and the work begun again: a part that stops
    would be missed only when what it does is missing.
    """
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - whatever it is, the work goes on
            note_unexpected(error)
        await asyncio.sleep(SECONDS_BEFORE_GOING_ON)


def _ready(engine_of: Callable[[], Engine]) -> Callable[[], Engine]:
    """The engine, or TransientError where there is none: an embedded database that cannot be started (its disk is
    full, say) is as one that does not answer. Whoever asks comes again, and the service goes on once it is mended.
    The same where the database is known to say nothing: then it is not asked for either.
    """
    latest: list[Engine] = []

    def engine() -> Engine:
        for before in latest:
            require_word(before)
        try:
            latest[:] = [engine_of()]
        except PermanentError as error:
            log.error("%s", error)
            raise TransientError(str(error)) from None
        return latest[0]

    return engine


async def _clean(engine_of: Callable[[], Engine], now: Callable[[], datetime]) -> None:
    """Forgets old ids from time to time; a database that is down is met again the next time."""
    while True:
        try:
            await asyncio.to_thread(lambda: forget_old_ids(engine_of(), now()))
        except NOT_NOW as error:
            log.warning("old webhook ids were not removed (%s)", type(error).__name__)
        await asyncio.sleep(BETWEEN_CLEANINGS.total_seconds())
