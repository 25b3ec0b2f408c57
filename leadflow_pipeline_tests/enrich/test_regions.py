"""Regions, and the time zone of a place: said where it is known, and not where it is not."""

from __future__ import annotations

from importlib.resources import files

import pandas as pd
import pytest

from leadflow_pipeline.enrich.country import tidy_time_zones, zones
from leadflow_pipeline.enrich.lists import lines_of
from leadflow_pipeline.enrich.regions import known_regions, region_codes, tidy_regions


def texts(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


def only(series: pd.Series) -> str | None:
    return None if pd.isna(series.iloc[0]) else series.iloc[0]


@pytest.mark.parametrize(
    ("written", "country", "code", "name"),
    [
        ("CA", "US", "US-CA", "California"),
        ("california", "US", "US-CA", "California"),
        ("Calif.", "US", "US-CA", "California"),
        ("US-CA", None, "US-CA", "California"),
        ("us-ca", "US", "US-CA", "California"),
        ("California", None, "US-CA", "California"),
        ("CA", None, None, "CA"),
        ("CA", "GB", None, "CA"),
        ("Washington, D.C.", "US", "US-DC", "District of Columbia"),
        ("Bavaria", "DE", "DE-BY", "Bayern"),
        ("NRW", "DE", "DE-NW", "Nordrhein-Westfalen"),
        ("Baden-Wuerttemberg", "DE", "DE-BW", "Baden-Württemberg"),
        ("Québec", "CA", "CA-QC", "Quebec"),
        ("nsw", "AU", "AU-NSW", "New South Wales"),
        ("Sao Paulo", "BR", "BR-SP", "São Paulo"),
        ("Distrito Federal", "BR", "BR-DF", "Distrito Federal"),
        ("Distrito Federal", "MX", "MX-CMX", "Ciudad de México"),
        ("Distrito Federal", None, None, "Distrito Federal"),
        (" Somewhere ", "US", None, "Somewhere"),
        (" ", "US", None, None),
        (None, "US", None, None),
    ],
)
def test_region(written, country, code, name):
    assert only(region_codes(texts(written), texts(country))) == code
    assert only(tidy_regions(texts(written), texts(country))) == name


@pytest.mark.parametrize(
    ("zone", "country", "region", "city", "expected"),
    [
        ("europe/berlin", "US", "CA", None, "Europe/Berlin"),
        (None, "DE", "Bayern", None, "Europe/Berlin"),
        (None, "US", "CA", None, "America/Los_Angeles"),
        (None, "US", "Arizona", "Phoenix", "America/Phoenix"),
        (None, "US", "TX", "Austin", "America/Chicago"),
        (None, "US", "TX", "El Paso", "America/Denver"),
        (None, "US", "TX", None, None),
        (None, "US", "TX", "Nowhere", None),
        (None, "US", None, "boston", "America/New_York"),
        (None, "US", None, "Portland", None),
        (None, "US", "ME", "Portland", "America/New_York"),
        (None, "US", "IN", "Gary", "America/Chicago"),
        (None, "US", None, None, None),
        (None, None, None, "Boston", None),
        (None, "CA", "Alberta", None, "America/Edmonton"),
        (None, "CA", "NL", "St. John's", "America/St_Johns"),
        (None, "AU", "WA", None, "Australia/Perth"),
        (None, "BR", "AM", "Manaus", "America/Manaus"),
        (None, "ES", "Canary Islands", None, "Atlantic/Canary"),
        (None, "CN", None, None, "Asia/Shanghai"),
        ("nonsense", "FR", "Nowhere", "Nowhere", "Europe/Paris"),
    ],
)
def test_time_zone(zone, country, region, city, expected):
    found = tidy_time_zones(texts(zone), texts(country), texts(region), texts(city))
    assert only(found) == expected


def test_every_place_keeps_a_time_that_its_country_keeps():
    table = files("tzdata").joinpath("zoneinfo", "zone.tab").read_text(encoding="utf-8")
    kept = {tuple(line.split("\t")[:3:2]) for line in table.splitlines() if not line.startswith("#")}
    places = [(region.code[:2], region.time_zone) for region in known_regions() if region.time_zone]
    places += [
        (country, zone) for country, _, zone, _ in (line.split(";") for line in lines_of("cities.txt"))
    ]
    # Puerto Rico is a country to the time zone database, and a part of the United States to ISO 3166-2.
    assert set(places) - kept == {("US", "America/Puerto_Rico")}
    assert {zone for _, zone in places} <= set(zones().values())


def test_codes_and_names_are_unique_within_a_country():
    codes = [region.code for region in known_regions()]
    assert len(codes) == len(set(codes))
    names = [(region.code[:2], name.lower()) for region in known_regions() for name in region.names]
    assert len(names) == len(set(names))
