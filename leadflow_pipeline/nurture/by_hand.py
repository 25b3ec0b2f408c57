"""What people ask of a lead's passage by hand: skip a step, move to another, enrol in a sequence.

What belongs here: reading overrides of the field `nurture` as such acts. What does not: pause, stop and resume, which
stand until they are taken back (`holds`), and what an act does (`passage`).

An act happens once, on the day on which it is asked for:

* `skip`: the step that comes next is passed over
* `move STEP`: that step (by name, or by place from 1) comes next, at the first open moment; only forward
* `enrol SEQUENCE`: the lead begins that sequence, in a new enrolment, whatever it did before
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

import pandas as pd

SKIP, MOVE, ENROL = "skip", "move", "enrol"
ACT = re.compile(r"^(?:(?P<plain>skip)|(?P<act>move|enrol)\s+(?P<target>\S+))$", re.IGNORECASE)


def acts_by_hand(overrides: pd.DataFrame, sequences: Collection[str]) -> pd.DataFrame:
    """Every act: lead_id, day, at, act, target, by lead and in the order in which they were asked for.

    An enrolment in a sequence that is not among `sequences` is no act.
    """
    about = overrides.loc[overrides["field"].eq("nurture")]
    parts = about["value"].astype("str").str.strip().str.extract(ACT)
    acts = pd.DataFrame(
        {
            "lead_id": about["lead_id"],
            "day": about["occurred_at"].dt.tz_convert(None).dt.floor("D").astype("datetime64[us]"),
            "at": about["occurred_at"],
            "act": parts["act"].str.lower().fillna(parts["plain"].str.lower()),
            "target": parts["target"].str.lower(),
            "override_id": about["override_id"],
        }
    )
    is_known = acts["act"].notna() & (acts["act"].ne(ENROL) | acts["target"].isin(list(sequences)))
    ordered = acts.loc[is_known].sort_values(["lead_id", "at", "override_id"], ignore_index=True)
    return ordered.drop(columns="override_id")


def is_enrolment(overrides: pd.DataFrame) -> pd.Series[bool]:
    """Whether each override asks for an enrolment."""
    words = overrides["value"].astype("str").str.strip().str.lower()
    return words.str.startswith(f"{ENROL} ").fillna(value=False).astype(bool)


def names_an_unknown(overrides: pd.DataFrame, sequences: Collection[str]) -> pd.Series[bool]:
    """Whether each override asks for an enrolment in a sequence that there is none of."""
    target = overrides["value"].astype("str").str.strip().str.lower().str.split().str[-1]
    return is_enrolment(overrides) & ~target.isin(list(sequences))


def enrolment_ids_by_hand(enrols: pd.DataFrame, campaign: str) -> pd.Series[str]:
    """An enrolment for each act, named by campaign, lead and the moment at which it was asked for alone."""
    at = enrols["at"].astype("datetime64[us, UTC]").astype("int64").astype("str")
    keys = (campaign + "|" + enrols["lead_id"] + "|enrol|").astype("str") + at
    return pd.Series([named_after(key) for key in keys.tolist()], index=enrols.index, dtype="str")


def named_after(key: str) -> str:
    """The name of an enrolment, from what tells it from all others."""
    return hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
