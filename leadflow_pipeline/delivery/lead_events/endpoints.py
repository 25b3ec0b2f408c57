"""Endpoints: who is told by webhooks, of what, and with which keys. A door to one table.

What belongs here: adding, changing and disabling endpoints, and their signing keys. What does not: telling them.

A key is derived from the pepper, the endpoint's random id and a number, so none is stored; a secret can be shown again
only by whoever has the pepper, and is shown once. After a rotation the key before signs too for a day.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, insert, select, update

from leadflow_pipeline.campaign.enrichment_checks import is_this_machine
from leadflow_pipeline.delivery.lead_events.news import KINDS
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.signatures import PREFIX
from leadflow_pipeline.store.keys import subject_key
from leadflow_pipeline.store.schema import activity_log, webhook_endpoints

ID_BYTES: Final = 6
OVERLAP: Final = timedelta(days=1)
"""How long the key before a rotation goes on signing beside the new one."""

INCLUDABLE: Final = ("email",)
"""Personal data that an endpoint may ask for."""

LONGEST_URL: Final = 2_000
GONE: Final = "the receiver answered 410 Gone: it wants to hear no more"
BY_HAND: Final = "disabled by hand"


class NoSuchEndpoint(PermanentError):
    """There is none with this id."""


class EndpointRefused(PermanentError):
    """What an endpoint was to be cannot be. The sentence repeats nothing of it."""


@dataclass(frozen=True)
class Endpoint:
    """One address that is told of some kinds of events, of some campaigns (None: of all)."""

    endpoint_id: str
    url: str
    description: str
    events: tuple[str, ...]
    campaigns: tuple[str, ...] | None
    include: tuple[str, ...]
    key_number: int
    key_rotated_at: datetime | None
    created_at: datetime
    hears_since: datetime
    disabled_at: datetime | None
    disabled_reason: str | None

    def hears_of(self, campaign: str) -> bool:
        """Whether it is told of a campaign's leads."""
        return self.disabled_at is None and (self.campaigns is None or campaign in self.campaigns)


@dataclass(frozen=True)
class Wanted:
    """What an endpoint is to be."""

    url: str
    events: tuple[str, ...] = KINDS
    campaigns: tuple[str, ...] | None = None
    include: tuple[str, ...] = ()
    description: str = ""

    def values(self) -> dict[str, Any]:
        """As columns."""
        return {
            "url": self.url,
            "events": [kind for kind in KINDS if kind in self.events],
            "campaigns": None if self.campaigns is None else sorted(set(self.campaigns)),
            "include": sorted(set(self.include)),
            "description": self.description,
        }


def add_endpoint(
    connection: Connection, wanted: Wanted, *, actor: str, now: datetime, to_private: bool
) -> Endpoint:
    """A new endpoint, which hears of what happens from now on. Raises EndpointRefused."""
    check(wanted, to_private=to_private)
    values = {
        **wanted.values(),
        "endpoint_id": f"we_{secrets.token_hex(ID_BYTES)}",
        "created_at": now,
        "hears_since": now,
    }
    row = connection.execute(insert(webhook_endpoints).values(values).returning(*webhook_endpoints.c))
    endpoint = _endpoint(row.mappings().one())
    _note(connection, actor, "added", endpoint)
    return endpoint


def change_endpoint(
    connection: Connection, endpoint_id: str, wanted: Wanted, *, actor: str, to_private: bool
) -> Endpoint:
    """The endpoint as it is to be; what waits goes to its new address. Raises EndpointRefused and NoSuchEndpoint."""
    check(wanted, to_private=to_private)
    return _changed(connection, endpoint_id, "changed", actor, **wanted.values())


def rotate_key(connection: Connection, endpoint_id: str, *, actor: str, now: datetime) -> Endpoint:
    """The endpoint with a new key; the one before signs too for `OVERLAP`. Raises NoSuchEndpoint."""
    number = webhook_endpoints.c.key_number + 1
    return _changed(connection, endpoint_id, "key_rotated", actor, key_number=number, key_rotated_at=now)


def disable_endpoint(
    connection: Connection, endpoint_id: str, *, actor: str, now: datetime, reason: str = BY_HAND
) -> Endpoint:
    """It hears no more; what waits for it becomes a dead letter. Raises NoSuchEndpoint."""
    endpoint = read_endpoint(connection, endpoint_id)
    if endpoint.disabled_at is not None:
        return endpoint
    return _changed(connection, endpoint_id, "disabled", actor, disabled_at=now, disabled_reason=reason)


def enable_endpoint(connection: Connection, endpoint_id: str, *, actor: str, now: datetime) -> Endpoint:
    """It hears again, of what happens from now on. Raises NoSuchEndpoint."""
    endpoint = read_endpoint(connection, endpoint_id)
    if endpoint.disabled_at is None:
        return endpoint
    values = {"disabled_at": None, "disabled_reason": None, "hears_since": now}
    return _changed(connection, endpoint_id, "enabled", actor, **values)


