"""Where leads are and which territories they lie in: the more exactly a territory is said, the more it counts.

What belongs here: comparing places. What does not: what else decides who may have a lead (`eligibility.py`). Pure.

Places are compared by meaning where the tables know them (`Bayern` is `DE-BY`, `DACH` holds `DE`), else by their words
without case and accents. A postcode lies in a territory if it begins with the territory's, spaces aside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from leadflow_pipeline.conditions import field_values
from leadflow_pipeline.folding import folded, folded_text
from leadflow_pipeline.places import country_codes, region_names, world_regions
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory

PLACE_FIELDS = ("country", "region", "city", "postcode")
"""Columns of a lead that say where it is."""

NOWHERE = -1
DEFAULT = 0
REGION = 1
COUNTRY = 20
STATE = 30
CITY = 40
POSTCODE = 50
NAMED_ACCOUNT = 100
"""How specific a territory is. Of two regions of the world the smaller is the more specific, of two postcodes the
longer, so both have room for steps. A named account is the most specific of all."""

LONGEST_POSTCODE = 40
PLACES_KEPT = 4096
"""Distinct places of single leads whose ranks are remembered."""

CELLS_AT_ONCE = 4_000_000
"""Places times territories that are compared at once: bounds memory."""

Ranks = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Area:
    """A territory as it is compared. What is None may be anything."""

    countries: frozenset[str] | None
    """Of its region of the world, and if it names a country, that one alone."""
    state: str | None
    city: str | None
    postcode: str | None
    level: int


def area_of(territory: Territory, own_regions: Mapping[str, Sequence[str]]) -> Area:
    """A territory made comparable. `own_regions` are the campaign's own regions of the world, by name."""
    countries = None
    country = country_of(territory.country) if territory.country else None
    if territory.region:
        countries = region_members(territory.region, own_regions)
    if country:
        countries = frozenset({country}) if countries is None or country in countries else frozenset()
    level = (
        POSTCODE if territory.postcode
        else CITY if territory.city
        else STATE if territory.state
        else COUNTRY if country
        else REGION if territory.region
        else DEFAULT
    )  # fmt: skip
    return Area(
        countries,
        state_of(territory.state, country) if territory.state else None,
        folded_text(territory.city) if territory.city else None,
        tidy_postcode(territory.postcode) if territory.postcode else None,
        level,
    )


def country_of(written: str) -> str:
    """Alpha-2 where it is known, else the words folded."""
    words = folded_text(written)
    return country_codes().get(words, words)


def state_of(written: str, country: str | None) -> str:
    """ISO 3166-2 where it is known (without a country, where only one has it), else the words folded."""
    words = folded_text(written)
    names = region_names()
    known = names.get(f"{country}|{words}") if country else names.get(words)
    return known or words


def region_members(name: str, own_regions: Mapping[str, Sequence[str]]) -> frozenset[str]:
    """The countries of a region of the world, or of the campaign's own; none where nobody knows it."""
    words = folded_text(name)
    for own, members in own_regions.items():
        if folded_text(own) == words:
            return frozenset().union(
                *(world_regions().get(folded_text(member), {country_of(member)}) for member in members)
            )
    return world_regions().get(words, frozenset())


def tidy_postcode(written: str) -> str:
    """Letters and digits alone, in capitals."""
    return "".join(filter(str.isalnum, written.upper()))[:LONGEST_POSTCODE]


