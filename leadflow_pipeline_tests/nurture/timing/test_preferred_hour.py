"""A lead's hour is its own once enough is known, by its own clock, and never out of what comes later."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any

import numpy as np
import pandas as pd

from leadflow_pipeline.nurture.timing.preferred_hour import NONE, PreferredHours, moved_to
from leadflow_pipeline.nurture.timing.rules import PreferredHour, SendWindow

LEADS = pd.Index(["anna", "ben"])
MONDAY = datetime(2026, 5, 4, tzinfo=UTC)
ALL_DAY = SendWindow(start=time(0), end=time(23, 59))


def clicks(lead: str, hour: int, days: range, **values: Any) -> pd.DataFrame:
    moments = [MONDAY + timedelta(days=day, hours=hour, minutes=17) for day in days]
    return pd.DataFrame(
        {
            "lead_id": pd.Series([lead] * len(moments), dtype="str"),
            "behaviour": pd.Series([values.get("behaviour", "click")] * len(moments), dtype="str"),
            "occurred_at": pd.Series(moments).astype("datetime64[us, UTC]"),
            "is_machine": pd.Series([values.get("is_machine", False)] * len(moments), dtype="boolean"),
        }
    )


def hours(
    *told: pd.DataFrame, day: int = 10, zone: str = "UTC", window: SendWindow = ALL_DAY, **rules: Any
) -> list[int]:
    known = PreferredHours.of(
        pd.concat(told, ignore_index=True), LEADS, PreferredHour(**rules), window, "UTC"
    )
    days = np.array([np.datetime64(MONDAY.date()) + np.timedelta64(day, "D")] * 2)
    return known.at(np.array([0, 1]), days, pd.Series([zone, zone], dtype="str")).tolist()


def test_the_hour_is_that_of_its_own_behaviours_once_there_are_enough() -> None:
    assert hours(clicks("anna", 14, range(4)), clicks("ben", 14, range(2)), prior_weight=0) == [14, NONE]


def test_it_is_told_by_the_clock_of_the_lead() -> None:
    assert hours(clicks("anna", 14, range(4)), zone="America/New_York")[0] == 10
    assert hours(clicks("anna", 23, range(4)), zone="Asia/Tokyo")[0] == 8


def test_what_comes_after_the_day_and_what_is_too_old_do_not_count() -> None:
    told = clicks("anna", 9, range(3)), clicks("anna", 16, range(4, 12))
    assert hours(*told, day=3, prior_weight=0)[0] == 9
    assert hours(*told, day=11, prior_weight=0)[0] == 16
    assert hours(clicks("anna", 9, range(3)), day=40, within_days=30) == [NONE, NONE]


def test_machines_and_opens_tell_no_hours() -> None:
    assert hours(
        clicks("anna", 9, range(5), is_machine=True), clicks("anna", 9, range(5), behaviour="open")
    ) == [NONE, NONE]


def test_a_few_behaviours_lean_on_the_hours_of_the_campaign() -> None:
    others = clicks("ben", 11, range(9)), clicks("ben", 11, range(9))
    mine = clicks("anna", 15, range(3))
    assert hours(*others, mine, prior_weight=0)[0] == 15
    assert hours(*others, mine, prior_weight=50)[0] == 11


def test_an_hour_outside_the_window_is_not_chosen() -> None:
    window = SendWindow(start=time(9), end=time(17))
    assert hours(
        clicks("anna", 20, range(5)), clicks("anna", 16, range(1)), window=window, prior_weight=0
    ) == [
        16,
        NONE,
    ]


def test_a_moment_moves_to_its_hour_of_that_day_or_the_next_and_never_back() -> None:
    def moved(text: str, hour: int, zone: str = "UTC") -> str:
        answer = moved_to(
            np.array([np.datetime64(text, "us")]), np.array([hour]), pd.Series([zone], dtype="str")
        )
        return str(answer[0].astype("datetime64[m]"))

    assert moved("2026-05-04T09:00", 14) == "2026-05-04T14:00"
    assert moved("2026-05-04T14:20", 14) == "2026-05-04T14:20"
    assert moved("2026-05-04T15:00", 14) == "2026-05-05T14:00"
    assert moved("2026-05-04T09:00", NONE) == "2026-05-04T09:00"
    assert moved("2026-05-04T09:00", 9, "America/New_York") == "2026-05-04T13:00"
    # 29 March 2026, 02:00 to 03:00 does not exist in Berlin
    assert moved("2026-03-29T00:30", 2, "Europe/Berlin") == "2026-03-29T00:30"
