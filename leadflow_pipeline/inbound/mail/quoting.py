"""What the writer of a mail wrote, apart from what was quoted: above it, below it, or between its lines.

What belongs here: finding what is quoted by its form, and by the text that was sent where it is known. What does not:
what the words mean. Pure.

Rules go by form before language: lines that begin with `>`; a line that introduces a quotation (it ends in a colon and
holds an address or a date beside a word for "wrote"); a block of header lines; a line of dashes around words. Where a
line introduces lines with `>`, only those go, so that answers between and below stay; otherwise all below it goes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import takewhile

from leadflow_pipeline.inbound.mail.markup import LINE_ABOVE
from leadflow_pipeline.inbound.mail.phrases import longest_of, one_of, words_of

MOST_LINES = 4000
LONGEST_HEADER = 400
"""Letters of the longest line that a program puts above a mail that is answered."""
SAME_AS_SENT = 12
"""Letters a line needs to be told as one of those that we sent; shorter ones may be anybody's."""

_words = words_of("quoting")
QUOTED_LINE = re.compile(r"\s{0,3}(?:[A-Z]{0,3}>|&gt;|＞)")
ADDRESS_OR_DATE = re.compile(
    r"@|\[mailto|\d{1,4}[./\-年]\s?\d{1,2}[./\-月]\s?\d{1,4}|\d{1,2}:\d{2}|\b(?:19|20)\d\d\b|\d{1,2}h\d{2}"
)
_wrote = longest_of(_words["wrote"])
ENDS_INTRODUCTION = re.compile(rf"{_wrote}[^:：]{{0,120}}[:：]\s*$", re.IGNORECASE)
WROTE_THERE = re.compile(rf"(?:(?<!\w){_wrote}(?!\w))|写道|寫道|作成|のメール|작성", re.IGNORECASE)
DATE_AND_ADDRESS = re.compile(
    r"^(?:.{0,60}\d{1,4}[./\-年]\s?\d{1,2}[./\-月]\s?\d{1,4}.{0,80}|.{0,40}\b(?:19|20)\d\d\b.{0,80})"
    r"<?[^\s<>@]+@[^\s<>@]+>?.{0,20}[:：]\s*$"
)
DATED_ADDRESS = re.compile(
    r"\d{4}[./-]\d{1,2}[./-]\d{1,2},? [^:]{0,80}<[^\s<>@]+@[^\s<>@]+>"
    r"|\d{4}-\d{1,2}-\d{1,2} \d{1,2}:\d{2} (?:GMT|UTC)[+-]\d{1,2}:\d{2}:? [^:]{2,80}:?"
)
"""How Gmail began a quotation for years: nothing but day and address, or day, hour, zone and name."""
ADDRESS_WROTE = re.compile(rf"<[^\s<>@]+@[^\s<>@]+>\s{{0,2}}{_wrote}\s*$", re.IGNORECASE)
"""Where a program leaves the colon out."""
_from_labels = longest_of(_words["from_labels"])
_labels = longest_of([*_words["from_labels"], *_words["other_labels"]])
HEADER_LINE = re.compile(rf"\s{{0,4}}[*_>\s]{{0,6}}{_labels}\s?[*_]{{0,2}}\s?[:：]", re.IGNORECASE)
FROM_LINE = re.compile(rf"\s{{0,4}}[*_>\s]{{0,6}}{_from_labels}\s?[*_]{{0,2}}\s?[:：]\s*\S?", re.IGNORECASE)
LABEL_ALONE = re.compile(rf"\s{{0,8}}(?!.?\s*$){_labels}\s*", re.IGNORECASE)
MOMENT_ALONE = re.compile(
    r"\s{0,8}\d{1,4}[./-]\d{1,2}[./-]\d{1,4},? \d{1,2}[:.]\d{2}(?:[:.]\d{2})?(?: ?[ap]m)?\s*", re.IGNORECASE
)
LINES_OF_NOTES = 16
"""Lines in which Notes sets out who wrote when to whom: name, moment, and each label on a line of its own."""
WROTE_BETWEEN_DASHES = re.compile(
    rf"\s{{0,4}}-{{3,}}[^\n]{{5,300}}{_wrote}[^\n]{{0,30}}-{{3,}}\s*$", re.IGNORECASE
)
BEGINS_INTRODUCTION = re.compile(
    r"\W{0,3}(?:on|am|at|le|el|il|em|no|op|dnia|w dniu|den|d\.|på|dne|dňa|pe|în|în data|vào|pada|a|em data|"
    r"ημερομηνία|στις|von|at|quoting|zitat von|citando|citat|citerar|in data|u|dana|mnb|kell|the)\s",
    re.IGNORECASE,
)
BROKEN_ADDRESS = re.compile(r"\s{0,2}>[\s,]{0,2}[^>\n]{0,60}[:：]\s*$")
"""The rest of a line that was broken before the bracket that closes an address."""
LINE_OF_DASHES = re.compile(r"\s{0,4}[-_=*~]{3,}\s?[^\W\d_][^\n]{1,70}?[-_=*~:]{3,}\s*$")
DASHES_AND_FROM = re.compile(
    rf"\s{{0,4}}-{{3,}}\s?[^\W\d_][^\n]{{1,70}}?-{{3,}}\s{{0,4}}{_from_labels}\s?[:：]", re.IGNORECASE
)
DASHES_BEFORE = re.compile(r"\s{0,4}[-_]{5,}\s?[^\W\d_][^\n]{2,60}$")
RULE = re.compile(r"\s*[-_=*~–—]{8,}\s*$")
REPLY_ABOVE = re.compile(
    r"[-#*=_]{2,}.{0,12}\b(?:reply|respond|antwort|répon|responda|risposta|rispon|antwoord|odpow)\w*.{0,60}"
    r"\b(?:above|oberhalb|über|dessus|encima|sopra|acima|boven|powyżej)\b|" + one_of(_words["passed_on"]),
    re.IGNORECASE,
)
SIGNATURE = re.compile(r"(?:--|—|–|-- |__)\s{0,2}$")
DEVICE = re.compile(rf"\s*[(\[<]{{0,2}}{one_of(_words['devices'])}", re.IGNORECASE)


