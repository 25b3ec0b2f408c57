"""No way into the private network: what a page or a name server says leads to public addresses only. A door.

What belongs here: refusing a connection by the address it really goes to. What does not: which hosts are allowed by
name (`web_page`).

The address is looked at once the connection stands and before a byte is sent, so a name that answers differently the
second time it is asked gains nothing.
"""

from __future__ import annotations

import socket
from typing import Any

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.vendors.public_address import is_public


def refuse_private(connection: socket.socket) -> socket.socket:
    """The same connection. Raises PermanentError, and closes it, where its other end is no public address."""
    if is_public(connection):
        return connection
    connection.close()
    raise PermanentError(
        "its host is a machine of a private network: only where the campaign file says `allow_private_hosts: true` "
        "is it read"
    )


class _PublicConnection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return refuse_private(super()._new_conn())


class _PublicSecureConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return refuse_private(super()._new_conn())


class _PublicPool(HTTPConnectionPool):
    ConnectionCls = _PublicConnection


class _PublicSecurePool(HTTPSConnectionPool):
    ConnectionCls = _PublicSecureConnection


class PublicAddressesOnly(HTTPAdapter):
    """For a `requests.Session`: connects to public addresses and to no others."""

    def init_poolmanager(self, *arguments: Any, **named: Any) -> None:
        """As the adapter's own, with connections that look where they lead."""
        super().init_poolmanager(*arguments, **named)
        self.poolmanager.pool_classes_by_scheme = {"http": _PublicPool, "https": _PublicSecurePool}
