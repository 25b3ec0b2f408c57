"""What is wrong with the HTML of an email: elements left open, pictures without words, what mailboxes remove. Pure.

What does not belong here: links (`addresses`), words (`wording`).
"""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser

from leadflow_pipeline.delivery.linting.findings import Finding, error, warning

VOID = frozenset(
    {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
)
CLOSED_BY_ITSELF = frozenset({"p", "li", "td", "th", "tr", "tbody", "thead", "tfoot", "dt", "dd", "option"})
"""HTML closes these where the next one begins."""

REMOVED = frozenset(
    {
        "script",
        "iframe",
        "form",
        "input",
        "button",
        "select",
        "textarea",
        "object",
        "embed",
        "video",
        "audio",
        "svg",
    }
)
"""Most mailboxes take these out, or refuse an email that has them."""

WHOLE_PAGE = frozenset({"html", "head", "body"})
MOST_PICTURES_WITHOUT_TEXT = 200
"""Characters of text below which an email of pictures says nothing where pictures are not shown."""


def lint_markup(source: str) -> Iterator[Finding]:
    """Findings about HTML of somebody's own, filled in."""
    reader = _Reader()
    reader.feed(source)
    reader.close()
    for tag in dict.fromkeys(reader.open_tags):
        yield error(f"<{tag}> is never closed, so it would swallow the footer", f"close it with </{tag}>")
    if source.count("<!--") > source.count("-->"):
        yield error("a comment is never closed, so it would hide the footer", "close it with -->")
    for tag in sorted(reader.seen & REMOVED):
        yield error(
            f"<{tag}> is removed by mailboxes, or has the email refused", "say it with text and links"
        )
    if reader.seen & WHOLE_PAGE:
        yield error(
            "it is a whole page, and stands inside the page of the email", "keep only what is inside <body>"
        )
    if reader.is_hidden:
        yield warning("text is hidden, which filters take for a trick", "remove it, or show it")
    for picture in reader.pictures:
        yield from _lint_picture(picture)
    if reader.pictures and reader.characters < MOST_PICTURES_WITHOUT_TEXT:
        yield warning(
            "it is nearly all pictures, which many mailboxes do not show at first", "say it in text as well"
        )


def _lint_picture(picture: dict[str, str | None]) -> Iterator[Finding]:
    source = picture.get("src") or ""
    name = source.rpartition("/")[2][:40] or "a picture"
    if "alt" not in picture:
        yield error(
            f"{name} has no alt, so it says nothing where pictures are not shown",
            'write alt="what it shows", or alt="" for mere decoration',
        )
    if source.startswith("data:"):
        yield error("a picture stands inside the HTML, which mailboxes do not show", "link to it with https")
    elif not source.startswith("https://"):
        yield error(
            f"{name} is not loaded with https", "mailboxes show no other pictures: give its whole address"
        )
    if not (picture.get("width") or "").rstrip("%").isdigit():
        yield warning(f"{name} has no width, so it may be wider than a phone", 'write width="..." in pixels')


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.open_tags: list[str] = []
        self.seen: set[str] = set()
        self.pictures: list[dict[str, str | None]] = []
        self.characters = 0
        self.is_hidden = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.seen.add(tag)
        if tag == "img":
            self.pictures.append(given)
        style = (given.get("style") or "").replace(" ", "").lower()
        self.is_hidden |= "display:none" in style or "font-size:0" in style or "visibility:hidden" in style
        if tag not in VOID:
            self.open_tags.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open_tags.pop()

    def handle_endtag(self, tag: str) -> None:
        if tag in self.open_tags:
            place = len(self.open_tags) - 1 - self.open_tags[::-1].index(tag)
            left = [inner for inner in self.open_tags[place + 1 :] if inner not in CLOSED_BY_ITSELF]
            self.open_tags[place:] = left

    def handle_data(self, data: str) -> None:
        self.characters += len("".join(data.split()))

    def close(self) -> None:
        super().close()
        self.open_tags = [tag for tag in self.open_tags if tag not in CLOSED_BY_ITSELF]
