"""The present by the clocks of leads: whether they may be written to at this hour, and when their day and week began.

What belongs here: one moment on many wall clocks. What does not: planning (`nurture`), and counting emails (`present`).
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import pandas as pd

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.nurture.send_window import is_open, known_zones, next_open

COLUMNS: Final = ["is_open", "day_began", "week_began", "day_ends", "week_ends"]


def zones_of(time_zones: pd.Series[str], campaign: Campaign) -> pd.Series[str]:
    """The zone of each lead; the campaign's where it is not known, or where the campaign goes by its own clock."""
    if not campaign.nurture.send_window.use_lead_time_zone:
        return pd.Series(campaign.time_zone, index=time_zones.index, dtype="str")
    return known_zones(time_zones, campaign.time_zone)


def local_hours(zones: pd.Series[str], campaign: Campaign, now: datetime) -> pd.DataFrame:
    """`is_open`, and where day and week of each zone begin and end (moments in UTC), a row for each of `zones`."""
    moment, window = pd.DatetimeIndex([now]), campaign.nurture.send_window
    known = sorted(zones.unique())
    rows = [(bool(is_open(moment, zone, window)[0]), *_day_and_week(zone, now)) for zone in known]
    hours = pd.DataFrame(rows, index=pd.Index(known, dtype="str"), columns=COLUMNS)
    return hours.reindex(zones).set_index(zones.index)


def opening_after(moments: pd.Series[pd.Timestamp], zones: pd.Series[str], campaign: Campaign) -> pd.Series:
    """The first moment from each on at which the lead may be written to."""
    return next_open(moments, zones, campaign.nurture.send_window)


def _day_and_week(zone: str, now: datetime) -> tuple[pd.Timestamp, ...]:
    """Midnights by the wall clock; one that a change of clocks skips is the moment of the change."""
    today = now.astimezone(ZoneInfo(zone)).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
    monday = today - timedelta(days=today.weekday())
    midnights = (today, monday, today + timedelta(days=1), monday + timedelta(days=7))
    return tuple(_in_utc(midnight, zone) for midnight in midnights)


def _in_utc(midnight: datetime, zone: str) -> pd.Timestamp:
    return pd.Timestamp(midnight.replace(tzinfo=ZoneInfo(zone))).tz_convert("UTC").as_unit("us")
