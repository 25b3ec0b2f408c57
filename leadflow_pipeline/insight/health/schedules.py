"""Schedules whose time has come and gone without anybody looking. A door to Dagster's storage: it reads alone.

What belongs here: comparing the latest tick of each schedule with its cron line. What does not: what is due because
of it (`store.due_days`).
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import dagster as dg

GRACE: Final = timedelta(minutes=10)
"""A tick is looked at when the ones before it are done."""


def overdue_schedules(instance: dg.DagsterInstance, now: datetime) -> list[str]:
    """The names of running schedules that should have ticked since they last did."""
    from dagster._core.definitions.run_request import InstigatorType
    from dagster._core.scheduler.instigation import ScheduleInstigatorData
    from dagster._utils.schedules import cron_string_iterator

    late = []
    for state in instance.all_instigator_state(instigator_type=InstigatorType.SCHEDULE):
        data = state.instigator_data
        if not state.is_running or not isinstance(data, ScheduleInstigatorData):
            continue
        ticks = instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        last = max(ticks[0].timestamp if ticks else 0.0, data.start_timestamp or 0.0)
        crons = [data.cron_schedule] if isinstance(data.cron_schedule, str) else data.cron_schedule
        # The first that is given may be the tick itself.
        coming = [
            next(t for t in cron_string_iterator(last, cron, "UTC") if t.timestamp() > last) for cron in crons
        ]
        if last and min(coming).astimezone(UTC) + GRACE < now:
            late.append(state.instigator_name)
    return sorted(late)
