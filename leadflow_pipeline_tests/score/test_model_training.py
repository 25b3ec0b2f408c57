"""Training on a real database: who is promoted, who is not, who steps down, and what must change nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import Engine, text

from leadflow_pipeline.campaign import Campaign, load, register, set_status, source_text
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.partitions import PartitionRange, days_between
from leadflow_pipeline.score import model_registry as registry
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.training import FEW_OUTCOMES
from leadflow_pipeline.score.days import feature_days
from leadflow_pipeline.score.model_examples import read_examples
from leadflow_pipeline.score.model_training import TrainingReport, train_model
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.partitions import read_partitions, replace_partitions
from leadflow_pipeline_tests.score.learning import RIPE, RULES, arrive, campaign, day, leads, visit, win

ROWS, DAYS = 2_400, 60


def trained(engine: Engine, slug: str, number: int, *, promote: bool = True) -> TrainingReport:
    return train_model(engine, slug, day(number), actor="a test", promote=promote)


def artifact(report: TrainingReport) -> str:
    assert report.model is not None
    return report.model.to_json()


def champion(engine: Engine, slug: str, number: int) -> str | None:
    return registry.champion_on(registry.promotions(engine, slug), day(number))


def test_a_model_that_beats_the_rules_scores_from_its_day_on(engine: Engine) -> None:
    campaign(engine)
    arrive(engine, "spring", leads(ROWS, DAYS))

    report = trained(engine, "spring", 70)

    model, kept = report.model, report.trained
    assert model is not None
    assert kept is not None
    assert (report.is_promoted, report.why_not, kept.kind, kept.is_pooled) == (True, (), "logistic", False)
    assert champion(engine, "spring", 69) is None
    assert champion(engine, "spring", 70) == kept.model_version == model.version
    assert registry.load_model(engine, "spring", kept.model_version).to_json() == model.to_json()
    assert registry.registered(engine, "spring") == [kept]
    assert (kept.first_day, kept.last_day) == (day(0), day(59))
    measures = kept.card["measures"]
    assert measures["challenger"]["auc"] > measures["rules"]["auc"] + 0.05
    assert measures["champion"] is None
    assert kept.card["importance"][0]["feature"] == "industry"
    # Its points spread as those of the rules, so that both can be blended.
    examples = read_examples(engine, learning_rules(engine), day(70)).ripe(day(70), 90.0)
    points = model.points(model.logits(examples.features))
    by_rules = examples.features[RULE_SCORE].to_numpy()
    for ours, theirs in ((np.average, np.average), (spread, spread)):
        found = ours(points, weights=examples.weight)
        assert found == pytest.approx(theirs(by_rules, weights=examples.weight), abs=1e-6)


def spread(numbers: np.ndarray, weights: np.ndarray) -> float:
    middle = np.average(numbers, weights=weights)
    return float(np.sqrt(np.average((numbers - middle) ** 2, weights=weights)))


def learning_rules(engine: Engine, slug: str = "spring") -> Campaign:
    return load(engine, slug).rules


def test_where_the_world_changes_the_retrained_model_takes_over_and_else_it_does_not(engine: Engine) -> None:
    campaign(engine)
    arrive(engine, "spring", leads(4_000, 120, steel=(2.5, -2.5)))

    first = trained(engine, "spring", 50)
    same_world = trained(engine, "spring", 62)
    other_world = trained(engine, "spring", 125)

    assert first.is_promoted
    assert not same_world.is_promoted
    assert other_world.is_promoted, other_world.why_not
    assert other_world.trained is not None
    measures = other_world.trained.card["measures"]
    assert measures["challenger"]["brier"] < measures["champion"]["brier"]
    assert other_world.trained.card["champion"] == champion(engine, "spring", 100)


def test_with_thirty_outcomes_leads_rank_as_by_the_rules_and_the_first_such_model_scores(
    engine: Engine,
) -> None:
    campaign(engine)
    arrive(engine, "spring", leads(120, 30))

    report = trained(engine, "spring", 40)

    assert report.trained is not None
    assert report.model is not None
    assert 0 < report.trained.wins < FEW_OUTCOMES
    assert (report.trained.kind, report.is_promoted) == ("rules", True)
    features = feature_days(
        engine, PartitionRange("spring", days_between(day(0), day(29))), learning_rules(engine)
    )
    chances = report.model.probabilities(features)
    order = np.argsort(features[RULE_SCORE].to_numpy(), kind="stable")
    assert (np.diff(chances[order]) >= 0).all()
    assert np.corrcoef(report.model.points(report.model.logits(features)), features[RULE_SCORE])[0, 1] > 0.999
    # A second one has to be better, like any other.
    assert not trained(engine, "spring", 41).is_promoted


def test_without_an_outcome_there_is_no_model_and_it_is_said(engine: Engine) -> None:
    campaign(engine)
    empty = trained(engine, "spring", 20)
    arrive(engine, "spring", leads(100, 20).assign(won_on=pd.NaT))
    nobody = trained(engine, "spring", 40)

    for report in (empty, nobody):
        assert (report.trained, report.is_promoted, champion(engine, "spring", 40)) == (None, False, None)
    assert "no lead is old enough to learn from" in empty.words
    assert "of 100 examples" in nobody.words
    assert "none were won" in nobody.words


def test_a_field_that_tells_the_outcome_raises_the_alarm_and_is_kept_from_scoring(engine: Engine) -> None:
    campaign(engine)
    rows = leads(ROWS, DAYS)
    arrive(engine, "spring", rows.assign(plan=rows["plan"].mask(rows["won_on"].notna(), "signed")))

    report = trained(engine, "spring", 70)

    assert not report.is_promoted
    (alarm,) = report.alarms
    assert alarm.features == ("custom.plan",)
    assert champion(engine, "spring", 70) is None
    assert report.trained is not None
    assert report.trained.card["judgement"] == {"is_promoted": False, "reasons": [alarm.message]}

    register(engine, source_text(engine, "spring") + "  excluded: [custom.plan]\n", "spring.yaml")
    honest = trained(engine, "spring", 70)
    assert honest.is_promoted
    assert honest.alarms == ()


def test_what_happens_on_the_day_or_later_changes_no_byte(engine: Engine) -> None:
    campaign(engine)
    rows = leads(1_200, DAYS)
    arrive(engine, "spring", rows[rows["day"] < pd.Timestamp(day(50))])
    before = trained(engine, "spring", 50, promote=False)

    later = rows[rows["day"] >= pd.Timestamp(day(50))]
    arrive(engine, "spring", later)
    lost = rows[rows["won_on"].isna()].head(200)
    win(engine, "spring", lost["lead_id"], pd.Series(pd.Timestamp(day(50)), index=lost.index))
    visit(engine, "spring", rows["lead_id"].iloc[0], [day(50), day(51)])
    after = trained(engine, "spring", 50, promote=False)

    assert artifact(after) == artifact(before)
    assert after.judgement == before.judgement
    assert artifact(trained(engine, "spring", 51, promote=False)) != artifact(before)


def test_the_order_in_which_leads_were_stored_means_nothing(engine: Engine) -> None:
    campaign(engine)
    campaign(engine, "summer")
    rows = leads(1_200, DAYS)
    arrive(engine, "spring", rows)
    for _, of_day in rows.iloc[::-1].groupby(rows["day"].dt.day % 7):
        for _, some in of_day.groupby("day"):
            arrive(engine, "summer", some)

    reports = [trained(engine, slug, 65, promote=False) for slug in ("spring", "summer")]

    assert artifact(reports[0]) == artifact(reports[1])


def test_too_few_outcomes_are_made_up_from_other_campaigns_at_the_level_of_ones_own(engine: Engine) -> None:
    small, large = campaign(engine, "small"), campaign(engine, "large")
    arrive(engine, small, leads(150, DAYS, seed=3, base=-4.0))
    alone = trained(engine, small, 70, promote=False)
    arrive(engine, large, leads(ROWS, DAYS, prefix="lead"))

    report = trained(engine, small, 70)

    assert alone.trained is not None
    assert report.trained is not None
    assert report.model is not None
    assert (alone.trained.kind, alone.trained.is_pooled) == ("rules", False)
    assert (report.trained.kind, report.trained.is_pooled) == ("logistic", True)
    assert report.trained.card["pool"] == ["large", "small"]
    assert report.is_promoted, "it is judged on the later leads of the whole pool"
    read = {shape.name for shape in report.model.shapes}
    assert "industry" in read
    assert not any(name.startswith("custom.") for name in read)
    own = read_examples(engine, learning_rules(engine, small), day(70)).ripe(day(70), 90.0)
    expected = np.average(report.model.probabilities(own.features), weights=own.weight)
    rate = np.average(own.outcome, weights=own.weight)
    assert rate < expected < rate + 0.1, "near its own few wins, drawn a little towards the other campaign"

    set_status(engine, large, "archived", actor="a test")
    assert artifact(trained(engine, small, 70, promote=False)) == artifact(alone)


def test_names_of_campaigns_mean_nothing_to_a_pool(engine: Engine) -> None:
    rows = {"small": leads(150, DAYS, seed=3), "large": leads(600, DAYS), "larger": leads(600, DAYS, seed=2)}
    versions = []
    for names in (("a", "m", "z"), ("y", "n", "b")):
        slugs = dict(zip(rows, names, strict=True))
        for role, slug in slugs.items():
            arrive(engine, campaign(engine, slug), rows[role])  # leads of one id in all of them
        versions.append(artifact(trained(engine, slugs["small"], 70, promote=False)))
        for slug in slugs.values():
            set_status(engine, slug, "archived", actor="a test")
    assert versions[0] == versions[1]


def test_a_campaign_without_a_ripe_lead_can_learn_from_others_if_it_wants(engine: Engine) -> None:
    young, other = campaign(engine, "young"), campaign(engine, "other")
    rows = leads(1_200, DAYS)
    arrive(engine, other, rows)
    arrive(engine, young, rows.tail(40))

    report = trained(engine, young, 62)
    register(engine, source_text(engine, young) + "  pooled: false\n", "young.yaml")
    alone = trained(engine, young, 62)

    assert report.trained is not None
    assert report.trained.card["pool"] == [other]
    assert alone.trained is None
    assert "old enough" in alone.words


def break_the_champion(engine: Engine, extra: str = "") -> str:
    """Promotes a model that promises the opposite of what comes; the version of the good one before it."""
    campaign(engine, rules=RULES + extra)
    arrive(engine, "spring", leads(3_000, 100))
    good = trained(engine, "spring", 40)
    assert good.is_promoted
    assert good.trained is not None
    assert good.model is not None
    upside_down = tuple(-table for table in good.model.values)  # noqa: PD011 (of a model, not a frame)
    flipped = replace(good.model, base=2.0, values=upside_down)
    registry.register(engine, replace(good.trained, model_version=flipped.version, as_of=day(41)), flipped)
    registry.promote(engine, "spring", flipped.version, day(41), actor="a test", reason="by mistake")
    return good.trained.model_version


def too_few_to_be_promoted(engine: Engine) -> None:
    """Whoever is trained next has its alarm rung, so that only stepping down is left."""
    with engine.begin() as connection:
        connection.execute(
            text(
                "UPDATE leadflow.enriched_leads AS lead SET custom = jsonb_build_object('plan', 'signed') "
                "FROM leadflow.outcomes AS won WHERE won.lead_id = lead.lead_id AND won.campaign = lead.campaign"
            )
        )


def test_a_champion_that_breaks_its_promises_makes_way_for_the_last_good_one(engine: Engine) -> None:
    good = break_the_champion(engine)
    too_few_to_be_promoted(engine)

    report = trained(engine, "spring", 90)

    assert report.watched is not None
    assert report.watched.record.breaks_promises
    assert report.watched.record.ranks_worse
    assert not report.is_promoted
    assert report.stepped_down is not None
    assert report.stepped_down.successor == good == champion(engine, "spring", 90)
    (*_, decision) = registry.promotions(engine, "spring")
    assert (decision.actor, decision.from_day) == ("a test", day(90))
    assert "steps down, because it promised" in decision.reason
    assert "the rules alone rank leads better" in decision.reason
    # The good one is not degraded, so it stays.
    assert trained(engine, "spring", 91).stepped_down is None


def test_without_a_good_one_the_rules_stand_alone_and_nobody_steps_down_unasked(engine: Engine) -> None:
    good = break_the_champion(engine)
    too_few_to_be_promoted(engine)
    with engine.begin() as connection:
        connection.execute(
            text("DELETE FROM leadflow.model_promotions WHERE model_version = :good"), {"good": good}
        )
    bad = champion(engine, "spring", 90)
    asked_not_to = trained(engine, "spring", 90, promote=False)
    assert asked_not_to.stepped_down is None
    assert champion(engine, "spring", 90) == bad

    report = trained(engine, "spring", 90)

    assert report.stepped_down is not None
    assert report.stepped_down.successor is None
    assert champion(engine, "spring", 90) is None

    register(engine, source_text(engine, "spring") + "  step_down: false\n", "spring.yaml")
    registry.promote(engine, "spring", bad, day(91), actor="a test", reason="again")
    stubborn = trained(engine, "spring", 92)
    assert stubborn.watched is not None
    assert stubborn.watched.record.is_degraded
    assert stubborn.stepped_down is None
    assert champion(engine, "spring", 92) == bad


def test_nobody_knows_the_future_and_a_promotion_in_the_past_says_what_it_recomputes(engine: Engine) -> None:
    campaign(engine)
    arrive(engine, "spring", leads(1_200, DAYS))
    with pytest.raises(PermanentError, match="has not begun"):
        train_model(engine, "spring", datetime.now(UTC).date() + timedelta(days=1), actor="a test")

    assert trained(engine, "spring", 62).recomputes_from is None
    with engine.begin() as connection:
        connection.execute(text("DELETE FROM leadflow.model_promotions"))
    nothing = read_partitions(engine, schema.scored_leads, "spring", [day(64)])
    replace_partitions(
        engine, schema.scored_leads, "spring", [day(64)], nothing, campaign_version=1, run_id="by hand"
    )
    report = trained(engine, "spring", 64)
    assert report.is_promoted
    assert report.recomputes_from == day(64)
    assert "due again" in report.words


def test_examples_are_of_leads_that_were_not_won_yet_and_a_busy_lead_weighs_as_one(engine: Engine) -> None:
    campaign(engine)
    rows = leads(4, 1).assign(won_on=[pd.Timestamp(day(0)), pd.Timestamp(day(5)), pd.NaT, pd.NaT])
    rows["won_on"] = rows["won_on"].astype("datetime64[us]")
    arrive(engine, "spring", rows, days=10)
    names = rows["lead_id"].tolist()
    for lead in names[:3]:
        visit(engine, "spring", lead, [day(number) for number in (1, 4, 5, 6)])

    read = read_examples(engine, learning_rules(engine), day(40))

    held = {
        name: [when.date() for when in read.leads.loc[read.leads["lead"] == name, "day"]] for name in names
    }
    assert held[names[0]] == [day(0)], "what it did after it was won says nothing"
    assert held[names[1]] == [day(0), day(1), day(4)], "what it did on the day of the win may be the win"
    assert held[names[2]][:5] == [day(0), day(1), day(4), day(5), day(6)]
    ripe = read.ripe(day(40), None)
    weights = pd.Series(ripe.weight).groupby(ripe.features.index.get_level_values("lead_id")).sum()
    assert weights.tolist() == pytest.approx([1.0] * 4)
    assert RIPE == 10
    assert read.ripe(date(2026, 1, 5), None).weight.size == 0


def test_a_model_trained_again_from_the_same_facts_is_the_same_and_scores_already(engine: Engine) -> None:
    campaign(engine)
    arrive(engine, "spring", leads(1_200, DAYS))

    reports = [trained(engine, "spring", 70) for _ in range(2)]

    assert artifact(reports[0]) == artifact(reports[1])
    assert len(registry.registered(engine, "spring")) == len(registry.promotions(engine, "spring")) == 1
    assert not reports[1].is_promoted
    assert reports[1].words.endswith("was not promoted: it scores already.")


def test_only_the_latest_examples_are_read_whole_days_of_them(engine: Engine) -> None:
    campaign(engine)
    arrive(engine, "spring", leads(600, 60))

    read = read_examples(engine, learning_rules(engine), day(70), most=95)

    assert read.leads["day"].min().date() == day(50)
    assert len(read.leads) == 100
