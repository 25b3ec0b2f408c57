"""The law: a score depends on facts and rules alone, not on batches, order, weights' unit or the calendar."""

import json
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from leadflow_pipeline.score.rules import DEFAULT_POINTS, IdealCustomerProfile, ScoreRules
from leadflow_pipeline.score.summary import summarise
from leadflow_pipeline_tests.score.frames import (
    DAY,
    by_day,
    events,
    leads,
    no_leads,
    profile_of,
    reasons,
    rules_of,
    score,
)

DAYS = [DAY + pd.Timedelta(days=number) for number in range(5)]
MINUTES = 60 * 24 * len(DAYS)

optional = st.sampled_from
lead_rows = st.fixed_dictionaries(
    {
        "source": optional(["website", "partner", "search", "feed", "list", "gone"]),
        "company": optional(["Acme", None]),
        "job_title": optional(["Clerk", None]),
        "phone_status": optional(["valid", "invalid", "missing"]),
        "linkedin_url": optional(["https://leads.example/in/x", None]),
        "industry": optional(["software", "retail", None]),
        "company_size": optional([3, 70, None]),
        "custom.balance": optional(["12.5", "900", "much", None]),
    }
)
event_rows = st.tuples(
    st.sampled_from("abcx"),
    st.sampled_from(["open", "click", "visit", "form", "reply", "meeting", "bounce"]),
    st.integers(-MINUTES, MINUTES + 60).map(lambda minutes: DAY + pd.Timedelta(minutes=minutes)),
    st.booleans(),
)
histories = st.lists(event_rows, max_size=25).map(lambda rows: events(*rows))
weights = st.floats(0.01, 100, allow_nan=False)
profiles = st.tuples(weights, weights, weights, st.floats(0, 1)).map(
    lambda drawn: profile_of(
        {"name": "industry", "field": "industry", "one_of": ["software"], "weight": drawn[0]},
        {
            "name": "size",
            "field": "company_size",
            "between": [50, 100],
            "weight": drawn[1],
            "if_unknown": drawn[3],
        },
        {"name": "balance", "field": "custom.balance", "at_least": 100, "weight": drawn[2]},
    )
)
OWN_FACTORS = [
    {
        "name": "clicks",
        "behaviour": "click",
        "counted": "each_time",
        "within_days": 3,
        "points": 2.5,
        "group": "usage",
    },
    {"name": "silent", "behaviour": ["visit", "open"], "days_since_last": {"at_least": 2}, "points": -3},
    {
        "name": "fair",
        "behaviour": "form",
        "points": 4,
        "valid_from": "2026-03-11",
        "valid_until": "2026-03-12",
    },
    {"name": "autumn", "field": "industry", "equals": "retail", "points": 6, "valid_from": "2026-03-13"},
]
rule_sets = st.builds(
    lambda fit_weight, company, own, cap: rules_of(
        fit_weight=fit_weight,
        points={"company": company},
        caps={"demographic": cap},
        factors=[{"name": "rich", "field": "custom.balance", "at_least": 500, "points": own}, *OWN_FACTORS],
        groups={"usage": 9},
        behaviours={"click": {"points": 15, "at_most_a_day": 2}},
        dimensions={"company_match": 4, "engagement_potential": 3, "visited_again": 2},
    ),
    st.sampled_from([0, 0.3, 0.5, 1 / 3, 1]),
    st.floats(0, 30, allow_nan=False),
    st.floats(-100, 100, allow_nan=False),
    st.floats(0, 40, allow_nan=False),
)


@st.composite
def due_frames(draw: st.DrawFn) -> pd.DataFrame:
    keys = draw(
        st.sets(st.tuples(st.sampled_from("abc"), st.integers(0, len(DAYS) - 1)), min_size=1, max_size=12)
    )
    return leads(*[{"lead_id": lead, "day": DAYS[day], **draw(lead_rows)} for lead, day in sorted(keys)])


law = settings(max_examples=12)


