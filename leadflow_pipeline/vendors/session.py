"""The one HTTP session: every request to a vendor leaves here, and every failure comes back as one of our own.

What belongs here: rates, retries, time limits, and telling three kinds of failure apart, because money hangs on it:

* *refused or never reached*: nothing was carried out; it may be repeated, now or later (`Deferred`);
* *no answer after the request left*: it may have been carried out and charged. Repeated only where repeating is free
  (`Unanswered` when that does not help), else `FateUnknown`;
* *no*: the key, the credits or the request itself must change (`PermanentError`, `Refused`).

What does not: the shapes of requests and answers (each vendor's client).

A failure names the vendor and the status, never a URL, a question or a word of the answer: those hold people. Nothing
of the environment (a proxy, a password in .netrc) changes where a request and its key go.
"""

from __future__ import annotations

import importlib.metadata
import time
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import urljoin

import requests
from requests import exceptions as failures
from requests.adapters import HTTPAdapter
from sqlalchemy import Engine
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential
from urllib3 import exceptions as lower_failures

from leadflow_pipeline.errors import Deferred, FateUnknown, LeadflowError, PermanentError
from leadflow_pipeline.telemetry.spans import span
from leadflow_pipeline.vendors.http_facts import is_distrust, is_unconnected, origin, retry_after
from leadflow_pipeline.vendors.limits import Breaker, Rate, block, take_token

__all__ = ["Rate", "Refused", "Unanswered", "VendorSession", "utc_now"]

LONGEST_WAIT: Final = 60.0
"""Seconds that one call waits in all, for its rate, for `Retry-After` and between tries; beyond, it is deferred."""

MOST_TRIES: Final = 4
COME_BACK: Final = timedelta(minutes=5)
"""When to try again where the vendor does not say."""

TIMEOUT = (5.0, 30.0)
"""Seconds to connect, and to wait for each piece of the answer."""

MOST_BYTES: Final = 16 << 20
MOST_SECONDS: Final = 120.0
"""For a whole answer: one that trickles in never runs into the time limit of a single read."""

MOST_REDIRECTS: Final = 5
PIECE: Final = 1 << 16

REDIRECTS: Final = (301, 302, 303, 307, 308)
ACCESS: Final = {
    401: "check its key",
    402: "check its credits and plan",
    403: "check what its key and plan allow, and its credits",
}
BUSY: Final = (423, 429)
"""Refused for now: a record that is locked, too many requests."""

LOCKED_FOR: Final = 2.0
"""Seconds after which HubSpot has a locked record tried again; a vendor that is busy and says no time gets as long."""

JITTER: Final = wait_random_exponential(multiplier=1, max=LONGEST_WAIT / MOST_TRIES)


def utc_now() -> datetime:
    """The present moment."""
    return datetime.now(UTC)


