"""The kinds of failure, so that a caller can tell what to do: mend it, or try again.

Each message is one plain sentence: what, where, and the remedy. It never holds personal data, because it ends up in
Dagster's event log.
"""

from __future__ import annotations

from datetime import datetime


class LeadflowError(Exception):
    """Anything this project refuses or fails at in a way a person can act on."""


class PermanentError(LeadflowError):
    """Trying again changes nothing: the file, the configuration or the request must change."""


class TransientError(LeadflowError):
    """The world was not ready (a server restarting, a lock held): trying again may work."""


class Deferred(TransientError):
    """Not now: the vendor, its rate or the budget says when to come back. The work is kept, and nothing is wrong."""

    def __init__(self, message: str, until: datetime) -> None:
        super().__init__(message)
        self.until = until


class FateUnknown(LeadflowError):
    """A request left and no answer came: it may have been carried out and paid for, so it must not be repeated."""
