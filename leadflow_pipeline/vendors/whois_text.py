"""What the free text of a WHOIS answer says: whether a domain is registered, and since when.

What belongs here: reading a text, which RFC 3912 gives no form. What does not: getting it (`whois`). Pure.

Only the day is taken; whom the text names is neither kept nor shown.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Final

FIRST_YEAR: Final = 1985
"""The first domains were registered in 1985: an earlier date is something else."""

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MONTH = rf"(?P<m>(?:{'|'.join(_MONTHS)})[a-z]*)"
_DATES = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"\b(?P<y>\d{4})([-./] ?)(?P<m>\d{1,2})[-./] ?(?P<d>\d{1,2})(?!\d)",
        r"\b(?P<y>\d{4})(?P<m>\d{2})(?P<d>\d{2})(?:\d{6})?\b",
        rf"\b(?P<y>\d{{4}})[-./ ]{_MONTH}[-./ ](?P<d>\d{{1,2}})\b",
        rf"\b(?P<d>\d{{1,2}})(?:st|nd|rd|th)?[-./ ]+{_MONTH}[-./, ]+(?P<y>\d{{4}})\b",
        rf"\b{_MONTH} +(?P<d>\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? +[\d:]+)?(?:,? +[a-z]+)?,? +(?P<y>\d{{4}})\b",
        r"\b(?P<d>\d{1,2})([-./])(?P<m>\d{1,2})\2(?P<y>\d{4})\b",
    )
)
"""Year, month and day in the orders that registries write. In figures alone with the year last, the day comes first,
as nearly all country registries have it, unless the second number is no month."""

_OF_REGISTERING = {
    "activated", "commencement", "create", "created", "creacion", "creación", "creation", "dateregistered",
    "registered", "registo", "registration", "registro", "登録年月日",
}  # fmt: skip
_BESIDE_IT = {
    "at", "c", "data", "date", "dd", "de", "domain", "entry", "fecha", "first", "mm", "name", "object", "of", "on",
    "record", "the", "time", "yyyy",
}  # fmt: skip
"""A date is of the registration where the words before it, on its line or on one above that ends in a colon, hold one
of the first kind, and none but of the two kinds: `Creation Date`, `Domain record activated`, `domain_dateregistered`,
but not `Last updated on`."""

_WEEKDAYS = {
    "mon", "tue", "wed", "thu", "fri", "sat", "sun",
    "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday",
}  # fmt: skip
_TOO_OFTEN = re.compile(
    r"(?im)\b(?:quota|limit)\b[^\n]{0,60}\b(?:exceeded|reached)|\bexceeded[^\n]{0,60}\b(?:quota|limit|allowed|number)|"
    r"^\W*too many (?:requests|queries|connections)|\brequests? per \w+ allowed|\bgo away for\b|\brequest denied\b|"
    r"\bslow down\b|\bblacklisted\b|\baccess denied\b"
)
_NO_SUCH = re.compile(
    r"(?im)\bno (?:match\w*|such|data|entries|entry|(?:domain )?records?|objects?|results?|information|found|existe)\b|"
    r"\bnot (?:been )?(?:found|exist|known|regist\w+)|\bnot have\b|\bnot available in\b|object_not_found|"
    r"nothing found|returned 0 objects|status:\s*(?:\d+ )?(?:free|available|not)\b|"
    r"\.\S+ is (?:free|available)\b|^\W*available\W*$"
)


@dataclass(frozen=True)
class Registration:
    """What a registry says of a domain: whether there is one (None: nobody to ask), and since when, if it tells."""

    is_registered: bool | None
    on: date | None = None


def read_registration(text: str, domain: str) -> Registration | None:
    """What a registry's text says of a domain (lower case); None where it is no answer to the question."""
    if (day := next(_days(text), None)) is not None:
        return Registration(True, day)
    if asks_to_wait(text):
        return None
    if says_nothing_found(text):
        return Registration(False)
    # Some registries, as Germany's, show a domain and no date.
    is_shown = re.search(rf"(?im)^[^%#\n]*(?<![\w.-]){re.escape(domain)}\.?\W*$", text)
    return Registration(True) if is_shown else None


def asks_to_wait(text: str) -> bool:
    """Whether a server finds that it was asked too much."""
    return _TOO_OFTEN.search(text) is not None


def says_nothing_found(text: str) -> bool:
    """Whether a server knows nothing of what it was asked about."""
    return _NO_SUCH.search(text) is not None


def _days(text: str) -> Iterator[date]:
    """Days of registration, in the order of the text: the domain's own comes before those of its contacts."""
    above = ""
    for line in filter(None, map(str.strip, text.splitlines())):
        found = next((match for pattern in _DATES if (match := pattern.search(line))), None)
        if found is not None:
            words = _words(line[: found.start()]) or _words(above)
            if words & _OF_REGISTERING and words <= _OF_REGISTERING | _BESIDE_IT:
                day = _day(found["y"], found["m"].lower(), found["d"])
                if day is not None:
                    yield day
        above = line if line.endswith(":") else ""


def _words(text: str) -> set[str]:
    return set(re.findall(r"[^\W\d_]+", text.lower())) - _WEEKDAYS


def _day(year: str, month: str, day: str) -> date | None:
    number = int(month) if month.isdecimal() else _MONTHS.index(month[:3]) + 1
    for month_number, day_number in ((number, int(day)), (int(day), number)):
        try:
            found = date(int(year), month_number, day_number)
        except ValueError:
            continue
        return found if found.year >= FIRST_YEAR else None
    return None
