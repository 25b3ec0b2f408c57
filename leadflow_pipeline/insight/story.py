"""What a lead's story is made of: plain values. What does not belong here: finding them out (`lead_story`)."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from leadflow_pipeline.campaign import Difference
from leadflow_pipeline.insight.owner_story import OwnerStory
from leadflow_pipeline.insight.timeline_entry import Entry
from leadflow_pipeline.score.changes import Change


@dataclass(frozen=True)
class Line:
    """One line of the breakdown."""

    name: str
    words: str
    points: Decimal


@dataclass(frozen=True)
class Scored:
    """A score, and all that it is made of."""

    day: date
    score: Decimal
    icp_fit: float
    engagement: float
    temperature: str
    conversion_probability: float | None
    campaign_version: int
    model_version: str | None
    lines: tuple[Line, ...]
    reasons_for: tuple[str, ...]
    reasons_against: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """What qualification made of the score."""

    day: date
    status: str
    is_override: bool
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Routed:
    """Where the lead was sent."""

    day: date
    status: str
    tier: str | None
    sequence: str | None
    owner: str | None
    reasoning: str


@dataclass(frozen=True)
class ByHand:
    """A person's decision that stands."""

    field: str
    value: str
    actor: str
    reason: str
    since: datetime
    until: datetime | None
    is_in_row: bool
    """Whether the rows told of here know of it: one that was taken later counts from the row of its day on."""


@dataclass(frozen=True)
class Cause:
    """Something that happened between two scores, in words."""

    kind: str
    words: str


@dataclass(frozen=True)
class SinceLast:
    """What changed between the last score and this one. The points of the changes sum to that of the score."""

    day: date
    score: Decimal
    changes: tuple[Change, ...]
    causes: tuple[Cause, ...]
    rules: tuple[Difference, ...]
    """What the campaign's versions say differently about scoring."""


@dataclass(frozen=True)
class PastScore:
    """One entry of the history."""

    day: date
    score: float
    icp_fit: float
    engagement: float
    temperature: str
    campaign_version: int
    model_version: str | None


@dataclass(frozen=True)
class Story:
    """All of it."""

    campaign: str
    lead_id: str
    alias: str | None
    """The id that was asked for, where it is another's alias."""
    as_of: date
    first_day: date | None
    """The day on which the campaign first received the lead, if by then."""
    scored: Scored | None
    qualified: Judged | None
    routed: Routed | None
    by_hand: tuple[ByHand, ...]
    owners: OwnerStory | None
    since_last: SinceLast | None
    history: tuple[PastScore, ...]
    latest: tuple[Entry, ...]
    """The end of its timeline, without what anybody wrote."""
    aliases: int
    other_campaigns: int
    leads_in_other_campaigns: int


def as_plain(story: Story) -> dict[str, Any]:
    """A story as JSON has it: points are numbers, each change with its points."""
    plain: dict[str, Any] = _plain(asdict(story))
    if story.since_last:
        for told, change in zip(plain["since_last"]["changes"], story.since_last.changes, strict=True):
            told["points"] = float(change.points)
    return plain


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return float(value) if isinstance(value, Decimal) else value
