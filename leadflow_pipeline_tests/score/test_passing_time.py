"""Points that change because time passes: a lead has a row on that very day, and no score is ever stale."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from leadflow_pipeline.campaign import load, register
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.score import passing_time
from leadflow_pipeline.score.days import due_leads, score_days
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.facts import add_engagement_events
from leadflow_pipeline.store.frames import conform
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline_tests.samples import minimal_campaign_text
from leadflow_pipeline_tests.score.frames import DAY, events, leads, rules_of, score
from leadflow_pipeline_tests.score.test_assets import enriched_rows

RULES = {
    "points": {"recent_activity": 0, "temperature_hot": 0, "temperature_warm": 0},
    "behaviours": {"click": {"points": 15, "at_most_a_day": 2}, "peek": {"points": 0}},
    "dimensions": {"visited_again": 2},
    "factors": [
        {"name": "clicks", "behaviour": "click", "counted": "each_time", "within_days": 4, "points": 2.5},
        {"name": "some", "behaviour": ["visit", "peek"], "between": [1, 2], "within_days": 5, "points": 3},
        {"name": "silent", "behaviour": ["visit", "open"], "days_since_last": {"at_least": 2}, "points": -3},
        {"name": "fresh", "behaviour": "peek", "days_since_last": {"between": [1, 3]}, "points": 4},
        {"name": "quiet", "behaviour": "visit", "at_most": 0, "within_days": 6, "points": 1},
        {
            "name": "fair",
            "behaviour": "form",
            "points": 4,
            "valid_from": "2026-03-13",
            "valid_until": "2026-03-14",
        },
        {"name": "shy", "behaviour": "form", "never": True, "points": 1, "valid_from": "2026-03-15"},
        {"name": "spring", "field": "industry", "equals": "retail", "points": 6, "valid_from": "2026-03-12"},
        {"name": "winter", "field": "custom.seats", "at_least": 3, "points": 5, "valid_until": "2026-03-12"},
        {"name": "unpaid", "behaviour": "reply", "within_days": 2, "points": 0},
    ],
}
DAYS = [DAY + pd.Timedelta(days=number) for number in range(14)]
histories = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["open", "click", "visit", "form", "reply", "peek", "bounce"]),
        st.integers(-2 * 1440, 10 * 1440).map(lambda minutes: DAY + pd.Timedelta(minutes=minutes)),
        st.booleans(),
    ),
    max_size=14,
).map(lambda rows: events(*rows))
KNOWN = {"a": {"industry": "retail", "custom.seats": "2"}, "b": {"industry": "software", "custom.seats": "9"}}


def rows_found(happened: pd.DataFrame, days: Sequence[pd.Timestamp]) -> set[tuple[str, pd.Timestamp]]:
    """What `days.due_leads` finds in a store that holds leads `a` and `b`."""
    rules = rules_of(**RULES)
    asked = pd.Series(sorted(set(happened["lead_id"])), dtype="str")
    calendar = [day.date() for day in days]
    known = leads(*({"lead_id": lead, **fields} for lead, fields in KNOWN.items()))
    turning = [
        (lead, pd.Timestamp(day))
        for day in passing_time.turning_days(rules, calendar)
        for lead in KNOWN
        if passing_time.behaviours_turn(rules, day)
    ]
    looked_at = pd.DataFrame(turning, columns=["lead_id", "day"]).astype(
        {"lead_id": "str", "day": "datetime64[us]"}
    )
    happened = happened[happened["occurred_at"] < pd.Timestamp(days[-1], tz="UTC") + pd.Timedelta(days=1)]
    found = passing_time.rows_of_behaviours(happened, asked, calendar, looked_at, rules)
    rows = {(str(lead), day) for lead, day in zip(found["lead_id"], found["day"], strict=True)}
    for day in passing_time.turning_days(rules, calendar):
        rows |= {(str(lead), pd.Timestamp(day)) for lead in passing_time.leads_of_fields(known, day, rules)}
    return rows


@settings(max_examples=8)
@given(histories)
def test_points_change_on_the_days_of_these_rows_and_of_news_and_on_no_other(happened: pd.DataFrame) -> None:
    """Held against scoring every lead on every day, the temperature paying nothing."""
    rules = rules_of(**RULES)
    every_day = [{"lead_id": lead, "day": day, **fields} for lead, fields in KNOWN.items() for day in DAYS]
    scored = score(leads(*every_day), happened, rules=rules)
    changed = scored["score_breakdown"].ne(scored["score_breakdown"].shift())
    has_day_before = scored["lead_id"].eq(scored["lead_id"].shift())
    on = scored[changed & has_day_before]
    moved = {(str(lead), day) for lead, day in zip(on["lead_id"], on["day"], strict=True)}
    happened_on = happened["occurred_at"].dt.tz_localize(None).dt.normalize()
    news = {(str(lead), day) for lead, day in zip(happened["lead_id"], happened_on, strict=True)}
    found = rows_found(happened, DAYS[1:])
    assert moved <= found | news
    assert found == {key for day in DAYS[1:] for key in rows_found(happened, [day])}


def test_a_row_is_made_for_nothing_that_pays_nothing() -> None:
    happened = events(("a", "reply", DAY), ("a", "bounce", DAY))
    rules = rules_of(factors=RULES["factors"][-1:])
    assert passing_time.delays(rules) == {}
    assert passing_time.turning_days(rules_of(**RULES), [date(2026, 3, 12), date(2026, 3, 14)]) == [
        date(2026, 3, 12)
    ]
    found = passing_time.rows_of_behaviours(
        happened,
        pd.Series(["a"], dtype="str"),
        [DAYS[2].date()],
        leads({}).head(0)[["lead_id", "day"]],
        rules,
    )
    assert found.empty


# --- through the store ------------------------------------------------------------------------------------------------

FIRST, LAST = date(2026, 5, 1), date(2026, 5, 12)
STORE_DAYS = days_between(FIRST, LAST)
STORED_RULES = """
scoring:
  factors:
    - {name: clicks, behaviour: click, within_days: 3, counted: each_time, points: 3}
    - {name: lost, behaviour: visit, days_since_last: {at_least: 5}, points: -4}
    - {name: gold, field: custom.plan, one_of: [gold], points: 7, valid_from: 2026-05-05, valid_until: 2026-05-07}
    - {name: small, field: company_size, at_most: 10, points: 2, valid_from: 2026-05-06}
    - {name: offer, behaviour: form, never: true, points: 5, valid_until: 2026-05-08}
