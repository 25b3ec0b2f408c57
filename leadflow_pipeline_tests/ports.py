"""Ports for servers that a test starts as processes of their own, seconds before they listen.

What belongs here: choosing a port. What does not: whoever can listen at once, and asks the system for port 0.

A port that the system chose and that was closed again may be anybody's a moment later. So these lie below those that
systems choose (from 32,768 on Linux), and each test process has its own.
"""

from __future__ import annotations

import itertools
import os
import socket

_candidates = itertools.count(10_000 + os.getpid() % 100 * 200)


def free_port() -> int:
    """A port on which nobody listens, and which nobody is given again."""
    for port in _candidates:
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("ports do not end")
