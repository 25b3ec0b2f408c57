"""Until when somebody is away, as a text says it, in many languages and ways of writing a date.

What belongs here: dates and the words beside them. What does not: whether the text is an absence notice (`absence`).
Pure: the day it was written is an argument.

Each date of the text is of a kind by the words next to it: the day of return, the last day away, the first day away,
or a day away. A day of return counts before a last day, and that before a day away. A date without a year is the next
of its kind, unless it has just gone by: then the notice was forgotten, and says nothing of the future.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta

from leadflow_pipeline.inbound.mail.calendar_words import (
    DAYS,
    END_OF,
    MIDDLE_OF,
    MONTH_NUMBERS,
    NEXT_WEEK,
    NUMBERS,
    TODAY,
    TOMORROW,
    WEEKDAY_NUMBERS,
    WEEKS,
    any_of,
    plain,
)

MOST_TEXT = 20_000
JUST_GONE_BY = 30
"""Days for which a date without a year that lies in the past is taken for the past one."""
FARTHEST = 800
"""Days ahead beyond which a date is taken for something else."""
MONTH_FIRST = ("ja", "zh", "ko", "hu")
"""Languages in which the month stands before the day in numbers too."""
LAST_MOMENT = time(23, 59, 59)

_month = any_of(MONTH_NUMBERS)
_weekday = any_of(WEEKDAY_NUMBERS)
_ordinal = r"(?:st|nd|rd|th|er|re|e|eme|de|ste|:a|:e|°|º|ª|\.)?"
_day = rf"(?P<day{{0}}>[0-3]?\d){_ordinal}"
_year = r"(?:,?\.?\s?(?:de |del |of |anul |r\. )?(?P<year{0}>20\d\d|['’]\d\d\b)(?:\.|-?\w{{0,3}})?)?"
_to = r"\s?(?:-|–|—|~|〜|～|to|till|until|through|thru|bis|bis zum|und|and|au|a|al|ate|ao|e|tot|tot en met|t/m|do|til|till|och|og|i|-)\s?(?:the |den |le |el |il |de )?"
_between = r"\s?(?:of |de |di |d'|\. |\.|-)?\s?[בל]?"

PATTERNS = tuple(
    re.compile(pattern, re.UNICODE)
    for pattern in (
        r"(?:(?<!\d)(?P<year>20\d\d)\s?[年년]\s?)?(?<!\d)(?P<month>[01]?\d)\s?[月월]\s?(?P<start>[0-3]?\d)\s?[日일]?\s?[-–~〜～至到から부터]{1,2}"
        r"\s?(?P<day>[0-3]?\d)\s?[日일]",
        r"(?<![\d.])(?P<year>20\d\d)\s?[-/.年년]\s?(?P<month>[01]?\d)\s?[-/.月월]\s?(?P<day>[0-3]?\d)(?!\d)[日일.]?",
        r"(?<!\d)(?P<month>[01]?\d)\s?[月월]\s?(?P<day>[0-3]?\d)\s?[日일]",
        r"\b(?P<day>[0-3]?\d) thang (?P<month>[01]?\d)(?: nam (?P<year>20\d\d))?",
        # 3 March 2026, 3rd of March, 3. März, 3 de marzo de 2026, le 1er mars
        rf"(?<![\d.,:/])(?P<start>[0-3]?\d){_ordinal}{_to}{_day.format('')}{_between}(?P<name>{_month})\b\.?{_year.format('')}",
        rf"(?<![\d.,:/]){_day.format('')}{_between}(?P<name>{_month})\b\.?{_year.format('')}",
        # March 3, 2026; March 3-5; március 3-án
        rf"(?<!\w)(?P<name>{_month})\.?\s(?:the )?(?P<start>[0-3]?\d){_ordinal}{_to}{_day.format('')}(?![\d:/])"
        rf"(?! ?(?:{_month})\b){_year.format('')}",
        rf"(?<!\w)(?P<name>{_month})\.?\s(?:the )?{_day.format('')}(?![\d:/])(?! ?(?:uhr|h|am|pm)\b){_year.format('')}",
        r"(?<![\d.,/])(?P<first>[0-3]?\d)\s?(?P<mark>[./-])\s?(?P<second>[0-3]?\d)\s?(?P=mark)\s?(?P<year>(?:20)?\d\d)(?![\d:])",
        # 1.-5.3. and 1.–5.3.2026: the first has no month
        r"(?<![\d.,/])(?P<start>[0-3]?\d)\.\s?(?:-|–|bis|til|do|a)\s?(?P<first>[0-3]?\d)\.\s?(?P<second>[01]?\d)\.(?P<year>(?:20)?\d\d)?",
        r"(?<![\d.,/:+])(?P<first>[0-3]?\d)(?P<mark>[./])\s?(?P<second>[0-3]?\d)(?P=mark)?(?![\d:%€$])(?! ?(?:uhr|h\b|am\b|pm\b|%|€|o'clock|klo))",
        rf"(?<!\w)(?:(?P<part>{END_OF}|{MIDDLE_OF})\s?)(?P<name>{_month})\b\.?{_year.format('')}",
        rf"(?<!\w)(?:in|im|en|em|until|till|bis|w|i|au mois de|until the month of|hasta|fino a|ate|tot|do)\s(?P<name>{_month})\b(?P<whole>)",
        r"\bthe (?P<day>[0-3]?\d)(?:st|nd|rd|th)\b|\b(?:am|zum|dem|den) (?P<day2>[0-3]?\d)\.(?!\d)|\b(?:jusqu'au|au|le) (?P<day3>[0-3]?\d|1er)\b(?! ?[:h/.]\d)"
        r"|\b(?:el|al|hasta el|dia|fino al|il) (?P<day4>[0-3]?\d)\b(?! ?[:h/.]\d)|\b(?P<day5>[0-3]?\d)(?:st|nd|rd|th)\b",
        rf"(?<!\w)(?P<weekday>{_weekday})(?!\w)|(?P<weekday2>[月火水木金土日]曜日?|星期[一二三四五六日天]|[周週][一二三四五六日]|[월화수목금토일]요일)",
        rf"(?<!\w)(?P<tomorrow>{any_of(TOMORROW)}|i morg[oe]n)(?!\w)|(?P<tomorrow2>明日|明天|내일)",
        rf"(?<!\w)(?P<today>{any_of(TODAY)}|i dag)(?!\w)|(?P<today2>本日|今日|今天|오늘)",
        rf"(?<!\w)(?P<next_week>{NEXT_WEEK})",
        rf"\b(?:in|en|dans|over|fra|tra|om|za|em|within)\s(?P<count>\d{{1,2}}|{'|'.join(NUMBERS)})\s(?:(?P<days>{DAYS})|(?P<weeks>{WEEKS}))\b",
    )
)
"""How dates are written, the surer first: what one has read, the later ones do not."""

BACK = re.compile(
    r"\b(?:back|return(?:ing|s|ed)?|resum\w+|available again|again available|reachable again|rejoin\w*|reopen\w*|re-open\w*|(?:be )?in the office again"
    r"|zuruck\w*|wieder\w*|ruckkehr|erreichbar ab|de retour|retour\w*|reviendrai|revien[st]\w*|rentr\w+|reprendr\w+|reprise|a nouveau|nouveau disponible|rouvr\w+"
    r"|vuelvo|volvere\w*|vuelta|regres\w+|reincorpor\w+|de nuevo|retom\w+|incorporar\w+|rientr\w+|ritorn\w+|torn[oae]\w*|di nuovo|riapr\w+"
    r"|volto|volta\w*|voltar\w+|retorn\w+|terug\w*|weer|opnieuw|wracam|wroce|wroci\w*|powr\w+|ponownie|tillbaka|ater|tilbage|tilbake|igen|igjen"
    r"|takaisin|palaan|palaa|jalleen|taas|zpet|vratim|zpatky|opet|znovu|spat|opat|vissza\w*|ismet|ujra|inapoi|revin|intorc|revenim|don[uü]\w*"
    r"|geri|tekrar|вернусь|вернемся|вернется|верну\w+|возвращ\w+|снова|повернусь|повертаюсь|знову|επιστρε\w+|πισω|ξανα|tornare|de nou)\b"
    r"|以降に|復帰|戻り|戻る|出社|再開|回来|返回|恢复|上班|回來|복귀|돌아|출근"
)
UNTIL_BEFORE = re.compile(
    r"(?:\b(?:until|till|til|'til|untill|through|thru|up to|bis|jusqu'(?:au|a|en|a la)|jusque|hasta|fino|fino a[dl]?|sino a[dl]?|ate|tot|tot en met|t/m|do|t\.?o\.?m\.?"
    r"|til og med|till och med|frem til|fram till|asti|saakka|pana|lidz|iki|kuni|до|по|εως|μεχρι|fins|off through|ending|ends|endet|last day|letzter tag|finaliza|termine)"
    r"|到|至|直到)"
    r"[\s:,]*(?:and including|einschliesslich|und mit|inkl\.?|incluso|inclus|al|a|o|el|le|la|il|the|den|dem|zum|zu|på|dia|en met|med|na|dnia|cu|pe|in|de)?"
    r"(?: (?:el|le|il|the|den|dem|dia|dnia|med|met))?[\s,(]*(?:{weekday}|\w{{1,3}}\.)?[\s,.]*(?:the|den|dem|le|el|il|de|dia|dnia|,)?\s?$".replace(
        "{weekday}", f"(?:{_weekday})"
    )
    .replace("{{", "{")
    .replace("}}", "}")
)
UNTIL_AFTER = re.compile(
    r"\s?(?:\([^)]{1,4}\))?\s?(?:'?[a-z]{0,3} kadar|'?[ae] kadar|-?ig\b|asti|saakka|まで|迄|까지|为止|止|dahil|inklusive|inclus|compris|inclusive|\(incl)"
)
FROM_BEFORE = re.compile(
    r"(?:\b(?:from|since|starting|as of|effective|beginning|ab|seit|vom|von|du|depuis|a partir d[eu]|des|desde|del|a partir del|dal|da|dall'|a partire dal|vanaf|van|od|fran|fra|alkaen"
    r"|с|з|din|de la|between|zwischen|entre|tra|tussen|miedzy|mellan|mellem|mellom|a contar d[eu])|自|从|從)"
    r"[\s:,]*(?:den|dem|the|le|el|il|o|dia|dnia|am|med|og med|och med|1er)?\s?(?:dem |den |le |the )?(?:{weekday})?[\s,.]*(?:the|den|dem|le|el)?\s?$".replace(
        "{weekday}", f"(?:{_weekday})"
    )
)
FROM_AFTER = re.compile(r"\s?(?:\([^)]{1,4}\))?\s?(?:から|以降|より|부터|起|itibaren|-?tol\b|alkaen)")
RANGE = re.compile(
    r"[\s,]*(?:-|–|—|~|〜|～|至|到|から|부터|to|through|thru|until|till|and|bis|bis zum|bis einschliesslich|und|au|et|al|y|a|ao|e|tot|tot en met|t/m|en|do|a do|i|til|till|og|och|'?[dt][ae]n|dan|si|la|по|до)"
    rf"[\s,]*(?:the|zum|den|dem|le|el|il|dia|dnia|med|en|met|al|de)?[\s,]*(?:(?:{_weekday})[\s,.]*)?(?:the|den|dem|le|el|,|de)?\s?$"
)
NOT_BACK_UNTIL = re.compile(
    r"\b(?:not|n't|nicht|kein\w*|pas|no|non|nao|niet|nie|inte|ikke|ei|en|nem|nu|не|unavailable|unable|out|away|off|absent|abwesend|closed|geschlossen|leave|vacation|holiday\w*|urlaub)\b"
)
AWAY = re.compile(
    r"\b(?:out|away|off|absen\w*|leave|closed?|holidays?|vacation|pto|unavailable|urlaub\w*|abwesen\w*|geschlossen|nicht (?:im|da|am|erreich)\w*|conges?|absent\w*|ferme\w*"
    r"|fuera|vacaciones|ausen\w*|cerrad\w*|assen\w*|ferie|chius\w*|ferias|fora|fechad\w*|afwezig\w*|vakantie|gesloten|vrij|urlop\w*|nieobecn\w*|semester|ledig|borta"
    r"|fravaer\w*|loma\w*|poissa|dovolen\w*|mimo|szabadsag\w*|concediu\w*|izin\w*|отпуск\w*|отсутств\w*|вiдпустц\w*|вiдсутн\w*|αδεια|εκτος)\b"
    r"|不在|休|外出|出張|度假|请假|휴가|부재|חופש|إجازة"
)
SENTENCE_END = re.compile(r"\n\s*\n|[!?;。！？]|\.(?=\s+[^\W\d_]{2})|(?<=[a-z]{3})\.\s|\n(?=\s*[-*•])")


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


def away_until(
    text: str, written: date, *, language: str = "", is_month_first: bool = False
) -> datetime | None:
    """Until when the writer of `text` is away: a moment in UTC, or None where it says none that lies ahead.

    The first moment of the day of return, or the last moment of the last day away. `language` and `is_month_first`
    (what the writer's clock says of where they are) settle what 3/4 means where the text leaves it open.
    """
    bare = plain(text[:MOST_TEXT])
    dates = _with_kinds(bare, _dates_in(bare, written, language, is_month_first=is_month_first))
    ahead = [each for each in dates if written <= each.day <= written + timedelta(days=FARTHEST)]
    for kind in ("back", "until", "on"):
        of_kind = [each for each in ahead if each.kind == kind and (kind != "back" or each.day > written)]
        sure = [each for each in of_kind if not each.is_weekday] or of_kind
        if sure:
            day = max(each.day for each in sure)
            return datetime.combine(day, time() if kind == "back" else LAST_MOMENT, UTC)
    return None


def _dates_in(text: str, written: date, language: str, *, is_month_first: bool) -> list[Found]:
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
    number = next((parts[key] for key in ("day", "day2", "day3", "day4", "day5") if key in parts), "")
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
        return (
            "back"
            if is_back and NOT_BACK_UNTIL.search(before) and BACK.search(before).end() > len(before) - 40
            else "until"
        )  # type: ignore[union-attr]
    if previous is not None and RANGE.fullmatch(before):
        return "until"
    if FROM_BEFORE.search(before) or FROM_AFTER.match(after):
        return "back" if is_back or is_back_after or BACK.search(after[:60]) else "from"
    if is_back or is_back_after:
        return "back"
    if each.is_near and re.match(r"\s?(?:morning|vormittag|fruh)", after):
        return ""
    return "on" if AWAY.search(before) or AWAY.search(after) else ""
