"""Web pages: people on the pages of an allow-listed host, read as slowly as politeness asks. A door.

What belongs here: what a campaign file may say of such pages, robots.txt (RFC 9309), and reading records by CSS
selectors. What does not: pages that only a browser's scripts fill, and logging in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, Self
from urllib.parse import unquote, urljoin, urlsplit

import requests
from protego import Protego
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from selectolax.lexbor import LexborHTMLParser, LexborNode, SelectolaxError

from leadflow_pipeline.errors import Deferred, PermanentError
from leadflow_pipeline.harvest.sources.base import AskedSource, Page, Standing
from leadflow_pipeline.harvest.sources.world import World
from leadflow_pipeline.vendors.session import REDIRECTS, Rate, Refused, VendorSession

OUR_NAME = "leadflow-pipeline"
"""How robots.txt may address us."""

MOST_BYTES = 4 << 20
MOST_REDIRECTS = 5
MOST_ROBOTS_BYTES = 500 << 10
"""What RFC 9309 asks a reader to take of a robots.txt at least."""

TOO_MANY_REQUESTS = 429
WITHOUT_ROBOTS = frozenset(range(400, 500)) - {TOO_MANY_REQUESTS}
"""Statuses that say there is no robots.txt, so that everything is allowed (RFC 9309, 2.3.1.3)."""

_EMPTY_PAGE = LexborHTMLParser("<html></html>")


def _selector(text: str) -> str:
    """Refuses what is no CSS selector."""
    try:
        _EMPTY_PAGE.css(text)
    except SelectolaxError:
        raise ValueError("is no CSS selector, such as li.member") from None
    return text


Css = Annotated[str, AfterValidator(_selector)]
PageUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+[^\s#]*$")]
Host = Annotated[str, Field(pattern=r"^[a-z0-9.-]+(:[0-9]+)?$")]


class Cell(BaseModel):
    """Where a record has a column: the text of an element in it, or an attribute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    css: Css | None = Field(
        None, description="within the record's element; that element itself where not given"
    )
    attribute: str | None = Field(None, description="e.g. href; the text where not given")


@dataclass(frozen=True)
class Place(Standing):
    """Where a sweep stands: at which of the declared URLs, and how far it was followed."""

    position: int = 0
    url: str | None = None


class WebSource(AskedSource):
    """Records on public web pages."""

    kind: Literal["web"]
    urls: tuple[PageUrl, ...] = Field(min_length=1)
    allowed_hosts: tuple[Host, ...] = Field(
        min_length=1, description="no other host is read, whatever links say"
    )
    records: Css = Field(description="CSS selector of the element of each record, e.g. li.member")
    cells: dict[str, Cell] = Field(min_length=1, description="column -> where a record has it")
    next_page: Css | None = Field(None, description="CSS selector of the link to the next page")
    seconds_between_requests: float = Field(2, ge=0.5, description="longer where robots.txt asks for it")
    allow_private_hosts: bool = Field(False, description="read machines of a private network")

    @model_validator(mode="after")
    def _urls_are_allowed(self) -> Self:
        if elsewhere := {urlsplit(url).netloc.lower() for url in self.urls} - set(self.allowed_hosts):
            raise ValueError(f"urls are on {', '.join(sorted(elsewhere))}, which allowed_hosts does not name")
        return self

    def pages(self, world: World, cursor: str | None) -> Iterator[Page]:
        """The declared pages and those they lead on to; the cursor is a place."""
        reader = Reader(world, self)
        place = Place.of(cursor)
        while place.position < len(self.urls):
            url = place.url or self.urls[place.position]
            page, at = reader.read(url)
            elements = page.css(self.records)
            if not elements and place.url is None:
                raise PermanentError(
                    f"no element of its page fits {self.records!r}: mend `records`, for the page may have changed"
                )
            records = [_record(element, self.cells, at) for element in elements]
            following = _link(page, self.next_page, at)
            place = Place(place.position, following) if following else Place(place.position + 1)
            is_last = place.position == len(self.urls)
            found = [record for record in records if any(record.values())]
            yield Page(found, None if is_last else place.cursor, is_last, _without_query(url))


