"""Owners of past days as they would have been: with other reps, and as if nobody had been told."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.plan import Worked, plan_owners
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Histories, RepRecord
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.route.owners.trial import Trial
from leadflow_pipeline.store import schema
from leadflow_pipeline_tests.route.owners.campaign_days import (
    CAMPAIGN,
    Facts,
    Stored,
    day,
    given_for,
    lead,
    moment,
    plan,
    rep,
    typed,
)

KNOWN = [
    RepRecord(1, day(0), rep("ana")),
    RepRecord(2, day(0), rep("bo")),
    RepRecord(3, day(0), rep("di", status="left")),
    RepRecord(4, day(5), rep("ana", status="left")),
]


def statuses(records: list[RepRecord], number: int) -> dict[str, str]:
    return {each.rep: each.status for each in Histories(records).reps_on(day(number))}


def test_a_list_that_is_tried_holds_for_all_days_from_its_first_on() -> None:
    trial = Trial(reps=(rep("ana"), rep("cy")), from_day=day(2))
    records = trial.records(KNOWN)
    assert statuses(records, 1) == {"ana": "active", "bo": "active", "di": "left"}
    assert statuses(records, 9) == {"ana": "active", "bo": "left", "cy": "active", "di": "left"}
    kept = Trial(reps=trial.reps, from_day=day(2), keep_missing=True).records(KNOWN)
    assert statuses(kept, 9) == {"ana": "active", "bo": "active", "cy": "active", "di": "left"}
    assert Trial().records(KNOWN) == KNOWN


DAYS = [(0, 2)]
NAMES = ("ana", "bo", "cy", "di")


@st.composite
def campaigns(draw: st.DrawFn) -> tuple[tuple[dict[str, object], ...], tuple[Rep, ...], OwnershipRules]:
    """Leads of three days, reps of whole capacities and one team each, and rules."""
    leads = tuple(
        lead(
            draw(st.integers(0, 2)),
            f"lead-{number:02}",
            float(draw(st.integers(0, 100))),
            country=draw(st.sampled_from(["DE", "US"])),
            company_domain=draw(st.sampled_from([None, "one.example.org"])),
        )
        for number in range(draw(st.integers(1, 12)))
    )
    reps = tuple(
        rep(
            name,
            draw(st.sampled_from([None, 0, 1, 2])),
            weight=draw(st.sampled_from([0.5, 1.0])),
            territories=draw(st.sampled_from([(), ({"country": "DE"},)])),
            team=draw(st.sampled_from(["", "Large"])),
        )
        for name in NAMES[: draw(st.integers(1, 4))]
    )
    strategy = draw(st.sampled_from(["optimal", "match", "round_robin", "longest_waiting"]))
    rules = OwnershipRules(strategy=strategy, floor=draw(st.sampled_from([0.0, 0.5])), exploration=1)
    return leads, reps, rules


def final_owners(stored: Stored) -> pd.Series:
    latest = stored.decisions.sort_values("day", kind="stable").drop_duplicates("lead_id", keep="last")
    return latest.set_index("lead_id")["owner"].sort_index()


@settings(max_examples=6)
@given(campaigns(), st.integers(0, 3))
def test_a_new_rep_in_the_place_of_one_takes_exactly_its_leads(campaign, place: int) -> None:
    leads, reps, rules = campaign
    facts = Facts(leads=leads, records=tuple((0, each) for each in reps))
    planned = plan(facts, rules, DAYS)
    old = reps[place % len(reps)]
    # In the same place of the order of ids, by which ties are broken.
    new = old.model_copy(update={"rep": f"{old.rep}.new"})
    records = Trial(reps=(*(each for each in reps if each != old), new), from_day=day(0)).records(
        RepRecord(number, day(0), each) for number, each in enumerate(reps)
    )
    swapped = plan(facts.with_(records=tuple((0, record.rep) for record in records)), rules, DAYS)
    expected = final_owners(planned).replace({old.rep: new.rep})
    pd.testing.assert_series_equal(final_owners(swapped), expected)
    for stored in (planned, swapped):
        value, bound = (stored.summary[name].to_numpy(dtype=float) for name in ("value", "bound"))
        assert (value <= bound + 0.011).all()


def test_reps_are_judged_by_the_leads_they_really_had() -> None:
    """bo won what ana would have been given: that makes bo better, not ana."""
    facts = Facts(
        leads=tuple(lead(number // 3, f"l{number:02}") for number in range(12)),
        records=((0, rep("ana")), (0, rep("bo"))),
        outcomes=tuple(
            {"lead_id": f"l{number:02}", "outcome": "won", "occurred_at": moment(1), "value": 100.0}
            for number in range(3)
        ),
    )
    rules = OwnershipRules(floor=0.0, exploration=0)
    given_, days = given_for(facts, rules, Stored(), 0, 3)
    had = pd.DataFrame(
        {
            "day": pd.Series([pd.Timestamp(day(0))] * 6, dtype="datetime64[us]"),
            "lead_id": [f"l{number:02}" for number in range(6)],
            "assignment_number": 1,
            "owner": ["bo"] * 3 + ["ana"] * 3,
        }
    )
    tried = type(given_)(**{**vars(given_), "worked": Worked(had, typed([], schema.handoffs))})
    made = plan_owners(tried, rules, CAMPAIGN, days).decisions
    late = made[made["day"] == pd.Timestamp(day(3))]
    assert set(late["owner"]) == {"bo"}
    swapped = had.assign(owner=np.where(had["owner"] == "bo", "ana", "bo"))
    tried = type(given_)(**{**vars(given_), "worked": Worked(swapped, typed([], schema.handoffs))})
    made = plan_owners(tried, rules, CAMPAIGN, days).decisions
    assert set(made.loc[made["day"] == pd.Timestamp(day(3)), "owner"]) == {"ana"}