class Territories:
    """The territories of all reps, ready to be compared with places.

    A rep without a territory has the whole world as its default.
    """

    def __init__(self, reps: Sequence[Rep], own_regions: Mapping[str, Sequence[str]] | None = None) -> None:
        own = own_regions or {}
        self.areas: list[Area] = []
        self.columns: list[int] = []
        for column, rep in enumerate(reps):
            for territory in rep.territories or (Territory(),):
                self.areas.append(area_of(territory, own))
                self.columns.append(column)
        self._rep_count = len(reps)
        self._known_places: dict[tuple[str | None, ...], Ranks] = {}

    def ranks(self, leads: pd.DataFrame) -> tuple[npt.NDArray[np.int64], Ranks]:
        """A code for each lead, and for each code and rep how specific the rep's best territory is (NOWHERE: none).

        Of the columns of `PLACE_FIELDS` a missing one tells nothing.
        """
        codes, distinct = distinct_rows(self._places(leads))
        ranks = np.full((len(distinct), self._rep_count), NOWHERE, dtype=np.int8)
        if self.areas and len(distinct):
            at_once = max(1, CELLS_AT_ONCE // len(self.areas))
            for start in range(0, len(distinct), at_once):
                some = slice(start, start + at_once)
                levels = np.where(self._holds(distinct.iloc[some]), self._levels, NOWHERE).astype(np.int8)
                ranks[some] = np.maximum.reduceat(levels, self._first_of_rep, axis=1)
        # Most places differ in what makes no difference to anybody.
        same = pd.factorize(np.array([row.tobytes() for row in ranks], dtype=object))[0].astype(np.int64)
        return same[codes], ranks[np.unique(same, return_index=True)[1]]

    def ranks_of_one(
        self, country: str | None, state: str | None, city: str | None, postcode: str | None
    ) -> Ranks:
        """As `ranks` for the place of one lead: a rank for each rep. Not to be written to."""
        land = _meaning(country, lambda words: country_codes().get(words, words))
        place = (
            land if land in self._countries else None,
            _meaning(state, lambda words: _known_state(words, land)),
            _meaning(city, lambda words: words) if self._asks("city", land) else None,
            _meaning(postcode, self._longest_beginning) if self._asks("postcode", land) else None,
        )
        if place[1] not in self._states:
            place = (place[0], None, *place[2:])
        if place[2] not in self._cities:
            place = (*place[:2], None, place[3])
        ranks = self._known_places.get(place)
        if ranks is None:
            if len(self._known_places) >= PLACES_KEPT:
                self._known_places.clear()
            ranks = self._known_places[place] = self._ranks_of_place(*place)
        return ranks

    def _ranks_of_place(
        self, country: str | None, state: str | None, city: str | None, postcode: str | None
    ) -> Ranks:
        if not self.areas:
            return np.full(self._rep_count, NOWHERE, dtype=np.int8)
        holds = self._in_countries[self._countries.get(country or "", len(self._countries))].copy()
        for word, numbers, asked in (
            (state, self._states, self._asked_states),
            (city, self._cities, self._asked_cities),
        ):
            if numbers:
                holds &= (asked == -1) | (asked == numbers.get(word, len(numbers)))
        if self._postcodes:
            holds &= self._with_postcode[
                self._postcode_numbers.get(postcode or "", len(self._postcode_numbers))
            ]
        levels = np.where(holds, self._levels, NOWHERE).astype(np.int8)
        return np.maximum.reduceat(levels, self._first_of_rep)

    def _asks(self, name: str, country: str | None) -> bool:
        """As `_is_asked`, for one country."""
        asking = self._asking[name]
        return asking is None or country in asking

    @cached_property
    def _asking(self) -> dict[str, frozenset[str] | None]:
        """The countries in which any territory asks about the city or the postcode; None: everywhere."""
        found: dict[str, frozenset[str] | None] = {}
        for name in ("city", "postcode"):
            asking = [area.countries for area in self.areas if getattr(area, name)]
            found[name] = (
                None
                if None in asking
                else frozenset(code for countries in asking for code in countries or ())
            )
        return found

    @cached_property
    def _first_of_rep(self) -> npt.NDArray[np.int64]:
        return np.searchsorted(self.columns, np.arange(self._rep_count))

    def _places(self, leads: pd.DataFrame) -> pd.DataFrame:
        """Of each lead's place what any territory asks about; what none does is left out, so that few differ."""
        country = _folded_each(
            field_values(leads, "country"), lambda words: country_codes().get(words, words)
        )
        state = _states(field_values(leads, "region"), country)
        city = _folded_each(field_values(leads, "city"), lambda words: words)
        postcode = _folded_each(field_values(leads, "postcode"), self._longest_beginning)
        return pd.DataFrame(
            {
                "country": country.where(country.isin(list(self._countries))),
                "state": state.where(state.isin(list(self._states))),
                "city": city.where(city.isin(list(self._cities)) & self._is_asked("city", country)),
                "postcode": postcode.where(self._is_asked("postcode", country)),
            }
        )

    def _is_asked(self, name: str, country: pd.Series) -> pd.Series[bool]:
        """Whether any territory asks about the city or postcode of a lead in each country."""
        asking = [area.countries for area in self.areas if getattr(area, name)]
        if None in asking:
            return country.notna() | True
        return country.isin(sorted({code for countries in asking for code in countries or ()}))

    def _holds(self, places: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Whether each place lies in each area."""
        holds = self._in_countries[_numbered(places["country"], self._countries)]
        for column, numbers, asked in (
            ("state", self._states, self._asked_states),
            ("city", self._cities, self._asked_cities),
        ):
            if numbers:
                found = _numbered(places[column], numbers)[:, None]
                holds &= (asked == -1) | (asked == found)
        if self._postcodes:
            holds &= self._with_postcode[_numbered(places["postcode"], self._postcode_numbers)]
        return holds

    @cached_property
    def _in_countries(self) -> npt.NDArray[np.bool_]:
        """Rows of each country that anybody names, and of all others: the areas that hold it."""
        holds = np.zeros((len(self._countries) + 1, len(self.areas)), dtype=bool)
        for column, area in enumerate(self.areas):
            rows = (
                slice(None) if area.countries is None else [self._countries[name] for name in area.countries]
            )
            holds[rows, column] = True
        return holds

    @cached_property
    def _asked_states(self) -> npt.NDArray[np.int64]:
        return np.array([self._states.get(area.state, -1) for area in self.areas], dtype=np.int64)

    @cached_property
    def _asked_cities(self) -> npt.NDArray[np.int64]:
        return np.array([self._cities.get(area.city, -1) for area in self.areas], dtype=np.int64)

    @cached_property
    def _with_postcode(self) -> npt.NDArray[np.bool_]:
        """Rows of each beginning of postcodes that anybody names, and of none: the areas that hold it."""
        asking: dict[str, list[int]] = {}
        for column, area in enumerate(self.areas):
            if area.postcode:
                asking.setdefault(area.postcode, []).append(column)
        holds = np.ones((len(self._postcode_numbers) + 1, len(self.areas)), dtype=bool)
        holds[:, [column for columns in asking.values() for column in columns]] = False
        for text, row in self._postcode_numbers.items():
            for length in self._postcode_lengths:
                holds[row, asking.get(text[:length], [])] = True
        return holds

    @cached_property
    def _postcode_numbers(self) -> dict[str, int]:
        return {text: number for number, text in enumerate(sorted(self._postcodes))}

    def _longest_beginning(self, written: str) -> str | None:
        text = tidy_postcode(written)
        return next(
            (
                text[:length]
                for length in self._postcode_lengths
                if text[:length] in self._postcodes and len(text) >= length
            ),
            None,
        )

    @cached_property
    def _countries(self) -> dict[str, int]:
        named = sorted({name for area in self.areas for name in area.countries or ()})
        return {name: number for number, name in enumerate(named)}

    @cached_property
    def _states(self) -> dict[str | None, int]:
        return _numbers(area.state for area in self.areas)

    @cached_property
    def _cities(self) -> dict[str | None, int]:
        return _numbers(area.city for area in self.areas)

    @cached_property
    def _postcodes(self) -> frozenset[str]:
        return frozenset(area.postcode for area in self.areas if area.postcode)

    @cached_property
    def _postcode_lengths(self) -> list[int]:
        return sorted({len(text) for text in self._postcodes}, reverse=True)

    @cached_property
    def _levels(self) -> Ranks:
        """Each area's rank: regions by their size, postcodes by their length."""
        sizes = sorted(
            {len(area.countries or ()) for area in self.areas if area.level == REGION}, reverse=True
        )
        steps = {size: min(step, COUNTRY - REGION - 1) for step, size in enumerate(sizes)}
        return np.array(
            [
                area.level
                + (steps[len(area.countries or ())] if area.level == REGION else len(area.postcode or ""))
                for area in self.areas
            ],
            dtype=np.int8,
        )


def distinct_rows(frame: pd.DataFrame) -> tuple[npt.NDArray[np.int64], pd.DataFrame]:
    """A code for each row, and the distinct rows that the codes number."""
    number = np.zeros(len(frame), dtype=np.int64)
    for name in frame.columns:
        codes, values = pd.factorize(frame[name], use_na_sentinel=False)
        # Renumbered each time, so that the product of the counts never grows out of its type.
        number = pd.factorize(number * max(len(values), 1) + codes)[0].astype(np.int64)
    firsts = np.unique(number, return_index=True)[1]
    return number, frame.iloc[firsts].reset_index(drop=True)


def _states(written: pd.Series, countries: pd.Series) -> pd.Series:
    codes, distinct = distinct_rows(
        pd.DataFrame({"state": _folded_each(written, lambda words: words), "country": countries})
    )
    known = [
        _known_state(words, country if isinstance(country, str) else None) if isinstance(words, str) else None
        for words, country in zip(distinct["state"], distinct["country"], strict=True)
    ]
    return pd.Series(np.array([*known, None], dtype=object)[codes], index=written.index, dtype="str")


def _known_state(words: str, country: str | None) -> str:
    """The state that folded words name in a country, where it is known; else the words."""
    return region_names().get(words if country is None else f"{country}|{words}") or words


def _meaning(written: str | None, meaning: Callable[[str], str | None]) -> str | None:
    """As `_folded_each`, of one text."""
    words = folded_text(written) if written is not None else ""
    return meaning(words) if words else None


def _folded_each(written: pd.Series, meaning: Callable[[str], str | None]) -> pd.Series:
    """`meaning` of the folded words of each distinct text; what is missing or says nothing stays missing."""
    codes, values = pd.factorize(written)
    texts = pd.Series(values, dtype="str")
    words = folded(texts).tolist() if len(texts) > FEW else [folded_text(text) for text in texts]
    found = [meaning(each) if each else None for each in words]
    return pd.Series(np.array([*found, None], dtype=object)[codes], index=written.index, dtype="str")


FEW = 100
"""Texts that are folded one by one sooner than as a column."""


def _numbered(values: pd.Series, numbers: Mapping[str, int] | dict[str | None, int]) -> npt.NDArray[np.int64]:
    """The number of each value; the one after the last where it has none."""
    found: npt.NDArray[np.int64] = np.asarray(values.map(numbers).fillna(len(numbers)), dtype=np.int64)
    return found


def _numbers(values: Iterable[str | None]) -> dict[str | None, int]:
    named = sorted({value for value in values if value is not None})
    return {name: number for number, name in enumerate(named)}
