"""Any JSON API that lists leads: where it is, how it pages and where its records are is declared, not programmed.

A door. What belongs here: what a campaign file may say of such an API, and the common ways of paging. What does not: an
API that needs more than that; it gets a file of its own.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import urljoin, urlsplit

import jmespath
import requests
from jmespath.exceptions import JMESPathError
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from leadflow_pipeline.errors import PermanentError, TransientError
from leadflow_pipeline.harvest.sources.base import AskedSource, Page, SecretName, Standing
from leadflow_pipeline.harvest.sources.world import World
from leadflow_pipeline.vendors.session import Rate, VendorSession

NOT_FOUND = 404


def _expression(text: str) -> str:
    """Refuses what is no JMESPath."""
    try:
        jmespath.compile(text)
    except JMESPathError:
        raise ValueError("is no JMESPath expression, such as data.items") from None
    return text


JmesPath = Annotated[str, AfterValidator(_expression)]
ApiUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+[^\s?#]*$", description="without its query")]


class _Rules(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Auth(_Rules):
    """How the API knows us: `bearer` and `basic` as in RFC 6750 and 7617, `header` under a name of its own."""

    kind: Literal["bearer", "basic", "header"]
    key_from: SecretName = Field(description="of the token; for basic: of `user:password`")
    header: str = Field("X-API-Key", pattern=r"^[A-Za-z0-9-]+$", description="only for header")

    def headers(self, key: str) -> dict[str, str]:
        """What every request carries."""
        if self.kind == "basic":
            return {"Authorization": f"Basic {base64.b64encode(key.encode()).decode()}"}
        return {"Authorization": f"Bearer {key}"} if self.kind == "bearer" else {self.header: key}


class ByNumber(_Rules):
    """Pages are numbered, or counted by their first record (`step`: records a page). An empty page is the end."""

    kind: Literal["number"]
    parameter: str = "page"
    start: int = Field(1, ge=0)
    step: int = Field(1, ge=1)
    size_parameter: str | None = None
    size: int = Field(100, ge=1, le=1_000)


class ByCursor(_Rules):
    """Each page tells a text that the request for the next one carries."""

    kind: Literal["cursor"]
    parameter: str = "cursor"
    next_at: JmesPath = Field(description="where the answer has it; nothing there: the last page")


class ByLink(_Rules):
    """Each page tells the address of the next: in its Link header (RFC 8288) or in the answer."""

    kind: Literal["link"]
    next_at: JmesPath | None = Field(
        None, description="where the answer has it; the Link header where not given"
    )


class Since(_Rules):
    """Only what changed since the latest record of the sweep before."""

    parameter: str
    field: JmesPath = Field(description="of a record: when it changed, as text that sorts, or a number")


@dataclass(frozen=True)
class Place(Standing):
    """Where a sweep stands. `since` is where it began, `latest` the latest change it has seen."""

    since: str | None = None
    latest: str | None = None
    page: str | None = None


class JsonSource(AskedSource):
    """Records of a JSON API."""

    kind: Literal["json"]
    url: ApiUrl
    method: Literal["GET", "POST"] = Field(
        "GET", description="POST: a search whose body holds the parameters"
    )
    query: dict[str, str | int | float | bool] = Field(
        default_factory=dict, description="parameters of every request"
    )
    headers: dict[str, str] = Field(default_factory=dict, description="no secrets: `auth` has those")
    auth: Auth | None = None
    records_at: JmesPath = Field("@", description="JMESPath of the list of records in an answer")
    paging: Annotated[ByNumber | ByCursor | ByLink, Field(discriminator="kind")] | None = None
    since: Since | None = None
    requests_per_minute: int = Field(60, ge=1)

    def pages(self, world: World, cursor: str | None) -> Iterator[Page]:
        """Pages in the API's own order; the cursor is a place."""
        session = self._session(world)
        place, is_last = Place.of(cursor), False
        while not is_last:
            response = self._asked(session, place)
            answer = None if response.status_code == NOT_FOUND else _answer_of(response)
            records = [] if response.status_code == NOT_FOUND else self._records_in(answer)
            page = self._next_page(place, answer, response, records)
            latest = self._latest(place, records)
            is_last = page is None
            place = Place(latest) if is_last else replace(place, latest=latest, page=page)
            yield Page(
                records, place.cursor, is_last, f"{urlsplit(self.url).netloc}{urlsplit(self.url).path}"
            )

    def sweep_again(self, cursor: str | None) -> str | None:
        """From where the sweep began: what it saw may be out of order."""
        return Place(Place.of(cursor).since).cursor

    def _session(self, world: World) -> VendorSession:
        address = urlsplit(self.url)
        headers = {"Accept": "application/json", **self.headers}
        if self.auth is not None:
            headers |= self.auth.headers(world.secret(self.auth.key_from))
        rate = Rate(self.requests_per_minute, 60)
        origin = f"{address.scheme}://{address.netloc}"
        return world.session(address.netloc, origin, headers=headers, rate=rate, on_account_of=self)

    def _asked(self, session: VendorSession, place: Place) -> requests.Response:
        if isinstance(self.paging, ByLink) and place.page is not None:
            return session.call(self.method, place.page, is_repeatable=True)
        parameters: dict[str, Any] = dict(self.query)
        if self.since is not None and place.since is not None:
            parameters[self.since.parameter] = place.since
        if isinstance(self.paging, ByNumber):
            parameters[self.paging.parameter] = int(place.page or self.paging.start)
            if self.paging.size_parameter is not None:
                parameters[self.paging.size_parameter] = self.paging.size
        elif isinstance(self.paging, ByCursor) and place.page is not None:
            parameters[self.paging.parameter] = place.page
        # Some APIs have no empty page after the last one, but none at all.
        is_beyond = isinstance(self.paging, ByNumber) and place.page is not None
        given: dict[str, Any] = {"params": parameters} if self.method == "GET" else {"json": parameters}
        accept = {NOT_FOUND} if is_beyond else set()
        path = urlsplit(self.url).path or "/"
        return session.call(self.method, path, **given, is_repeatable=True, accept=accept)

    def _records_in(self, answer: Any) -> list[Mapping[str, Any]]:
        records = jmespath.search(self.records_at, answer)
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise PermanentError(
                f"its answer has no list of objects at {self.records_at!r}: mend `records_at` in the campaign file"
            )
        return records

    def _next_page(
        self, place: Place, answer: Any, response: requests.Response, records: Sequence[Mapping[str, Any]]
    ) -> str | None:
        match self.paging:
            case ByNumber(start=start, step=step) if records:
                return str(int(place.page or start) + step)
            case ByCursor(next_at=path):
                told = jmespath.search(path, answer)
                return str(told) if told else None
            case ByLink(next_at=path):
                in_header = response.links.get("next", {}).get("url")
                link = in_header if path is None else jmespath.search(path, answer)
                # The session asks no other host: the key would go along.
                return urljoin(response.url, str(link)) if link else None
        return None

    def _latest(self, place: Place, records: Sequence[Mapping[str, Any]]) -> str | None:
        if self.since is None:
            return None
        told = [jmespath.search(self.since.field, record) for record in records]
        known = [place.latest or place.since, *(str(moment) for moment in told if moment is not None)]
        return max((moment for moment in known if moment is not None), key=_by_size, default=None)


def _by_size(moment: str) -> tuple[Decimal, str]:
    """Numbers by value, texts (ISO 8601) by letters."""
    return (Decimal(moment), "") if moment.isdecimal() else (Decimal(0), moment)


def _answer_of(response: requests.Response) -> Any:
    """The JSON in an answer, numbers as they were written. Raises TransientError for what is no JSON."""
    try:
        return json.loads(response.content, parse_float=Decimal)
    except (ValueError, RecursionError):
        raise TransientError(
            "it answered with something that is no JSON: check `url` in the campaign file if it goes on"
        ) from None
