"""The pipeline in numbers, read from the database when somebody asks, at most every 15 seconds. A door: it reads.

What belongs here: every number that is not counted in this process. What does not: any rule: readings are those that
alerts are made of.

Every statement is over rows of late, or over a table with a row for each partition, campaign or vendor. Reps are not
named: how many of them carry how much is told. Of more than a hundred campaigns, the first by name are told.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any, Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Connection, Engine, Select, and_, func, or_, select

from leadflow_pipeline.delivery import breaker
from leadflow_pipeline.delivery.alerts.conditions import CONDITIONS
from leadflow_pipeline.insight.health import readings
from leadflow_pipeline.insight.health.failed import failed_jobs, failed_partitions
from leadflow_pipeline.insight.health.machine import free_disk, journal_bytes
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import NOT_NOW
from leadflow_pipeline.store.dagster_tables import has_dagster, heartbeats, runs_by_status
from leadflow_pipeline.store.due_days import active_campaigns
from leadflow_pipeline.store.schema import (
    alerts,
    held_handoffs,
    messages,
    nurtured_leads,
    partition_lineage,
    qualified_leads,
    routed_leads,
    routing_decisions,
    sending_stops,
    vendor_breakers,
    vendor_lookups,
    vendor_spending,
)

log = logging.getLogger(__name__)

FRESH_FOR: Final = 15.0
AWAY_FOR: Final = 1.0
"""A database that was away is asked again sooner: nobody is to be alarmed by one that is back."""
TIMES_AS_LONG: Final = 20
"""What takes long to read is kept for so many times as long: never more than a twentieth of a core."""
MOST_CAMPAIGNS: Final = 100
DAY: Final = timedelta(days=1)
HOUR: Final = timedelta(hours=1)
LATEST_DECISIONS: Final = 100_000
MUCH_LOAD: Final = CONDITIONS["load"].begins
STATUS_OF_STAGE: Final = (
    ("qualify", qualified_leads, qualified_leads.c.status),
    ("route", routed_leads, routed_leads.c.status),
    ("nurture", nurtured_leads, nurtured_leads.c.state),
)


class PipelineMetrics(Collector):
    """What is read. A database that is away gives `leadflow_database_up 0` and nothing else."""

    def __init__(self, context: ServiceContext, clock: Callable[[], float] = time.monotonic) -> None:
        self._context = context
        self._clock = clock
        self._lock = threading.Lock()
        self._fresh_until = float("-inf")
        self._last: list[Metric] = []

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: registering must not need a database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """What was read last, or now."""
        with self._lock:
            began = self._clock()
            if began >= self._fresh_until:
                found = self._read()
                ended = self._clock()
                fresh_for = AWAY_FOR if found is None else max(FRESH_FOR, TIMES_AS_LONG * (ended - began))
                self._fresh_until = ended + fresh_for
                is_up = [((), int(found is not None))]
                self._last = [_gauge("leadflow_database_up", "Whether the database answers.", (), is_up)]
                self._last += found or []
            yield from self._last

    def _read(self) -> list[Metric] | None:
        """None where the database does not answer."""
        began = time.perf_counter()
        try:
            found = list(pipeline_metrics(self._context.engine, self._context.now()))
        except NOT_NOW as error:
            log.warning("the database does not answer (%s)", type(error).__name__)
            return None
        seconds = time.perf_counter() - began
        return [*found, _gauge("leadflow_metrics_seconds", "What reading these took.", (), [((), seconds)])]


Rows = Iterable[tuple[tuple[str, ...], float]]


def pipeline_metrics(engine: Engine, now: datetime) -> Iterator[Metric]:
    """Every family of them."""
    with engine.connect() as connection:
        active = active_campaigns(connection)[:MOST_CAMPAIGNS]
        yield from _of_leads(connection, active)
        yield from _of_messages(connection, now)
        yield from _of_vendors(connection, now)
        yield from _of_owners(connection, now)
        yield from _of_dagster(connection, now)
        yield from _of_senders(connection, now)
    yield from _of_days(engine, now)
    yield _gauge("leadflow_disk_free_bytes", "Room on the disk of the home folder.", (), [((), free_disk())])
    yield _gauge(
        "leadflow_journal_bytes",
        "Opens, clicks and wishes that the database does not have yet.",
        (),
        [((), journal_bytes())],
    )


def _of_leads(connection: Connection, active: list[str]) -> Iterator[Metric]:
    lineage = partition_lineage.c
    rows = (
        select(lineage.campaign, lineage.table_name, func.sum(lineage.rows))
        .where(lineage.campaign.in_(active))
        .group_by(lineage.campaign, lineage.table_name)
    )
    yield _gauge(
        "leadflow_rows",
        "Rows that each stage has stored, over all days.",
        ("campaign", "table"),
        _counted(connection, rows, 2),
    )
    told: list[tuple[tuple[str, ...], float]] = []
    for stage, table, status in STATUS_OF_STAGE:
        latest = (
            select(lineage.campaign, func.max(lineage.day).label("day"))
            .where(lineage.table_name == table.name, lineage.campaign.in_(active))
            .group_by(lineage.campaign)
            .subquery()
        )
        of_day = and_(table.c.campaign == latest.c.campaign, table.c.day == latest.c.day)
        query = (
            select(table.c.campaign, status, func.count())
            .join(latest, of_day)
            .group_by(table.c.campaign, status)
        )
        told += [
            ((campaign, stage, name), count) for (campaign, name), count in _counted(connection, query, 2)
        ]
    yield _gauge(
        "leadflow_leads_of_latest_day",
        "Leads that a stage looked at on the latest day that it computed.",
        ("campaign", "stage", "status"),
        told,
    )


def _of_messages(connection: Connection, now: datetime) -> Iterator[Metric]:
    is_open = messages.c.state.in_(("planned", "claimed", "on_wire", "unknown"))
    has_ended = and_(
        messages.c.state.in_(("failed", "suppressed", "expired")), messages.c.updated_at > now - DAY
    )
    by_state = (
        select(messages.c.channel, messages.c.state, func.count())
        .where(or_(is_open, has_ended, messages.c.sent_at > now - DAY))
        .group_by(messages.c.channel, messages.c.state)
    )
    yield _gauge(
        "leadflow_messages",
        "Messages by state: those under way, and those that came to an end in the last day.",
        ("channel", "state"),
        _counted(connection, by_state, 2),
    )
    waiting = [
        ((reading.subject,), reading.value * 60) for reading in readings.waiting_messages(connection, now)
    ]
    yield _gauge(
        "leadflow_outbox_age_seconds",
        "How long the oldest message has been due.",
        ("channel",),
        waiting,
    )
    stopped = select(sending_stops.c.reason, func.count()).where(sending_stops.c.closed_at.is_(None))
    yield _gauge(
        "leadflow_senders_stopped",
        "Senders whose emails stand still.",
        ("reason",),
        _counted(connection, stopped.group_by(sending_stops.c.reason), 1),
    )


def _of_senders(connection: Connection, now: datetime) -> Iterator[Metric]:
    counts = breaker.count(connection, now)
    for reason, name in ((breaker.COMPLAINTS, "complaint"), (breaker.BOUNCES, "bounce")):
        yield _gauge(
            f"leadflow_{name}_rate",
            f"{name.capitalize()}s of emails sent, over the days that the breaker looks at.",
            ("sender_domain",),
            [((each.sender_domain,), each.rate) for each in counts if each.reason == reason],
        )


def _of_vendors(connection: Connection, now: datetime) -> Iterator[Metric]:
    lookups = (
        select(vendor_lookups.c.vendor, vendor_lookups.c.state, func.count())
        .where(vendor_lookups.c.requested_at > now - DAY)
        .group_by(vendor_lookups.c.vendor, vendor_lookups.c.state)
    )
    yield _gauge(
        "leadflow_vendor_lookups",
        "Questions to vendors of the last day, by state.",
        ("vendor", "state"),
        _counted(connection, lookups, 2),
    )
    spent = vendor_spending.c
    today = (
        select(spent.campaign, spent.spender, spent.unit, func.sum(spent.amount))
        .where(spent.day == now.date())
        .group_by(spent.campaign, spent.spender, spent.unit)
    )
    yield _gauge(
        "leadflow_vendor_spending_today",
        "What campaigns have spent with vendors today.",
        ("campaign", "spender", "unit"),
        _counted(connection, today, 3),
    )
    opened = select(vendor_breakers.c.vendor, func.count()).where(vendor_breakers.c.opened_at.is_not(None))
    yield _gauge(
        "leadflow_vendor_left_alone",
        "Vendors that fail again and again and are left alone for now.",
        ("vendor",),
        _counted(connection, opened.group_by(vendor_breakers.c.vendor), 1),
    )


def _of_owners(connection: Connection, now: datetime) -> Iterator[Metric]:
    held = select(held_handoffs.c.campaign, func.count()).group_by(held_handoffs.c.campaign)
    yield _gauge(
        "leadflow_held_leads",
        "Leads that wait for an owner.",
        ("campaign",),
        _counted(connection, held, 1),
    )
    loads = [reading.value for reading in readings.loads(connection, now)]
    yield _gauge(
        "leadflow_reps",
        "Reps with leads in the last week, by how much of their room is taken.",
        ("load",),
        [
            (("above",), sum(load > MUCH_LOAD for load in loads)),
            (("below",), sum(load <= MUCH_LOAD for load in loads)),
        ],
    )
    yield _gauge(
        "leadflow_rep_load_max",
        "The largest share of a rep's room that is taken.",
        (),
        [((), max(loads, default=0))],
    )
    newest = select(func.max(routing_decisions.c.decision_id)).scalar_subquery()
    decided = select(func.count()).where(
        routing_decisions.c.decision_id > newest - LATEST_DECISIONS,
        routing_decisions.c.decided_at > now - HOUR,
    )
    yield _gauge(
        "leadflow_decisions_last_hour",
        "Decisions about owners that the service made; at most 100,000 are counted.",
        (),
        [((), connection.scalar(decided) or 0)],
    )
    standing = select(alerts.c.condition, func.count()).where(alerts.c.closed_at.is_(None))
    counted = dict(_counted(connection, standing.group_by(alerts.c.condition), 1))
    yield _gauge(
        "leadflow_alerts",
        "Alerts that are on.",
        ("condition",),
        [((name,), counted.get((name,), 0)) for name in CONDITIONS],
    )


def _of_dagster(connection: Connection, now: datetime) -> Iterator[Metric]:
    if not has_dagster(connection):
        return
    yield _gauge(
        "leadflow_runs",
        "Dagster runs of the last day, by status.",
        ("status",),
        [((status,), count) for status, count in sorted(runs_by_status(connection, now - DAY).items())],
    )
    ages = [((name,), (now - at).total_seconds()) for name, at in heartbeats(connection).items()]
    yield _gauge(
        "leadflow_daemon_heartbeat_age_seconds", "Since each daemon's last sign of life.", ("daemon",), ages
    )


def _of_days(engine: Engine, now: datetime) -> Iterator[Metric]:
    late = [((reading.subject,), reading.value * 3600) for reading in readings.late_campaigns(engine, now)]
    yield _gauge(
        "leadflow_late_seconds",
        "Since the end of the first day that a campaign lacks.",
        ("campaign",),
        late[:MOST_CAMPAIGNS],
    )
    kept = [((reading.subject,), reading.value) for reading in readings.first_touches(engine, now)]
    yield _gauge(
        "leadflow_first_touches_in_time",
        "Share of first touches that fell due in the last week and came in time.",
        ("campaign",),
        kept[:MOST_CAMPAIGNS],
    )
    broken: Counter[str] = Counter()
    for failed in failed_partitions(engine, now):
        broken[failed.campaign] += len(failed.days)
    yield _gauge(
        "leadflow_failed_partitions",
        "Days that a run failed to compute and nobody has since.",
        ("campaign",),
        [((campaign,), count) for campaign, count in broken.most_common(MOST_CAMPAIGNS)],
    )
    yield _gauge(
        "leadflow_failed_jobs", "Jobs whose latest run failed.", (), [((), len(failed_jobs(engine, now)))]
    )


def _counted(
    connection: Connection, query: Select[*tuple[Any, ...]], labels: int
) -> list[tuple[tuple[str, ...], float]]:
    """Rows of some labels and a number."""
    return [
        (tuple(str(each) for each in row[:labels]), float(row[labels]))
        for row in connection.execute(query).all()
    ]


def _gauge(name: str, said: str, labels: tuple[str, ...], rows: Rows) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, said, labels=labels)
    for values, value in rows:
        family.add_metric(values, float(value))
    return family
