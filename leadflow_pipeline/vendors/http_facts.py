"""What HTTP itself says: how long to wait, who is meant, and how far a request came that failed.

What belongs here: reading a header, an address or an error of the library. What does not: what follows from it
(`session`).
"""

from __future__ import annotations

import math
import ssl
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from urllib.parse import urlsplit

from requests import exceptions as failures
from urllib3 import exceptions as lower_failures

LONGEST_BLOCK: Final = timedelta(days=7)
"""A vendor that names a later time is asked again after a week all the same: it is more likely wrong."""

NO_NETWORK: Final = (
    lower_failures.NewConnectionError,
    lower_failures.ConnectTimeoutError,
    lower_failures.ProxyError,
)


def retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds to wait by a `Retry-After` header, which holds seconds or a date (RFC 9110, 10.2.3); None without."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            moment = parsedate_to_datetime(value)
        except ValueError:
            return None
        # A date that names no zone is in UTC like every date of HTTP.
        aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        seconds = (aware - now).total_seconds()
    if math.isnan(seconds):
        return None
    return min(max(seconds, 0.0), LONGEST_BLOCK.total_seconds())


def origin(url: str) -> tuple[str, str, int] | None:
    """Scheme, host and port; None for what is no web address, and for one that holds a password."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)


def is_unconnected(error: Exception) -> bool:
    """Whether there never was a connection that the request could have left by."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return isinstance(error, failures.ConnectionError) and isinstance(reason, NO_NETWORK)


def is_distrust(error: Exception) -> bool:
    """Whether the other side's certificate is the reason: then no request was sent."""
    reason = getattr(error.args[0], "reason", None) if error.args else None
    cause = reason.args[0] if isinstance(reason, lower_failures.SSLError) and reason.args else None
    return isinstance(cause, ssl.SSLCertVerificationError)
