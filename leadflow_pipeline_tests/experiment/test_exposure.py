"""Who meets which experiment on which day: chance, once, and the same whatever way the days are computed."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from leadflow_pipeline.experiment.exposure import Exposures, variants_for
from leadflow_pipeline.experiment.rules import HOLDOUT
from leadflow_pipeline.experiment.treatment import match_weights, sequence_codes
from leadflow_pipeline_tests.experiment.declared import change, day, experiment, ids, walk

KEY = "gentler-warm"
RUNS = [change(KEY, "running", 0)]
TIERS = ("COLD", "COOL", "WARM", "HOT")
SEQUENCES = ("aggressive_close", "regular_nurture", "long_term_nurture", "cold_outreach")
NOTHING = pd.DataFrame({"lead_id": pd.Series(dtype="str"), "day": pd.Series(dtype="datetime64[us]")})
USUAL = [3, 2, 1, 0]


def shares(table: pd.DataFrame) -> dict[str, float]:
    return table["variant"].value_counts(normalize=True).to_dict()


def test_nobody_takes_part_before_the_start_nor_after_the_stop() -> None:
    leads = pd.Series(ids(50))
    changes = [change(KEY, "running", 1), change(KEY, "stopped", 3)]
    counts = [len(variants_for(leads, day(number), [experiment()], changes)) for number in range(5)]
    assert counts == [0, 50, 50, 0, 0]


def test_leads_fall_to_variants_as_their_weights_say() -> None:
    weighted = experiment(
        variants=[
            {"key": "as-is", "weight": 0.8},
            {"key": "gentle", "weight": 0.2, "sequences": {"HOT": "regular_nurture"}},
        ],
        coverage=0.5,
        holdout=0.1,
    )  # fmt: skip
    met = variants_for(pd.Series(ids(20_000)), day(0), [weighted], RUNS)
    kept_out = met["variant"] == HOLDOUT
    assert binomtest(int(kept_out.sum()), 20_000, 0.1).pvalue > 0.001
    assert binomtest(len(met) - int(kept_out.sum()), 20_000, 0.45).pvalue > 0.001
    assert shares(met[~kept_out])["gentle"] == pytest.approx(0.2, abs=0.015)
    assert set(met.loc[~kept_out, "propensity"].round(3)) == {0.8, 0.2}
    assert (met["is_holdout"] == kept_out).all()


def test_experiments_of_one_group_share_no_lead_but_the_holdout() -> None:
    group = {"group": "sequences", "start": 0, "end": 0.5}
    one = experiment(exclusion_group=group, holdout=0.2)
    other = experiment(key="other", exclusion_group={**group, "start": 0.5, "end": 1}, holdout=0.2)
    met = variants_for(pd.Series(ids(5_000)), day(0), [one, other], [*RUNS, change("other", "running", 0)])
    assert met["lead_id"].is_unique
    assert shares(met)[HOLDOUT] == pytest.approx(0.2, abs=0.02)
    assert len(met) == 5_000


def test_a_lead_is_asked_about_alone_as_among_others() -> None:
    leads = pd.Series(ids(300))
    together = variants_for(leads, day(0), [experiment()], RUNS)
    alone = [variants_for(leads[[place]], day(0), [experiment()], RUNS) for place in range(0, 300, 50)]
    pd.testing.assert_frame_equal(pd.concat(alone, ignore_index=True), together[::50].reset_index(drop=True))


def test_whoever_met_an_experiment_keeps_the_variant_and_meets_it_once() -> None:
    bandit = experiment(bandit={"floor": 0.1})
    met = {0: ids(40), 1: ids(80), 3: ids(120)}
    likes_gentle = pd.DataFrame(
        {"lead_id": ids(120), "day": pd.Timestamp(day(1))}
    )  # everybody converts, so shares stay; who met it on day 0 is not asked again
    exposed, _ = walk([bandit], RUNS, met, [(0, 4)], {KEY: likes_gentle})
    assert exposed["lead_id"].is_unique
    assert exposed.groupby("day").size().tolist() == [40, 40, 40]
    again = variants_for(pd.Series(ids(40)), day(9), [bandit], RUNS, exposed, {KEY: [0.1, 0.9]})
    first = exposed[exposed["day"] == pd.Timestamp(day(0))].set_index("lead_id")["variant"]
    assert again.set_index("lead_id")["variant"].to_dict() == first.to_dict()


@pytest.mark.parametrize("is_bandit", [False, True], ids=["fixed shares", "bandit"])
def test_days_one_by_one_as_ranges_and_again_give_the_same(is_bandit: bool) -> None:
    """Started on day 1 and decided on day 9, with leads that come back and rewards that take time."""
    tried = experiment(holdout=0.1, **({"bandit": {"floor": 0.1}} if is_bandit else {}))
    changes = [change(KEY, "running", 1), change(KEY, "decided", 9, "gentle")]
    draw = np.random.default_rng(3)
    met = {number: [f"lead-{lead}" for lead in draw.integers(0, 400, 60)] for number in range(12)}
    met = {number: list(dict.fromkeys(leads)) for number, leads in met.items()}
    hits = pd.DataFrame(
        {
            "lead_id": [f"lead-{lead}" for lead in draw.integers(0, 400, 300)],
            "day": [pd.Timestamp(day(int(number))) for number in draw.integers(0, 12, 300)],
        }
    ).drop_duplicates()
    whole = walk([tried], changes, met, [(0, 11)], {KEY: hits})
    others = (
        [(number, number) for number in range(12)],
        [(0, 4), (5, 11)],
        [(0, 11), (6, 7), (3, 3), (8, 11)],
    )
    for ranges in others:
        exposed, arms = walk([tried], changes, met, ranges, {KEY: hits})
        pd.testing.assert_frame_equal(exposed, whole[0])
        latest = arms.drop_duplicates(["day", "variant"], keep="last").sort_values(["day", "variant"])
        expected = whole[1].sort_values(["day", "variant"])
        pd.testing.assert_frame_equal(latest.reset_index(drop=True), expected.reset_index(drop=True))
    assert exposed["day"].between(pd.Timestamp(day(1)), pd.Timestamp(day(8))).all()
    assert whole[1].empty is not is_bandit


def test_a_bandit_follows_what_leads_did_before_the_day_and_keeps_its_floor() -> None:
    tried = experiment(bandit={"floor": 0.05})
    met = {number: [f"lead-{number}-{place}" for place in range(200)] for number in range(8)}
    first, _ = walk([tried], RUNS, met, [(0, 7)], {KEY: NOTHING})
    gentle = first.loc[first["variant"] == "gentle"]
    likes = pd.DataFrame({"lead_id": gentle["lead_id"], "day": gentle["day"] + timedelta(days=1)})
    _, arms = walk([tried], RUNS, met, [(0, 7)], {KEY: likes.head(150)})
    weights = arms.set_index(["day", "variant"])["weight"].unstack()  # noqa: PD010
    weights = weights.astype(float)
    assert weights["gentle"].iloc[0] == 0.5, "nothing is known on the first day"
    assert weights["gentle"].iloc[-1] == pytest.approx(0.95, abs=0.01)
    assert weights.sum(axis="columns").round(9).eq(1).all()
    assert (arms["converted"] <= arms["exposed"]).all()
    assert arms["exposed"].iloc[0] == 0


def test_what_variants_change_reaches_their_leads_alone() -> None:
    tried = experiment()
    leads = ids(200)
    exposures = Exposures(leads, [tried], RUNS)
    given = exposures.given_on(day(0), np.arange(200))
    codes = sequence_codes(given, 200, TIERS, SEQUENCES, USUAL)
    is_gentle = given[0].variant == 1
    assert (codes[is_gentle] == [3, 2, 2, 0]).all()
    assert (codes[~is_gentle] == USUAL).all()


def test_a_winner_is_for_everybody_from_its_day_on_and_what_runs_goes_before_it() -> None:
    decided = [*RUNS, change(KEY, "decided", 5, "gentle")]
    exposures = Exposures(ids(20), [experiment(holdout=0.3)], decided)
    for number, everybody in ((4, False), (5, True), (50, True)):
        given = exposures.given_on(day(number), np.arange(20))
        codes = sequence_codes(given, 20, TIERS, SEQUENCES, USUAL)
        assert (codes[:, 2] == 2).all() is np.bool_(everybody)
    exposures.meet(day(5), given, np.arange(20), np.ones(20, dtype=bool))
    assert exposures.exposures.empty, "what is decided takes in nobody"
    newer = experiment(
        key="newer",
        variants=[{"key": "as-is"}, {"key": "eager", "sequences": {"WARM": "aggressive_close"}}],
    )
    both = Exposures(ids(200), [newer, experiment()], [*decided, change("newer", "running", 6)])
    given = both.given_on(day(7), np.arange(200))
    is_eager = next(each for each in given if each.experiment is newer).variant == 1
    codes = sequence_codes(given, 200, TIERS, SEQUENCES, USUAL)
    assert (codes[:, 2] == np.where(is_eager, 0, 2)).all()


def test_weights_of_the_match_are_those_of_leads_that_met_the_experiment() -> None:
    usual = {"specialty": 0.4, "performance": 0.3, "capacity": 0.2, "sla": 0.1}
    tried = experiment(
        key="results", kind="routing",
        variants=[{"key": "as-is"}, {"key": "results", "match": {"performance": 1}}],
    )  # fmt: skip
    exposures = Exposures(ids(100), [tried], [change("results", "running", 1)])
    places = np.arange(100)
    given = exposures.given_on(day(1), places)
    exposures.meet(day(1), given, places, places < 60)
    settled = exposures.settled_on(day(1), places)
    weights = match_weights(settled, 100, list(usual), usual)
    is_tried = (given[0].variant == 1) & (places < 60)
    assert (weights[is_tried] == [0, 1, 0, 0]).all()
    assert (weights[~is_tried] == list(usual.values())).all()
    assert (
        match_weights(exposures.settled_on(day(0), places), 100, list(usual), usual) == list(usual.values())
    ).all()
