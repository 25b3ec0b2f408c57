"""Whether a connection leads to the public network.

What belongs here: judging a connection by the address it really goes to. What does not: what follows from it.

Looked at once the connection stands and before a byte is sent, so a name that answers differently the second time it
is asked gains nothing.
"""

from __future__ import annotations

import socket
from ipaddress import IPv6Address, ip_address


def is_public(connection: socket.socket) -> bool:
    """Whether the other end of an open connection is a public address: no private, local or multicast one."""
    address = ip_address(connection.getpeername()[0])
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    return address.is_global and not address.is_multicast
