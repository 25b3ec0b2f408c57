"""Months, weekdays and nearby days in the languages that people announce their absence in.

What belongs here: the words as numbers, and making a text plain so that they are found in it. What does not: reading
dates with them (`dates_in_text`). The words lie in `words/calendar.toml`.
"""

from __future__ import annotations

import re
import unicodedata

from leadflow_pipeline.folding import LETTERS_WITHOUT_DECOMPOSITION
from leadflow_pipeline.inbound.mail.phrases import longest_of, one_of, words_of

_CHANGED = str.maketrans(
    {**LETTERS_WITHOUT_DECOMPOSITION, **dict.fromkeys("’ʼ`´", "'")}  # apostrophes of all kinds
)


def plain(text: str) -> str:
    """Lower case, without accents, each run of blanks one blank, line ends kept: what phrases are looked for in."""
    bare = re.sub("[\u0300-\u036f]", "", unicodedata.normalize("NFKD", text.lower()))
    bare = unicodedata.normalize("NFC", bare).translate(_CHANGED)
    return re.sub(r"[^\S\n]+", " ", bare)


def _numbered(names: list[str], first: int) -> dict[str, int]:
    return {plain(word): number for number, words in enumerate(names, first) for word in words.split()}


_calendar = words_of("calendar")
MONTH_NUMBERS = _numbered(_calendar["months"], 1)
WEEKDAY_NUMBERS = _numbered(_calendar["weekdays"], 0)
"""Monday is 0."""
NUMBERS = {word: number for number, words in enumerate(_calendar["numbers"], 1) for word in words}
MONTH = longest_of(MONTH_NUMBERS)
WEEKDAY = longest_of(WEEKDAY_NUMBERS)
TOMORROW = longest_of(map(plain, _calendar["tomorrow"].split()))
TODAY = longest_of(map(plain, _calendar["today"].split()))
NEXT_WEEK, END_OF, MIDDLE_OF, DAYS, WEEKS = (
    one_of(_calendar[name]) for name in ("next_week", "end_of", "middle_of", "days", "weeks")
)
"""Patterns of the words."""
