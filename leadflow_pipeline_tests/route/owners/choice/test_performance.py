"""Results of reps and performance: counted for whom they belong to, and few of them say little."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadflow_pipeline.route.owners.choice.performance import comparable, performance, rep_results
from leadflow_pipeline.route.owners.choice.shrinkage import shrunk_means, shrunk_rates

AS_OF = pd.Timestamp("2026-06-01", tz="UTC")


def at(days: float) -> pd.Timestamp:
    """So many days before."""
    return AS_OF - pd.Timedelta(days=days)


def facts() -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    handoffs = pd.DataFrame(
        [
            ("won", 1, "ada", at(30), at(29)),
            ("passed on", 1, "ada", at(30), at(29)),
            ("passed on", 2, "bob", at(28), at(27)),
            ("silent", 1, "bob", at(20), at(19)),
            ("silent and old", 1, "bob", at(100), at(99)),
            ("lost", 1, "ada", at(10), pd.NaT),
            ("before the window", 1, "ada", at(300), at(299)),
            ("tomorrow's", 1, "ada", at(-1), at(-2)),
        ],
        columns=["lead_id", "assignment_number", "rep", "decided_at", "first_touch_due_at"],
    )
    outcomes = pd.DataFrame(
        [
            ("won", "won", at(5), 500.0),
            ("won", "lost", at(8), np.nan),
            ("passed on", "won", at(2), np.nan),
            ("lost", "lost", at(1), np.nan),
            ("silent", "won", at(-3), 900.0),
        ],
        columns=["lead_id", "outcome", "occurred_at", "value"],
    )
    touches = pd.DataFrame(
        [
            ("won", "ada", at(30) + pd.Timedelta(minutes=60)),
            ("won", "ada", at(29)),
            ("passed on", "bob", at(26)),
            ("lost", "bob", at(9)),
            ("silent", "bob", at(-1)),
        ],
        columns=["lead_id", "rep", "occurred_at"],
    )
    return handoffs, outcomes, touches


def test_results_belong_to_whose_lead_it_was() -> None:
    found = rep_results(*facts(), AS_OF, 180)
    assert found.index.tolist() == ["ada", "bob"]
    assert found["leads"].tolist() == [3, 3]
    # Ada: won and lost, not what was passed on. Bob: won what was passed on, and what is silent and old.
    assert found["decided"].tolist() == [2, 2]
    assert found["wins"].tolist() == [1, 1]
    assert found["values"].tolist() == [1, 0]
    assert found["value_sum"].tolist() == [500, 0]
    # Ada was in time once, and missed the lead that was passed on; Bob touched one late and two never.
    assert found["sla_due"].tolist() == [2, 3]
    assert found["sla_kept"].tolist() == [1, 0]
    assert found["touched"].tolist() == [2, 3]
    assert found.loc["ada", "log_minutes_sum"] == pytest.approx(np.log(60) + np.log(2 * 1440))


def test_results_of_nothing_and_of_parts() -> None:
    handoffs, outcomes, touches = facts()
    assert not len(rep_results(handoffs[:0], outcomes, touches, AS_OF, 180))
    whole = rep_results(handoffs, outcomes[:0], touches[:0], AS_OF, 180)
    assert whole["wins"].sum() == 0
    several = [frame.assign(campaign="a") for frame in (handoffs, outcomes, touches)]
    both = [pd.concat([frame, frame.assign(campaign="b")]) for frame in several]
    assert (rep_results(*both, AS_OF, 180)["wins"] == 2 * rep_results(*facts(), AS_OF, 180)["wins"]).all()


def test_working_minutes_count_where_they_are_known() -> None:
    found = rep_results(
        *facts(), AS_OF, 180, minutes_between=lambda reps, starts, ends: np.full(len(reps), 7.0)
    )
    assert found.loc["ada", "log_minutes_sum"] == pytest.approx(2 * np.log(7))


def test_performance_is_its_formula_and_the_median_rep_has_half() -> None:
    reps = pd.Index(["ada", "bob", "new"], name="rep")
    found = performance(rep_results(*facts(), AS_OF, 180), reps, None, 240)
    by_hand = found["conversion"] * found["value"] * found["sla"] / (found["minutes"] / 240)
    assert np.allclose(found["performance"], by_hand)
    assert found["comparable"].median() == 0.5
    assert found["comparable"].between(0, 1).all()
    assert found.loc["new", "leads"] == 0
    assert np.isnan(found.loc["new", "conversion_raw"])
    nobody = performance(rep_results(*facts(), at(400), 180), reps, None, 240)
    assert (nobody["comparable"] == 0.5).all()
    assert (nobody["conversion"] == nobody["conversion"].iloc[0]).all()
    assert comparable(np.zeros(3)).tolist() == [0.5, 0.5, 0.5]


def test_few_observations_shrink_to_the_team() -> None:
    draw = np.random.default_rng(4)
    team = np.repeat([0, 1], 30)
    trials = np.where(np.arange(60) % 3, 200.0, 2.0)
    truth = draw.beta(40, np.where(team == 0, 360, 120))
    hits = draw.binomial(trials.astype(int), truth).astype(float)
    found = shrunk_rates(hits, trials, team)
    few = trials == 2
    of_team = np.array([hits[team == number].sum() / trials[team == number].sum() for number in (0, 1)])[team]
    assert (np.abs(found.rate - of_team)[few] < 0.05).all()
    raw = hits / trials
    assert ((found.rate - truth) ** 2).mean() < ((raw - truth) ** 2).mean() / 3
    assert ((truth > found.low) & (truth < found.high)).mean() > 0.85
    assert (found.high - found.low)[few].mean() > (found.high - found.low)[~few].mean()


@given(
    st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50), st.integers(0, 2)), max_size=12).map(
        lambda rows: [(min(hits, trials), trials, group) for hits, trials, group in rows]
    )
)
@settings(max_examples=50)
def test_a_shrunk_rate_lies_between_what_was_seen(rows: list[tuple[int, int, int]]) -> None:
    hits, trials, group = (np.array([row[place] for row in rows], dtype=float) for place in range(3))
    found = shrunk_rates(hits, trials, group.astype(int))
    assert ((found.rate > 0) & (found.rate < 1)).all()
    assert ((found.low <= found.rate) & (found.rate <= found.high)).all() or not len(rows)
    means = shrunk_means(trials, hits, hits**2, group.astype(int))
    seen = trials > 0
    if seen.any():
        mean = hits[seen] / trials[seen]
        assert ((means >= mean.min() - 1e-9) & (means <= mean.max() + 1e-9)).all()
    else:
        assert np.isnan(means).all()
