"""The words of buying: a question, who asks it, what comes back, and what a round of asking came to.

What belongs here: plain values, and how they are written as JSON. What does not: storing and asking (`lookups`).
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from leadflow_pipeline.vendors.reading import storable


@dataclass(frozen=True)
class Question:
    """What one vendor is to be asked, and what for: to fill the fields of `lead_id`, or to become a record of `source`.

    `subject` is the normalised text of what is asked: the operation and its keys. Who asks the same vendor with the
    same subject asks the same question, whatever the campaign. Only its keyed hash is stored.
    """

    campaign: str
    provider: str
    vendor: str
    subject: str
    question: Mapping[str, Any]
    lead_id: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class Ordered:
    """What became of questions: newly planned, answered at once by what was paid for before, or asked already."""

    planned: int = 0
    copied: int = 0
    known: int = 0


@dataclass(frozen=True)
class Answer:
    """What a vendor knows; without content and problem, it was not found.

    `problem` is a plain line without personal data: the vendor will not answer this question, ever.
    """

    content: Mapping[str, Any] | None
    credits: float = 0.0
    problem: str | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.credits < math.inf:
            raise ValueError("an answer costs a number of credits from 0 up")


@dataclass(frozen=True)
class Submitted:
    """The vendor took the questions and answers later, to whoever names `request_id`."""

    request_id: str
    poll_after: timedelta

    def __post_init__(self) -> None:
        if not self.request_id:
            raise ValueError("a request without an id can never be asked for")


class Asker(Protocol):
    """One operation of one vendor: how a batch of questions becomes one request.

    One call of `ask` is one request that may be charged, no more: when it fails, its whole batch has the same fate.
    """

    @property
    def vendor(self) -> str:
        """As in the questions."""

    @property
    def most_at_once(self) -> int:
        """Questions in one request."""

    @property
    def is_repeatable(self) -> bool:
        """Asking again costs nothing, so a question of unknown fate may be asked again."""

    @property
    def credits_at_most(self) -> float:
        """What one question can cost."""

    def ask(self, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | Submitted:
        """Answers in the order of the questions. Raises what `VendorSession.call` raises."""

    def collect(self, request_id: str, questions: Sequence[Mapping[str, Any]]) -> Sequence[Answer] | None:
        """Answers to what was submitted, in its order; None while they are not ready. Costs nothing.

        An empty question stands in the place of one that was erased meanwhile.
        """


@dataclass
class CarriedOut:
    """What a round of asking came to. `problem` is why it ended early, in one plain line without personal data."""

    asked: int = 0
    states: Counter[str] = field(default_factory=Counter)
    """Where lookups went in this round: answered, not_found, failed, unknown, pending, copied, planned (again)."""
    credits: float = 0.0
    """Of the answers that came in this round."""
    deferred_until: datetime | None = None
    problem: str | None = None


def json_text(content: Mapping[str, Any]) -> str:
    """JSON as the database takes it: NaN and Infinity, which are no JSON, become null."""
    fit = storable(dict(content))
    try:
        return json.dumps(fit, ensure_ascii=False, allow_nan=False)
    except ValueError:
        finite = json.loads(json.dumps(fit), parse_constant=lambda _: None)
        return json.dumps(finite, ensure_ascii=False)
