"""Until when somebody is away, as a text says it.

What belongs here: what the words beside a date make of it. What does not: dates themselves (`dates_in_text`), and
whether the text is an absence notice (`absence`). Pure: the day it was written is an argument.

Each date of the text is of a kind by the words next to it: the day of return, the last day away, the first day away,
or a day away. A day of return counts before a last day, and that before a day away.
"""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta

from leadflow_pipeline.inbound.mail.calendar_words import WEEKDAY, plain
from leadflow_pipeline.inbound.mail.dates_in_text import Found, dates_in
from leadflow_pipeline.inbound.mail.phrases import one_of, words_of

MOST_TEXT = 20_000
FARTHEST = 800
"""Days ahead beyond which a date is taken for something else."""
NEAR = 40
"""Letters before a date within which a word of return belongs to it."""
LAST_MOMENT = time(23, 59, 59)

_words = words_of("return_dates")
_article = rf"(?:{one_of(_words['articles'])}\b)?"
_before_date = rf"[\s:,]*{_article}(?: {_article})?[\s,(]*(?:{WEEKDAY}|\w{{1,3}}\.)?[\s,.]*{_article},?\s?$"
_in_brackets = r"\s?(?:\([^)]{1,4}\))?\s?"


def _whole(name: str) -> str:
    """Whole words of a list, and those of languages that do not part them."""
    return rf"(?:\b{one_of(_words[name])}\b|{one_of(_words[f'{name}_unparted'])})"


BACK = re.compile(_whole("back"))
AWAY = re.compile(_whole("away"))
UNTIL_BEFORE = re.compile(
    rf"(?:\b{one_of(_words['until'])}(?!\w)|{one_of(_words['until_unparted'])}){_before_date}"
)
UNTIL_AFTER = re.compile(_in_brackets + one_of(_words["until_after"]))
FROM_BEFORE = re.compile(
    rf"(?:\b{one_of(_words['since'])}(?!\w)|{one_of(_words['since_unparted'])}){_before_date}"
)
FROM_AFTER = re.compile(_in_brackets + one_of(_words["since_after"]))
RANGE = re.compile(rf"[\s,]*{one_of(_words['between'])}{_before_date}")
NOT_THERE = re.compile(rf"\b{one_of(_words['not_there'])}\b")
SENTENCE_END = re.compile(r"\n\s*\n|[!?;。！？]|\.(?=\s+[^\W\d_]{2})|(?<=[a-z]{3})\.\s|\n(?=\s*[-*•])")


def away_until(
    text: str, written: date, *, language: str = "", is_month_first: bool = False
) -> datetime | None:
    """Until when the writer of `text` is away: a moment in UTC, or None where it says none that lies ahead.

    The first moment of the day of return, or the last moment of the last day away. `language` and `is_month_first`
    (what the writer's clock says of where they are) settle what 3/4 means where the text leaves it open.
    """
    bare = plain(text[:MOST_TEXT])
    dates = _with_kinds(bare, dates_in(bare, written, language, is_month_first=is_month_first))
    ahead = [each for each in dates if written <= each.day <= written + timedelta(days=FARTHEST)]
    for kind in ("back", "until", "on"):
        of_kind = [each for each in ahead if each.kind == kind and (kind != "back" or each.day > written)]
        sure = [each for each in of_kind if not each.is_weekday] or of_kind
        if sure:
            day = max(each.day for each in sure)
            return datetime.combine(day, time() if kind == "back" else LAST_MOMENT, UTC)
    return None


def _with_kinds(text: str, dates: list[Found]) -> list[Found]:
    """Each date with what the words beside it make of it."""
    told: list[Found] = []
    for number, each in enumerate(dates):
        previous = dates[number - 1] if number else None
        start = previous.end if previous else 0
        ends = [end.end() for end in SENTENCE_END.finditer(text, start, each.start)]
        is_same_sentence = not ends
        before = text[max(ends[-1] if ends else start, each.start - 120) : each.start]
        next_start = dates[number + 1].start if number + 1 < len(dates) else len(text)
        stop = SENTENCE_END.search(text, each.end, min(next_start, each.end + 120))
        after = text[each.end : stop.start() if stop else min(next_start, each.end + 120)]
        told.append(replace(each, kind=_kind_of(each, before, after, previous if is_same_sentence else None)))
    return told


def _kind_of(each: Found, before: str, after: str, previous: Found | None) -> str:
    own_after = re.split(
        r",|\b(?:and|und|et|y|e|en|och|og|i|a|but|aber|mais|pero|ma|mas|maar|ale|men)\b", after, maxsplit=1
    )[0]
    is_back = bool(BACK.search(before))
    is_back_after = bool(BACK.search(own_after))
    if each.kind == "until":
        return "back" if is_back else "until"
    if UNTIL_BEFORE.search(before) or UNTIL_AFTER.match(after):
        # "not back until": the day of return. "back from London, away until": the last day away.
        near = BACK.search(before, max(0, len(before) - NEAR))
        return "back" if near and NOT_THERE.search(before) else "until"
    if previous is not None and RANGE.fullmatch(before):
        return "until"
    if FROM_BEFORE.search(before) or FROM_AFTER.match(after):
        return "back" if is_back or is_back_after or BACK.search(after[:60]) else "from"
    if is_back or is_back_after:
        return "back"
    if each.is_near and re.match(r"\s?(?:morning|vormittag|fruh)", after):
        return ""
    return "on" if AWAY.search(before) or AWAY.search(after) else ""
