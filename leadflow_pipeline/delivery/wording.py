"""A text as plain text and as HTML: paragraphs, items, links.

What belongs here: the small language that the texts of emails are written in, after their tokens are filled in. What
does not: tokens and languages (`rendering`). Pure.

Blank lines part paragraphs, `- ` begins an item, `[words](https://...)` is a link, and so is an address alone.
"""

from __future__ import annotations

import re
import textwrap

from markupsafe import Markup, escape

from leadflow_pipeline.delivery.links import LINK_IN_TEXT, split_address

TEXT_WIDTH = 72
SHORT_LINE = 60
"""A line that ends although the next word would have fitted into this width was ended on purpose."""

WORD = re.compile(r"\{\{.*?\}\}\S*|\[[^\]]*\]\([^)]*\)\S*|\S+")
ITEM = "- "

ISOLATE, END_OF_ISOLATE = "\u2068", "\u2069"
"""Around a value that is written from right to left, so that it turns nothing beside it (Unicode UAX 9). A value
itself cannot hold one: they are invisible, and `tokens.clean` removes what is."""

LINK = Markup('<a href="{}" style="color:#1a56db;text-decoration:underline;">{}</a>')


def unwrap(source: str) -> str:
    """A template's text with one line a paragraph; lines ended on purpose and list items keep their own."""
    lines: list[str] = []
    before = ""
    for line in source.strip().splitlines():
        word = WORD.match(line.lstrip())
        is_new = not before or word is None or line.startswith(ITEM)
        if is_new or len(before) + 1 + len(word.group() if word else "") < SHORT_LINE:
            lines.append(line.rstrip())
        else:
            lines[-1] += f" {line.strip()}"
        before = line.strip()
    return "\n".join(lines)


def paragraphs(text: str) -> Markup:
    """Plain text as HTML. Everything but its links is escaped."""
    blocks = [block.splitlines() for block in re.split(r"\n\s*\n", text) if block.strip()]
    return Markup("\n").join(_block(lines) for lines in blocks)


def lines_of(text: str) -> Markup:
    """A few lines of text inside HTML of somebody's own."""
    return Markup("<br>").join(_linked(line) for line in text.splitlines())


def _block(lines: list[str]) -> Markup:
    """A paragraph, a list, or lines with a list below them."""
    begin = next((place for place, line in enumerate(lines) if line.startswith(ITEM)), len(lines))
    if begin == len(lines) or not all(line.startswith(ITEM) for line in lines[begin:]):
        return Markup('<p style="margin:0 0 20px 0;">{}</p>').format(lines_of("\n".join(lines)))
    items = Markup("").join(
        Markup('<li style="margin:0 0 8px 0;padding:0;">{}</li>').format(_linked(line.removeprefix(ITEM)))
        for line in lines[begin:]
    )
    listed = Markup('<ul style="margin:0 0 20px 0;padding:0 0 0 22px;">{}</ul>').format(items)
    if not begin:
        return listed
    return Markup('<p style="margin:0 0 8px 0;">{}</p>').format(lines_of("\n".join(lines[:begin]))) + listed


def _linked(line: str) -> Markup:
    """A line with its links as HTML has them."""
    if "://" not in line:
        return escape(line)
    pieces, end = [], 0
    for found in LINK_IN_TEXT.finditer(line):
        words, address, alone = found.groups()
        behind = ""
        if alone:
            address, behind = split_address(alone)
            words = re.sub(r"^https?://(?:www\.)?|/$", "", address)
        pieces += [escape(line[end : found.start()]), LINK.format(address, words), escape(behind)]
        end = found.end()
    return Markup("").join([*pieces, escape(line[end:])])


def plain(text: str) -> str:
    """The text as the plain part has it: lines of at most 72 characters, addresses behind the words of links."""
    return "\n".join(_wrapped(LINK_IN_TEXT.sub(_in_plain, line)) for line in text.splitlines())


def _in_plain(found: re.Match[str]) -> str:
    words, address, alone = found.groups()
    return alone or (address if words == address else f"{words} ({address})")


def _wrapped(line: str) -> str:
    if len(line) <= TEXT_WIDTH:
        return line.rstrip()
    indent = " " * len(ITEM) if line.startswith(ITEM) else ""
    return textwrap.fill(
        line, TEXT_WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def isolated(value: str) -> str:
    """A value with marks around it where it is written from right to left."""
    return (
        value if value.isascii() or not RIGHT_TO_LEFT.search(value) else f"{ISOLATE}{value}{END_OF_ISOLATE}"
    )


def without_marks(text: str) -> str:
    """Without the marks: older readers of plain text show them as boxes."""
    return text.replace(ISOLATE, "").replace(END_OF_ISOLATE, "")


def marks_as_html(body: str) -> str:
    """The marks as the elements that HTML has for them."""
    return body.replace(ISOLATE, "<bdi>").replace(END_OF_ISOLATE, "</bdi>") if ISOLATE in body else body


RIGHT_TO_LEFT = re.compile(
    "[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufeff\U00010800-\U00010fff\U0001e800-\U0001efff]"
)
