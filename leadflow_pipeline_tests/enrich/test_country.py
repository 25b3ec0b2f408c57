"""Countries and time zones."""

from __future__ import annotations

from importlib.resources import files
from zoneinfo import ZoneInfo

import pandas as pd
import pytest

from leadflow_pipeline.enrich.country import country_codes, tidy_countries, tidy_time_zones, zone_of_country
from leadflow_pipeline.enrich.lists import lines_of
from leadflow_pipeline.folding import folded


def texts(*values: str | None) -> pd.Series:
    return pd.Series(values, dtype="str")


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ("de", "DE"),
        ("DEU", "DE"),
        (" germany ", "DE"),
        ("Deutschland", "DE"),
        ("The Netherlands", "NL"),
        ("U.S.A.", "US"),
        ("United States of America", "US"),
        ("UK", "GB"),
        ("Österreich", "AT"),
        ("osterreich", "AT"),
        ("Côte d’Ivoire", "CI"),
        ("ESPAÑA", "ES"),
        ("日本", "JP"),
        ("Россия", "RU"),
        ("Türkiye", "TR"),
        ("Korea, South", "KR"),
        ("Atlantis", "Atlantis"),
    ],
)
def test_country(written, code):
    assert tidy_countries(texts(written))[0] == code


def test_every_country_has_its_code_and_no_name_has_two():
    table = files("tzdata").joinpath("zoneinfo", "iso3166.tab").read_text(encoding="utf-8")
    codes = {line.split("\t")[0] for line in table.splitlines() if not line.startswith("#")}
    rows = [line.split(";") for line in lines_of("countries.txt")]
    assert {code for code, _, _ in rows} == codes
    assert len({alpha_3 for _, alpha_3, _ in rows}) == len(rows)
    spellings = [(name, code) for code, alpha_3, names in rows for name in (code, alpha_3, *names.split("|"))]
    written, meant = (texts(*column) for column in zip(*spellings, strict=True))
    assert folded(written).map(country_codes()).tolist() == meant.tolist()


def test_time_zone_is_the_one_named_else_that_of_a_country_with_one_time():
    zones = tidy_time_zones(
        texts("europe/berlin", "Mars/Base", None, None, None, None, "Factory/../x"),
        texts("US", "DE", "DE", "US", "Atlantis", None, None),
    )
    assert zones.fillna("-").tolist() == [
        "Europe/Berlin",
        "Europe/Berlin",
        "Europe/Berlin",
        "-",
        "-",
        "-",
        "-",
    ]


def test_zones_of_countries_exist():
    assert len(zone_of_country()) > 200
    for zone in zone_of_country().values():
        assert ZoneInfo(zone).key == zone
