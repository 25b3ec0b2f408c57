"""What was told of reps, made records or refused: every mistake at once, each in one plain sentence.

What belongs here: what is wrong with a record, and with records beside each other. What does not: how a file or table
writes them (`rep_table.py`), and what is questionable but possible (`linter.py`). Pure.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.folding import folded_text
from leadflow_pipeline.places import (
    countries_with_regions,
    country_codes,
    region_names,
    world_regions,
)
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory

LANGUAGE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z]{2,4})?")

PLAIN_WORDS: dict[str, tuple[str, str]] = {
    "missing": ("is missing", "every rep needs one"),
    "string_type": ("must be text", "put it in quotes"),
    "float_parsing": ("must be a number", "write it like 12 or 0.5"),
    "float_type": ("must be a number", "write it like 12 or 0.5"),
    "int_parsing": ("must be a whole number", "write it like 12"),
    "int_from_float": ("must be a whole number", "write it like 12"),
    "int_type": ("must be a whole number", "write it like 12"),
    "time_parsing": ("must be a time", 'write it like "09:00"'),
    "time_type": ("must be a time", 'write it like "09:00"'),
    "date_from_datetime_parsing": ("must be a day", "write it like 2026-12-25"),
    "date_parsing": ("must be a day", "write it like 2026-12-25"),
    "date_type": ("must be a day", "write it like 2026-12-25"),
    "tuple_type": ("must be a list", "write [one, two]"),
    "dict_type": ("must be a mapping of keys", "indent its keys below it"),
    "model_type": ("must be a mapping of keys", "indent its keys below it"),
    "too_short": ("must not be empty", "name at least one"),
}
"""Pydantic's kinds of finding, in the words of whoever keeps a list of reps: what, and the remedy."""

MOST_PROBLEMS = 100
"""Problems told at once: of a file of the wrong kind nobody reads more."""


@dataclass(frozen=True)
class ToldRep:
    """What was told of one rep, and where: `row 5`, `line 12`."""

    place: str
    content: dict[str, Any]
    names: dict[str, str] = field(default_factory=dict)
    """How the teller names the fields, where that differs: `capacity.per_day` -> `leads_a_day`."""


