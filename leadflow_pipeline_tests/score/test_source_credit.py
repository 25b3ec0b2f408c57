"""What a source earns where attribution says it: the arithmetic, the words, and that no batch of days changes them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from leadflow_pipeline.score.rules import SourceCredit
from leadflow_pipeline.score.source_credit import credits_of
from leadflow_pipeline_tests.score.frames import (
    DAY,
    NO_PROFILE,
    breakdown,
    by_day,
    events,
    leads,
    reasons,
    rules_of,
    score,
)

BY_CREDIT = rules_of(source_credit=True)
DAYS = [DAY + pd.Timedelta(days=number) for number in range(4)]


def recorded(*rows: tuple[int, str, int, float]) -> pd.DataFrame:
    """(days after DAY, channel, leads, conversions)."""
    frame = pd.DataFrame(rows, columns=["from_day", "channel", "leads", "conversions"])
    from_day = DAY + pd.to_timedelta(frame["from_day"], unit="D")
    return frame.assign(from_day=from_day.astype("datetime64[us]"))


TWO_CHANNELS = recorded((0, "ads", 150, 10), (0, "referral", 50, 20), (0, "email", 0, 40))


def test_credit_per_lead_is_drawn_to_the_average_and_the_best_has_the_whole_cap() -> None:
    """30 conversions of 200 leads are 0.15; with 50 average leads beside their own: 17.5 of 200 and 27.5 of 100."""
    credits = credits_of(TWO_CHANNELS, ["ads", "referral", "tv"], 20, SourceCredit())
    assert [credit.points for credit in credits] == [
        round(20 * 0.0875 / 0.275, 2),
        20,
        round(20 * 0.15 / 0.275, 2),
    ]
    assert [credit.words for credit in credits] == [
        "Source ads brings 0.6 times the average",
        "Source referral brings 1.8 times the average",
        "Source tv is new and counts as the average",
    ]


def test_a_lead_is_scored_and_told_by_the_credit_of_its_source() -> None:
    scored = score(leads({"source": "search"}), rules=BY_CREDIT, credits=TWO_CHANNELS)
    assert float(breakdown(scored)["source_credit"]) == scored["score"].tolist()[0] == 6.36
    assert "source_ads" not in breakdown(scored)
    assert "Source ads brings 0.6 times the average (+6.36)" in reasons(scored)
    assert not any("Source earns nothing" in reason for reason in reasons(scored))


@pytest.mark.parametrize(
    ("credits", "rules"),
    [
        (TWO_CHANNELS, rules_of()),
        (TWO_CHANNELS, rules_of(source_credit={"at_least_conversions": 71})),
        (TWO_CHANNELS.assign(from_day=DAYS[1]), BY_CREDIT),
        (recorded((0, "ads", 10, 0), (0, "email", 0, 90)), BY_CREDIT),
        (None, BY_CREDIT),
    ],
    ids=["not asked for", "too few conversions", "not yet", "none of a source", "nothing recorded"],
)
def test_otherwise_declared_points_stand(credits: pd.DataFrame | None, rules) -> None:
    due = leads({"source": "search"}, {"lead_id": "b", "source": "list"})
    expected = score(due, rules=rules_of())
    assert_frame_equal(score(due, rules=rules, credits=credits), expected, check_exact=True)
    assert breakdown(expected)["source_ads"] == 12


def test_the_latest_record_of_each_day_counts() -> None:
    later = recorded((2, "ads", 100, 30), (2, "referral", 100, 10))
    due = leads(*({"day": day, "source": "search"} for day in DAYS))
    scored = score(due, rules=BY_CREDIT, credits=pd.concat([later, TWO_CHANNELS]))
    assert [float(breakdown(scored, row)["source_credit"]) for row in range(4)] == [6.36, 6.36, 20, 20]


def test_channels_are_compared_as_the_score_compares_them() -> None:
    shouted = TWO_CHANNELS.assign(channel=[" ADS", "Referral ", "email"])
    credits = credits_of(shouted, ["ads"], 20, SourceCredit())
    assert credits == credits_of(TWO_CHANNELS, ["ads"], 20, SourceCredit())


channels = st.sampled_from(["ads", "referral", "social", "inbound", "list", "email"])
records = st.lists(
    st.tuples(st.integers(-2, 3), channels, st.integers(0, 500), st.floats(0, 200, allow_nan=False)),
    max_size=12,
    unique_by=lambda row: row[:2],
).map(lambda rows: recorded(*rows))
due_rows = st.sets(
    st.tuples(
        st.sampled_from("abcd"),
        st.sampled_from(["website", "partner", "search", "feed", "gone"]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=12,
).map(lambda rows: {(lead, day): source for lead, source, day in rows})


@settings(max_examples=10)
@given(
    due_rows, records, st.sampled_from([0.5, 20, 1000]), st.floats(0, 40), st.randoms(use_true_random=False)
)
def test_days_one_by_one_or_together_and_in_any_order_are_the_same_and_sum_up(
    drawn, credits, prior, cap, random
) -> None:
    due = leads(
        *(
            {"lead_id": lead, "day": DAYS[day], "source": source}
            for (lead, day), source in sorted(drawn.items())
        )
    )
    rules = rules_of(source_credit={"at_least_conversions": 40, "prior_leads": prior}, caps={"source": cap})
    whole = by_day(due, events(), NO_PROFILE, rules, [DAYS], credits)
    daily = by_day(due, events(), NO_PROFILE, rules, [[day] for day in DAYS], credits)
    assert_frame_equal(daily, whole, check_exact=True)
    shuffled = credits.iloc[random.sample(range(len(credits)), len(credits))]
    assert_frame_equal(by_day(due, events(), NO_PROFILE, rules, [DAYS], shuffled), whole, check_exact=True)
    for row, total in enumerate(whole["score"]):
        lines = breakdown(whole, row)
        assert float(sum(lines.values())) == total
        assert 0 <= float(lines.get("source_credit", 0)) <= round(cap, 2)


@settings(max_examples=15)
@given(records)
def test_counting_every_lead_and_conversion_twice_changes_no_ratio(credits) -> None:
    names = ["ads", "referral", "social", "inbound", "list", "tv"]
    twice = credits.assign(leads=2 * credits["leads"], conversions=2 * credits["conversions"])
    for (_, once), (_, doubled) in zip(credits.groupby("from_day"), twice.groupby("from_day"), strict=True):
        single = credits_of(once, names, 20, SourceCredit(at_least_conversions=40, prior_leads=30))
        assert credits_of(doubled, names, 20, SourceCredit(at_least_conversions=80, prior_leads=60)) == single
