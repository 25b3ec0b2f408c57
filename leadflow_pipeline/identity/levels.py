"""How far two values agree, and what that is worth: the evidence model, in one table.

What belongs here: for each column its levels of agreement and their weights. What does not: finding the level of a
pair (`comparing`), and adding weights up (`matching`).

The weights are those of Fellegi and Sunter (1969): a level seen with probability m between records of one person and
u between records of two is worth log2(m / u) bits. All m and u are fixed. They come from how such values are
spread over people at large and how often they are mistyped, and never from the data at hand: else a pair would be
judged differently once more people are known, and day by day would not give what all at once gives. A missing value
is no evidence either way.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log2

import numpy as np
import numpy.typing as npt

Bits = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Level:
    """One level of agreement of a column."""

    name: str
    """As it is told in the evidence of a pair; empty for levels that are not worth telling."""
    m: float
    u: float

    @property
    def bits(self) -> float:
        """What the level is worth."""
        return log2(self.m / self.u)


SAME, CLOSE, PARTLY, UNLIKE, DIFFERENT = range(5)
"""Positions of a column's levels. What partly and unlike mean depends on the column."""

LEVELS: dict[str, tuple[Level, Level, Level, Level, Level]] = {
    # One first name in 70 is the same by chance; a tenth of the records of one person have a typing error.
    "first_name": (
        Level("first name", 0.75, 0.015),
        Level("first name, nearly", 0.13, 0.008),
        Level("short first name", 0.07, 0.009),  # an initial or a nickname
        Level("", 0.02, 0.02),
        Level("first name differs", 0.03, 0.948),
    ),
    "last_name": (
        Level("last name", 0.82, 0.006),
        Level("last name, nearly", 0.12, 0.003),
        Level("initial of last name", 0.02, 0.01),
        Level("", 0.02, 0.02),
        Level("last name differs", 0.02, 0.961),
    ),
    "email": (
        Level("email", 0.40, 1.5e-6),
        Level("email, nearly", 0.12, 6e-5),
        Level("name of the mailbox", 0.08, 0.01),  # at another domain
        Level("another mailbox of the company", 0.01, 0.20),  # hardly anybody has two
        Level("", 0.39, 0.79),
    ),
    "phone": (
        Level("phone", 0.60, 0.0006),
        Level("phone, nearly", 0.05, 0.003),
        Level("", 0.05, 0.05),
        Level("", 0.05, 0.05),
        Level("", 0.30, 0.90),
    ),
    # 22,000 days of birth, unevenly spread; each digit may be mistyped, day and month swapped.
    "birth_date": (
        Level("birth date", 0.78, 0.00007),
        Level("birth date, nearly", 0.10, 0.0011),
        Level("birth date, partly", 0.09, 0.011),
        Level("", 0.03, 0.03),
        Level("birth date differs", 0.05, 0.963),
    ),
    "street": (
        Level("street", 0.60, 0.003),
        Level("street, nearly", 0.15, 0.003),
        Level("", 0.05, 0.02),
        Level("", 0.01, 0.01),
        Level("", 0.20, 0.95),
    ),
    "street_number": (
        Level("street number", 0.75, 0.025),
        Level("", 0.05, 0.05),
        Level("", 0.01, 0.01),
        Level("", 0.01, 0.01),
        Level("", 0.20, 0.95),
    ),
    "address_2": (
        Level("second address line", 0.50, 0.004),
        Level("second address line, nearly", 0.15, 0.003),
        Level("", 0.05, 0.02),
        Level("", 0.01, 0.01),
        Level("", 0.30, 0.95),
    ),
    "postcode": (
        Level("postcode", 0.65, 0.004),
        Level("postcode, nearly", 0.10, 0.004),
        Level("", 0.05, 0.05),
        Level("", 0.01, 0.01),
        Level("", 0.20, 0.93),
    ),
    # Capitals hold a tenth of a country.
    "city": (
        Level("city", 0.65, 0.05),
        Level("city, nearly", 0.10, 0.015),
        Level("", 0.03, 0.015),
        Level("", 0.01, 0.01),
        Level("", 0.25, 0.90),
    ),
    "state": (
        Level("state", 0.85, 0.20),
        Level("", 0.05, 0.05),
        Level("", 0.01, 0.01),
        Level("", 0.01, 0.01),
        Level("", 0.15, 0.80),
    ),
    "company": (
        Level("company", 0.70, 0.005),
        Level("company, nearly", 0.10, 0.003),
        Level("", 0.02, 0.02),
        Level("", 0.01, 0.01),
        Level("", 0.20, 0.95),
    ),
    "domain": (
        Level("domain", 0.70, 0.008),
        Level("", 0.02, 0.02),
        Level("", 0.01, 0.01),
        Level("", 0.01, 0.01),
        Level("", 0.30, 0.99),
    ),
    "identifier": (
        Level("identifier", 0.90, 1e-6),
        Level("identifier, nearly", 0.05, 5e-5),
        Level("", 0.01, 0.002),
        Level("", 0.01, 0.01),
        Level("identifier differs", 0.05, 1.0),
    ),
    "profile": (
        Level("profile", 0.95, 1e-6),
        Level("", 0.01, 0.01),
        Level("", 0.01, 0.01),
        Level("", 0.01, 0.01),
        Level("profile differs", 0.05, 1.0),
    ),
}  # fmt: skip

PRIOR_BITS = -11.0
"""How likely a pair that shares a key is one person before anything is compared: one in two thousand."""

SWAPPED_NAMES_BITS = -1.0
"""First and last name in each other's place: a usual mistake, and a little less likely than none."""

MOST_WORK_BITS = 8.5
"""What phone and company can be worth together: colleagues share them all, and one comes with the other."""

MOST_HOME_BITS = 18.0
"""What the parts of an address can be worth together: a family shares them all."""

MOST_AREA_BITS = 1.0
"""What city and state can be worth where nothing but the name agrees: a name and a town single out nobody."""

AREA = ("city", "state")
WORK, HOME = ("phone", "company"), ("street", "street_number", "address_2", "postcode", "city", "state")


def bits_of(column: str) -> Bits:
    """What each level of a column is worth, and 0 at the end for a missing value (level -1)."""
    return np.array([*(level.bits for level in LEVELS[column]), 0.0], dtype=np.float32)