@dataclass(frozen=True)
class Written:
    """What a mail's writer wrote, and the signature below it."""

    text: str
    signature: str = ""
    has_quotation: bool = False


def written_in(text: str, sent: str = "") -> Written:
    """The writer's own words in a text. Lines of `sent`, the email that is answered, are none of them."""
    lines = text.split("\n")[:MOST_LINES]
    kept, has_quotation = _without_quotation(lines)
    known = {_bare(line) for line in sent.split("\n")} if sent else set()
    known = {line for line in known if len(line) >= SAME_AS_SENT}
    if known:
        if not _is_written(kept):
            # Written below what it answers, and nothing marks the two: what we did not send is the answer.
            first = _first_written(lines)
            kept = lines[first + _introduction(lines, first) :]
        own = [line for line in kept if _bare(line) not in known and not QUOTED_LINE.match(line)]
        has_quotation = has_quotation or len(own) < len(kept)
        kept = own
    body, signature = _signed(kept)
    return Written(_tidy(body), _tidy(signature), has_quotation)


def _bare(line: str) -> str:
    return "".join(each for each in line.lower() if each.isalnum())


def _tidy(lines: list[str]) -> str:
    text = "\n".join(line.rstrip().replace(LINE_ABOVE, "") for line in lines)
    return re.sub(r"\n{3,}", "\n\n", text).strip("\n").strip()


def _without_quotation(lines: list[str]) -> tuple[list[str], bool]:
    kept: list[str] = []
    place, has_quotation = 0, False
    while place < len(lines):
        line = lines[place]
        if QUOTED_LINE.match(line):
            has_quotation = True
            place += 1
            continue
        taken = _introduction(lines, place)
        if taken:
            after = place + taken
            if _is_quoted(_next_written(lines, after)):
                has_quotation = True
                place = after
                continue
            # Nothing shows where the quotation ends: it goes on to the end.
            return kept, True
        if LINE_ABOVE in line and (_is_written(kept) or _is_written(lines[place + 1 :])):
            rest = lines[place + 1 :]
            if _is_quoted(_next_written(rest, 0)) or _introduction(rest, _first_written(rest)):
                place += 1
                continue
            if _is_written(kept):
                return kept, True
        if _cuts(lines, place):
            return kept, True
        kept.append(line)
        place += 1
    return kept, has_quotation


def _first_written(lines: list[str]) -> int:
    return next((number for number, line in enumerate(lines) if line.strip(" \xa0" + LINE_ABOVE)), 0)


def _next_written(lines: list[str], place: int) -> str:
    return next((line for line in lines[place : place + 6] if line.strip(" \xa0" + LINE_ABOVE)), "")


def _is_quoted(line: str) -> bool:
    return bool(QUOTED_LINE.match(line))


def _is_written(lines: list[str]) -> bool:
    return any(line.strip(" \xa0" + LINE_ABOVE) for line in lines)


