"""The difference of two scores, in words and in points that sum exactly."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.score.changes import (
    for_and_against,
    line_words,
    read_breakdown,
    signed,
    total_of,
    what_changed,
)
from leadflow_pipeline_tests.score.frames import (
    NO_PROFILE,
    breakdown,
    events,
    leads,
    profile_of,
    reasons,
    rules_of,
    score,
)

LINES = ["company", "fit.industry", "temperature_hot", "cap.total", "model.seniority", "own factor"]
BREAKDOWNS = st.dictionaries(
    st.sampled_from(LINES), st.integers(-10_000, 10_000).map(lambda hundredths: Decimal(hundredths) / 100)
)


@given(BREAKDOWNS, BREAKDOWNS)
def test_the_differences_sum_exactly_to_the_change_of_the_score(before, after) -> None:
    changes = what_changed(before, after)
    assert sum(change.points for change in changes) == total_of(after) - total_of(before)
    assert all(change.points != 0 for change in changes)
    weights = [abs(change.points) for change in changes]
    assert weights == sorted(weights, reverse=True)
    assert [-change.points for change in changes] == [
        next(back.points for back in what_changed(after, before) if back.line == change.line)
        for change in changes
    ]


@given(BREAKDOWNS)
def test_a_score_that_stays_has_no_changes(same) -> None:
    assert what_changed(same, dict(same)) == ()


@settings(max_examples=10)
@given(
    st.lists(st.sampled_from(["company", "job_title", "phone_status", "source"]), unique=True),
    st.lists(st.sampled_from(["open", "click", "visit", "reply", "form"]), max_size=6),
    st.floats(0, 1),
    st.floats(0, 1),
)
def test_planned_scores_differ_by_what_is_said(known, happened, weight, other_weight) -> None:
    profile = profile_of({"name": "size", "field": "company_size", "at_least": 50, "if_unknown": 1 / 3})
    values = {"company": "Acme", "job_title": "CEO", "phone_status": "valid", "source": "partner"}
    first = score(leads({}), profile=profile, rules=rules_of(fit_weight=weight))
    second = score(
        leads({name: values[name] for name in known}),
        events(*[("a", behaviour, "2026-03-09") for behaviour in happened]),
        profile=profile,
        rules=rules_of(fit_weight=other_weight),
    )
    moved = sum(
        (change.points for change in what_changed(breakdown(first), breakdown(second))), start=Decimal(0)
    )
    scores = [Decimal(str(round(scored["score"].iloc[0], 2))) for scored in (first, second)]
    assert moved == scores[1] - scores[0]


def test_a_change_is_said_as_a_salesperson_would() -> None:
    rules = rules_of(factors=[{"name": "gold", "field": "custom.plan", "one_of": ["gold"], "points": 7}])
    profile = profile_of({"name": "mid-sized", "field": "company_size", "at_least": 50})
    before = {"company": Decimal(10), "recent_activity": Decimal(10), "fit.mid-sized": Decimal("3.25")}
    after = {
        "company": Decimal(12),
        "email_click": Decimal("0.5"),
        "gold": Decimal(7),
        "model.x_y": Decimal(-1),
    }
    said = [change.words for change in what_changed(before, after, line_words(profile, rules))]
    assert said == [
        "No longer: Active in the last 7 days (-10)",
        "Plan is one of gold (+7)",
        "No longer: Fits the profile: mid-sized (-3.25)",
        "Company is known: +10 is now +12 (+2)",
        "Model: x y (-1)",
        "Clicked in an email (+0.5)",
    ]


def test_every_line_of_a_breakdown_has_words_of_its_own() -> None:
    scored = score(
        leads({"company": "Acme", "source": "partner"}),
        events(("a", "form", pd.Timestamp("2026-03-10 09:00"))),
    )
    assert set(breakdown(scored)) <= set(line_words(NO_PROFILE, rules_of()))


def test_reasons_are_told_apart() -> None:
    profile = profile_of(
        {"name": "size", "field": "company_size", "at_least": 50},
        {"name": "land", "field": "country", "equals": "DE"},
    )
    said = reasons(score(leads({"company": "Acme", "company_size": 60}), profile=profile))
    speaks_for, against = for_and_against(said)
    assert speaks_for == ["Company is known (+10)", "Fits the profile: size (50 %)"]
    assert against == [reason for reason in said if reason not in speaks_for]


def test_points_are_read_and_written_exactly() -> None:
    assert read_breakdown('{"a": 33.33, "b": 10}') == {"a": Decimal("33.33"), "b": Decimal(10)}
    assert [signed(Decimal(text)) for text in ("10", "-3.50", "0", "0.07", "100")] == [
        "+10",
        "-3.5",
        "0",
        "+0.07",
        "+100",
    ]
