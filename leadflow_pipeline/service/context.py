"""What every route needs: the database when it is needed, and the clock. Kept as `app.state.context`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine


@dataclass(frozen=True)
class ServiceContext:
    """Where routes find what is outside of the request."""

    engine_of: Callable[[], Engine]
    now: Callable[[], datetime]

    @property
    def engine(self) -> Engine:
        """The database. It may be down: whoever asks then gets 503."""
        return self.engine_of()
