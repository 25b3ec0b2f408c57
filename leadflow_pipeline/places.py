"""Places by name: countries, their regions, and regions of the world.

What belongs here: which code a written name means. What does not: the columns of leads (`enrich`), and time zones.
Pure. Stages share it, so that a place means the same in a lead and in a rep's territory. The tables lie with those of
enrichment (`enrich/data`, see the notice there for their sources).
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import pandas as pd

from leadflow_pipeline.folding import folded, folded_text


class Region(NamedTuple):
    """A line of `regions.txt`."""

    code: str
    """ISO 3166-2: `US-CA`."""
    names: tuple[str, ...]
    """The first is shown."""
    time_zone: str | None


@cache
def country_codes() -> dict[str, str]:
    """Folded name, alpha-2 or alpha-3 -> alpha-2."""
    rows = [line.split(";") for line in _lines_of("countries.txt")]
    pairs = [(name, code) for code, alpha_3, names in rows for name in (code, alpha_3, *names.split("|"))]
    names = folded(pd.Series([name for name, _ in pairs], dtype="str"))
    return dict(zip(names, (code for _, code in pairs), strict=True))


@cache
def known_regions() -> tuple[Region, ...]:
    """All regions of `regions.txt`."""
    rows = (line.split(";") for line in _lines_of("regions.txt"))
    return tuple(
        Region(code, tuple(names.split("|")), zone[0] if zone else None) for code, names, *zone in rows
    )


@cache
def countries_with_regions() -> frozenset[str]:
    """Alpha-2 codes of the countries whose regions are known here."""
    return frozenset(region.code[:2] for region in known_regions())


@cache
def region_names() -> dict[str, str]:
    """`US|california`, `US|ca`, `us ca` and `california` -> `US-CA`."""
    spellings = [(name, region) for region in known_regions() for name in region.names]
    names = folded(pd.Series([name for name, _ in spellings], dtype="str"))
    by_name = list(zip(names, (region for _, region in spellings), strict=True))
    countries_of = Counter(name for name, _ in {(name, region.code[:2]) for name, region in by_name})
    codes = {
        name: region.code for name, region in by_name if countries_of[name] == 1 and len(name) > SHORT_NAME
    }
    codes |= {region.code.lower().replace("-", " "): region.code for region in known_regions()}
    codes |= {f"{region.code[:2]}|{name}": region.code for name, region in by_name}
    for region in known_regions():
        own_code = region.code[3:].lower()
        codes[f"{region.code[:2]}|{own_code}"] = region.code
        codes[f"{region.code[:2]}|{region.code[:2].lower()} {own_code}"] = region.code
    return codes


SHORT_NAME = 4
"""Names of so many letters (`Ill`, `NRW`, `Acre`) tell nothing without the country."""


@cache
def world_regions() -> dict[str, frozenset[str]]:
    """Folded name of a region of the world (`emea`, `dach`, `south east asia`) -> alpha-2 codes of its countries."""
    members: dict[str, frozenset[str]] = {}
    for line in _lines_of("world_regions.txt"):
        names, parts = line.split(";")
        # A region may be made of regions above it in the table.
        countries = frozenset().union(
            *(members.get(folded_text(part), frozenset({part})) for part in parts.split())
        )
        members |= {folded_text(name): countries for name in names.split("|")}
    return members


def _lines_of(name: str) -> tuple[str, ...]:
    text = files("leadflow_pipeline").joinpath("enrich", "data", name).read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))
