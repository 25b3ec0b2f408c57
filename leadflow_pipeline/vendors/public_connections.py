"""A way into the public network only, for `requests`.

What belongs here: connections that are refused where they lead into a private network. What does not: who is spoken
with.

A name is resolved and judged before anything is connected, so that nobody learns which machines of a private network
answer; and the address of the open connection is judged again before a byte is sent, so a name that answers differently
the second time it is asked gains nothing.
"""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address
from typing import Any, Final

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from leadflow_pipeline.errors import PermanentError

REFUSAL: Final = "its address leads to this machine or a private network"

NAT64: Final = bytes.fromhex("0064ff9b") + bytes(8)
"""`64:ff9b::/96` (RFC 6052), behind which stands an address of the older protocol."""


class NotPublic(PermanentError):
    """A name or a connection leads into a private network."""


def is_public_address(text: str) -> bool:
    """Whether an address is public: no private, local or multicast one, nor one that only wraps such a one."""
    address = ip_address(text.partition("%")[0])
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        elif address.packed.startswith(NAT64):
            address = ip_address(address.packed[-4:])
        elif address.sixtofour is not None:
            address = address.sixtofour
    return address.is_global and not address.is_multicast


def _judge_name(host: str, port: int | None) -> None:
    """Raises NotPublic where any of the addresses of a host is not public."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return  # connecting says so
    if not all(is_public_address(str(entry[4][0])) for entry in found):
        raise NotPublic(REFUSAL)


def _judged(connection: socket.socket) -> socket.socket:
    """The same connection. Raises NotPublic, and closes it, where its other end is no public address."""
    if is_public_address(connection.getpeername()[0]):
        return connection
    connection.close()
    raise NotPublic(REFUSAL)


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        _judge_name(self.host, self.port)
        return _judged(super()._new_conn())


class _SecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        _judge_name(self.host, self.port)
        return _judged(super()._new_conn())


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


class PublicOnly(HTTPAdapter):
    """For a `requests.Session`. A request that would lead elsewhere raises NotPublic, and nothing was sent."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """As the adapter's own, with connections that look where they lead."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
