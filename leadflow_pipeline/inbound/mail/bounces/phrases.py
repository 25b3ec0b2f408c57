"""The phrases of `phrases.toml`, compiled when first asked for.

What belongs here: finding them. What does not: the phrases, and what follows from one.
"""

from __future__ import annotations

import re
import tomllib
from functools import cache
from pathlib import Path
from typing import Final

FILE: Final = Path(__file__).with_name("phrases.toml")


@cache
def pattern(group: str, name: str) -> re.Pattern[str]:
    """One pattern for all phrases of a name."""
    return re.compile("|".join(f"(?:{phrase})" for phrase in _tables()[group][name]["phrases"]))


@cache
def names(group: str) -> tuple[str, ...]:
    """The names of a group, in the order of the file."""
    return tuple(_tables()[group])


def says(group: str, name: str, text: str) -> bool:
    """Whether a folded text holds a phrase of that name."""
    return pattern(group, name).search(text) is not None


def first_said(group: str, text: str) -> str | None:
    """The first name of a group of which a folded text holds a phrase."""
    return next((name for name in names(group) if says(group, name, text)), None)


@cache
def _tables() -> dict[str, dict[str, dict[str, list[str]]]]:
    return tomllib.loads(FILE.read_text(encoding="utf-8"))