@law
@given(due_frames(), histories, profiles, rule_sets, st.sets(st.integers(1, len(DAYS) - 1)))
def test_one_range_day_by_day_and_any_split_are_the_same(due, happened, profile, rules, cuts):
    whole = by_day(due, happened, profile, rules, [DAYS])
    edges = [0, *sorted(cuts), len(DAYS)]
    split = [DAYS[start:stop] for start, stop in pairwise(edges)]
    assert_frame_equal(by_day(due, happened, profile, rules, split), whole, check_exact=True)
    assert_frame_equal(
        by_day(due, happened, profile, rules, [[day] for day in DAYS]), whole, check_exact=True
    )


@law
@given(due_frames(), histories, profiles, rule_sets, st.randoms(use_true_random=False))
def test_the_order_of_leads_and_events_changes_nothing(due, happened, profile, rules, random):
    def shuffled(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.iloc[random.sample(range(len(frame)), len(frame))]

    expected = score(due, happened, profile=profile, rules=rules)
    assert_frame_equal(
        score(shuffled(due), shuffled(happened), profile=profile, rules=rules), expected, check_exact=True
    )


@law
@given(due_frames(), histories, profiles, rule_sets)
def test_doubling_every_weight_changes_nothing(due, happened, profile, rules):
    doubled = IdealCustomerProfile(
        criteria=tuple(
            criterion.model_copy(update={"weight": 2 * criterion.weight}) for criterion in profile.criteria
        )
    )
    assert_frame_equal(
        score(due, happened, profile=doubled, rules=rules),
        score(due, happened, profile=profile, rules=rules),
        check_exact=True,
    )


@law
@given(due_frames(), histories, profiles, rule_sets)
def test_a_year_later_all_is_the_same(due, happened, profile, rules):
    year = pd.Timedelta(days=365)
    own = [_later(factor, year) for factor in rules.model_dump(exclude_none=True)["factors"]]
    moved = score(
        due.assign(day=due["day"] + year),
        happened.assign(occurred_at=happened["occurred_at"] + year),
        profile=profile,
        rules=rules_of(**{**rules.model_dump(exclude={"factors"}), "factors": own}),
    )
    expected = score(due, happened, profile=profile, rules=rules)
    back = moved.assign(day=moved["day"] - year, cools_on=moved["cools_on"] - year)
    assert_frame_equal(back, expected, check_exact=True)


def _later(factor: dict[str, Any], by: pd.Timedelta) -> dict[str, Any]:
    dates = {key: factor[key] + by for key in ("valid_from", "valid_until") if key in factor}
    return {**factor, **dates}


@law
@given(due_frames(), histories, profiles)
def test_doubling_every_weight_and_cap_doubles_what_is_earned(due, happened, profile):
    single = {
        "points": dict.fromkeys(DEFAULT_POINTS, 1),
        "factors": [{**factor, "points": 1} for factor in OWN_FACTORS],
        "dimensions": {"company_match": 2, "visited_again": 1},
        "caps": {"behavioural": 2, "factors": 3},
        "groups": {"usage": 2},
    }

    def twice(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: twice(inner) for key, inner in value.items()}
        return 2 * value

    doubled = {key: twice(value) for key, value in single.items() if key != "factors"}
    doubled["factors"] = [{**factor, "points": 2} for factor in OWN_FACTORS]
    once = score(due, happened, profile=profile, rules=rules_of(**single))
    again = score(due, happened, profile=profile, rules=rules_of(**doubled))
    assert again["score"].tolist() == (2 * once["score"]).tolist()
    same = ["engagement", "temperature", "cools_on", "icp_fit"]
    assert_frame_equal(again[same], once[same], check_exact=True)


@law
@given(due_frames(), histories, profiles, rule_sets)
def test_renaming_categories_changes_nothing(due, happened, profile, rules):
    """Another word for a category, in the data and in the file: all but the words is the same."""
    renamed_due = due.assign(industry=due["industry"].replace({"software": "zzz", "retail": "aaa"}))
    renamed_events = happened.assign(
        behaviour=happened["behaviour"].replace({"click": "a_click", "open": "zopen"})
    )
    spelt = json.loads(
        json.dumps([profile.model_dump(exclude_none=True), rules.model_dump(exclude_none=True)], default=str)
        .replace('"software"', '"zzz"')
        .replace('"retail"', '"aaa"')
    )
    rules_in_words = spelt[1]
    worth = rules_in_words["behaviours"]
    rules_in_words["behaviours"] = {**worth, "a_click": worth["click"], "zopen": worth["open"]}
    rules_in_words["points"] = {**rules_in_words["points"], "email_open": 0, "email_click": 0}
    without_points = rules.model_dump(exclude_none=True)
    without_points["points"] = {**without_points["points"], "email_open": 0, "email_click": 0}
    for factor in rules_in_words["factors"]:
        named = factor.get("behaviour")
        new = {"click": "a_click", "open": "zopen"}
        if isinstance(named, str):
            factor["behaviour"] = new.get(named, named)
        elif named:
            factor["behaviour"] = [new.get(name, name) for name in named]
    renamed = score(
        renamed_due,
        renamed_events,
        profile=IdealCustomerProfile.model_validate(spelt[0]),
        rules=ScoreRules.model_validate(rules_in_words),
    )
    expected = score(due, happened, profile=profile, rules=ScoreRules.model_validate(without_points))
    same = ["lead_id", "day", "icp_fit", "engagement", "temperature", "cools_on", "score", "score_breakdown"]
    assert_frame_equal(renamed[same], expected[same], check_exact=True)


@law
@given(due_frames(), histories, profiles, rule_sets)
def test_what_machines_do_changes_nothing(due, happened, profile, rules):
    noisy = pd.concat([happened, happened.assign(is_machine=True, behaviour="meeting")], ignore_index=True)
    assert_frame_equal(
        score(due, noisy, profile=profile, rules=rules),
        score(due, happened, profile=profile, rules=rules),
        check_exact=True,
    )


@law
@given(due_frames(), histories, profiles, rule_sets)
def test_the_breakdown_sums_exactly_to_the_score(due, happened, profile, rules):
    scored = score(due, happened, profile=profile, rules=rules)
    for text, total in zip(scored["score_breakdown"], scored["score"], strict=True):
        entries = json.loads(text, parse_float=Decimal, parse_int=Decimal)
        assert sum(entries.values(), Decimal(0)) == Decimal(repr(total))
        assert sum(json.loads(text).values()) == pytest.approx(total, abs=1e-9)
        assert 0 <= total <= 100


def test_no_leads_give_no_scores():
    assert score(no_leads(), events(("a", "open", "2026-03-10"))).empty
    assert score(no_leads()).empty


def test_leads_of_which_nothing_is_known_are_scored():
    bare = pd.DataFrame({"lead_id": ["a", "b"], "day": [DAY, DAY], "source": ["list", "list"]})
    profile = profile_of({"name": "balance", "field": "custom.balance", "at_least": 100})
    scored = score(bare, profile=profile)
    assert scored["score"].tolist() == [0.0, 0.0]
    assert scored["email"].isna().all()
    assert reasons(scored)[-1] == "Fit unknown: balance (0 of 100 %)"


def test_a_campaign_of_many_criteria_has_a_pattern_for_each_of_its_leads():
    """More yes-no-unknown columns than fit one 64-bit code."""
    criteria = [{"name": f"n{size}", "field": "company_size", "at_least": size} for size in range(60)]
    sizes = [0, 7, 30, 59, 7, None]
    due = leads(*[{"lead_id": f"l{number}", "company_size": size} for number, size in enumerate(sizes)])
    fits = score(due, profile=profile_of(*criteria), rules=ScoreRules())["icp_fit"]
    assert fits.tolist() == [round((size + 1) / 60, 6) if size is not None else 0.0 for size in sizes]


def test_a_day_is_summed_up_in_counts_and_rates():
    due = leads(
        {"lead_id": "a", "company": "Acme", "is_new": True},
        {"lead_id": "b", "is_new": False},
        {"lead_id": "c", "company": "Acme", "is_new": True, "day": DAYS[1]},
    )
    summary = summarise(score(due, events(("b", "meeting", "2026-03-10 23:00"))), due)
    assert summary.loc[DAY, ["rows", "new", "returning", "hot", "warm", "cold"]].tolist() == [
        2,
        1,
        1,
        0,
        1,
        1,
    ]
    assert summary.loc[DAYS[1], ["rows", "new", "returning", "score_p50", "mean_icp_fit"]].tolist() == [
        1,
        1,
        0,
        10,
        0,
    ]
    assert summarise(score(no_leads()), no_leads()).empty
