"""What is wrong with the links of an email, as far as it can be seen without asking anybody. Pure.

What does not belong here: whether somebody answers there (`link_check`).
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import urlsplit

from leadflow_pipeline.delivery.links import HARMLESS, SCHEME, is_web
from leadflow_pipeline.delivery.linting.findings import Finding, error, warning

SHORTENERS = frozenset(
    {
        "bit.ly", "tinyurl.com", "t.co", "goo.gl", "ow.ly", "is.gd", "buff.ly", "rebrand.ly", "cutt.ly", "rb.gy",
        "shorturl.at", "lnkd.in", "t.ly", "bl.ink", "tiny.cc",
    }
)  # fmt: skip
PLACEHOLDERS = frozenset({"example.com", "example.org", "example.net", "yourdomain.com", "domain.com"})
HOST = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)+")
TOKEN_IN_HOST = re.compile(r"https?://[^/?#\s\"']*\{\{", re.IGNORECASE)
LOOKS_LIKE_ADDRESS = re.compile(r"^(?:https?://)?([a-z0-9-]+(?:\.[a-z0-9-]+)+)(?:[/?#]\S*)?$", re.IGNORECASE)
VAGUE_WORDS = frozenset(
    {"click here", "here", "link", "hier", "hier klicken", "ici", "cliquez ici", "aquí", "qui"}
)
MOST_LINKS = 8


def lint_sources(*sources: str | None) -> Iterator[Finding]:
    """Findings about links as templates have them."""
    for source in sources:
        if source and TOKEN_IN_HOST.search(source):
            yield error(
                "a link's host is made from a token, so a lead could choose where it leads",
                "write the host out; tokens may stand behind it",
            )


def lint_links(body: str, *, is_tracked: bool) -> Iterator[Finding]:
    """Findings about the links of an HTML body that was filled in, before they are tracked."""
    links = links_in(body)
    for target, words in links:
        yield from _lint_target(target)
        yield from _lint_words(target, words, is_tracked=is_tracked)
    if len(links) > MOST_LINKS:
        yield warning(f"it has {len(links)} links, which filters count", f"keep to {MOST_LINKS}")


def links_in(body: str) -> list[tuple[str, str]]:
    """Target and words of each link, in order."""
    reader = _Reader()
    reader.feed(body)
    reader.close()
    return reader.links


def _lint_target(target: str) -> Iterator[Finding]:
    shown = target[:60]
    scheme = SCHEME.match(target)
    if not target or target == "#":
        yield error("a link leads nowhere", "give it an address, or remove it")
    elif scheme and scheme.group(1).lower() not in HARMLESS and "." not in scheme.group(1):
        yield error(f"a link begins with {scheme.group(1)}", "links lead to http, https, mailto or tel")
    elif target.startswith("mailto:"):
        if "@" not in target:
            yield error(f"{shown} names no mailbox", "write mailto:name@host")
    elif not is_web(target):
        if not scheme:
            yield error(
                f"{shown} is no whole address", f"write https:// before it: https://{shown.lstrip('/')}"
            )
    else:
        yield from _lint_web(target, shown)


def _lint_web(target: str, shown: str) -> Iterator[Finding]:
    try:
        parts = urlsplit(target)
        host, _ = (parts.hostname or "").rstrip("."), parts.port
        name = host.encode("idna").decode() if host else ""
    except (ValueError, UnicodeError):
        yield error(f"{shown} is no address", "write it as a browser shows it")
        return
    if parts.username is not None:
        yield error(
            f"{shown} holds a user name, which mailboxes take for a trick", "remove what is before the @"
        )
    if any(character.isspace() for character in target):
        yield error(f"{shown} holds a blank", "write %20 for it")
    if _is_number(name):
        yield error(f"{shown} leads to a number instead of a name", "give the host's name")
    elif not HOST.fullmatch(name):
        yield error(f"{shown} has no host that there could be", "write it as a browser shows it")
    elif name in SHORTENERS:
        yield warning(
            f"{name} hides where the link leads, and filters distrust it", "give the address itself"
        )
    elif name.removeprefix("www.") in PLACEHOLDERS:
        yield warning(f"{shown} is a placeholder", "give the address that was meant")
    if target.lower().startswith("http://"):
        yield warning(f"{shown} is not encrypted", "write https://")


def _lint_words(target: str, words: str, *, is_tracked: bool) -> Iterator[Finding]:
    address = LOOKS_LIKE_ADDRESS.match(words)
    if not words:
        yield error(f"a link to {target[:60]} has no words", "put words, or a picture with alt, inside it")
    elif words.lower().strip(" .!:") in VAGUE_WORDS:
        yield warning(f"the words of a link are only “{words}”", "say what is behind it")
    elif address and is_web(target):
        host = urlsplit(target).hostname or ""
        if address.group(1).lower().removeprefix("www.") != host.removeprefix("www."):
            yield error(f"a link shows {address.group(1)} and leads to {host}", "let it show where it leads")
        elif is_tracked:
            yield warning(
                f"a link shows the address {address.group(1)}, but is tracked, so it leads there by a detour",
                "give it words: [words](address)",
            )


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.links: list[tuple[str, str]] = []
        self._href: str | None = None
        self._words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "a" and "href" in given:
            self._href, self._words = (given["href"] or "").strip(), []
        elif tag == "img" and self._href is not None:
            self._words.append(given.get("alt") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._href is not None:
            self.links.append((self._href, " ".join("".join(self._words).split())))
            self._href = None

    def handle_data(self, data: str) -> None:
        if self._href is not None:
            self._words.append(data)
