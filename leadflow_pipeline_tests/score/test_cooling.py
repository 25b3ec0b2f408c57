"""A silent lead turns cold on a day that is known beforehand, and has a row on it, however days are computed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from leadflow_pipeline.score.cooling import rows_that_cool
from leadflow_pipeline.score.rules import ScoreRules
from leadflow_pipeline_tests.score.frames import DAY, DEFAULTS, events, leads, previous, rules_of, score

DAYS = [DAY + pd.Timedelta(days=number) for number in range(25)]


def on(number: int) -> pd.Timestamp:
    return DAY + pd.Timedelta(days=number)


@pytest.mark.parametrize(
    ("happened", "level", "days"),
    [
        (
            [("a", "visit", DAY + pd.Timedelta(hours=23, minutes=59, seconds=59, microseconds=999_999))],
            "warm",
            8,
        ),
        ([("a", "visit", DAY)], "warm", 7),
        ([("a", "visit", DAY)] * 2, "hot", 3),
        ([], "cold", None),
    ],
)
def test_the_day_is_where_the_half_life_says(happened, level, days) -> None:
    """40 points and a half-life of 7 days are 20 after 7 days, which warm keeps, and less on the next day."""
    rules = rules_of(behaviours={"visit": {"points": 40, "half_life_days": 7}})
    scored = score(leads({}), events(*happened), rules=rules)
    assert scored["temperature"].tolist() == [level]
    assert scored["cools_on"].tolist() == [pd.NaT if days is None else on(days)]


def test_a_level_that_decay_cannot_reach_has_no_day() -> None:
    forever = {"visit": {"points": 70, "half_life_days": 1e9}}
    assert (
        score(leads({}), events(("a", "visit", DAY)), rules=rules_of(behaviours=forever))["cools_on"]
        .isna()
        .all()
    )
    kept = {"hot": 90, "warm": 5, "hysteresis": 5}
    scored = score(leads({}), events(("a", "visit", DAY)), rules=rules_of(temperature=kept))
    assert scored["temperature"].tolist() == ["warm"]
    assert scored["cools_on"].isna().all()


histories = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.sampled_from(["open", "click", "visit", "form", "reply", "meeting"]),
        st.integers(0, 12 * 1440).map(lambda minutes: DAY + pd.Timedelta(minutes=minutes)),
    ),
    min_size=1,
    max_size=12,
).map(lambda rows: events(*rows))


@settings(max_examples=8)
@given(histories, st.sampled_from([DEFAULTS, rules_of(temperature={"hot": 40, "warm": 6, "hysteresis": 0})]))
def test_the_day_is_the_one_that_looking_every_day_finds(happened, rules) -> None:
    last = pd.Timestamp(happened["occurred_at"].max()).tz_localize(None).normalize()
    first = score(leads({"lead_id": "a", "day": last}, {"lead_id": "b", "day": last}), happened, rules=rules)
    later = [last + pd.Timedelta(days=number) for number in range(1, 60)]
    days = [{"lead_id": lead, "day": day} for lead in first["lead_id"] for day in [last, *later]]
    daily = score(leads(*days), happened, rules=rules)
    for lead in first.itertuples():
        left = daily.loc[
            (daily["lead_id"] == lead.lead_id) & (daily["temperature"] != lead.temperature), "day"
        ]
        foreseen = None if pd.isna(lead.cools_on) or lead.cools_on > later[-1] else lead.cools_on
        assert (left.min() if len(left) else None) == foreseen


@settings(max_examples=4)
@given(histories, st.sets(st.integers(1, len(DAYS) - 1)))
def test_every_way_of_computing_finds_the_same_rows(happened, cuts) -> None:
    edges = [0, *sorted(cuts), len(DAYS)]
    day_by_day = lived(happened, DEFAULTS, [[day] for day in DAYS])
    assert_frame_equal(lived(happened, DEFAULTS, [DAYS]), day_by_day, check_exact=True)
    split = [DAYS[start:stop] for start, stop in pairwise(edges)]
    assert_frame_equal(lived(happened, DEFAULTS, split), day_by_day, check_exact=True)


def test_a_hot_lead_cools_twice_in_one_silence() -> None:
    happened = events(*[("a", "visit", DAY)] * 2, ("b", "open", DAY))
    rules = rules_of(behaviours={"visit": {"points": 40, "half_life_days": 7}})
    rows = lived(happened, rules, [DAYS])
    found = [(row.lead_id, row.day, row.temperature) for row in rows.itertuples()]
    assert found == [("a", on(0), "hot"), ("a", on(3), "warm"), ("a", on(14), "cold"), ("b", on(0), "cold")]


def lived(happened: pd.DataFrame, rules: ScoreRules, batches: Sequence[list[pd.Timestamp]]) -> pd.DataFrame:
    """What the asset does, without a store: leads with news and those that cool, batch by batch."""
    news = pd.DataFrame(
        {
            "lead_id": happened["lead_id"].astype("str"),
            "day": happened["occurred_at"].dt.tz_localize(None).dt.normalize(),
        }
    ).drop_duplicates()
    done: list[pd.DataFrame] = []
    for days in batches:
        latest = pd.concat(done).sort_values("day").drop_duplicates("lead_id", keep="last") if done else None
        before = previous() if latest is None else latest[["lead_id", "temperature"]]
        stored = (
            pd.DataFrame({"lead_id": pd.Series(dtype="str"), "cools_on": pd.Series(dtype="datetime64[us]")})
            if latest is None
            else latest.loc[latest["cools_on"].isin(days), ["lead_id", "cools_on"]]
        )
        known = happened[happened["occurred_at"] < pd.Timestamp(days[-1], tz="UTC") + pd.Timedelta(days=1)]
        due = news[news["day"].isin(days)]
        silent = rows_that_cool(due, stored, known, before, rules, days[-1])
        keys = pd.concat([due, silent], ignore_index=True)
        if len(keys):
            done.append(score(leads(*keys.to_dict("records")), known, before, rules=rules))
    return pd.concat(done).sort_values(["lead_id", "day"], ignore_index=True)
