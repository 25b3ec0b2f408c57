"""How fast deadlines in working time are found.

    python -m leadflow_pipeline_tests.benchmarks.deadlines --deadlines 100000 --reps 500

Each lead's first touch is due after `--hours` working hours of its owner, whose time zone, hours and absences differ
from rep to rep; leads come at any time of two years. Times are the median of `--rounds`, with every calendar made anew,
and once more with the calendars remembered, as in a running process. For comparison some deadlines are found as one
would by hand: from one working day of the owner to the next. Both must agree. Prints a table, or JSON.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from zoneinfo import ZoneInfo

import numpy as np

from leadflow_pipeline.route.owners.reps import working_time
from leadflow_pipeline.route.owners.reps.rep import WorkingHours
from leadflow_pipeline.route.owners.reps.working_time import WEEKDAYS, Calendar, add_working_time

ZONES = (
    "Europe/Berlin",
    "America/New_York",
    "America/Los_Angeles",
    "Asia/Kolkata",
    "Australia/Sydney",
    "UTC",
)
BY_HAND = 500


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--deadlines", type=int, default=100_000)
    parser.add_argument("--reps", type=int, default=500)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    measured = measure(arguments.deadlines, arguments.reps, arguments.hours, arguments.rounds)
    if arguments.json:
        print(json.dumps(measured, indent=2))
        return
    for name, figure in measured.items():
        print(f"{name:44} {figure:>14,.4g}")


def measure(count: int, reps: int, hours: float, rounds: int) -> dict[str, float]:
    """Deadlines a second, in bulk and by hand."""
    draw = np.random.default_rng(1)
    calendars = [invented(draw) for _ in range(reps)]
    owner = draw.integers(0, reps, count)
    starts = np.datetime64("2026-01-01", "us") + draw.integers(0, 730 * 86_400, count).astype(
        "timedelta64[s]"
    )
    order = np.argsort(owner, kind="stable")
    ends = np.searchsorted(owner[order], np.arange(reps + 1))

    def in_bulk() -> np.ndarray:
        deadlines = np.empty(count, dtype="datetime64[us]")
        for rep, calendar in enumerate(calendars):
            some = order[ends[rep] : ends[rep + 1]]
            deadlines[some] = add_working_time(starts[some], hours, calendar)
        return deadlines

    def anew() -> np.ndarray:
        working_time._line.cache_clear()
        working_time._stretches.cache_clear()
        return in_bulk()

    deadlines, making = timed(anew, rounds)
    _, remembered = timed(in_bulk, rounds)
    some = draw.choice(count, min(BY_HAND, count), replace=False)
    slow, by_hand = timed(
        lambda: np.array([found_by_hand(starts[lead], hours, calendars[owner[lead]]) for lead in some]), 1
    )
    assert (slow == deadlines[some]).all(), "the two ways disagree"
    return {
        "deadlines": count,
        "reps": reps,
        "seconds, calendars made anew": making,
        "deadlines a second, calendars made anew": count / making,
        "deadlines a second, calendars remembered": count / remembered,
        "deadlines a second by hand": len(some) / by_hand,
    }


def invented(draw: np.random.Generator) -> Calendar:
    """A calendar like others, with a fortnight off."""
    opens = int(draw.integers(6, 11))
    weekdays = tuple(WEEKDAYS[: int(draw.integers(4, 7))])
    away = date(2026, 1, 1) + timedelta(days=int(draw.integers(0, 700)))
    hours = WorkingHours(
        start=clock(opens), end=clock(opens + 8), weekdays=weekdays, holidays=(date(2026, 12, 25),)
    )
    return Calendar(str(draw.choice(ZONES)), hours, ((away, away + timedelta(days=13)),))


def found_by_hand(start: np.datetime64, hours: float, calendar: Calendar) -> np.datetime64:
    """From one working day to the next. Right where no working hours lie in a change of the clock, as here."""
    zone = ZoneInfo(calendar.time_zone)
    now = start.astype(datetime).replace(tzinfo=UTC)
    left = timedelta(hours=hours)
    day = now.astimezone(zone).date()
    while True:
        is_off = day in calendar.hours.holidays or any(
            first <= day <= last for first, last in calendar.absences
        )
        if WEEKDAYS[day.weekday()] in calendar.hours.weekdays and not is_off:
            opens = datetime.combine(day, calendar.hours.start, zone).astimezone(UTC)
            closes = datetime.combine(day, calendar.hours.end, zone).astimezone(UTC)
            begin = max(opens, now)
            if closes > begin:
                if closes - begin >= left:
                    return np.datetime64((begin + left).replace(tzinfo=None), "us")
                left -= closes - begin
        day += timedelta(days=1)


def timed(work: Callable[[], np.ndarray], rounds: int) -> tuple[np.ndarray, float]:
    """What it gives, and the median of its seconds."""
    seconds = []
    for _ in range(rounds):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    return result, statistics.median(seconds)


if __name__ == "__main__":
    main()