def read_endpoint(connection: Connection, endpoint_id: str) -> Endpoint:
    """Raises NoSuchEndpoint."""
    query = select(webhook_endpoints).where(webhook_endpoints.c.endpoint_id == endpoint_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NoSuchEndpoint("there is no such webhook endpoint: leadflow hooks list shows those there are")
    return _endpoint(row)


def read_endpoints(connection: Connection) -> list[Endpoint]:
    """All, by id: they are few."""
    query = select(webhook_endpoints).order_by(webhook_endpoints.c.endpoint_id)
    return [_endpoint(row) for row in connection.execute(query).mappings()]


def secret_of(endpoint: Endpoint) -> str:
    """The secret of its present key, as receivers take it: `whsec_` and base64."""
    return secret_of_key(endpoint.endpoint_id, endpoint.key_number)


def secret_of_key(endpoint_id: str, key_number: int) -> str:
    """The secret of one of its keys."""
    return PREFIX + base64.b64encode(_key(endpoint_id, key_number)).decode()


def keys_of(endpoint: Endpoint, now: datetime) -> list[bytes]:
    """The keys that sign now, the newest first."""
    keys = [_key(endpoint.endpoint_id, endpoint.key_number)]
    if endpoint.key_rotated_at is not None and now < endpoint.key_rotated_at + OVERLAP:
        keys.append(_key(endpoint.endpoint_id, endpoint.key_number - 1))
    return keys


def check(wanted: Wanted, *, to_private: bool) -> None:
    """Raises EndpointRefused for what no endpoint can be. Names are resolved when something is sent, not now."""
    _check_url(wanted.url, to_private=to_private)
    _check_among(wanted.events, KINDS, "a kind of event")
    _check_among(wanted.include, INCLUDABLE, "a field that can be included")
    if not wanted.events:
        raise EndpointRefused(f"an endpoint hears of something: name one of {', '.join(KINDS)}")
    if wanted.campaigns is not None and not wanted.campaigns:
        raise EndpointRefused("an endpoint of no campaign hears nothing: name one, or none for all")


def _check_among(given: Collection[str], known: Sequence[str], what: str) -> None:
    if not set(given) <= set(known):
        raise EndpointRefused(f"{what} is none of ours: there is {', '.join(known)}")


def _check_url(url: str, *, to_private: bool) -> None:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if not host or len(url) > LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise EndpointRefused("the url is no web address: write https://receiver.example.org/path")
    if parts.username is not None or parts.fragment:
        raise EndpointRefused("the url holds a user or a fragment: leave them out, requests are signed")
    if parts.scheme != "https" and not (
        parts.scheme == "http" and to_private and is_this_machine(parts.netloc)
    ):
        raise EndpointRefused(
            "webhooks leave over https only: write https:// (http:// is for a receiver on this machine, where "
            "LEADFLOW_WEBHOOKS_TO_PRIVATE_HOSTS=true)"
        )
    if not to_private and _is_private_by_name(host):
        raise EndpointRefused(
            "the url leads to this machine or a private network: set LEADFLOW_WEBHOOKS_TO_PRIVATE_HOSTS=true "
            "where that is meant"
        )


def _is_private_by_name(host: str) -> bool:
    """Whether a host says by itself that it is private; what a name resolves to is looked at before each request."""
    try:
        return not ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _key(endpoint_id: str, number: int) -> bytes:
    return bytes.fromhex(subject_key(f"webhook endpoint {endpoint_id} key {number}"))


def _changed(connection: Connection, endpoint_id: str, what: str, actor: str, **values: Any) -> Endpoint:
    statement = (
        update(webhook_endpoints)
        .where(webhook_endpoints.c.endpoint_id == endpoint_id)
        .values(values)
        .returning(*webhook_endpoints.c)
    )
    row = connection.execute(statement).mappings().first()
    if row is None:
        raise NoSuchEndpoint("there is no such webhook endpoint: leadflow hooks list shows those there are")
    endpoint = _endpoint(row)
    _note(connection, actor, what, endpoint)
    return endpoint


def _note(connection: Connection, actor: str, what: str, endpoint: Endpoint) -> None:
    """In the activity log, without the url: it may hold a secret of the receiver's."""
    detail = {"endpoint_id": endpoint.endpoint_id, "key_number": endpoint.key_number}
    row = {"actor": actor, "action": f"webhook_endpoint.{what}", "detail": detail}
    connection.execute(insert(activity_log).values(row))


def _endpoint(row: RowMapping) -> Endpoint:
    values = {field.name: row[field.name] for field in fields(Endpoint)}
    for name in ("events", "campaigns", "include"):
        values[name] = None if values[name] is None else tuple(values[name])
    return Endpoint(**values)
