"""Words and patterns of many languages, read from the files in `words`, each once.

What belongs here: reading them. What does not: the words, which lie in the files so that a line there is one way to say
a thing, and their meaning, which is the modules' that use them.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def words_of(name: str) -> dict[str, Any]:
    """The lists of a file: name of the list -> its words or patterns."""
    text = files("leadflow_pipeline").joinpath("inbound", "mail", "words", f"{name}.toml").read_text("utf-8")
    return tomllib.loads(text)


def one_of(patterns: Iterable[str]) -> str:
    """A pattern of any of the patterns, tried in their order."""
    return "(?:" + "|".join(patterns) + ")"


def longest_of(words: Iterable[str]) -> str:
    """A pattern of any of the words as they stand, the longest first."""
    return one_of(map(re.escape, sorted(set(words), key=lambda word: (-len(word), word))))
