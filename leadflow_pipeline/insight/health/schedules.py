"""Schedules that nobody looks at, or that fail when they are looked at. Pure.

What belongs here: comparing the last tick of a schedule with how often it ticks. What does not: reading ticks
(`store.dagster_tables`), and what is due because of a schedule (`store.due_days`).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final

from leadflow_pipeline.store.dagster_tables import ScheduleTicks

GRACE: Final = timedelta(minutes=10)
"""A tick is looked at when the ones before it are done."""


def overdue_schedules(schedules: Iterable[ScheduleTicks], now: datetime) -> list[str]:
    """The names of schedules that have been quiet for longer than ever between their last ticks."""
    return [schedule.name for schedule in schedules if _is_overdue(schedule.ticks, now)]


def failing_schedules(schedules: Iterable[ScheduleTicks]) -> list[str]:
    """The names of schedules that failed when they were last looked at."""
    return [schedule.name for schedule in schedules if schedule.is_failing]


def _is_overdue(ticks: tuple[datetime, ...], now: datetime) -> bool:
    gaps = [later - earlier for later, earlier in pairwise(ticks)]
    return bool(gaps) and now - ticks[0] > max(gaps) + GRACE