class Refused(PermanentError):
    """The vendor said no, with a status that repeating does not change. Nothing was carried out."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Unanswered(Deferred):
    """Asked several times, which is free, and not answered. Come back later; if it goes on, give the question up."""


class VendorSession:
    """Requests to one vendor at one address, at the rate and in the health that all processes share."""

    def __init__(
        self,
        engine: Engine,
        vendor: str,
        base_url: str,
        *,
        headers: Mapping[str, str] = MappingProxyType({}),
        rate: Rate | None = None,
        timeout: tuple[float, float] | None = None,
        now: Callable[[], datetime] = utc_now,
        wait: Callable[[float], None] = time.sleep,
        proxy: str | None = None,
        before_each: Callable[[], None] | None = None,
        adapter: HTTPAdapter | None = None,
    ) -> None:
        """`timeout`: as `TIMEOUT`, where another one fits better. `headers` go with every request.

        `before_each` is called before every single request, one that is tried again included, and may raise Deferred.
        `adapter` opens the connections, where not every one is to be opened.
        Raises PermanentError for a base URL that is none.
        """
        self._vendor = vendor
        self._base_url = base_url.rstrip("/")
        self._origin = origin(base_url)
        if self._origin is None:
            raise PermanentError(f"the base URL of {vendor} is none: write https://host/path")
        self._engine = engine
        self._rate = rate
        self._timeout = timeout or TIMEOUT
        self._now = now
        self._wait = wait
        self._before_each = before_each
        host = f"{self._origin[1]}:{self._origin[2]}"
        account = host if vendor in (host, self._origin[1]) else f"{vendor} at {host}"
        self._bucket = rate.bucket if rate is not None and rate.bucket else account
        self._breaker = Breaker(engine, account)
        self._http = requests.Session()
        self._http.trust_env = False
        self._http.proxies = {"http": proxy, "https": proxy} if proxy else {}
        self._http.headers.update({"User-Agent": _user_agent(), **headers})
        if adapter is not None:
            self._http.mount("http://", adapter)
            self._http.mount("https://", adapter)

    def call(
        self,
        method: str,
        path: str,
        *,
        params: Any = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        is_repeatable: bool,
        accept: Container[int] = (),
        nothing_done: Container[int] = (),
    ) -> requests.Response:
        """Sends one request and returns its answer, read whole: any 2xx, and each status in `accept`.

        `path` is below the base URL, or a whole URL of the same host. `is_repeatable`: doing it twice costs nothing
        and changes nothing. `nothing_done`: statuses from 500 up that say, of this vendor, that nothing was carried
        out. A GET follows redirects within its host.
        Raises Deferred (nothing was carried out, or repeating is free), FateUnknown (not repeatable, and nobody knows
        whether it was carried out) and PermanentError.
        """
        request = _Request(
            method, self._address(path), params, json, headers, is_repeatable, accept, nothing_done
        )
        tries = Retrying(
            retry=retry_if_exception_type(_Again),
            stop=lambda state: stop_after_attempt(MOST_TRIES)(state) or request.waited > LONGEST_WAIT,
            wait=_pause,
            sleep=lambda seconds: self._rest(request, seconds),
            reraise=True,
        )
        try:
            with span("vendor", vendor=self._vendor):
                return tries(self._once, request)
        except _Again as again:
            raise again.at_last(self._now()) from None

    def elsewhere(self, base_url: str) -> VendorSession:
        """A session to another address that the vendor named, with a rate and health of its own. The headers stay."""
        return VendorSession(
            self._engine,
            self._vendor,
            base_url,
            rate=Rate(self._rate.requests, self._rate.per_seconds) if self._rate is not None else None,
            timeout=self._timeout,
            now=self._now,
            wait=self._wait,
            proxy=self._http.proxies.get("https"),
        )

    # --- one try -------------------------------------------------------------------------------------------------

    def _once(self, request: _Request) -> requests.Response:
        self._take_turn(request)
        self._breaker.check(self._now())
        response = self._reach(request)
        with response:
            status = response.status_code
            if status < 300 or status in request.accept:
                self._read(response, request)
                self._breaker.succeeded()
                return response
            raise self._objection(response, request)

    def _take_turn(self, request: _Request) -> None:
        """Waits for a token. Time that was waited for counts as gone by, whatever the clock says."""
        at = self._now()
        while seconds := take_token(self._engine, self._bucket, self._rate, at):
            if request.waited + seconds > LONGEST_WAIT:
                raise Deferred(
                    f"{self._vendor} takes no more requests for now: its rate is used up, or it asked to wait",
                    at + timedelta(seconds=seconds),
                )
            self._rest(request, seconds)
            at = max(self._now(), at + timedelta(seconds=seconds))

    def _rest(self, request: _Request, seconds: float) -> None:
        request.waited += seconds
        if seconds:
            self._wait(seconds)

    def _reach(self, request: _Request) -> requests.Response:
        """The answer's status and headers, after redirects within the host."""
        response = self._send(request, request.url, request.params)
        for _ in range(MOST_REDIRECTS):
            status = response.status_code
            if status not in REDIRECTS or status in request.accept or request.method != "GET":
                break
            target = urljoin(response.url, response.headers.get("Location", ""))
            if origin(target) != self._origin:
                break
            response.close()
            response = self._send(request, target, None)
        return response

    def _send(self, request: _Request, url: str, params: Any) -> requests.Response:
        if self._before_each is not None:
            self._before_each()
        if not request.is_repeatable:
            # A kept connection that the vendor has just closed looks like a request of unknown fate.
            self._http.close()
        try:
            return self._http.request(
                request.method,
                url,
                params=params,
                json=request.json,
                headers=request.headers,
                timeout=self._timeout,
                allow_redirects=False,
                stream=True,
            )
        except (failures.RequestException, UnicodeError) as error:
            fault = error
        # Outside of the handler, so that no failure of ours drags along one that quotes the URL.
        raise self._failure(request, fault)

    def _read(self, response: requests.Response, request: _Request) -> None:
        """Reads the body, up to a size and a time, into the response."""
        body, started = bytearray(), time.monotonic()
        try:
            while piece := response.raw.read1(PIECE, decode_content=True):
                body += piece
                if len(body) > MOST_BYTES:
                    raise _too_large(self._vendor, request)
                if time.monotonic() - started > MOST_SECONDS:
                    raise self._unanswered(
                        request, f"its answer takes longer than {MOST_SECONDS:.0f} seconds"
                    )
        except (lower_failures.HTTPError, OSError):
            is_cut = True
        else:
            is_cut = False
        if is_cut:
            raise self._unanswered(request, "its answer broke off")
        # What `response.content` would hold had it read the body itself, without a limit.
        response._content = bytes(body)
        response._content_consumed = True  # type: ignore[attr-defined]

    # --- what a failure means ------------------------------------------------------------------------------------

    def _failure(self, request: _Request, error: Exception) -> Exception:
        """Of a request without an answer."""
        if isinstance(error, failures.SSLError) and is_distrust(error):
            return PermanentError(
                f"{self._vendor} shows no certificate that can be trusted: check its base URL and the proxy"
            )
        if isinstance(error, failures.ConnectTimeout | failures.ProxyError) or is_unconnected(error):
            self._breaker.failed(self._now(), "it cannot be reached")
            return _Again(self._vendor, "cannot be reached", Deferred)
        if isinstance(error, failures.Timeout):
            return self._unanswered(request, "it did not answer in time")
        if isinstance(error, failures.ConnectionError):
            return self._unanswered(request, "the connection broke off")
        return PermanentError(
            f"no request to {self._vendor} can be made of what is asked ({type(error).__name__}): "
            f"check its base URL, its headers and the question"
        )

    def _objection(self, response: requests.Response, request: _Request) -> Exception:
        """Of an answer with a status that is no success."""
        status = response.status_code
        seconds = retry_after(response.headers.get("Retry-After"), self._now())
        if status in BUSY or (status == 503 and seconds is not None):
            self._breaker.succeeded()
            return self._standing_back(status, seconds)
        if status in request.nothing_done:
            self._breaker.failed(self._now(), f"it answered with status {status}")
            return _Again(self._vendor, f"failed (it answered with status {status})", Deferred)
        if status >= 500 or status == 408:
            return self._unanswered(request, f"it answered with status {status}")
        self._breaker.succeeded()
        if status in REDIRECTS:
            return Refused(
                f"{self._vendor} sends elsewhere (status {status}): correct its base URL, "
                f"for a key goes to no other host",
                status,
            )
        remedy = ACCESS.get(status, "check what is asked of it, and its base URL")
        return Refused(f"{self._vendor} refused with status {status}: {remedy}", status)

    def _standing_back(self, status: int, seconds: float | None) -> Exception:
        """Has all processes wait as long as the vendor wants it."""
        until = self._now() + timedelta(seconds=seconds or 0)
        if seconds:
            block(self._engine, self._bucket, until)
        if seconds and seconds > LONGEST_WAIT:
            return Deferred(f"{self._vendor} asks to come back later (status {status})", until)
        return _Again(
            self._vendor,
            f"asks to wait (status {status})",
            Deferred,
            seconds=LOCKED_FOR if seconds is None else 0,
        )

    def _unanswered(self, request: _Request, problem: str) -> Exception:
        """Of a request that left, where what became of it is not known."""
        self._breaker.failed(self._now(), problem)
        if request.is_repeatable:
            return _Again(self._vendor, f"failed ({problem})", Unanswered)
        return FateUnknown(
            f"{self._vendor} may have carried out a request and charged for it ({problem}): "
            f"look at its own list of requests before it is asked again"
        )

    def _address(self, path: str) -> str:
        if not path.startswith(("http://", "https://")):
            return f"{self._base_url}/{path.lstrip('/')}" if path else self._base_url
        if origin(path) != self._origin:
            raise PermanentError(
                f"{self._vendor} names a page of another host: only its own is asked, for the key goes along"
            )
        return path


