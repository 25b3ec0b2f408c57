"""The links of one email: found in its HTML, led through our service, and a plain text made of HTML.

What belongs here: reading and rewriting HTML that was already filled in. What does not: tokens of links (`tracking`),
and what a request of one means (`service`). Pure.

Only web addresses are ever rewritten. The way to unsubscribe never is: a machine that follows every link must find
there a page that changes nothing, and a person no detour.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from html.parser import HTMLParser

from leadflow_pipeline.errors import PermanentError

LINK_IN_TEXT = re.compile(r"\[([^\[\]\n]+)\]\((https?://[^\s()<>\"]+)\)|(https?://[^\s<>\"]+)")
"""`[words](address)`, or an address alone."""

BEHIND_AN_ADDRESS = ".,;:!?)]}'’”»"
"""Punctuation that ends a sentence, not an address."""

ANCHOR = re.compile(
    r"""(<(?:a|area)(?=\s)(?:[^>"']|"[^"]*"|'[^']*')*?\shref\s*=\s*)("[^"]*"|'[^']*'|[^\s"'>]+)""",
    re.IGNORECASE,
)
SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
LEADING_NOWHERE = re.compile(r"[\x00-\x20]+")
WEB = ("http", "https")
HARMLESS = (*WEB, "mailto", "tel", "sms")
BLOCKS = frozenset(
    {
        "p",
        "div",
        "br",
        "tr",
        "table",
        "ul",
        "ol",
        "li",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "blockquote",
        "hr",
    }
)
UNSEEN = frozenset({"style", "script", "head", "title"})


class LinkError(PermanentError):
    """A link of an email leads where no email may lead."""


@dataclass(frozen=True)
class Link:
    """A link of a message, as the outbox keeps it. `number` counts from 1, in the order of the email."""

    number: int
    target: str
    is_trap: bool = False


def split_address(address: str) -> tuple[str, str]:
    """An address found in a text, and the punctuation behind it that is none of it."""
    end = len(address.rstrip(BEHIND_AN_ADDRESS))
    while (
        end < len(address)
        and address[end] == ")"
        and address[: end + 1].count("(") >= address[: end + 1].count(")")
    ):
        end += 1
    return address[:end], address[end:]


def targets_of(body: str) -> Iterator[str]:
    """Where each link of an HTML body leads, in order."""
    for found in ANCHOR.finditer(body):
        yield _target(found)


def check_targets(body: str) -> None:
    """Raises LinkError where a link would run a program or open a file of the reader's."""
    for target in targets_of(body):
        scheme = SCHEME.match(LEADING_NOWHERE.sub("", target))
        if scheme and scheme.group(1).lower() not in HARMLESS:
            raise LinkError(
                f"a link begins with {scheme.group(1).lower()}: links lead to http, https, mailto or tel"
            )


def tracked(body: str, through: Callable[[int], str], untouched: str) -> tuple[str, tuple[Link, ...]]:
    """The body with each web link led `through` the address of its number, and the links. Those to our own
    `untouched` addresses stay as they are."""
    links: list[Link] = []

    def rewritten(found: re.Match[str]) -> str:
        target = _target(found)
        if not is_web(target) or target.startswith(untouched):
            return found.group()
        links.append(Link(len(links) + 1, target))
        return f'{found.group(1)}"{html.escape(through(len(links)))}"'

    return ANCHOR.sub(rewritten, body), tuple(links)


def is_web(target: str) -> bool:
    """Whether it is a whole address of the web."""
    return target.lower().startswith(("http://", "https://"))


def _target(found: re.Match[str]) -> str:
    return html.unescape(found.group(2).strip("\"'")).strip()


def text_of(body: str) -> str:
    """The words of HTML as plain text: a line a block, `- ` before items, the address of a link behind its words."""
    reader = _Reader()
    reader.feed(body)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.pieces).splitlines()]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self._unseen = 0
        self._href: str | None = None
        self._words = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in UNSEEN:
            self._unseen += 1
        elif tag == "a":
            self._href, self._words = given.get("href"), len(self.pieces)
        elif tag == "img" and given.get("alt"):
            self.pieces.append(str(given["alt"]))
        elif tag == "li":
            self.pieces.append("\n- ")
        elif tag in BLOCKS:
            self.pieces.append("\n" if tag in ("br", "tr", "div") else "\n\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag == "a" and self._href:
            words = "".join(self.pieces[self._words :]).strip()
            if is_web(self._href) and words != self._href:
                self.pieces.append(f" ({self._href})")
            self._href = None
        elif tag in BLOCKS - {"br", "li", "tr"}:
            self.pieces.append("\n" if tag == "div" else "\n\n")

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.pieces.append(re.sub(r"\s+", " ", data))
