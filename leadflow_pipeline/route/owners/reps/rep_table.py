"""Reps as a spreadsheet has them: one row a rep, with columns that people fill in.

What belongs here: what each column means, and how lists, places and hours are written in a cell. What does not: reading
files and tables (`rep_sources.py`), and what makes a record impossible (`rep_records.py`). Pure.

In a cell, things are separated by `;`. Codes of countries, states, languages and the like may also be separated by
commas or spaces.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.places import (
    countries_with_regions,
    country_codes,
    region_names,
    world_regions,
)
from leadflow_pipeline.route.owners.reps.rep import WORKDAYS
from leadflow_pipeline.route.owners.reps.rep_records import ToldRep, nearest

ATTRIBUTE = "attribute."
EVERYWHERE = ("*", "all", "everywhere", "world", "worldwide")
WEEKDAYS = (*WORKDAYS, "sat", "sun")

TEXTS = ("rep", "name", "email", "team", "manager", "slack_user", "hubspot_owner", "time_zone")
NUMBERS = {
    "weight": "weight",
    "leads_a_day": "capacity.per_day",
    "leads_a_week": "capacity.per_week",
    "leads_a_month": "capacity.per_month",
    "open_leads_at_most": "capacity.open_leads",
}
"""Column -> the field of a record that it fills."""
PLACES = ("countries", "states", "cities", "postcodes", "regions")
LISTS = ("industries", "specialties", "languages", "named_accounts")
COLUMNS = (*TEXTS, "status", *NUMBERS, *PLACES, *LISTS, "working_hours", "holidays", "allotments")
"""Every column there is, beside `attribute.<name>`. Only `rep` is needed."""

NAMES = {path: column for column, path in NUMBERS.items()}
NAMES |= {"territories": "countries, states, cities, postcodes or regions", "attributes": ATTRIBUTE}

LONGEST_CODE = 3
"""Letters of a code of a country or state."""

TIME = r"(\d{1,2})(?:[:.](\d{2}))?"
HOURS = re.compile(rf"(?:(?P<days>[a-z ,;–-]*[a-z])\s*,?\s+)?{TIME}\s*(?:-|–|to)\s*{TIME}", re.IGNORECASE)


@dataclass
class _Row:
    """One row on its way to a record."""

    cells: dict[str, str]
    own_regions: Collection[str]
    problems: list[str] = field(default_factory=list)

    def problem(self, column: str, message: str, remedy: str) -> None:
        self.problems.append(f"{column}: {message}; {remedy}")

    def cell(self, column: str) -> str:
        return self.cells.get(column, "").strip()


def told_in_rows(
    header: Sequence[str], rows: Iterable[Sequence[str]], own_regions: Collection[str] = ()
) -> tuple[list[ToldRep], list[str]]:
    """What the rows below a header tell, and what is wrong with them. Rows are counted as a spreadsheet does: the
    header is row 1. Empty rows are passed over.
    """
    columns = ["_".join(name.strip().lower().split()) for name in header]
    problems = list(_wrong_columns(columns))
    told = []
    for number, values in enumerate(rows, start=2):
        if not any(value.strip() for value in values):
            continue
        place = f"row {number}"
        if any(value.strip() for value in values[len(columns) :]):
            problems.append(
                f"{place}: has {len(values)} cells below a header of {len(columns)}; "
                "put cells that hold the separator into quotes"
            )
            continue
        row = _Row(dict(zip(columns, values, strict=False)), own_regions)
        content = _record(row)
        rep = content.get("rep")
        problems += [
            f"{place} ({rep}): {problem}" if rep else f"{place}: {problem}" for problem in row.problems
        ]
        told.append(ToldRep(place, content, NAMES))
    return told, problems


def _wrong_columns(columns: Sequence[str]) -> Iterable[str]:
    for name in dict.fromkeys(columns):
        if columns.count(name) > 1 and name:
            yield f"row 1: the column {name} is there {columns.count(name)} times; keep one"
        if name and name not in COLUMNS and not (name.startswith(ATTRIBUTE) and name != ATTRIBUTE):
            remedy = nearest(name, COLUMNS)
            yield f"row 1: {name} is no column of reps; {remedy}, or {ATTRIBUTE}{name} for an audit"
    if "rep" not in columns:
        yield "row 1: the column rep is missing; it holds each rep's id, such as its email address"


def _record(row: _Row) -> dict[str, Any]:
    """The content of a record. A cell that cannot be read is left out, and a problem is noted."""
    content: dict[str, Any] = {name: row.cell(name) for name in TEXTS if row.cell(name)}
    if row.cell("status"):
        content["status"] = row.cell("status").lower()
    for column, path in NUMBERS.items():
        if row.cell(column):
            section, _, name = path.rpartition(".")
            place = content.setdefault(section, {}) if section else content
            place[name] = row.cell(column)
    for column in LISTS:
        if words := _things(
            row.cell(column), by_comma=column != "named_accounts", by_space=column == "languages"
        ):
            content[column] = words
    if territories := _territories(row):
        content["territories"] = territories
    if hours := _working_hours(row):
        content["working_hours"] = hours
    if allotments := _allotments(row):
        content["allotments"] = allotments
    attributes = {
        name.removeprefix(ATTRIBUTE): row.cell(name)
        for name in row.cells
        if name.startswith(ATTRIBUTE) and row.cell(name)
    }
    if attributes:
        content["attributes"] = attributes
    return content


def _things(text: str, *, by_comma: bool = True, by_space: bool = False) -> list[str]:
    separators = "[;|\n" + ("," if by_comma else "") + (r"\s" if by_space else "") + "]"
    return [thing.strip() for thing in re.split(separators, text) if thing.strip()]


def _known_things(text: str, is_known: Callable[[str], bool]) -> list[str]:
    """Things that may be separated by spaces too, where the whole is none and each word is one or looks so."""
    things: list[str] = []
    for thing in _things(text):
        words = thing.split()
        are_things = all(is_known(word) or len(word) <= LONGEST_CODE for word in words)
        things += words if are_things and not is_known(thing) else [thing]
    return things


def _territories(row: _Row) -> list[dict[str, str]]:
    """Countries whole, unless states, cities or postcodes of them are named: then these; and regions of the world."""
    territories: list[dict[str, str]] = []
    if row.cell("countries").lower() in EVERYWHERE:
        territories.append({})
        countries = []
    else:
        countries = _countries(row)
    narrowed = set()
    for country, state in _states(row, countries):
        territories.append({"country": country, "state": state})
        narrowed.add(country)
    for column, name in (("cities", "city"), ("postcodes", "postcode")):
        things = _things(row.cell(column), by_space=column == "postcodes")
        if things and name == "postcode" and len(countries) != 1:
            row.problem(column, "do not say of which country they are", "name one country in the row")
            continue
        if things and not countries:
            territories += [{name: thing} for thing in things]
        territories += [{"country": country, name: thing} for country in countries for thing in things]
        narrowed |= set(countries) if things else set()
    territories += [{"country": country} for country in countries if country not in narrowed]
    own = {folded_text(name) for name in row.own_regions}
    regions = _known_things(row.cell("regions"), lambda thing: folded_text(thing) in {*world_regions(), *own})
    return [*territories, *({"region": region} for region in regions)]


def _countries(row: _Row) -> list[str]:
    written = _known_things(row.cell("countries"), lambda thing: folded_text(thing) in country_codes())
    return list(dict.fromkeys(country_codes().get(folded_text(thing), thing) for thing in written))


def _states(row: _Row, countries: Sequence[str]) -> Iterable[tuple[str, str]]:
    """Country and state of each state in the cell."""
    names = region_names()
    without_table = [country for country in countries if country not in countries_with_regions()]

    def homes(state: str) -> list[str]:
        words = folded_text(state)
        if not countries:
            return [names[words][:2]] if words in names else []
        return [country for country in countries if f"{country}|{words}" in names]

    for state in _known_things(row.cell("states"), lambda thing: bool(homes(thing))):
        found = homes(state) or (without_table if len(without_table) == 1 else [])
        if len(found) == 1:
            yield found[0], state
        elif found:
            first = f"{found[0]}-{state}"
            row.problem("states", f"{state} is a state of {' and of '.join(found)}", f"write it like {first}")
        elif countries:
            remedy = "write its name or its code, such as US-CA"
            row.problem("states", f"{state} is no state of {' or '.join(countries)}", remedy)
        else:
            remedy = "name the country in the column countries, or write it like US-CA"
            row.problem("states", f"{state} does not say of which country", remedy)


def _working_hours(row: _Row) -> dict[str, Any]:
    """`mon-fri 09:00-17:00`, `mon,wed 9-13`, `22:00-06:00`; and the holidays."""
    hours: dict[str, Any] = {}
    if holidays := _things(row.cell("holidays"), by_space=True):
        hours["holidays"] = holidays
    text = row.cell("working_hours")
    if not text:
        return hours
    found = HOURS.fullmatch(text)
    days = _weekdays(found["days"]) if found and found["days"] else list(WORKDAYS)
    if not found or not days:
        row.problem("working_hours", f"cannot read {text!r}", "write it like mon-fri 09:00-17:00")
        return hours
    (open_hour, open_minute, close_hour, close_minute) = found.groups()[1:]
    clock = [
        f"{int(hour):02}:{minute or '00'}"
        for hour, minute in ((open_hour, open_minute), (close_hour, close_minute))
    ]
    start, end = clock
    if end == "24:00":
        # Midnight as the end of a day: the next one's beginning, or of a whole day its last moment.
        end = "23:59:59.999999" if start == "00:00" else "00:00"
    return hours | {"start": start, "end": end, "weekdays": days}


def _weekdays(text: str) -> list[str]:
    """The days of `mon-fri`, `sat, sun` or `monday`; none where it cannot be read."""
    chosen = set()
    for part in re.split(r"[,; ]+", re.sub(r"\s*[-–]\s*", "-", text.strip().lower())):
        first, _, last = part.partition("-")
        ends = [first[:3], (last or first)[:3]]
        if any(end not in WEEKDAYS for end in ends):
            return []
        begin, stop = (WEEKDAYS.index(end) for end in ends)
        chosen |= {(begin + number) % 7 for number in range((stop - begin) % 7 + 1)}
    return [WEEKDAYS[number] for number in sorted(chosen)]


def _allotments(row: _Row) -> dict[str, Any]:
    """`spring-sale: 0.5; renewals: 50%`."""
    allotments: dict[str, Any] = {}
    for thing in _things(row.cell("allotments")):
        campaign, separator, share = (part.strip() for part in thing.partition(":"))
        number = re.fullmatch(r"(\d+(?:\.\d+)?|\.\d+)\s*(%?)", share)
        if not separator or not campaign or number is None:
            row.problem(
                "allotments", f"cannot read {thing!r}", "write it like spring-sale: 0.5; renewals: 0.25"
            )
            continue
        allotments[campaign] = float(number[1]) / (100 if number[2] else 1)
    return allotments
