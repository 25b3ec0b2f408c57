"""What was found of one thing that was looked at."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """How it is with one thing."""

    WELL = "well"
    LOOK = "look"
    BROKEN = "broken"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at. `remedy` says what to do, where there is something to do."""

    subject: str
    state: State
    sentence: str
    remedy: str = ""

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)
