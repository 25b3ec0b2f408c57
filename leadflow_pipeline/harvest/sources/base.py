"""What sources that are asked have in common: pages, budgets, and how often they are read.

What belongs here: the models that a source's own file builds on, and what it owes to `collecting`, which reads it.
What does not: any one vendor, storing, and files (`harvest.rules`).

A source yields pages and nothing else: it decides neither how many are read nor what becomes of them. Where to go on
is a text of its own making, the cursor. It is stored in the transaction that stores the page, so whoever is killed
reads one page again, whose records are known by then.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, Field

from leadflow_pipeline.harvest.rules import SourceRules

if TYPE_CHECKING:
    from leadflow_pipeline.harvest.sources.world import World
    from leadflow_pipeline.vendors.questions import Asker

MOST_AT_ONCE = 1_000
"""Leads that one transaction takes in, and one job."""

SecretName = Annotated[str, Field(pattern=r"^LEADFLOW_[A-Z0-9_]+$")]
"""Name of an environment variable. The secret itself never stands in a campaign file."""

BaseUrl = Annotated[str, Field(pattern=r"^https?://[^\s/?#@]+(/[^\s?#]*)?$")]
"""Where a vendor's API begins. Another than the vendor's own: a proxy, or a stand-in."""


@dataclass(frozen=True)
class Page:
    """What one answer of a source held."""

    records: Sequence[Mapping[str, Any]]
    """JSON objects; of a source that is paid for each answer: what is to be asked (see `BoughtSource`)."""
    cursor: str | None
    """Where the next page begins; of the last page: where the next sweep does. None: at the beginning."""
    is_last: bool
    origin: str
    """What people are told the records came from. No personal data, no query of an address."""


@dataclass(frozen=True)
class Standing:
    """Where a sweep stands, in fields of a source's own; its cursor is their JSON."""

    @classmethod
    def of(cls, cursor: str | None) -> Self:
        """What a cursor says; the beginning without one."""
        return cls(**json.loads(cursor)) if cursor else cls()

    @property
    def cursor(self) -> str:
        """It as text."""
        return json.dumps(asdict(self))


class SourceBudget(BaseModel):
    """What a source may use. Days are UTC days; all processes share them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    calls: int | None = Field(1_000, ge=0, description="requests a day, every repeated one included")
    credits: float | None = Field(100, ge=0, description="of the vendor, a day")
    leads: int | None = Field(None, ge=0, description="new records a day")
    leads_per_job: int = Field(100, ge=1, le=MOST_AT_ONCE, description="new records in one go")


class AskedSource(SourceRules):
    """A source that is read page by page, in sweeps from its cursor to its last page."""

    may_repeat_itself: ClassVar[bool] = True
    """Whether a page that was seen before in a sweep means that the sweep goes round in a circle."""

    kind: str
    budget: SourceBudget = SourceBudget()
    hours_between_sweeps: float = Field(24, ge=0, description="from the end of one sweep to the next")
    most_pages: int = Field(500, ge=1, description="of one sweep: one that is longer than this has no end")

    @abstractmethod
    def pages(self, world: World, cursor: str | None) -> Iterator[Page]:
        """The pages from a cursor on, the last one marked; each is asked for when it is taken.

        Raises Deferred (come back later), FateUnknown and PermanentError, each with one plain sentence.
        """

    def sweep_again(self, cursor: str | None) -> str | None:  # noqa: ARG002
        """Where to begin anew after a sweep that had no end, given where it stood."""
        return None

    @property
    def account(self) -> str:
        """Under which name its use is counted; a provider of the campaign may have the same name as a source."""
        return f"source:{self.name}"

    @property
    def rest(self) -> timedelta:
        """From the end of one sweep to the next."""
        return timedelta(hours=self.hours_between_sweeps)


class BoughtSource(AskedSource):
    """A source whose pages hold questions: each is asked of the vendor once, paid for, and its answer a record."""

    vendor: ClassVar[str]

    answer_days: int = Field(
        180, ge=1, description="how long an answer is good: until then nobody asks again"
    )
    not_found_days: int = Field(
        30, ge=1, description="how long the vendor is not asked again for whom it did not find"
    )

    @abstractmethod
    def asker(self, world: World) -> Asker:
        """Who carries the questions to the vendor."""

    @abstractmethod
    def subject(self, question: Mapping[str, Any]) -> str:
        """What is asked, as one normalised text: the same for the same question, whoever asks it."""

    def record(self, question: Mapping[str, Any], answer: Mapping[str, Any]) -> Mapping[str, Any]:  # noqa: ARG002
        """The record that an answer becomes."""
        return answer
