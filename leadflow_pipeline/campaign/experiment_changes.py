"""What a new version of a campaign file may not change: experiments that have begun.

What belongs here: the comparison of two versions of the section. What does not: when a version is made (`versions`).

The latest version reaches old days too, so another share of a variant would move leads that have one, on every day
since the experiment began, and what is known of them would be about something that they never got.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pydantic import ValidationError

from leadflow_pipeline.campaign.document import Document
from leadflow_pipeline.campaign.problems import Problem
from leadflow_pipeline.experiment.life_cycle import StateChange, first_day_of, latest
from leadflow_pipeline.experiment.rules import Experiment


def check_changes(document: Document, old: Document, changes: Sequence[StateChange]) -> Iterator[Problem]:
    """The problems of a new document, given the one before it and what was decided about its experiments.

    Once begun, an experiment keeps all that says which lead gets what. While it runs, it stays in the file; without it
    in the file, days that are computed again know nothing of it.
    """
    before, after = _experiments(old), _experiments(document)
    for key, experiment in before.items():
        begun = first_day_of(changes, key)
        if begun is None:
            continue
        position, new = after.get(key, (None, None))
        state = latest(changes, key).state
        if position is None and state == "running":
            yield document.problem(
                ("experiments",),
                f"{key} is left out, and runs since {begun}",
                f"leadflow experiment stop {document.content.get('campaign')} {key} ends it first",
            )
        elif position is not None and new is not None and experiment[1] is not None:
            changed = _changed(experiment[1], new)
            if changed:
                yield document.problem(
                    ("experiments", position, changed[0]),
                    f"{key} has had leads since {begun}, and another {' and '.join(changed)} would move them",
                    "keep it, stop the experiment, and declare the change as an experiment with another key",
                )


def _changed(old: Experiment, new: Experiment) -> list[str]:
    before, after = old.who_gets_what, new.who_gets_what
    return [name for name in {**before, **after} if before.get(name) != after.get(name)]


def _experiments(document: Document) -> dict[str, tuple[int, Experiment | None]]:
    """Key -> position and model; no model of one that today's rules refuse."""
    section: Any = document.content.get("experiments")
    found: dict[str, tuple[int, Experiment | None]] = {}
    for position, given in enumerate(section if isinstance(section, list) else []):
        if not isinstance(given, dict):
            continue
        try:
            model = Experiment.model_validate_json(Document(given).canonical_text)
        except ValidationError:
            model = None
        found[str(given.get("key"))] = (position, model)
    return found
