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
SENTENCE_END: Final = re.compile(r"(?<=[a-z)\"'>])[.!?]\s+(?=[A-Z])|[。！？]")
LONE_NAME: Final = re.compile(r"^\s{1,12}([A-Za-z0-9][\w.-]{1,63})\s*$")
RECIPIENTS: Final = re.compile(r"recipient|address|user|mailbox|empfanger|destinat|ontvanger|odbiorc|mottag")
TO_BE_ASKED: Final = re.compile(
    r"(?:please|or|and|then) (?:send|write|forward|e-?mail)\b[^.]{0,60} to\W{0,3}$|from another address to\W{0,3}$"
)
"""What asks the reader to write to an address: it is nobody who was not reached."""
ANSWER: Final = re.compile(r"[45]\d\d[ -]")
MAX_MENTIONS: Final = 2_000


@dataclass
class Mention:
    """An address that a report names as not reached, with the lines that go with it."""

    address: str
    place: int
    lines: list[str] = field(default_factory=list)

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
            if (
                address is not None
                and "." not in domain_of(address)
                and line[match.end() : match.end() + 1] != ">"
            ):
                continue
            if address is None or count > MAX_MENTIONS:
                continue
            place = _place(line, match, before_line, lines[number + 1 : number + 4])
            if EXPANDED.search(line[: match.start()][-60:]):
                place = LISTED
            if place == 0 or reached or (address.lower() in never and place < LISTED):
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
    domains = {domain_of(mention.address) for mention in chosen}
    if best == LISTED:
        # A server that names another mailbox of its own in its answer tells what became of the listed one.
        chosen += [
            mention
            for mention in found.values()
            if mention.place == FAILED
            and domain_of(mention.address) in domains
            and ANSWER.match(mention.lines[0])
        ]
    return chosen if best > NAMED or len(chosen) == 1 else []


def domain_of(address: str) -> str:
    """The domain of an address, in lower case."""
    return address.rpartition("@")[2].lower()


def completed_names(lines: list[str], own_domain: str) -> list[Mention]:
    """Addresses of a report that names only the part before the @.

    Either it says how an address is made of a name (`NAME@domain`), or it lists names of its own domain.
    """
    domains = list(dict.fromkeys(domain.lower() for line in lines for domain in TEMPLATE.findall(line)))
    if not domains:
        return _listed_names(lines, own_domain) if own_domain else []
    return [
        Mention(f"{match.group(1)}@{domain}", LISTED, [match.group(2)])
        for line in lines[:50]
        if (match := BARE_NAME.match(line)) and reason_in_words(match.group(2)) is not None
        for domain in domains
    ]


def _listed_names(lines: list[str], domain: str) -> list[Mention]:
    """Names on lines of their own, behind a line that announces a list of recipients."""
    intro = ""
    found: list[Mention] = []
    for line in lines[:200]:
        name = LONE_NAME.match(line)
        if name is not None and intro:
            found.append(Mention(f"{name.group(1)}@{domain}", LISTED, [intro]))
        elif line.strip():
            said = plain(line)
            announces = said.endswith(":") and says("recognising", "phrase", said)
            intro = said if announces and RECIPIENTS.search(said) else ""
    return found


def _place(line: str, match: re.Match[str], line_before: str, after_lines: list[str]) -> int:
    """How good a place an address stands in; 0 for one where no recipient stands."""
    line, start, end = _sentence(line, match)
    before, after = line[:start], line[end:]
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
    if not is_alone and TO_BE_ASKED.search(said_before):
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


def _sentence(line: str, match: re.Match[str]) -> tuple[str, int, int]:
    """The sentence of a line that an address stands in, and where it begins and ends there."""
    begin = max((each.end() for each in SENTENCE_END.finditer(line, 0, match.start())), default=0)
    after = SENTENCE_END.search(line, match.end())
    return line[begin : after.start() + 1 if after else len(line)], match.start() - begin, match.end() - begin
