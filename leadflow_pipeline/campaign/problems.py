"""What is wrong with a campaign file, said so that its author can mend it.

What belongs here: the problem, the error that carries all of them, and the nearest known word. What does not:
finding problems.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from leadflow_pipeline.errors import PermanentError

Path = tuple[str | int, ...]
"""Where something stands in a document: keys and list positions (from 0), from the top."""

MOST_WORDS_LISTED = 20
"""A list of allowed words longer than this is no help to read."""

LIKENESS = 0.6
"""Share of common characters from which two words are taken for the same word, misspelt."""

LONGEST_WORD = 100
"""Characters of a misspelt word that are compared: comparing takes the square of them."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, and how to mend it."""

    line: int
    path: Path
    message: str
    remedy: str = ""

    def __str__(self) -> str:
        """`path: message; remedy`, as shown behind the file and line."""
        words = f"{self.message}; {self.remedy}" if self.remedy else self.message
        return f"{written_path(self.path)}: {words}" if self.path else words


class CampaignError(PermanentError):
    """A campaign file was refused. Its message has a line `file:line: path: what; remedy` a problem."""

    def __init__(self, name: str, problems: Iterable[Problem]) -> None:
        self.problems = sorted(set(problems), key=lambda problem: (problem.line, str(problem)))
        super().__init__("\n".join(f"{name}:{problem.line}: {problem}" for problem in self.problems))


def written_path(path: Path) -> str:
    """A path as people write it, e.g. `sources[0].mapping.email`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def nearest(word: str, known: Iterable[str], *, list_few: bool = True) -> str:
    """`did you mean ...?`, or (`list_few`) the known words if none is near and they are few; else nothing."""
    words = list(dict.fromkeys(known))
    likeness, closest = max(
        ((_likeness(word, candidate), candidate) for candidate in words), default=(0.0, "")
    )
    if likeness >= LIKENESS:
        return f"did you mean {closest}?"
    return one_of(words) if list_few and 0 < len(words) <= MOST_WORDS_LISTED else ""


def _likeness(word: str, candidate: str) -> float:
    """0 to 1; the beginning of a long word is almost as good as the whole."""
    word, candidate = word.lower()[:LONGEST_WORD], candidate.lower()
    whole = difflib.SequenceMatcher(None, word, candidate).ratio()
    if len(word) < 4 or len(candidate) <= len(word):
        return whole
    return max(whole, 0.8 * difflib.SequenceMatcher(None, word, candidate[: len(word)]).ratio())


def one_of(words: Sequence[str]) -> str:
    """`use one of a, b, c`."""
    return f"use one of {', '.join(words)}"
