"""Days on which nothing leaves: those that a campaign names, and public holidays.

What belongs here: which days, for which country. What does not: windows (`send_window`).

Holidays come from the `holidays` library, so a new version of it may move days that it did not know better before.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from leadflow_pipeline.nurture.timing.rules import SendWindow

Days = npt.NDArray[np.datetime64]

NO_DAYS: Days = np.array([], dtype="datetime64[D]")


def closed_days(window: SendWindow, country: str | None, first_year: int, last_year: int) -> Days:
    """The closed days of these years, ascending, for a lead of a country (ISO 3166-1 alpha-2; None: unknown)."""
    places = [*window.holidays, *([country] if window.keep_lead_holidays and country else [])]
    years = range(first_year, last_year + 1)
    parts = [_holidays(place, year) for place in places for year in years]
    return np.unique(np.concatenate([np.array(window.closed, dtype="datetime64[D]"), NO_DAYS, *parts]))


def is_known_place(place: str) -> bool:
    """Whether public holidays are known of a country, or of a region of it (`DE-BY`)."""
    import holidays

    country, _, region = place.partition("-")
    known: dict[str, Any] = _places(holidays)
    return country in known and (not region or region in known[country])


@lru_cache(maxsize=1)
def _places(library: Any) -> dict[str, Any]:
    found: dict[str, Any] = library.list_supported_countries(include_aliases=False)
    return found


@lru_cache(maxsize=4096)
def _holidays(place: str, year: int) -> Days:
    import holidays

    if not is_known_place(place):
        return NO_DAYS
    country, _, region = place.partition("-")
    found = holidays.country_holidays(country, subdiv=region or None, years=year)
    return np.array(sorted(found), dtype="datetime64[D]")
