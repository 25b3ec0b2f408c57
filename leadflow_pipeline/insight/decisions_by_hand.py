"""What a person may decide about a lead, and whether it makes sense for this lead.

What belongs here: spelling, and whether the step or sequence is there. What does not: which lead is meant
(`known_leads`), and what a stage makes of a decision.
"""

from __future__ import annotations

from datetime import date
from difflib import get_close_matches
from typing import Final

from sqlalchemy import Engine

from leadflow_pipeline.campaign import load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.route.rules import ContentSequenceType
from leadflow_pipeline.store.lead_rows import lead_rows
from leadflow_pipeline.store.schema import QUALIFICATION_STATUSES, TIERS, nurtured_leads

ALLOWED: Final[dict[str, tuple[str, ...]]] = {
    "status": QUALIFICATION_STATUSES,
    "tier": TIERS,
    "sequence": tuple(kind.value for kind in ContentSequenceType),
}
"""Field -> what it may be set to; an owner may be anyone, and `nurture` is told what to do."""

PLAIN: Final = ("pause", "resume", "stop", "skip")
WITH_TARGET: Final = ("move", "enrol")


def checked_decision(engine: Engine, campaign: str, lead_id: str, field: str, value: str) -> str:
    """The decision about a field of a lead as the stages spell it.

    Raises PermanentError for a value that no stage would understand, or could not carry out for this lead.
    """
    spelt = value.strip()
    if spelt.lower() == LIFTED:
        return LIFTED
    if field == "nurture":
        return _checked_order(engine, campaign, lead_id, spelt)
    allowed = ALLOWED.get(field)
    if allowed is None:
        return spelt
    for word in allowed:
        if word.lower() == spelt.lower():
            return word
    close = get_close_matches(spelt.lower(), [word.lower() for word in allowed], n=1)
    hint = f"did you mean {close[0]}?" if close else f"use {', '.join(allowed)} or {LIFTED}"
    raise PermanentError(f"{field} cannot be {spelt!r}: {hint}")


def _spelt_order(value: str) -> str:
    """An order as the plan reads it. Raises PermanentError for none."""
    words = value.strip().lower().split()
    if len(words) == 1 and words[0] in PLAIN:
        return words[0]
    if len(words) == 2 and words[0] in WITH_TARGET:
        return " ".join(words)
    close = get_close_matches(words[0] if words else "", (*PLAIN, *WITH_TARGET), n=1)
    hint = f"did you mean {close[0]}?" if close else "use pause, resume, stop or skip"
    raise PermanentError(f"nurture cannot be {value!r}: {hint} (or `move STEP`, `enrol SEQUENCE`, or none)")


def _checked_order(engine: Engine, campaign: str, lead_id: str, value: str) -> str:
    """An order about a lead that the plan can carry out. Raises PermanentError where it cannot."""
    order = _spelt_order(value)
    act, _, target = order.partition(" ")
    rules = load(engine, campaign).rules.nurture
    if act == "enrol":
        _check_sequence(rules, target)
    if act in ("move", "skip"):
        _check_step(engine, campaign, lead_id, rules, target if act == "move" else None)
    return order


def _check_sequence(rules: NurtureRules, name: str) -> None:
    known = sorted(rules.sequence_names)
    if name not in known:
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else f"choose one of {', '.join(known)}"
        raise PermanentError(f"the campaign has no sequence {name}: {hint}")


def _check_step(engine: Engine, campaign: str, lead_id: str, rules: NurtureRules, target: str | None) -> None:
    names = ["sequence", "next_step", "steps_planned", "state"]
    with engine.connect() as connection:
        rows = connection.execute(lead_rows(nurtured_leads, names, campaign, lead_id, date.max)).all()
    row = rows[-1] if rows else None
    if row is None or row.state in ("COMPLETED", "GRADUATED"):
        raise PermanentError(
            "the lead is in no sequence now: leadflow nurture enrol CAMPAIGN LEAD SEQUENCE begins one"
        )
    if target is None:
        return
    steps = rules.steps_of(row.sequence)
    places = {step.name: place for place, step in enumerate(steps, 1) if step.name is not None}
    place = places.get(target, int(target) if target.isdecimal() else 0)
    if not 1 <= place <= len(steps):
        raise PermanentError(
            f"{row.sequence} has no step {target}: name one of {', '.join(places) or f'1 to {len(steps)}'}"
        )
    if place < (row.next_step or row.steps_planned + 1):
        raise PermanentError(
            f"step {target} of {row.sequence} is behind the lead: a sequence goes forward only, and no step is taken "
            "twice"
        )