class Reader:
    """Reads pages of allowed hosts, each by the leave of its robots.txt."""

    def __init__(self, world: World, source: WebSource) -> None:
        self._world = world
        self._source = source
        self._robots: dict[str, Protego] = {}

    def read(self, url: str) -> tuple[LexborHTMLParser, str]:
        """A page, and the URL it came from after redirects."""
        for _ in range(MOST_REDIRECTS + 1):
            response = self._asked(url)
            if response.status_code not in REDIRECTS:
                return LexborHTMLParser(_html_of(response)), url
            url = urljoin(url, response.headers.get("Location", ""))
        address = urlsplit(url)
        raise PermanentError(f"{address.netloc}{address.path} leads on and on: it is not followed further")

    def _asked(self, url: str) -> requests.Response:
        address = urlsplit(url)
        origin = f"{address.scheme}://{address.netloc.lower()}"
        if (
            address.scheme not in ("http", "https")
            or address.netloc.lower() not in self._source.allowed_hosts
        ):
            raise PermanentError(
                f"a page leads to {address.netloc or 'no host'}, which allowed_hosts does not name"
            )
        if origin not in self._robots:
            self._robots[origin] = self._robots_of(origin)
        robots = self._robots[origin]
        if not robots.can_fetch(url, OUR_NAME):
            raise PermanentError(
                f"robots.txt of {address.netloc} does not allow {address.path}: it is not read"
            )
        session = self._session(origin, robots.crawl_delay(OUR_NAME) or 0)
        return session.call("GET", url, is_repeatable=True, accept=REDIRECTS)

    def _robots_of(self, origin: str) -> Protego:
        """The rules of a host. One that cannot tell them allows nothing (RFC 9309, 2.3.1.4)."""
        try:
            response = self._session(origin).call(
                "GET", "/robots.txt", is_repeatable=True, accept=WITHOUT_ROBOTS
            )
        except Deferred as deferred:
            raise Deferred(
                f"without its robots.txt nothing may be read: {deferred}", deferred.until
            ) from None
        except Refused as refused:
            raise PermanentError(
                f"robots.txt of {urlsplit(origin).netloc} leads elsewhere (status {refused.status}), and without it "
                "nothing may be read: write the address that it leads to into urls and allowed_hosts"
            ) from None
        rules = "" if response.status_code in WITHOUT_ROBOTS else response.content[:MOST_ROBOTS_BYTES]
        return Protego.parse(rules if isinstance(rules, str) else rules.decode("utf-8", "replace"))

    def _session(self, origin: str, crawl_delay: float = 0) -> VendorSession:
        return self._world.session(
            urlsplit(origin).netloc,
            origin,
            headers={"Accept": "text/html"},
            rate=Rate(1, max(self._source.seconds_between_requests, crawl_delay)),
            on_account_of=self._source,
            is_public=not self._source.allow_private_hosts,
        )


def _html_of(response: requests.Response) -> str:
    """The page's text: in the encoding its header names, else UTF-8, else what browsers take for granted."""
    kind = response.headers.get("Content-Type", "")
    if not kind.lower().startswith("text/html"):
        raise PermanentError(
            f"its page is {kind.partition(';')[0] or 'of no kind'}, and only text/html is read"
        )
    if len(response.content) > MOST_BYTES:
        raise PermanentError(f"its page is larger than {MOST_BYTES >> 20} MiB: such a page is not read")
    declared = response.encoding if "charset" in kind.lower() else None
    for encoding in filter(None, (declared, "utf-8")):
        try:
            return response.content.decode(encoding)
        except (LookupError, UnicodeDecodeError):
            continue
    return response.content.decode("windows-1252", "replace")


def _record(element: LexborNode, cells: Mapping[str, Cell], url: str) -> dict[str, str]:
    """The columns of one record; empty where it has none."""
    return {column: _text(element, cell, url) for column, cell in cells.items()}


def _text(element: LexborNode, cell: Cell, url: str) -> str:
    node = element if cell.css is None else element.css_first(cell.css)
    if node is None:
        return ""
    if cell.attribute is None:
        return " ".join(node.text(separator=" ").split())
    value = (node.attributes.get(cell.attribute) or "").strip()
    return _target(value, url) if value and cell.attribute in ("href", "src") else value


def _target(link: str, url: str) -> str:
    """The address or number of a mailto: or tel: link; the whole URL of another."""
    scheme, _, rest = link.partition(":")
    if scheme.lower() in ("mailto", "tel"):
        return unquote(rest.partition("?")[0]).strip()
    return urljoin(url, link)


def _link(page: LexborHTMLParser, selector: str | None, url: str) -> str | None:
    node = page.css_first(selector) if selector is not None else None
    target = (node.attributes.get("href") or "").strip() if node is not None else ""
    return urljoin(url, target).partition("#")[0] if target else None


def _without_query(url: str) -> str:
    return url.partition("?")[0]
