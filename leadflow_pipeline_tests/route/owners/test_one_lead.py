"""One lead at a time goes to the rep whom the day's prices speak for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd

from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.choice.assignment import assign
from leadflow_pipeline.route.owners.choice.weighing import Strengths, weigh
from leadflow_pipeline.route.owners.one_lead import decide_one, ranked
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import Roster
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline_tests.route.owners.campaign_days import CAMPAIGN, FIRST

INDUSTRIES = np.array(["mining", "retail", "software", "banking", "health"], dtype=object)
RULES = OwnershipRules()


def strengths(count: int, random_numbers: np.random.Generator) -> Strengths:
    return Strengths(random_numbers.random(count), np.ones(count), np.full(count, 0.5))


def leads(count: int, random_numbers: np.random.Generator) -> pd.DataFrame:
    industry = INDUSTRIES[random_numbers.integers(0, len(INDUSTRIES), count)]
    return pd.DataFrame(
        {"lead_id": np.arange(count).astype(str), "industry": pd.Series(industry, dtype="str")}
    )


def test_prices_of_yesterday_bring_today_near_to_the_best() -> None:
    """At least 95 % of the batch's value, over leads as scarce in places as the benchmark's."""
    random_numbers = np.random.default_rng(5)
    reps = [
        Rep(rep=f"rep-{number:02}", industries=tuple(random_numbers.choice(INDUSTRIES, 2)))
        for number in range(20)
    ]
    roster, may = Roster.of(CAMPAIGN, FIRST, reps), strengths(20, random_numbers)
    room = random_numbers.integers(5, 30, 20)
    days = []
    for _ in range(2):
        worth = random_numbers.lognormal(5, 1, 300)
        days.append(weigh(leads(300, random_numbers), worth, roster, may, RULES))
    yesterday, today = days
    prices = dict(zip(roster.ids.tolist(), assign(yesterday.value, room).prices.tolist(), strict=True))
    best = assign(today.value, room)

    carried, left, value = Carried(prices=prices), room.copy(), 0.0
    for row in range(300):
        one = replace(
            today,
            allowed=today.allowed[row : row + 1],
            rank=today.rank[row : row + 1],
            match=today.match[row : row + 1],
            value=today.value[row : row + 1],
            named=today.named[row : row + 1],
        )
        order, _ = ranked(one, roster, RULES, carried, left, np.zeros(20, np.int64))
        if left[order[0]] > 0:
            left[order[0]] -= 1
            value += float(today.value[row, order[0]])
    assert (left >= 0).all()
    assert 0.95 * best.value <= value <= best.bound


def test_a_decision_names_the_best_the_others_and_whom_what_strikes_out() -> None:
    reps = [
        Rep(rep="ana", territories=(Territory(country="DE"),)),
        Rep(rep="bo", territories=(Territory(country="FR"),)),
        Rep(rep="cy", territories=(Territory(country="DE"),), industries=("mining",)),
        Rep(rep="dee", status="paused"),
    ]
    roster = Roster.of(CAMPAIGN, FIRST, reps)
    may = Strengths(np.full(4, 0.5), np.ones(4), np.full(4, 0.5))
    lead = pd.DataFrame({"lead_id": ["a"], "country": ["DE"], "industry": ["mining"]})

    def decide(room: list[int], **carried: object):
        return decide_one(
            lead, 0.1, 1000.0, roster, RULES, may, Carried(**carried), np.array(room), np.zeros(4, np.int64)
        )

    decision = decide([1, 1, 1, 1])
    assert [candidate.rep for candidate in decision.candidates] == ["cy", "ana"]
    assert decision.owner == "cy"
    assert decision.struck["bo"] == ("territory",)
    assert "inactive" in decision.struck["dee"]
    assert decide([1, 1, 1, 1], prices={"cy": 60.0}).owner == "ana", "a dear rep is kept for better leads"
    assert decide([1, 1, 0, 1]).owner == "ana"
    full = decide([0, 1, 0, 1])
    assert (full.owner, full.held_by) == (None, "capacity")
    assert full.remedy
