"""Countries, their time zones, and time zones as people write them.

What belongs here: names and codes to ISO 3166-1 alpha-2, checked IANA zone names, and the zone of a country
that keeps one time. What does not: languages; regions and cities (`regions.py`), which are asked first.

Zones are those of the tzdata package, not of the machine, so that two machines agree.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.regions import zones_of_places
from leadflow_pipeline.folding import folded
from leadflow_pipeline.places import country_codes as country_codes


def tidy_countries(countries: pd.Series) -> pd.Series:
    """ISO 3166-1 alpha-2 where a code or a name (English, local or German) is known, else the text as
    written."""
    return for_each_distinct(
        countries, lambda texts: folded(texts).map(country_codes()).astype("str").fillna(texts)
    )


def tidy_time_zones(
    time_zones: pd.Series,
    countries: pd.Series,
    regions: pd.Series | None = None,
    cities: pd.Series | None = None,
) -> pd.Series:
    """The zone's own spelling where the text names one, else the zone of the country (alpha-2), region or city, else
    missing. All are indexed alike, as is the result."""
    named = for_each_distinct(
        time_zones, lambda texts: texts.str.strip().str.lower().map(zones()).astype("str")
    )
    of_country = for_each_distinct(countries, lambda codes: codes.map(zone_of_country()).astype("str"))
    nowhere = pd.Series(pd.NA, index=countries.index, dtype="str")
    of_place = zones_of_places(
        countries, nowhere if regions is None else regions, nowhere if cities is None else cities
    )
    return named.fillna(of_place).fillna(of_country)


NEARLY_ALL_IN_ONE_ZONE: dict[str, str] = {
    "CL": "America/Santiago", "CN": "Asia/Shanghai", "EC": "America/Guayaquil", "NZ": "Pacific/Auckland",
    "PF": "Pacific/Tahiti", "UA": "Europe/Kyiv",
}  # fmt: skip
"""Countries of several zones where 97 of 100 people or more keep this one (all of China by law)."""


@cache
def zones() -> dict[str, str]:
    """Lower-case name of an IANA time zone -> its name."""
    names = files("tzdata").joinpath("zones").read_text(encoding="utf-8").split()
    return {name.lower(): name for name in names}


@cache
def zone_of_country() -> dict[str, str]:
    """Alpha-2 -> time zone, for countries all of whose zones keep the same time from now on, or nearly.

    Germany has two zones, Berlin and Busingen, that differ in their past only: it is Berlin, the first
    listed. The United States are not here.
    """
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    zones_of: dict[str, list[str]] = {}
    for line in table.splitlines():
        if not line.startswith("#"):
            country, _, zone = line.split("\t")[:3]
            zones_of.setdefault(country, []).append(zone)
    one_zone = {
        country: names[0]
        for country, names in zones_of.items()
        if len({_rule_of(name) for name in names}) == 1
    }
    return NEARLY_ALL_IN_ONE_ZONE | one_zone


def _rule_of(zone: str) -> bytes:
    """How a zone keeps time from now on: the footer of its TZif file (RFC 9636, section 3.3)."""
    data = files("tzdata").joinpath("zoneinfo", *zone.split("/")).read_bytes()
    return data.rstrip(b"\n").rpartition(b"\n")[2]
