"""Dates in a text, in many languages and ways of writing them.

What belongs here: finding dates and settling which day each is. What does not: what the words beside a date make of it
(`return_dates`). Pure: the day the text was written is an argument.

A date without a year is the next of its kind, unless it has just gone by: then the writer forgot about it, and it says
nothing of the future.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta

from leadflow_pipeline.inbound.mail.calendar_words import (
    DAYS,
    END_OF,
    MIDDLE_OF,
    MONTH,
    MONTH_NUMBERS,
    NEXT_WEEK,
    NUMBERS,
    TODAY,
    TOMORROW,
    WEEKDAY,
    WEEKDAY_NUMBERS,
    WEEKS,
)

JUST_GONE_BY = 30
"""Days for which a date without a year that lies in the past is taken for the past one."""
MONTH_FIRST = ("ja", "zh", "ko", "hu")
"""Languages in which the month stands before the day in numbers too."""

_ordinal = r"(?:st|nd|rd|th|er|re|e|eme|de|ste|:a|:e|°|º|ª|\.)?"
_start = rf"(?P<start>[0-3]?\d){_ordinal}"
_day = rf"(?P<day>[0-3]?\d){_ordinal}"
_year = r"(?:,?\.?\s?(?:de |del |of |anul |r\. )?(?P<year>20\d\d|['’]\d\d\b)(?:\.|-?\w{0,3})?)?"
_to = (
    r"\s?(?:-|–|—|~|〜|～|to|till|until|through|thru|bis|bis zum|"
    r"und|and|au|a|al|ate|ao|e|tot|tot en met|t/m|do|til|och|og)"
    r"\s?(?:the |den |le |el |il |de )?"
)
_of = r"\s?(?:of |de |di |d'|\. |\.|-)?\s?[בל]?"
_not_in_number = r"(?<![\d.,:/])"
_no_hour = r"(?! ?(?:uhr|h\b|am\b|pm\b|%|€|o'clock|klo))"
_month_only = r"in|im|en|em|until|till|bis|w|i|au mois de|hasta|fino a|ate|tot|do"
_east_asian_weekday = (
    r"[月火水木金土日]曜日?|星期[一二三四五六日天]|[周週][一二三四五六日]|[월화수목금토일]요일"
)

PATTERNS = tuple(
    re.compile(pattern)
    for pattern in (
        # 2026年3月2日～6日, 2026-03-02, 3月2日, ngày 2 tháng 3
        r"(?:(?<!\d)(?P<year>20\d\d)\s?[年년]\s?)?(?<!\d)(?P<month>[01]?\d)\s?[月월]\s?(?P<start>[0-3]?\d)\s?[日일]?"
        r"\s?[-–~〜～至到から부터]{1,2}\s?(?P<day>[0-3]?\d)\s?[日일]",
        r"(?<![\d.])(?P<year>20\d\d)\s?[-/.年년]\s?(?P<month>[01]?\d)\s?[-/.月월]\s?(?P<day>[0-3]?\d)(?!\d)[日일.]?",
        r"(?<!\d)(?P<month>[01]?\d)\s?[月월]\s?(?P<day>[0-3]?\d)\s?[日일]",
        r"\b(?P<day>[0-3]?\d) thang (?P<month>[01]?\d)(?: nam (?P<year>20\d\d))?",
        # 2 to 6 March 2026, 2.–6. März, 3 de marzo de 2026, le 1er mars
        rf"{_not_in_number}{_start}{_to}{_day}{_of}(?P<name>{MONTH})\b\.?{_year}",
        rf"{_not_in_number}{_day}{_of}(?P<name>{MONTH})\b\.?{_year}",
        # March 2-6, March 3, 2026, március 3-án
        rf"(?<!\w)(?P<name>{MONTH})\.?\s(?:the )?{_start}{_to}{_day}(?![\d:/])(?! ?{MONTH}\b){_year}",
        rf"(?<!\w)(?P<name>{MONTH})\.?\s(?:the )?{_day}(?![\d:/]){_no_hour}{_year}",
        # 3/4/2026, 03.04.26; 1.-5.3.; 3/4, 3.4.
        r"(?<![\d.,/])(?P<first>[0-3]?\d)\s?(?P<mark>[./-])\s?(?P<second>[0-3]?\d)\s?(?P=mark)\s?"
        r"(?P<year>(?:20)?\d\d)(?![\d:])",
        r"(?<![\d.,/])(?P<start>[0-3]?\d)\.\s?(?:-|–|bis|til|do|a)\s?(?P<first>[0-3]?\d)\.\s?(?P<second>[01]?\d)\."
        r"(?P<year>(?:20)?\d\d)?",
        r"(?<![\d.,/:+])(?P<first>[0-3]?\d)(?P<mark>[./])\s?(?P<second>[0-3]?\d)(?P=mark)?(?![\d:%€$])"
        + _no_hour,
        # the end of March; in March
        rf"(?<!\w)(?:(?P<part>{END_OF}|{MIDDLE_OF})\s?)(?P<name>{MONTH})\b\.?{_year}",
        rf"(?<!\w)(?:{_month_only})\s(?P<name>{MONTH})\b(?P<whole>)",
        # the 5th, am 5., le 5, el 5
        r"\bthe (?P<day>[0-3]?\d)(?:st|nd|rd|th)\b|\b(?P<day2>[0-3]?\d)(?:st|nd|rd|th)\b",
        r"\b(?:am|zum|dem|den) (?P<day>[0-3]?\d)\.(?!\d)|\b(?:jusqu'au|au|le) (?P<day2>[0-3]?\d|1er)\b(?! ?[:h/.]\d)",
        r"\b(?:el|al|hasta el|dia|fino al|il) (?P<day>[0-3]?\d)\b(?! ?[:h/.]\d)",
        # weekdays and days nearby
        rf"(?<!\w)(?P<weekday>{WEEKDAY})(?!\w)|(?P<weekday2>{_east_asian_weekday})",
        rf"(?<!\w)(?P<tomorrow>{TOMORROW}|i morg[oe]n)(?!\w)|(?P<tomorrow2>明日|明天|내일)",
        rf"(?<!\w)(?P<today>{TODAY}|i dag)(?!\w)|(?P<today2>本日|今日|今天|오늘)",
        rf"(?<!\w)(?P<next_week>{NEXT_WEEK})",
        rf"\b(?:in|en|dans|over|fra|tra|om|za|em|within)\s(?P<count>\d{{1,2}}|{'|'.join(NUMBERS)})\s"
        rf"(?:(?P<days>{DAYS})|(?P<weeks>{WEEKS}))\b",
    )
)
"""How dates are written, the surer first: what one has read, the later ones do not."""


@dataclass(frozen=True)
class Found:
    """A date in a text, and where it stands there."""

    start: int
    end: int
    day: date
    kind: str = ""
    is_weekday: bool = False
    is_near: bool = False
    """Of a word such as "tomorrow", which may mean something else."""


@dataclass(frozen=True)
class Numeric:
    """A date of numbers whose first two may be day and month or month and day."""

    start: int
    end: int
    first: int
    second: int
    year: int | None
    mark: str
    kind: str

    def day(self, written: date, *, month_first: bool) -> date | None:
        """The date. With dots the day comes first; with slashes as told, unless there is no such month."""
        month, day = (
            (self.first, self.second) if month_first and self.mark != "." else (self.second, self.first)
        )
        if month > 12 and self.mark != ".":
            month, day = day, month
        return _dated(self.year, month, day, written)


def dates_in(text: str, written: date, language: str, *, is_month_first: bool) -> list[Found]:
    taken = bytearray(len(text) + 1)
    found: list[Found] = []
    numeric: list[Numeric] = []
    for pattern in PATTERNS:
        for match in pattern.finditer(text):
            start, end = match.span()
            if any(taken[start:end]):
                continue
            parts = {name: value for name, value in match.groupdict().items() if value is not None}
            if "first" in parts:
                year = _year_of(parts.get("year"))
                kind = "until" if "start" in parts else ""
                mark = parts.get("mark", ".")
                numeric.append(
                    Numeric(start, end, int(parts["first"]), int(parts["second"]), year, mark, kind)
                )
                taken[start:end] = b"\1" * (end - start)
                continue
            day = _day_of(parts, written)
            if day is not None:
                taken[start:end] = b"\1" * (end - start)
                kind = "until" if "start" in parts else ""
                is_near = bool({*parts} & {"tomorrow", "tomorrow2", "today", "today2"})
                found.append(Found(start, end, day, kind, bool({*parts} & {"weekday", "weekday2"}), is_near))
    month_first = _is_month_first(numeric, written, language, is_month_first=is_month_first)
    for each in numeric:
        settled = each.day(written, month_first=month_first)
        if settled is not None:
            found.append(Found(each.start, each.end, settled, each.kind))
    found.sort(key=lambda each: each.start)
    return [each for number, each in enumerate(found) if not _is_beside_date(text, found, number)]


def _is_beside_date(text: str, found: list[Found], number: int) -> bool:
    """Whether a weekday only goes with a date beside it: "Monday, 3 March", "3 March (Monday)"."""
    each = found[number]
    if not each.is_weekday:
        return False
    near = r"[\s,.(]*(?:the|den|dem|le|el|il|de|dia|dnia|o|d\.)?[\s,.(]*"
    if number + 1 < len(found) and not found[number + 1].is_weekday:
        return bool(re.fullmatch(near, text[each.end : found[number + 1].start]))
    return (
        number > 0
        and not found[number - 1].is_weekday
        and bool(re.fullmatch(r"[\s,.]*\(\s*", text[found[number - 1].end : each.start]))
    )


def _year_of(text: str | None) -> int | None:
    if text is None:
        return None
    digits = re.sub(r"\D", "", text)
    return int(digits) + (2000 if len(digits) == 2 else 0)


def _day_of(parts: dict[str, str], written: date) -> date | None:
    """The day that a match of a pattern names, where it is one."""
    name = parts.get("weekday") or parts.get("weekday2")
    if name is not None:
        return (
            written + timedelta(days=(WEEKDAY_NUMBERS[name] - written.weekday() - 1) % 7 + 1)
            if name in WEEKDAY_NUMBERS
            else None
        )
    if {*parts} & {"tomorrow", "tomorrow2"}:
        return written + timedelta(days=1)
    if {*parts} & {"today", "today2"}:
        return written
    if "next_week" in parts:
        return written + timedelta(days=7 - written.weekday())
    if "count" in parts:
        count = int(parts["count"]) if parts["count"].isdigit() else NUMBERS[parts["count"]]
        return written + timedelta(days=count * (7 if "weeks" in parts else 1))
    month = (
        MONTH_NUMBERS[parts["name"]] if "name" in parts else int(parts["month"]) if "month" in parts else 0
    )
    year = _year_of(parts.get("year"))
    if "part" in parts:
        is_end = re.fullmatch(END_OF, parts["part"].strip()) is not None
        return _dated(year, month, 0 if is_end else 15, written)
    if "whole" in parts:
        return _dated(year, month, 1, written)
    number = next((parts[key] for key in ("day", "day2") if key in parts), "")
    day = int(re.sub(r"\D", "", number) or 0)
    return _dated(year, month, day, written) if month else _next_of_number(day, written)


def _next_of_number(day: int, written: date) -> date | None:
    """The next day of this number in a month, from `written` on."""
    for months in range(3):
        year, month = divmod(written.year * 12 + written.month - 1 + months, 12)
        if 1 <= day <= calendar.monthrange(year, month + 1)[1] and date(year, month + 1, day) >= written:
            return date(year, month + 1, day)
    return None


def _dated(year: int | None, month: int, day: int, written: date) -> date | None:
    """The date; of its year, or else the one that is meant. Day 0 is the month's last."""
    if not 1 <= month <= 12:
        return None
    years = (
        [year] if year is not None else [written.year - 1, written.year, written.year + 1, written.year + 2]
    )
    possible = [
        date(each, month, day or calendar.monthrange(each, month)[1])
        for each in years
        if day <= calendar.monthrange(each, month)[1]
    ]
    if year is not None or not possible:
        return possible[0] if possible else None
    ahead = [each for each in possible if each >= written]
    gone = [each for each in possible if written - timedelta(days=JUST_GONE_BY) <= each < written]
    return gone[-1] if gone else ahead[0] if ahead else None


def _is_month_first(numeric: list[Numeric], written: date, language: str, *, is_month_first: bool) -> bool:
    """Whether 3/4 is the fourth of March in this text: as its other dates show, its language, or what lies nearer."""
    slashed = [each for each in numeric if each.mark != "."]
    if any(each.second > 12 for each in slashed):
        return True
    if any(each.first > 12 for each in slashed) or language not in ("", "en", *MONTH_FIRST):
        return False
    if is_month_first or language in MONTH_FIRST:
        return True

    def distance(month_first: bool) -> int:
        """Days to the farthest of the dates; one that has gone by counts as far away."""
        days = [each.day(written, month_first=month_first) for each in slashed]
        return max(((day - written).days if day and day >= written else 400 for day in days), default=0)

    return bool(slashed) and distance(True) < distance(False)