class RepsRefused(PermanentError):
    """A list of reps was refused. `problems` holds each of its mistakes in one sentence."""

    def __init__(self, origin: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        told = [f"{origin}: {problem}" for problem in self.problems[:MOST_PROBLEMS]]
        if len(self.problems) > MOST_PROBLEMS:
            told.append(f"{origin}: and {len(self.problems) - MOST_PROBLEMS} problems more")
        super().__init__("\n".join(told))


def checked_reps(
    told: Sequence[ToldRep],
    origin: str,
    problems: Iterable[str] = (),
    own_regions: Collection[str] = (),
) -> tuple[Rep, ...]:
    """The reps, if nothing is wrong with any of them. `problems` were found before, in reading them; `own_regions` are
    names of regions that campaigns make themselves. Raises RepsRefused.
    """
    found = list(problems)
    reps: list[Rep] = []
    for each in told:
        try:
            rep = Rep.model_validate(each.content)
        except ValidationError as error:
            found += [_worded(each, finding) for finding in error.errors(include_url=False)]
        else:
            reps.append(rep)
        found += [f"{_where(each)}: {problem}" for problem in _impossible(each.content, own_regions)]
    found += list(_named_twice(told))
    if not told and not found:
        found.append("there is no rep in it; write one row a rep")
    if found:
        raise RepsRefused(origin, found)
    return tuple(reps)


def nearest(word: str, known: Iterable[str]) -> str:
    """`did you mean ...?`, or the known words where they are few."""
    words = list(known)
    close = get_close_matches(word.lower(), words, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"use one of {', '.join(words)}" if len(words) <= 30 else ""


def _where(told: ToldRep) -> str:
    rep = told.content.get("rep")
    return f"{told.place} ({rep})" if isinstance(rep, str) and rep else told.place


def _worded(told: ToldRep, finding: ErrorDetails) -> str:
    path = ".".join(str(step) for step in finding["loc"])
    name = told.names.get(path) or told.names.get(path.partition(".")[0]) or path
    kind = finding["type"]
    if kind == "extra_forbidden":
        message, remedy = "is no field of a rep", nearest(str(finding["loc"][-1]), _fields_at(finding["loc"]))
    elif kind in PLAIN_WORDS:
        message, remedy = PLAIN_WORDS[kind]
    elif kind == "literal_error":
        message, remedy = f"cannot be {finding['input']!r}", f"use {finding['ctx']['expected']}"
    elif kind == "greater_than_equal":
        message, remedy = f"cannot be {finding['input']}", f"it must be at least {finding['ctx']['ge']:g}"
    elif kind == "string_pattern_mismatch":
        message = "is no id"
        remedy = "use an email address or letters, digits and . _ + - without spaces"
    else:
        message, remedy = finding["msg"].removeprefix("Value error, "), ""
    said = f"{_where(told)}: {name}: {message}" if name else f"{_where(told)}: {message}"
    return f"{said}; {remedy}" if remedy else said


def _fields_at(path: Sequence[str | int]) -> list[str]:
    """The fields of the model in which a key was not known."""
    model: Any = Rep
    for step in path[:-1]:
        if isinstance(step, str) and step in model.model_fields:
            annotation = model.model_fields[step].annotation
            inner = [annotation, *getattr(annotation, "__args__", ())]
            model = next(
                (each for each in inner if isinstance(each, type) and issubclass(each, BaseModel)), model
            )
    return list(model.model_fields)


def _impossible(content: Mapping[str, Any], own_regions: Collection[str]) -> Iterator[str]:
    """What the model of a record does not see: places that are none, and languages. Wrong shapes are told by it."""
    own = {folded_text(name) for name in own_regions}
    for place in _list_in(content, "territories"):
        try:
            territory = Territory.model_validate(place)
        except ValidationError:
            continue
        yield from _unknown_place(territory, own)
    for language in _list_in(content, "languages"):
        if isinstance(language, str) and not LANGUAGE.fullmatch(language):
            yield f"languages: {language} is no code of a language; write ISO 639-1, such as de or pt"


def _list_in(content: Mapping[str, Any], name: str) -> list[Any]:
    value = content.get(name)
    return value if isinstance(value, list) else []


def _unknown_place(territory: Territory, own_regions: Collection[str]) -> Iterator[str]:
    country = country_codes().get(folded_text(territory.country)) if territory.country else None
    if territory.country and country is None:
        yield f"countries: {territory.country} is no country; write its name or ISO 3166-1 code, such as DE"
    if territory.region and folded_text(territory.region) not in {*world_regions(), *own_regions}:
        yield (
            f"regions: {territory.region} is no region of the world that is known here; write one such as EMEA, DACH, "
            "Nordics or LATAM, name countries, or declare it in `ownership.regions` of a campaign"
        )
    if territory.state:
        words = folded_text(territory.state)
        if territory.country is None and words not in region_names():
            yield f"states: {territory.state} does not say of which country; name the country, or write it like US-CA"
        elif country in countries_with_regions() and f"{country}|{words}" not in region_names():
            yield f"states: {territory.state} is no state of {country}; write its name or its code, such as US-CA"
    if territory.postcode and territory.country is None:
        yield f"postcodes: {territory.postcode} does not say of which country; name one country"


def _named_twice(told: Sequence[ToldRep]) -> Iterator[str]:
    first: dict[str, ToldRep] = {}
    for each in told:
        rep = each.content.get("rep")
        if isinstance(rep, str) and first.setdefault(rep.lower(), each) is not each:
            yield f"{_where(each)}: rep: is in {first[rep.lower()].place} too; keep one of the two"
