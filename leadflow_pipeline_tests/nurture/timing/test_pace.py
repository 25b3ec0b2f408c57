"""Who was there is written to sooner, who is silent later, and neither beyond the bounds."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadflow_pipeline.nurture.timing.pace import SignsOfLife, quickened, slower, sooner
from leadflow_pipeline.nurture.timing.rules import Pace

LEADS = pd.Index(["anna", "ben"])


def events(*rows: tuple[str, str, str, bool]) -> pd.DataFrame:
    columns: dict[str, Any] = {
        "lead_id": pd.Series([row[0] for row in rows], dtype="str"),
        "behaviour": pd.Series([row[1] for row in rows], dtype="str"),
        "occurred_at": pd.Series([datetime.fromisoformat(row[2]).replace(tzinfo=UTC) for row in rows]).astype(
            "datetime64[us, UTC]"
        ),
        "is_machine": pd.Series([row[3] for row in rows], dtype="boolean"),
    }
    return pd.DataFrame(columns)


def us(text: str) -> np.datetime64:
    return np.datetime64(text, "us")


def test_people_who_click_are_quickened_and_machines_and_openers_are_not() -> None:
    told = events(
        ("anna", "click", "2026-05-04T23:59:59", False),
        ("anna", "click", "2026-05-04T08:00", False),
        ("ben", "click", "2026-05-04T08:00", True),
        ("ben", "open", "2026-05-04T08:00", False),
    )
    assert quickened(told, Pace()).to_dict("list") == {"lead_id": ["anna"], "day": [pd.Timestamp(2026, 5, 4)]}
    assert quickened(told, None).empty


@given(wait=st.floats(0, 40), share=st.floats(0.01, 1), least=st.floats(0, 5))
def test_sooner_is_never_later_and_never_before_the_least_wait(
    wait: float, share: float, least: float
) -> None:
    end = us("2026-05-05")
    before = end + np.timedelta64(round(wait * 86_400e6), "us")
    pace = Pace(sooner=share, least_days=least)
    after = sooner(np.array([before]), np.array([end]), pace)[0]
    assert end <= after <= before
    assert after >= min(before, end + np.timedelta64(round(least * 86_400e6), "us"))


def test_half_of_eight_days() -> None:
    after = sooner(np.array([us("2026-05-13")]), np.array([us("2026-05-05")]), Pace(sooner=0.5))
    assert after[0] == us("2026-05-09")


@pytest.mark.parametrize(
    ("sign", "enrolled", "expected"),
    [
        (None, "2026-05-01", 6.0),  # silent for 19 days
        (None, "2026-05-15", 4.0),  # there for 5 days only
        (("anna", "click", "2026-05-18T10:00", False), "2026-05-01", 4.0),
        (("anna", "click", "2026-05-18T10:00", True), "2026-05-01", 6.0),  # a machine
        (("anna", "open", "2026-05-18T10:00", False), "2026-05-01", 6.0),
        (("ben", "click", "2026-05-18T10:00", False), "2026-05-01", 6.0),  # somebody else
        (("anna", "click", "2026-05-20T00:00", False), "2026-05-01", 6.0),  # after the day
        (("anna", "reply", "2026-04-01T10:00", False), "2026-05-15", 4.0),  # in an earlier sequence
    ],
)
def test_delays_of_the_silent_are_longer(
    sign: tuple[str, str, str, bool] | None, enrolled: str, expected: float
) -> None:
    pace = Pace(silent_after_days=10, later=1.5)
    signs = SignsOfLife.of(events(*([sign] if sign else [])), LEADS, pace)
    longer = slower(
        np.array([np.timedelta64(4, "D")]).astype("timedelta64[us]"),
        np.array([0]),
        np.array([us("2026-05-20")]),
        np.array([us(enrolled)]),
        signs,
        pace,
    )
    assert longer[0] / np.timedelta64(1, "D") == expected


def test_no_delay_is_stretched_beyond_the_bound_and_none_is_shortened_to_it() -> None:
    pace = Pace(later=5, most_days=10)
    signs = SignsOfLife.of(events(), LEADS, pace)
    delays = np.array([4, 20]).astype("timedelta64[D]").astype("timedelta64[us]")
    moments = np.array([us("2026-05-20")] * 2)
    longer = slower(delays, np.array([0, 1]), moments, moments - np.timedelta64(60, "D"), signs, pace)
    assert (longer / np.timedelta64(1, "D")).tolist() == [10.0, 20.0]


def test_opens_set_no_pace() -> None:
    with pytest.raises(ValueError, match="nothing rests on opens"):
        Pace(sooner_on=("open", "click"))
