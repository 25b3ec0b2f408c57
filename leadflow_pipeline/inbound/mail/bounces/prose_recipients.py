"""Recipients from a report that a person was meant to read.

What belongs here: how such a report sets apart the addresses that were not reached from all others that it names.
What does not: why they were not reached.

An address counts by the place where it stands: in a list of its own or behind a word such as `recipient`; else in a
line that tells of a failure; else in a repeated `To:` header. Only the best place that a report uses counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

from leadflow_pipeline.inbound.mail.bounces.phrases import says
from leadflow_pipeline.inbound.mail.bounces.plain_wording import ADDRESS, addresses_in, plain, tidy
from leadflow_pipeline.inbound.mail.bounces.reasons import reason_in_words, reply_in, status_in

LISTED, FAILED, CITED, NAMED = 4, 3, 2, 1


EXPANDED: Final = re.compile(
    r"\(?(?:expanded from|originally (?:addressed )?to|generated from|original address|original recipient)\W{0,4}",
    re.IGNORECASE,
)
CITED_HEADER: Final = re.compile(
    r"^[>\s]{0,12}(?:to|cc|an|a|à|para|do|aan|till|til|кому|收件人|宛先|받는 사람)\s*[:：]", re.IGNORECASE
)
ONLY: Final = re.compile(
    r"^[\s>*\-•·|\"'\[(]*(?:\d{1,3}[.)]\s+)?(?:smtp:|mailto:|rfc822;\s*|to:\s*)?$", re.IGNORECASE
)
NAME_BEFORE: Final = re.compile(
    r"\"[^\"@<>]{1,80}\"\s*<?$|\"[^\"\s<>]{1,80}@[^\"\s<>]{1,80}\"\s*<$"
    r"|(?<=[\s>*])(?:[A-Z][\w'.-]{0,30} ){1,3}\s*<$|^(?:[A-Z][\w'.-]{0,30} ){1,3}\s*<$"
)
AFTER_LISTED: Final = re.compile(
    r"^[\"')>\]\s]*(?:$|[:;,|]|\.{3}|\.?$|\(|-{1,3} |– | on (?:mon|tue|wed|thu|fri|sat|sun|\d))",
    re.IGNORECASE,
)
TEMPLATE: Final = re.compile(r"(?<!finger )\bNAME@([A-Za-z0-9.-]+\.[A-Za-z]{2,})")
BARE_NAME: Final = re.compile(r"^\s{0,8}([A-Za-z][\w.-]{0,63})\s{2,}(\S.{0,200})$")
MAX_MENTIONS: Final = 2_000


@dataclass
class Mention:
    """An address that a report names as not reached, with the lines that go with it."""

    address: str
    place: int
    lines: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """What is said of it."""
        return "\n".join(self.lines)


def mentions_in(lines: list[str], never: frozenset[str]) -> list[Mention]:
    """The addresses in the best place that the report uses, each once, in order.

    `never` are addresses (lower case) that are the report's own, such as whom it went to: they count only where they
    are listed.
    """
    found: dict[str, Mention] = {}
    open_mention: Mention | None = None
    reached = False
    count = 0
    for number, line in enumerate(lines):
        said = plain(line)
        if not said:
            continue
        matches = list(ADDRESS.finditer(line[:2_000]))[:50]
        if not matches:
            if said.endswith(":") or says("recipients", "reached", said):
                reached = bool(says("recipients", "reached", said)) and not re.search(
                    r"\bnot\b|n't|nicht", said
                )
            if open_mention is not None and len(open_mention.lines) < 12:
                open_mention.lines.append(line.strip())
            continue
        before_line = plain(f"{lines[number - 1]} ") if number else ""
        for match in matches:
            count += 1
            address = tidy(match.group())
            if address is None or count > MAX_MENTIONS:
                continue
            place = _place(line, match, before_line, lines[number + 1 : number + 4])
            if place == 0 or reached or (address.lower() in never and place < LISTED):
                continue
            if EXPANDED.search(line[: match.start()][-60:]) and open_mention is not None:
                open_mention.others.append(address)
                continue
            known = found.get(address.lower())
            if known is None:
                known = found[address.lower()] = Mention(address, place)
            elif place > known.place:
                known.place = place
            if place == LISTED or open_mention is None:
                open_mention = known
            if line.strip() not in known.lines and len(known.lines) < 12:
                known.lines.append(line.strip())
        if (
            open_mention is not None
            and line.strip() not in open_mention.lines
            and len(open_mention.lines) < 12
        ):
            open_mention.lines.append(line.strip())
    best = max((mention.place for mention in found.values()), default=0)
    chosen = [mention for mention in found.values() if mention.place == best]
    return chosen if best > NAMED or len(chosen) == 1 else []


def guessed_names(lines: list[str]) -> list[Mention]:
    """Addresses of a report that says only `name   reason`, and how an address is made of a name (`NAME@domain`)."""
    domains = list(dict.fromkeys(domain.lower() for line in lines for domain in TEMPLATE.findall(line)))
    if not domains:
        return []
    return [
        Mention(f"{match.group(1)}@{domain}", LISTED, [match.group(2)])
        for line in lines[:50]
        if (match := BARE_NAME.match(line)) and reason_in_words(match.group(2)) is not None
        for domain in domains
    ]


def _place(line: str, match: re.Match[str], line_before: str, after_lines: list[str]) -> int:
    """How good a place an address stands in; 0 for one where no recipient stands."""
    before, after = line[: match.start()], line[match.end() :]
    said_before, said = plain(before), plain(line)
    if after.lstrip().startswith("@") or (re.search(r"<[^<>@]*$", before) and "id" in said_before[-14:]):
        return 0
    if re.match(r"\s*(?:>>>|c:)?\s*rcpt to", said_before):
        answers = [each for each in after_lines if each.strip()]
        return FAILED if not answers or not re.match(r"\s*(?:<<<|s:|<|r:)?\s*2\d\d", answers[0]) else 0
    if says("recipients", "sender", said_before[-60:]) and not re.search(
        r"recipient|to\W*$", said_before[-14:]
    ):
        return 0
    if CITED_HEADER.match(line):
        return CITED
    is_alone = bool(ONLY.match(NAME_BEFORE.sub("", before).replace("<", "")))
    if is_alone and AFTER_LISTED.match(after) and not says("recipients", "contact", line_before):
        return LISTED
    if says("recipients", "contact", said) and not (is_alone or reply_in(line) or status_in(line)):
        return 0
    if says("recipients", "words_before", said_before) or re.match(
        r"(?:smtp|rfc-?822)[=:]", match.group(), re.IGNORECASE
    ):
        return LISTED
    if (
        re.search(r"[;,]\s*<?$", before)
        and addresses_in(before)
        and ONLY.match(ADDRESS.sub("", before).strip(" ,;<>"))
    ):
        return LISTED
    if (
        reply_in(line)
        or status_in(line)
        or reason_in_words(line)
        or says("recipients", "bad_after", plain(after))
    ):
        return FAILED
    if (
        not said_before
        and line_before
        and says("recipients", "words_before", line_before)
        and not says("recipients", "contact", line_before)
    ):
        return FAILED
    return 0 if says("recipients", "contact", line_before) else NAMED