@dataclass
class _Request:
    """What is sent, and how long was waited for it so far (seconds)."""

    method: str
    url: str
    params: Any
    json: Any
    headers: Mapping[str, str] | None
    is_repeatable: bool
    accept: Container[int]
    nothing_done: Container[int]
    waited: float = 0.0


class _Again(Exception):
    """A try that failed and may be repeated after some `seconds`; and what to raise when patience ends."""

    def __init__(self, vendor: str, problem: str, kind: type[Deferred], *, seconds: float = 0) -> None:
        super().__init__(f"{vendor} {problem}")
        self.seconds = seconds
        self._kind = kind

    def at_last(self, now: datetime) -> Deferred:
        return self._kind(str(self), now + COME_BACK)


def _pause(state: RetryCallState) -> float:
    """Seconds before the next try: random, so that processes that failed together do not come back together."""
    again = state.outcome.exception() if state.outcome is not None else None
    return JITTER(state) + (again.seconds if isinstance(again, _Again) else 0)


def _too_large(vendor: str, request: _Request) -> LeadflowError:
    problem = f"the answer of {vendor} is larger than {MOST_BYTES >> 20} MiB"
    if request.is_repeatable:
        return PermanentError(f"{problem}: ask for less at once")
    return FateUnknown(f"{problem}, though it was carried out: look at its own list of requests")


def _user_agent() -> str:
    return f"leadflow-pipeline/{importlib.metadata.version('leadflow-pipeline')}"
