"""What is concluded from experiments whose truth is known."""

from __future__ import annotations

from datetime import date
from math import isnan

import numpy as np
import pandas as pd
import pytest

from leadflow_pipeline.experiment.rules import Experiment
from leadflow_pipeline.experiment.verdict import Standing
from leadflow_pipeline.insight.experiments.analysis import analyse
from leadflow_pipeline.insight.experiments.counts import Counts
from leadflow_pipeline.insight.experiments.results import Results
from leadflow_pipeline_tests.experiment.declared import change, day, experiment
from leadflow_pipeline_tests.insight.experiments.invented import counts_of, nothing

KEY = "gentler-warm"
LATE = day(71)
RUNS = [change(KEY, "running", 0)]


def results(tried: Experiment, counts: Counts, as_of: date = LATE, changes: list | None = None) -> Results:
    return analyse(tried, changes or RUNS, as_of, counts)


def reasons(found: Results) -> dict[str, bool]:
    return {reason.name: reason.holds for reason in found.verdict.reasons}


def test_a_clear_winner_is_found_once_all_agrees() -> None:
    tried = experiment(minimum_weeks=4)
    counts = counts_of(tried, [0.1, 0.16])
    early, later = results(tried, counts, day(3 * 7 + 1)), results(tried, counts)
    assert early.verdict.standing is Standing.RUNNING
    assert not reasons(early)["full weeks"]
    assert later.verdict.winner == "gentle"
    assert all(reasons(later).values())
    [effect] = later.metrics[0].effects
    assert effect.difference == pytest.approx(0.06, abs=0.02)
    assert 0.06 in effect.interval
    assert len(later.looks) == 8
    assert later.looks[-1].day == day(55)
    assert all(
        abs(one.boundary) > abs(other.boundary)
        for one, other in zip(later.looks[1:], later.looks[2:], strict=False)
    )


def test_a_look_that_is_past_does_not_change() -> None:
    tried = experiment()
    counts = counts_of(tried, [0.1, 0.12])
    assert results(tried, counts, day(40)).looks == results(tried, counts).looks[:5]


@pytest.mark.parametrize(
    ("reason", "changed", "invented"),
    [
        ("sample ratio", {}, {"ratio": [0.55, 0.45]}),
        ("size", {"minimum_leads": 100_000}, {}),
        ("guardrails", {}, {"guardrail_rates": {"unsubscribe": [0.01, 0.05]}}),
    ],
)
def test_nothing_wins_while_one_thing_speaks_against_it(reason: str, changed: dict, invented: dict) -> None:
    tried = experiment(**changed)
    found = results(tried, counts_of(tried, [0.1, 0.16], **invented))
    assert found.verdict.winner is None
    assert [name for name, holds in reasons(found).items() if not holds] == [reason]
    assert bool(found.harmed) is (reason == "guardrails")
    assert found.ratio.alarms is (reason == "sample ratio")


def test_no_difference_is_no_winner_and_the_last_look_says_so() -> None:
    tried = experiment()
    found = results(tried, counts_of(tried, [0.1, 0.1], seed=5))
    assert found.verdict.standing is Standing.INCONCLUSIVE
    assert found.power.needed is not None
    assert found.power.needed > found.power.have


def test_an_experiment_that_was_stopped_is_judged_by_what_it_saw() -> None:
    tried = experiment()
    counts = counts_of(tried, [0.1, 0.14], days=17)
    stopped = [*RUNS, change(KEY, "stopped", 17)]
    found = results(tried, counts, day(60), stopped)
    assert [look.number for look in found.looks] == [1, 2, 3]
    assert found.verdict.standing is not Standing.RUNNING
    assert not reasons(found)["full weeks"], "the third week has three days"


def test_three_variants_are_judged_together() -> None:
    tried = experiment(
        variants=[
            {"key": "as-is"},
            {"key": "gentle", "sequences": {"WARM": "long_term_nurture"}},
            {"key": "eager", "sequences": {"WARM": "aggressive_close"}},
        ]
    )
    found = results(tried, counts_of(tried, [0.1, 0.1, 0.17], a_day=150, seed=2))
    assert found.verdict.winner == "eager"
    raw = [effect.p_value for effect in found.metrics[0].effects]
    assert found.metrics[0].adjusted == pytest.approx((raw[0], min(2 * raw[1], 1.0)))
    assert found.metrics[0].adjusted[1] >= raw[1]


def test_money_is_compared_with_the_noise_of_the_score_taken_out() -> None:
    tried = experiment(primary={"value": "won", "within_days": 2}, guardrails=[])
    found = results(tried, counts_of(tried, [], worth=[200, 240]))
    [effect] = found.metrics[0].effects
    assert found.metrics[0].noise_removed > 0.8
    assert effect.difference == pytest.approx(40, abs=12)
    assert found.verdict.winner == "gentle"
    assert found.power.needed is not None


