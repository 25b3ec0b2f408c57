"""Who moves, what that earns, and what is said of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.insight.dry_run.earnings import estimate
from leadflow_pipeline.insight.dry_run.honesty import Known, sentences
from leadflow_pipeline.insight.dry_run.moves import HELD, NOBODY, compare_loads, compare_owners, owners_of
from leadflow_pipeline.insight.dry_run.off_policy import from_experiment


def test_the_latest_decision_says_whose_a_lead_is() -> None:
    decisions = pd.DataFrame(
        {"lead_id": ["a", "b", "a"], "day": pd.to_datetime(["2026-03-02", "2026-03-02", "2026-03-03"]),
         "owner": ["ana", "bo", None]}
    )  # fmt: skip
    assert owners_of(decisions).to_dict() == {"b": "bo", "a": HELD}


def test_moves_are_counted_by_tier_and_the_most_valuable_are_named() -> None:
    leads = pd.DataFrame(
        [
            ("a", "ana", "bo", "HOT", 10.0),
            ("b", "ana", "bo", "HOT", 30.0),
            ("c", "ana", "ana", "HOT", 99.0),
            ("d", HELD, "bo", "COLD", 5.0),
            ("e", "bo", HELD, "COLD", 7.0),
            ("f", HELD, NOBODY, None, 1.0),
        ],
        columns=["lead_id", "before", "after", "tier", "worth"],
    ).set_index("lead_id")
    found = compare_owners(leads, most=2)
    assert (found.leads, found.moved, found.gained, found.lost) == (6, 2, 1, 1)
    assert (found.held_before, found.held_after, found.changed) == (2, 1, 5)
    assert found.transitions.iloc[0].to_dict() == {
        "tier": "HOT", "before": "ana", "after": "bo", "leads": 2, "worth": 40.0,
    }  # fmt: skip
    assert found.most_valuable["lead_id"].tolist() == ["b", "a"]


def test_what_reps_carry_is_set_side_by_side() -> None:
    def days(*rows: tuple[str, int, int, int, int, float, int]) -> pd.DataFrame:
        names = ["rep", "capacity", "eligible", "assigned", "floor", "load", "open_leads"]
        frame = pd.DataFrame(rows, columns=names)
        return frame.assign(day=pd.Timestamp("2026-03-02") + pd.to_timedelta(range(len(frame)), unit="D"))

    before = days(("ana", 2, 5, 2, 1, 1.0, 2), ("ana", 2, 1, 0, 1, 0.5, 1), ("cy", 2, 5, 0, 0, 0.0, 0))
    after = days(("bo", 2, 2, 2, 1, 0.4, 2))
    found = compare_loads(before, after).set_index("rep")
    assert found.index.tolist() == ["ana", "bo"], "who has nothing in either is left out"
    assert found.loc["ana"].dropna().to_dict() == {
        "given_before": 2, "days_full_before": 1, "floors_missed_before": 1, "mean_load_before": 0.75,
        "open_leads_before": 1,
    }  # fmt: skip
    assert found.loc["bo", ["given_after", "days_full_after"]].tolist() == [2, 0]


def ripe(count: int, **columns: object) -> pd.DataFrame:
    plain = {
        "before": "ana", "after": "ana", "actual": "ana", "chance": 0.1, "money": 100.0, "is_ripe": True,
        "is_won": False, "value": np.nan,
    }  # fmt: skip
    index = pd.Index([f"l{number:04}" for number in range(count)], name="lead_id")
    return pd.DataFrame({**plain, **columns}, index=index)


def reps(**counts: tuple[int, int]) -> pd.DataFrame:
    frame = pd.DataFrame.from_dict(counts, orient="index", columns=["wins", "trials"]).astype(float)
    return frame.assign(team="").rename_axis("rep")


def test_what_is_known_is_told_as_it_was() -> None:
    leads = ripe(4, is_won=[True, True, False, False], value=[500.0, np.nan, np.nan, np.nan])
    leads.loc["l0003", "is_ripe"] = False
    found = estimate(leads, reps(ana=(2, 4)), 0.1, draws=50)
    assert (found.leads, found.unripe, found.known) == (3, 1, 3)
    assert found.wins.before.expected == found.wins.after.expected == 2.0
    assert found.wins.difference.interval.width == found.money.difference.interval.width == 0.0
    assert found.money_of_a_win == 5.0
    assert found.money.after.expected == 500.0 + 5.0 * 100.0, (
        "what is not told is what wins bring of what is claimed"
    )


def test_leads_that_both_ways_leave_with_the_same_other_rep_make_no_difference() -> None:
    found = estimate(ripe(50, before="bo", after="bo"), reps(ana=(5, 50), bo=(9, 60)), 0.1, draws=50)
    assert found.wins.after.interval.width > 0
    assert found.wins.difference.interval.width == 0.0
    assert found.wins.difference.expected == 0.0


def test_who_has_nobody_counts_as_lost_unless_nobody_had_it() -> None:
    leads = ripe(3, after=[HELD, NOBODY, NOBODY], actual=["ana", HELD, NOBODY], is_won=True)
    leads["before"] = leads["actual"]
    found = estimate(leads, reps(ana=(1, 3)), 0.1, draws=20)
    assert found.parts.set_index("how")["wins_after"].to_dict() == {"known": 2.0, "nobody has it": 0.0}
    assert found.wins.difference.expected == -1.0


def test_a_rep_who_was_given_better_leads_is_not_better_for_it() -> None:
    """ana's 100 leads had twice bo's chance and she won twice as many: moving a lead between them changes nothing."""
    known = reps(ana=(20, 133.3), bo=(10, 66.7))
    found = estimate(ripe(40, actual="ana", before="ana", after="bo"), known, 0.1, draws=300)
    assert abs(found.wins.by_rates.expected) < 0.05
    assert not found.wins.by_rates.is_told_from_nothing
    best = reps(ana=(5, 500), bo=(200, 500))
    found = estimate(ripe(40, actual="ana", before="ana", after="bo"), best, 0.1, draws=300)
    assert found.wins.by_rates.is_told_from_nothing
    assert found.wins.by_rates.expected == pytest.approx(40 * (0.4 - 0.01), rel=0.1)


def test_intervals_hold_what_would_have_come() -> None:
    """95 % of them should: of 40 invented campaigns at least 34, which fewer do by chance once in 1,000 times."""
    draw = np.random.default_rng(7)
    names = np.array(["ana", "bo", "cy", "di"], dtype=object)
    hits = 0
    for _ in range(40):
        rates = draw.beta(4, 16, len(names))
        had, has = draw.integers(0, 4, 200), draw.integers(0, 4, 200)
        chance = draw.uniform(0.05, 0.15, 200)
        won = draw.random(200) < rates[had] * chance / chance.mean()
        would = np.where(had == has, won, draw.random(200) < rates[has] * chance / chance.mean())
        trials = np.bincount(had, chance / chance.mean(), 4)
        known = reps(**{name: (int(won[had == n].sum()), trials[n]) for n, name in enumerate(names)})
        leads = ripe(
            200, actual=names[had], before=names[had], after=names[has], chance=chance, is_won=won, money=1.0
        )
        found = estimate(leads, known, float(chance.mean()), draws=60)
        hits += would.sum() in found.wins.after.interval
    assert hits >= 34


def test_an_experiment_that_tried_the_weights_tells_of_them() -> None:
    experiment = Experiment.model_validate(
        {
            "key": "weights", "kind": "routing", "hypothesis": "results tell more",
            "variants": [{"key": "as-is"}, {"key": "results", "match": {"performance": 2.0}}],
            "primary": {"outcome": "won"},
        }
    )  # fmt: skip
    draw = np.random.default_rng(5)
    ids = pd.Index([f"l{number:04}" for number in range(4000)])
    is_other = draw.random(len(ids)) < 0.5
    won = pd.Series(draw.random(len(ids)) < np.where(is_other, 0.2, 0.1), index=ids)
    exposures = pd.DataFrame(
        {"lead_id": ids, "variant": np.where(is_other, "results", "as-is"), "propensity": 0.5}
    )
    usual = {"specialty": 0.4, "performance": 0.3, "capacity": 0.2, "sla": 0.1}
    found = from_experiment(experiment, exposures, won, usual, {"specialty": 0.0, "performance": 1.0})
    assert found is not None
    assert found.variants == ("results",)
    assert [each.method for each in found.estimates] == [
        "inverse propensity", "self-normalised", "doubly robust",
    ]  # fmt: skip
    for each in found.estimates:
        assert 0.2 in each.interval
        assert 0.15 not in each.interval
    assert from_experiment(experiment, exposures, won, usual, {"sla": 1.0}) is None
    unripe = won.iloc[:0]
    assert from_experiment(experiment, exposures, unripe, usual, {"performance": 1.0}) is None


def test_what_cannot_be_known_is_said_when_it_is_due() -> None:
    nothing = {
        "as_of": pd.Timestamp("2026-03-09").date(), "matures_after_days": 60, "estimated": 0, "unworked": 0,
        "unripe": 0, "wins": 100, "with_values": 100, "told": 0, "honours_handoffs": False, "ordered": 0,
        "differing": 0, "newcomers": (), "has_model": True, "upstream": 0, "tries_other_weights": False,
        "from_experiments": 0,
    }  # fmt: skip
    assert sentences(Known(**nothing)) == ()
    told = sentences(Known(**{**nothing, "told": 1, "estimated": 2, "wins": 1, "newcomers": ["eve"]}))
    assert told[0].startswith("1 lead of these days")
    assert "--honour-handoffs" in told[0]
    assert any("few wins are known (1)" in each for each in told)
    assert any("nothing is known of eve" in each for each in told)
    honoured = sentences(Known(**{**nothing, "told": 3, "honours_handoffs": True}))
    assert honoured == (
        "3 leads of these days were told to an owner and stay there: only the others can move",
    )
