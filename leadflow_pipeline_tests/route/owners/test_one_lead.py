"""One lead at a time goes to the rep whom the day's prices speak for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.carried_reps import Carried
from leadflow_pipeline.route.owners.choice.assignment import assign
from leadflow_pipeline.route.owners.choice.weighing import Strengths, weigh
from leadflow_pipeline.route.owners.choice.worth import money_of, money_of_one, win_chance, win_chances
from leadflow_pipeline.route.owners.one_lead import decide_one, ranked, weigh_one
from leadflow_pipeline.route.owners.reps.eligibility_of_one import ReadyRoster
from leadflow_pipeline.route.owners.reps.rep import Rep, Territory
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, Roster
from leadflow_pipeline.route.owners.rules import LeadValue, OwnershipRules
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
    lead, ready = {"country": "DE", "industry": "mining"}, ReadyRoster(roster, RULES)

    def decide(room: list[int], **carried: object):
        return decide_one(
            lead, 0.1, 1000.0, ready, may, Carried(**carried), np.array(room), np.zeros(4, np.int64)
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


PLACES = {
    "country": (None, "DE", "de", "Deutschland", "France", "GB", "Narnia"),
    "region": (None, "Bayern", "BY", "Bavaria", "England", "  "),
    "city": (None, "München", "munchen", "Paris", "!"),
    "postcode": (None, "80 331", "803", "SW1A 1AA", "sw1", "-"),
}
FIELDS = {
    **PLACES,
    "company_domain": (None, "acme.example", "globex.example"),
    "company_key": (None, "acme", "globex"),
    "industry": (None, "mining", "Computer Software", "software & mining", " "),
    "language": (None, "de", "pt-BR", "EN", ""),
    "custom.plan": (None, "Gold", "12", "12.50", "no number"),
    "company_size": (None, 10, 2000, 5000),
    "is_decision_maker": (True, False),
}
CONDITIONS = (
    {"field": "industry", "contains": ["mining", "RETAIL"]},
    {"field": "industry", "one_of": ["mining", " Computer software"]},
    {"field": "industry", "none_of": ["mining"]},
    {"field": "custom.plan", "at_least": 12},
    {"field": "custom.plan", "equals": 12.5},
    {"field": "custom.plan", "equals": "gold"},
    {"field": "company_size", "between": (10, 2000)},
    {"field": "company_size", "one_of": ["10", "x"]},
    {"field": "is_decision_maker", "equals": True},
    {"field": "is_decision_maker", "at_least": 1},
    {"field": "language", "is_missing": True},
    {"field": "unheard_of", "is_missing": False},
)
TERRITORIES = (
    {"country": "DE"}, {"country": "DE", "state": "BY"}, {"city": "MÜNCHEN"}, {"region": "DACH"},
    {"country": "UK", "postcode": "SW1"}, {"postcode": "80"}, {"region": "mine"}, {"state": "England"},
)  # fmt: skip
conditions = st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2)
some_reps = st.builds(
    dict,
    status=st.sampled_from(["active", "active", "paused", "left"]),
    team=st.sampled_from(["", "Enterprise", "smb"]),
    territories=st.lists(st.sampled_from(TERRITORIES), max_size=2),
    languages=st.lists(st.sampled_from(["de", "pt", "en-GB"]), max_size=2),
    industries=st.lists(st.sampled_from(["mining", "software", "retail"]), max_size=2),
    named_accounts=st.lists(st.sampled_from(["acme.example", "Globex Inc", "Acme"]), max_size=1),
    weight=st.sampled_from([0.5, 1.0, 2.0]),
)
some_rules = st.builds(
    dict,
    strategy=st.sampled_from(["optimal", "match", "round_robin", "longest_waiting", "least_loaded"]),
    exclude_reps=st.sampled_from([[], ["rep-1"]]),
    teams=st.lists(
        st.builds(dict, team=st.sampled_from(["enterprise", "SMB"]), when=conditions, spills=st.booleans()),
        max_size=2,
    ),
    specialties=st.lists(
        st.builds(dict, when=conditions, require_specialties=st.just(["mining"])), max_size=1
    ),
    language=st.sampled_from(["require", "prefer", "ignore"]),
    territory=st.sampled_from(["require", "prefer", "ignore"]),
    regions=st.just({"mine": ["GB", "FR"]}),
    specialty_fields=st.sampled_from([["industry"], ["industry", "city"], []]),
)
TYPES = {"company_size": "Int64", "is_decision_maker": "boolean"}


@settings(max_examples=25, deadline=None)
@given(st.lists(some_reps, max_size=6), some_rules, st.integers(0, 2**32 - 1))
def test_one_lead_is_weighed_as_a_column_of_leads_is(reps: list, rules: dict, seed: int) -> None:
    draw, rules = np.random.default_rng(seed), OwnershipRules.model_validate(rules)
    away = Absence("rep-0", FIRST, FIRST)
    roster = Roster.of(
        CAMPAIGN,
        FIRST,
        [Rep.model_validate({"rep": f"rep-{number}", **rep}) for number, rep in enumerate(reps)],
        [away] if seed % 2 else [],
    )
    count, ready = len(roster.reps), ReadyRoster(roster, rules)
    rows = [{name: values[draw.integers(len(values))] for name, values in FIELDS.items()} for _ in range(8)]
    frame = pd.DataFrame(rows).astype({name: TYPES.get(name, "str") for name in FIELDS})
    may = Strengths(draw.random(count), draw.random(count), draw.random(count))
    worth = draw.lognormal(3, 1, len(rows))
    weights = draw.random((len(rows), 4)) + 0.01 if seed % 3 else None
    column = weigh(frame, worth, roster, may, rules, weights)
    for number, row in enumerate(rows):
        one = weigh_one(
            row, worth[number], ready, may, None if weights is None else weights[number : number + 1]
        )
        for name in ("allowed", "rank", "match", "value", "named", "struck", "barred_by"):
            np.testing.assert_array_equal(
                getattr(one, name)[0], getattr(column, name)[number], f"{name} of {row}"
            )


@given(st.one_of(st.none(), st.floats(0, 1)), st.floats(0, 100), st.sampled_from(
    [None, "12", "x", "-1", "1e400", 0, 250.0, 5, float("nan")]
), st.sampled_from([None, 100.0]))  # fmt: skip
@settings(max_examples=30)
def test_one_lead_is_worth_what_a_column_says(
    probability: float | None, score: float, value: object, at_most: float | None
) -> None:
    rules = LeadValue(at_most=at_most)
    frame = pd.DataFrame({"budget": [value]})
    chances = win_chances(pd.Series([probability], dtype="float64"), pd.Series([score]))
    assert win_chance(probability, score) == chances[0]
    assert money_of_one(value, rules) == money_of(frame, rules)[0]


def test_turns_of_today_go_to_whoever_had_the_fewest() -> None:
    roster = Roster.of(CAMPAIGN, FIRST, [Rep(rep=name, weight=weight) for name, weight in WEIGHTS.items()])
    ready = ReadyRoster(roster, OwnershipRules(strategy="round_robin"))
    may, given_today = Strengths(np.full(3, 0.5), np.ones(3), np.full(3, 0.5)), np.zeros(3, np.int64)
    for _ in range(40):
        decision = decide_one(
            {},
            0.1,
            1.0,
            ready,
            may,
            Carried(),
            np.full(3, 99),
            np.zeros(3, np.int64),
            given_today=given_today,
        )
        given_today[roster.column_of[decision.owner]] += 1
    assert given_today.tolist() == [10, 10, 20]


WEIGHTS = {"ana": 1.0, "bo": 1.0, "cy": 2.0}
