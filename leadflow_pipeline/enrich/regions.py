"""Regions of countries (states, provinces, Länder), and the time zone of a place.

What belongs here: names and codes to ISO 3166-2, and which regions and cities keep which time. What does not:
countries, and countries that keep one time (`country.py`).

A region's zone is given where practically all of the region keeps one time; where a border runs through it (Texas,
Tennessee, Florida), the larger cities have theirs, and for the rest nothing is said.
"""

from __future__ import annotations

from functools import cache

import pandas as pd

from leadflow_pipeline.enrich.distinct import for_each_distinct
from leadflow_pipeline.enrich.lists import lines_of
from leadflow_pipeline.folding import folded
from leadflow_pipeline.places import countries_with_regions, region_names
from leadflow_pipeline.places import known_regions as known_regions


def tidy_regions(regions: pd.Series, countries: pd.Series) -> pd.Series:
    """The region's name where its code or name is known in the country (alpha-2), else the text as written, trimmed.

    Both are indexed alike, as is the result.
    """
    if not regions.notna().any():
        return regions.astype("str")
    names = {region.code: region.names[0] for region in known_regions()}
    written = regions.str.strip()
    return region_codes(regions, countries).map(names).astype("str").fillna(written.mask(written == ""))


def region_codes(regions: pd.Series, countries: pd.Series) -> pd.Series:
    """ISO 3166-2 codes (`DE-BY`); missing where the region is not known.

    A text with its country in it (`US-CA`) and a name that only one country has need no country.
    """
    if not regions.notna().any():
        return regions.astype("str")
    place = for_each_distinct(regions.astype("str"), folded)
    country = countries.astype("str").where(countries.isin(countries_with_regions()))
    by_country = (country + "|" + place).astype("str")
    alone = place.where(countries.isna())
    codes = region_names()
    known = for_each_distinct(by_country, lambda texts: texts.map(codes).astype("str"))
    return known.fillna(for_each_distinct(alone, lambda texts: texts.map(codes).astype("str")))


def zones_of_places(countries: pd.Series, regions: pd.Series, cities: pd.Series) -> pd.Series:
    """IANA time zones by region, else by city; missing where neither tells. `countries` are alpha-2."""
    codes = region_codes(regions, countries)
    if not (codes.notna().any() or cities.notna().any()):
        return codes
    zones = {region.code: region.time_zone for region in known_regions() if region.time_zone}
    of_region = codes.map(zones).astype("str")
    city = for_each_distinct(cities.astype("str").mask(of_region.notna()), folded)
    in_region = for_each_distinct(codes + "|" + city, lambda texts: texts.map(_city_zones()).astype("str"))
    in_country = for_each_distinct(
        countries + "|" + city, lambda texts: texts.map(_city_zones()).astype("str")
    )
    return of_region.fillna(in_region).fillna(in_country)


@cache
def _city_zones() -> dict[str, str]:
    """`US|boston` and `US-OR|portland` -> time zone."""
    rows = [line.split(";") for line in lines_of("cities.txt")]
    places = [
        (f"{country}-{region}" if region else country, zone, names) for country, region, zone, names in rows
    ]
    cities = [(place, zone, name) for place, zone, names in places for name in names.split("|")]
    spelled = folded(pd.Series([name for _, _, name in cities], dtype="str"))
    return {f"{place}|{name}": zone for name, (place, zone, _) in zip(spelled, cities, strict=True)}
