"""The kinds of failure, so that a caller can tell what to do: mend it, or try again.

Each message is one plain sentence: what, where, and the remedy. It never holds personal data, because it ends up in
Dagster's event log.
"""

from __future__ import annotations


class LeadflowError(Exception):
    """Anything this project refuses or fails at in a way a person can act on."""


class PermanentError(LeadflowError):
    """Trying again changes nothing: the file, the configuration or the request must change."""


class TransientError(LeadflowError):
    """The world was not ready (a server restarting, a lock held): trying again may work."""
