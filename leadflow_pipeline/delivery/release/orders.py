"""What people have asked of a lead's sequence since its touches were planned: to pass over a step, or go to another.

What belongs here: which planned touches such an order is about. What does not: what it does to the sequence, which the
next plan says (`nurture.passage`); and orders that stop, pause or begin sequences (`standing`).

A touch is planned at the end of the day before it falls due. Until that moment it is the step that comes next, so an
order of the hours between is about it; the next plan counts it as passed.
"""

from __future__ import annotations

from functools import partial
from typing import Final

import pandas as pd
from sqlalchemy import ARRAY, Connection, Date, Text, any_, func, literal, select

from leadflow_pipeline.delivery.release.steps import STEP, said_of_each
from leadflow_pipeline.nurture.by_hand import MOVE, SKIP, acts_by_hand
from leadflow_pipeline.nurture.rules import NurtureRules
from leadflow_pipeline.nurture.ways import END, step_after
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import nurture_touches, overrides

SKIPPED: Final = "passed over by hand"
MOVED: Final = "moved to another step by hand"


def hand_says(connection: Connection, due: pd.DataFrame, rules: NurtureRules) -> pd.Series[str]:
    """Which of the due touches of a campaign people have passed over since they were planned; missing for the others.

    `due` has day, lead_id, enrolment_id, step, sequence and planned_at.
    """
    reason = pd.Series(None, index=due.index, dtype="str")
    acts = _acts(connection, due, rules)
    if acts.empty:
        return reason
    pairs = due.reset_index(names="touch").merge(acts, on="lead_id", suffixes=("", "_of_act"))
    is_planned = pairs["at"] >= pairs["planned_at"].dt.floor("D")
    pairs = pairs[is_planned & (pairs["at"] < pairs["planned_at"])]
    skips, moves = (pairs[pairs["act"].eq(act)] for act in (SKIP, MOVE))
    passed_over = skips.loc[_comes_next(connection, skips), "touch"]
    goes_past = said_of_each(moves, partial(_goes_past, rules), (*STEP, "target")).astype(bool)
    moved = moves.loc[goes_past, "touch"]
    return reason.mask(due.index.isin(moved), MOVED).mask(due.index.isin(passed_over), SKIPPED)


def _acts(connection: Connection, due: pd.DataFrame, rules: NurtureRules) -> pd.DataFrame:
    """What was asked of any lead of the campaign since the first of the touches was planned."""
    if due.empty:
        return pd.DataFrame({"lead_id": []})
    table = overrides.c
    query = select(table.lead_id, table.field, table.value, table.occurred_at, table.override_id).where(
        table.campaign == due["campaign"].iloc[0],
        table.field == "nurture",
        func.lower(func.btrim(table.value)).op("~")(f"^({SKIP}|{MOVE})"),
        table.occurred_at >= due["planned_at"].min().floor("D").to_pydatetime(),
    )
    return acts_by_hand(read(connection, query), rules.sequence_names).drop(columns="day")


def _comes_next(connection: Connection, skips: pd.DataFrame) -> pd.Series[bool]:
    """Whether each touch is the first to fall due after the act."""
    if skips.empty:
        return pd.Series(False, index=skips.index)
    touch = nurture_touches.c
    days, lead_ids = skips["day"].dt.date.unique().tolist(), skips["lead_id"].unique().tolist()
    query = select(touch.lead_id, touch.enrolment_id, touch.day, touch.planned_at).where(
        touch.campaign == skips["campaign"].iloc[0],
        touch.day == any_(literal(days, ARRAY(Date))),
        touch.lead_id == any_(literal(lead_ids, ARRAY(Text))),
    )
    keys = ["day", "lead_id", "enrolment_id"]
    others = skips.reset_index(names="pair").merge(read(connection, query), on=keys, suffixes=("", "_other"))
    comes_before = (others["planned_at_other"] > others["at"]) & (
        others["planned_at_other"] < others["planned_at"]
    )
    return pd.Series(~skips.index.isin(others.loc[comes_before, "pair"]), index=skips.index)


def _goes_past(rules: NurtureRules, sequence_name: str, step: int, target: str) -> bool:
    """Whether a move leaves the step behind; one that asks for a step which does not lie ahead moves nobody."""
    sequence = rules.sequence_of(sequence_name)
    place = sequence.name_places.get(target, int(target) if target.isdecimal() else END)
    if step > len(sequence.way):
        return False
    following = step_after(sequence, step)
    return following != END and following <= place <= len(sequence.way)
