"""How often a token may ask: a bucket of requests for each, that fills by itself. Pure but for what it remembers.

What belongs here: counting, and how it is told (RateLimit headers). What does not: who is counted.

A bucket holds a minute's worth, so that a caller may send it all at once, and then as it fills. Each process of the
service counts for itself: to count together would cost a query for each request.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

SECONDS: Final = 60
TOLD: Final = ("RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset")


@dataclass(frozen=True)
class Allowance:
    """What is left to a token after a request, or that this one is too many."""

    limit: int
    """Requests a minute."""
    remaining: int
    full_after: int
    """Seconds until all of it is there again."""
    next_after: int
    """Seconds until one more is allowed; 0: now."""
    is_over: bool

    @property
    def headers(self) -> Mapping[str, str]:
        """As clients read it."""
        told = dict(zip(TOLD, map(str, (self.limit, self.remaining, self.full_after)), strict=True))
        return {**told, "Retry-After": str(max(1, self.next_after))} if self.is_over else told


class Allowances:
    """The buckets of all tokens, full at first."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}
        """How much was in it, and when (seconds)."""

    def take(self, token_id: str, a_minute: int, at: float) -> Allowance:
        """Takes one request out of a token's bucket at a moment; it is over where none is left."""
        level, before = self._buckets.get(token_id, (float(a_minute), at))
        rate = a_minute / SECONDS
        level = min(float(a_minute), level + max(0.0, at - before) * rate)
        is_over = level < 1
        level -= 0 if is_over else 1
        self._buckets[token_id] = (level, at)
        return Allowance(
            limit=a_minute,
            remaining=int(level),
            full_after=math.ceil((a_minute - level) / rate),
            next_after=math.ceil(max(0.0, 1 - level) / rate),
            is_over=is_over,
        )