def test_looks_at_any_time_have_wider_intervals_and_no_boundary() -> None:
    tried = experiment(looks={"schedule": "ad_hoc"})
    planned = results(experiment(), counts_of(tried, [0.1, 0.16]))
    found = results(tried, counts_of(tried, [0.1, 0.16]))
    assert all(isnan(look.boundary) for look in found.looks)
    same = planned.looks[-1]
    twin = next(look for look in found.looks if look.day == same.day)
    assert twin.differences == same.differences
    assert twin.intervals[0].width > same.intervals[0].width
    assert found.verdict.winner == "gentle"
    p_values = [look.p_values[0] for look in found.looks]
    assert p_values == sorted(p_values, reverse=True)


def test_arms_of_a_bandit_are_estimated_by_their_propensities_and_do_not_win_by_themselves() -> None:
    tried = experiment(bandit={"floor": 0.05})
    days = range(70)
    share = np.linspace(0.5, 0.05, 70)
    shares = pd.DataFrame(
        {
            "variant": ["as-is", "gentle"] * 70,
            "day": [pd.Timestamp(day(number)) for number in days for _ in range(2)],
            "weight": np.column_stack([share, 1 - share]).ravel(),
        }
    )
    found = results(tried, counts_of(tried, [0.1, 0.16], shares=shares))
    for arm, truth in zip(found.metrics[0].arms, (0.1, 0.16), strict=True):
        assert truth in arm.interval
    assert not found.ratio.alarms, "the shares of each day are what is expected"
    assert found.verdict.standing is Standing.RUNNING
    assert found.looks == ()


@pytest.mark.parametrize("bandit", [None, {"floor": 0.1}], ids=["fixed shares", "bandit"])
@pytest.mark.parametrize("value", [False, True], ids=["share", "value"])
def test_an_experiment_that_nobody_met_has_results_too(bandit: dict | None, value: bool) -> None:
    if bandit and value:
        return
    tried = experiment(bandit=bandit, primary={"value" if value else "outcome": "won", "within_days": 9})
    for changes in ([change("another", "running", 0)], RUNS):
        found = results(tried, nothing(), day(30), changes)
        assert found.verdict.winner is None
        assert found.exposed["leads"].tolist() == [0, 0]
        assert found.power.needed is None


def test_all_variants_together_are_compared_with_those_kept_out() -> None:
    tried = experiment(holdout=0.2)
    full = counts_of(tried, [0.1, 0.16])
    kept_out = counts_of(tried, [0.08, 0.08], seed=3)
    apart = [
        pd.concat([with_it, without[without["variant"] == "as-is"].assign(variant="holdout")])
        for with_it, without in ((full.exposed, kept_out.exposed), (full.came, kept_out.came))
    ]
    found = results(tried, Counts(*apart, full.scores, full.shares)).holdout
    assert found is not None
    [effect] = found.effects
    assert [arm.name for arm in found.arms] == ["holdout", "any variant"]
    assert found.arms[1].leads == 56 * 100
    assert 0.13 - 0.08 in effect.interval
    assert effect.p_value < 0.001
    assert results(tried, full).holdout is None, "of nobody nothing is known"


@pytest.mark.parametrize("primary", [{"behaviour": "reply"}, {"value": "won"}], ids=["share", "value"])
def test_a_routing_experiment_says_what_a_variant_would_have_brought(primary: dict) -> None:
    tried = experiment(
        kind="routing",
        coverage=0.5,
        variants=[
            {"key": "as-is", "weight": 0.8},
            {"key": "fit", "weight": 0.2, "match": {"performance": 1}},
        ],
        primary={**primary, "within_days": 2},
        guardrails=[],
    )
    counts = counts_of(tried, [0.1, 0.3], worth=[200, 240] if "value" in primary else None)
    found = results(tried, counts)
    for arm, each in zip(found.metrics[0].arms, found.for_everybody, strict=True):
        is_ripe = counts.came["day"] <= pd.Timestamp(found.looks[-1].day)
        raw = counts.came[(counts.came["variant"] == arm.name) & is_ripe]
        plain = raw["value"].sum() / arm.leads if tried.primary.is_value else arm.value
        weighted, normalised, robust = each.estimates
        assert normalised.value == pytest.approx(plain)
        assert weighted.value == pytest.approx(plain, rel=0.1)
        assert plain in robust.interval
        assert robust.standard_error < weighted.standard_error
    assert results(experiment(), counts_of(experiment(), [0.1, 0.1])).for_everybody == ()


def test_an_arm_without_leads_is_no_failure() -> None:
    tried = experiment()
    full = counts_of(tried, [0.1, 0.16])
    lonely = Counts(
        full.exposed[full.exposed["variant"] == "as-is"],
        full.came[full.came["variant"] == "as-is"],
        full.scores,
        full.shares,
    )
    found = results(tried, lonely)
    assert found.verdict.winner is None
    assert found.ratio.alarms
    assert isnan(found.metrics[0].arms[1].value)