def _introduction(lines: list[str], place: int) -> int:
    """How many lines from here introduce a quotation: "On Monday, Ann <ann@example.org> wrote:", up to four."""
    if place >= len(lines) or not lines[place].strip():
        return 0
    joined = ""
    for taken, line in enumerate(lines[place : place + 4], 1):
        if not line.strip() and taken > 1 and not joined.rstrip().endswith((",", ">")):
            return 0
        if (
            taken > 1
            and QUOTED_LINE.match(line)
            and not (joined.count("<") > joined.count(">") and BROKEN_ADDRESS.match(line))
        ):
            return 0
        joined = f"{joined} {line.strip()}".strip()
        if len(joined) > LONGEST_HEADER:
            return 0
        if DATED_ADDRESS.fullmatch(joined) or (
            BEGINS_INTRODUCTION.match(joined)
            and ADDRESS_OR_DATE.search(joined)
            and ADDRESS_WROTE.search(joined)
        ):
            return taken
        if joined.endswith((":", "：")) or (taken > 1 and re.search(r"(?:wrote|schrieb|skrev)$", joined)):
            first = lines[place]
            if taken > 1 and not (ADDRESS_OR_DATE.search(first) or BEGINS_INTRODUCTION.match(first)):
                return 0
            is_one = _introduces(joined) or (
                ADDRESS_OR_DATE.search(joined) and _is_quoted(_next_written(lines, place + taken))
            )
            return taken if is_one else 0
        if line.rstrip().endswith((".", "!", "?")) and not re.search(r"\d\.$", line.rstrip()):
            return 0
    return 0


def _introduces(text: str) -> bool:
    if DATE_AND_ADDRESS.match(text):
        return True
    if not ADDRESS_OR_DATE.search(text):
        # "Ann Smith wrote:" with neither; only where it is short, and only that.
        return bool(
            re.fullmatch(
                rf"(?:[^\s,.:;]+ ){{1,4}}{_wrote} ?:",
                text,
            )
        )
    return bool(ENDS_INTRODUCTION.search(text) or (WROTE_THERE.search(text) and text.endswith((":", "："))))


def _cuts(lines: list[str], place: int) -> bool:
    """Whether all from this line on is of another mail."""
    line = lines[place]
    if len(line) > LONGEST_HEADER:
        return False
    if REPLY_ABOVE.search(line) or WROTE_BETWEEN_DASHES.match(line) or DASHES_AND_FROM.match(line):
        return True
    if FROM_LINE.match(line) and _header_lines(lines, place) >= 3:
        return True
    if HEADER_LINE.match(line) and _header_lines(lines, place) >= 4:
        return True
    if LINE_OF_DASHES.match(line) or DASHES_BEFORE.match(line):
        following = [each for each in lines[place + 1 : place + 5] if each.strip()]
        return bool(LINE_OF_DASHES.match(line)) or any(HEADER_LINE.match(each) for each in following)
    if _is_headed_by_notes(lines, place):
        return True
    if RULE.match(line):
        first = place + 1 + _first_written(lines[place + 1 :])
        return bool(_header_lines(lines, first) >= 2 or _introduction(lines, first))
    return False


def _is_headed_by_notes(lines: list[str], place: int) -> bool:
    close = list(takewhile(str.strip, lines[place : place + 4]))
    if not any(MOMENT_ALONE.fullmatch(each) for each in close[1:]):
        return False
    following = lines[place + 1 : place + LINES_OF_NOTES]
    return sum(1 for each in following if LABEL_ALONE.fullmatch(each)) >= 2


def _header_lines(lines: list[str], place: int) -> int:
    """How many lines in a row from here are headers, folded lines and single empty lines among them left out."""
    found = missed = 0
    labels: set[str] = set()
    for line in lines[place : place + 14]:
        if HEADER_LINE.match(line):
            label = re.split("[:：]", line, maxsplit=1)[0].strip(" *_>").lower()
            if label in labels:
                break
            labels.add(label)
            found += 1
            missed = 0
        elif found and missed < 1:
            missed += 1
        else:
            break
    return found


def _is_of_device(line: str) -> bool:
    words = re.sub(r"[\[\]]", "", line)
    return len(words.split()) <= 14 and bool(DEVICE.match(words)) and " is " not in words


def _signed(lines: list[str]) -> tuple[list[str], list[str]]:
    """The text and its signature: below a line of two dashes, or what a telephone adds."""
    body = [line for line in lines if not _is_of_device(line)]
    for number, line in enumerate(body):
        if SIGNATURE.fullmatch(line.rstrip("\r")) and _is_written(body[:number]):
            return body[:number], body[number + 1 :]
    if body and SIGNATURE.fullmatch(body[_first_written(body)].rstrip()):
        return [], body
    return body, []