"""


@pytest.fixture
def campaign(engine: Engine) -> str:
    """`a` (ten people), `b` and `c` (no gold) arrive on the 1st, `d` on the 6th; some of them act."""
    register(engine, minimal_campaign_text("spring", extra=STORED_RULES), "spring.yaml")
    rows = enriched_rows(
        ("a", 1, True, {"company_size": 10}), ("b", 1, True, {}), ("c", 1, True, {}), ("d", 6, True, {})
    )
    rows.loc[rows["lead_id"] == "c", "custom"] = "{}"
    replace_partitions(
        engine, schema.enriched_leads, "spring", STORE_DAYS, rows, campaign_version=1, run_id="by hand"
    )
    happened = events(
        ("a", "click", "2026-05-02 10:00"),
        ("a", "click", "2026-05-03 11:00"),
        ("b", "visit", "2026-05-02 12:00"),
        ("b", "form", "2026-05-02 12:30"),
        ("d", "visit", "2026-05-05 12:00"),
        ("nobody", "visit", "2026-05-05 12:00"),
    )
    add_engagement_events(engine, happened.assign(campaign="spring", origin="test"))
    return "spring"


def compute(engine: Engine, first: date, last: date) -> None:
    """What the asset does, without Dagster."""
    partitions = PartitionRange("spring", days_between(first, last))
    rules = load(engine, "spring").rules
    enriched = read_partitions(engine, schema.enriched_leads, "spring", partitions.days)
    scored = score_days(engine, partitions, due_leads(engine, partitions, enriched, rules.scoring), rules)
    rows = conform(scored, schema.scored_leads, campaign="spring", campaign_version=1)
    replace_partitions(
        engine, schema.scored_leads, "spring", partitions.days, rows, campaign_version=1, run_id="a test"
    )


def stored(engine: Engine) -> pd.DataFrame:
    return read_partitions(engine, schema.scored_leads, "spring", STORE_DAYS)


def test_leads_are_due_on_the_days_on_which_their_points_change(engine: Engine, campaign: str) -> None:
    compute(engine, FIRST, LAST)
    rows = stored(engine)
    days = rows.groupby("lead_id")["day"].agg(lambda days: [day.day for day in days]).to_dict()
    assert days == {
        # Clicks leave on the 5th and 6th; gold is of the 5th to the 7th, small from the 6th, the offer to the 8th; on
        # the 11th it is warm no longer.
        "a": [1, 2, 3, 5, 6, 8, 9, 11],
        # Gold, and the visit is lost from the 7th.
        "b": [1, 2, 5, 7, 8],
        "c": [1, 9],
        # It arrives after a visit of the 5th, which is lost from the 10th.
        "d": [6, 8, 9, 10],
    }


def test_day_by_day_as_a_range_in_pieces_and_backwards_is_the_same(engine: Engine, campaign: str) -> None:
    for day in STORE_DAYS:
        compute(engine, day, day)
    daily = stored(engine)
    for edges in ([0, len(STORE_DAYS)], [0, 3, 4, 9, len(STORE_DAYS)]):
        for start, stop in pairwise(edges):
            compute(engine, STORE_DAYS[start], STORE_DAYS[stop - 1])
        pd.testing.assert_frame_equal(stored(engine), daily, check_exact=True)
    for day in reversed(STORE_DAYS):
        compute(engine, day, day)
    pd.testing.assert_frame_equal(stored(engine), daily, check_exact=True)
