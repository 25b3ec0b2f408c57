"""What changed between two versions of a campaign, path by path.

What belongs here: comparing two resolved models (defaults filled in). What does not: where versions are kept.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from leadflow_pipeline.campaign.model import Campaign

ABSENT = None
"""The value of a path that a version does not have, as that of one it leaves empty: both mean not given."""


@dataclass(frozen=True)
class Difference:
    """One path whose value differs. Values are plain: text, number, truth value, list or None."""

    path: str
    old: Any
    new: Any


def differences(old: Campaign, new: Campaign) -> tuple[Difference, ...]:
    """Every path whose value differs, in the order of the new version, then what only the old one has.

    Items that have a name are compared by it, so that one put first does not look like a change of all.
    """
    before, after = dict(_leaves(old.model_dump(mode="json"))), dict(_leaves(new.model_dump(mode="json")))
    paths = (*after, *(path for path in before if path not in after))
    compared = (Difference(path, before.get(path, ABSENT), after.get(path, ABSENT)) for path in paths)
    return tuple(difference for difference in compared if difference.old != difference.new)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Path and value of everything that is not itself made of parts."""
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for label, inner in zip(_labels(value), value, strict=True):
            yield from _leaves(inner, f"{path}[{label}]")
    else:
        yield path, value


def _labels(items: list[dict[str, Any]]) -> list[str]:
    """The items' names where each has its own, else their positions from 1."""
    names = [str(item["name"]) for item in items if "name" in item]
    if len(set(names)) == len(items):
        return names
    return [str(position) for position in range(1, len(items) + 1)]
