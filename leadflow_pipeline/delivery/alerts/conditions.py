"""Which readings are alarming, in words, and what to do about each. Pure.

What belongs here: every condition with its limits. What does not: taking readings, and telling anybody (`door`).

A condition that is on stays on until the reading is a little better than what turned it on, so that a share that
wavers around its limit is told of once. A reading that rests on too few cases turns nothing on.

Limits: a promise of a first touch kept less than 95 times of 100 and a rep loaded beyond 85 % are what sales teams
plan with; complaints above 0.1 % of emails are what Google's "Email sender guidelines"
(support.google.com/a/answer/81126) want nobody to reach. The breaker stops a sender at three times that.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

from leadflow_pipeline.counting import counted

Key: TypeAlias = tuple[str, str]
"""Condition and subject."""

REQUESTS: Final = "requests to the service"
"""The subject of the share of those that it failed to answer."""


@dataclass(frozen=True)
class Reading:
    """One thing that was measured.

    `condition` is one of `CONDITIONS`. `subject` is a campaign, a rep, a channel, a sender's domain or an experiment,
    `value` in the unit of the condition, `cases` the observations it rests on. `detail` holds numbers and ids for
    whoever looks closer; of some conditions `because` words what was found.
    """

    condition: str
    subject: str
    value: float
    cases: int = 1
    detail: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Alarm:
    """A reading that somebody should know of."""

    condition: str
    subject: str
    sentence: str
    remedy: str
    detail: Mapping[str, Any]

    @property
    def key(self) -> Key:
        """What makes it one of a kind while it lasts."""
        return (self.condition, self.subject)


@dataclass(frozen=True)
class Condition:
    """From which value on something is alarming, and until which it stays so.

    `begins` above `ends`: high values are bad. Below: low ones are.
    """

    name: str
    title: str
    """In the subject of a message, after a number: `3 reps carry too much`."""
    begins: float
    ends: float
    least: int
    sentence: Callable[[Reading], str]
    remedy: Callable[[Reading], str]

    def is_on(self, reading: Reading, was_on: bool) -> bool:
        """Whether the reading is alarming."""
        if not was_on and reading.cases < self.least:
            return False
        limit = self.ends if was_on else self.begins
        if self.begins > self.ends:
            return reading.value > limit
        return reading.value < limit


def _share(value: float) -> str:
    return f"{value:.1%}"


def _because(reading: Reading) -> str:
    return str(reading.detail.get("because", ""))


CONDITIONS: Final[Mapping[str, Condition]] = {
    condition.name: condition
    for condition in (
        Condition(
            "sla",
            "first touches come too late",
            0.95,
            0.96,
            20,
            lambda of: (
                f"{of.subject}: {_share(of.value)} of {of.cases:,} first touches due in the last week came in time, "
                "95% are promised"
            ),
            lambda _: (
                "leadflow handover promises shows whose; give leads to reps with room (leadflow reps capacity), or set "
                "ownership.sla to what can be kept"
            ),
        ),
        Condition(
            "load",
            "reps carry too much",
            0.85,
            0.80,
            1,
            lambda of: f"{of.subject} has {of.value:.0%} of their room taken",
            lambda _: (
                "leadflow reps capacity shows who has room; raise a capacity, add a rep, or close what is won or lost"
            ),
        ),
        Condition(
            "experiment",
            "experiments have a result",
            0.5,
            0.4,
            1,
            lambda of: f"{of.subject}: {_because(of)}",
            lambda of: (
                f"leadflow experiment results {of.subject.partition('/')[0]} says how sure it is; then decide it, or "
                "stop it"
            ),
        ),
        Condition(
            "model",
            "conversion models are degraded",
            0.5,
            0.4,
            1,
            lambda of: f"{of.subject}: {_because(of)}",
            lambda of: (
                f"leadflow model show {of.subject} says more; leadflow model train {of.subject}, or roll back to "
                "an earlier one (leadflow model rollback)"
            ),
        ),
        Condition(
            "errors",
            "too much fails",
            0.20,
            0.10,
            10,
            lambda of: f"{_share(of.value)} of {of.cases:,} {of.subject} failed",
            lambda of: (
                "leadflow doctor says what is broken now, and how to mend it"
                + ("; the log of the service says where each failed" if of.subject == REQUESTS else "")
            ),
        ),
        Condition(
            "late",
            "campaigns are late",
            6.0,
            5.9,
            1,
            lambda of: (
                f"{of.subject} is not computed up to yesterday: its first missing day, {of.detail.get('day')}, "
                f"ended {of.value:,.0f} hours ago"
            ),
            lambda of: f"look at its latest run in the Dagster UI, then leadflow materialize {of.subject}",
        ),
        Condition(
            "outbox",
            "messages do not leave",
            60.0,
            30.0,
            1,
            lambda of: (
                f"{counted(of.cases, 'message')} by {of.subject} should have left, the oldest {of.value:,.0f} minutes "
                "ago"
            ),
            lambda _: (
                "leadflow sending show tells whether sending stands still; else leadflow dispatch, and look at what it "
                "says"
            ),
        ),
        Condition(
            "complaints",
            "emails are complained of",
            0.001,
            0.0008,
            3,
            lambda of: (
                f"{of.value:.2%} of the emails of {of.subject} in the last week were complained of ({of.cases:,}); "
                "mail providers want less than 0.1%"
            ),
            lambda of: (
                f"look at who was written to and what was said; leadflow sending stop {of.subject} holds all emails, "
                "and at 0.3% they stop by themselves"
            ),
        ),
    )
}


def alarms_of(readings: Iterable[Reading], standing: Collection[Key]) -> list[Alarm]:
    """The alarming readings, in their order; `standing` are the alarms that are on. One alarm a key.

    Raises KeyError for a reading of no condition.
    """
    alarms: dict[Key, Alarm] = {}
    for reading in readings:
        condition = CONDITIONS[reading.condition]
        key = (reading.condition, reading.subject)
        if key not in alarms and condition.is_on(reading, key in standing):
            detail = {"value": round(reading.value, 4), "cases": reading.cases, **reading.detail}
            alarms[key] = Alarm(*key, condition.sentence(reading), condition.remedy(reading), detail)
    return list(alarms.values())
