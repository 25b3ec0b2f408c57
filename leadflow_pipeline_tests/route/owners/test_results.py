"""What reps were given and what came of it, from day to day."""

from __future__ import annotations

from datetime import timedelta
from types import SimpleNamespace

import numpy as np
import pandas as pd

from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, Roster
from leadflow_pipeline.route.owners.results import Results
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline_tests.route.owners.campaign_days import CAMPAIGN, FIRST, rep


def test_day_after_day_is_as_each_day_alone() -> None:
    """To the last bit, whatever is told late, touched late, given to another, won or lost in between."""
    draw, count, names = np.random.default_rng(3), 400, ["ana", "bo", "cy"]
    rows = pd.DataFrame(
        {
            "day": pd.Timestamp(FIRST).as_unit("us")
            - pd.to_timedelta(draw.integers(1, 130, count), unit="D"),
            "lead_id": pd.Series(draw.integers(0, 250, count)).astype(str),
            "owner": pd.Series(draw.choice(names, count), dtype="str"),
        }
    ).sort_values(["day", "lead_id"], ignore_index=True)
    rows["assignment_number"] = rows.groupby("lead_id").cumcount() + 1
    begin = rows["day"].dt.tz_localize("UTC")

    def later(days: float, share: float, **columns: object) -> pd.DataFrame:
        hours = pd.Series(pd.to_timedelta(24 + draw.exponential(24 * days, count), unit="h"))
        when = (begin + hours).astype("datetime64[us, UTC]")
        return rows.assign(occurred_at=when, rep=rows["owner"], **columns)[draw.random(count) < share]

    told = later(1, 0.8).rename(columns={"occurred_at": "decided_at"})
    told["first_touch_due_at"] = told["decided_at"] + pd.Timedelta(hours=30)
    outcomes = later(
        60, 0.7, outcome=draw.choice(["won", "lost"], count), value=draw.lognormal(8, 1, count)
    ).astype({"outcome": "str"})
    touches = later(3, 0.7)
    people = [rep(name) for name in names]
    rosters = [
        Roster.of(CAMPAIGN, FIRST, people, [Absence("ana", FIRST, FIRST)] if number == 5 else [])
        for number in range(10)
    ]

    def begun() -> Results:
        codes = {name: code for code, name in enumerate(names)}
        standing = SimpleNamespace(
            names=np.array(names, dtype=object), ids=pd.Index([], dtype=object),
            codes_of=lambda owners: owners.map(codes).to_numpy(dtype="int64"),
        )  # fmt: skip
        return Results(rows, told, outcomes, touches, standing, OwnershipRules(performance_days=90))

    going = begun()
    for number, roster in enumerate(rosters):
        if number == 2:
            continue
        day, load = FIRST + timedelta(days=number), np.zeros(len(names))
        one, alone = going.strengths(day, roster, load), begun().strengths(day, roster, load)
        assert np.array_equal(one.performance, alone.performance), number
        assert np.array_equal(one.sla, alone.sla), number
    assert len(set(one.performance)) == len(names)
