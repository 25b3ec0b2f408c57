"""The life of an experiment: draft, running, stopped, decided; each state holds from a day on.

What belongs here: in which state an experiment is on a day, and which state may follow which. What does not: where
states are kept (`store.experiments`).

A running experiment takes in leads. A stopped one takes in nobody more: leads that are decided anew get what the rest
of the campaign file says. A decided one with a winner gives every lead what the winner gives, from that day on.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from leadflow_pipeline.experiment.rules import Experiment

FOLLOWS: dict[str, tuple[str, ...]] = {
    "draft": ("running",),
    "running": ("stopped", "decided"),
    "stopped": ("running", "decided"),
    "decided": ("decided",),
}
"""State -> those that may follow. A decision may be corrected by another, and an experiment that was stopped goes on
with the variants that its leads have."""


@dataclass(frozen=True)
class StateChange:
    """An experiment's state from a day on, as somebody decided it."""

    experiment: str
    state: str
    winner: str | None
    from_day: date
    actor: str
    reason: str
    decided_at: datetime | None = None


DRAFT = StateChange("", "draft", None, date.min, "", "")


def standing_on(changes: Sequence[StateChange], key: str, day: date) -> StateChange:
    """The change that holds on a day, given a campaign's changes in their order (by day, then as decided)."""
    held = [change for change in changes if change.experiment == key and change.from_day <= day]
    return held[-1] if held else DRAFT


def latest(changes: Sequence[StateChange], key: str) -> StateChange:
    """The change that holds in the end, of today or of a day to come."""
    return standing_on(changes, key, date.max)


def first_day_of(changes: Sequence[StateChange], key: str) -> date | None:
    """The day from which an experiment first ran; None for one that never did."""
    days = [change.from_day for change in changes if change.experiment == key and change.state == "running"]
    return min(days, default=None)


def last_day_of(changes: Sequence[StateChange], key: str) -> date | None:
    """The first day on which an experiment runs no more; None for one that runs, or never did."""
    now = latest(changes, key)
    if now.state in ("draft", "running"):
        return None
    held = [change for change in changes if change.experiment == key]
    running = max((place for place, change in enumerate(held) if change.state == "running"), default=None)
    return None if running is None else held[running + 1].from_day


def why_not(
    experiment: Experiment,
    experiments: Iterable[Experiment],
    changes: Sequence[StateChange],
    state: str,
    from_day: date,
    winner: str | None = None,
) -> str | None:
    """Why an experiment may not go into a state from a day on, in a sentence; None where it may."""
    key = experiment.key
    now = latest(changes, key)
    if state not in FOLLOWS[now.state]:
        allowed = " or ".join(FOLLOWS[now.state])
        return f"{key} is {now.state}, and what may follow is {allowed}, not {state}"
    if from_day < now.from_day:
        return f"{key} is {now.state} from {now.from_day} on: choose that day or a later one"
    if winner is not None and winner not in experiment.keys:
        return f"{key} has no variant {winner}: choose one of {', '.join(experiment.keys)}, or none"
    if state != "running":
        return None
    for other in experiments:
        is_rival = other.key != key and other.kind == experiment.kind and not _are_apart(experiment, other)
        if is_rival and _runs_from(changes, other.key, from_day):
            return (
                f"{key} and {other.key} both try {other.kind}, and a lead cannot get both: give them stretches of "
                f"one exclusion_group that do not meet, or stop {other.key} first"
            )
    return None


def _runs_from(changes: Sequence[StateChange], key: str, day: date) -> bool:
    return standing_on(changes, key, day).state == "running" or latest(changes, key).state == "running"


def _are_apart(one: Experiment, other: Experiment) -> bool:
    left, right = one.exclusion_group, other.exclusion_group
    return left is not None and right is not None and left.group == right.group and not left.meets(right)
