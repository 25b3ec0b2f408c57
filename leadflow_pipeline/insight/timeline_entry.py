"""What a timeline is made of: plain values. What does not belong here: finding them out (`timeline`)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Entry:
    """Something that happened. `text` is what a person wrote or was written, where there is any."""

    at: datetime
    kind: str
    words: str
    is_machine: bool = False
    text: str | None = None
