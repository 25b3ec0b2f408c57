"""Training: a campaign's model as of a day, whether it takes the champion's place, and whether the champion still may.

A door. What belongs here: the order of the steps, the registry, and one training of a campaign at a time. What does
not: what is read (`model_examples`), how a model is learned, tested and watched (`conversion`).

The same facts give the same model, to the byte. A promotion holds from `as_of` on: the weekly training, as of today,
changes no day that is computed already.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd
from sqlalchemy import Engine
from threadpoolctl import threadpool_limits

from leadflow_pipeline.campaign import CampaignVersion, load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.score import model_registry as registry
from leadflow_pipeline.score.conversion.backtest import RULES, Backtest, backtest, day_of_half_the_wins
from leadflow_pipeline.score.conversion.card import card_of
from leadflow_pipeline.score.conversion.examples import SEED, Examples, Ripe, pooled
from leadflow_pipeline.score.conversion.features import RULE_SCORE
from leadflow_pipeline.score.conversion.leakage import Alarm, feature_alarms, jump_alarm
from leadflow_pipeline.score.conversion.model import ConversionModel
from leadflow_pipeline.score.conversion.promotion import Judgement, judge
from leadflow_pipeline.score.conversion.scale import on_level_of, on_scale_of_rules
from leadflow_pipeline.score.conversion.shapes import FloatArray
from leadflow_pipeline.score.conversion.training import (
    FEW_OUTCOMES,
    Kind,
    Trained,
    candidates,
    learned_from,
    train,
)
from leadflow_pipeline.score.conversion.watch import Record, Watched, drift_of, record_of
from leadflow_pipeline.score.model_examples import read_examples, read_other_campaigns, read_recent
from leadflow_pipeline.score.model_registry import TrainedModel
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.due_days import latest_day
from leadflow_pipeline.store.due_models import TRAINED
from leadflow_pipeline.store.facts import log_activity
from leadflow_pipeline.store.locks import stage_lock

MOST_LOOKED_THROUGH = 50_000
"""The latest so many examples are looked through for facts that give the outcome away."""
SCORES_ALREADY = "it scores already"


@dataclass(frozen=True)
class Champion:
    """Who scores, on the day of a training."""

    trained: TrainedModel
    model: ConversionModel


@dataclass(frozen=True)
class StepDown:
    """A degraded champion made way."""

    degraded: str
    successor: str | None
    """None: the rules alone."""
    reason: str


@dataclass(frozen=True)
class TrainingReport:
    """What a training came to."""

    campaign: str
    as_of: date
    trained: TrainedModel | None
    model: ConversionModel | None
    is_promoted: bool
    why_not: tuple[str, ...]
    """Why there is no model, or why it was not promoted."""
    judgement: Judgement | None
    """None where no later outcome was there to judge by."""
    alarms: tuple[Alarm, ...]
    watched: Watched | None
    """None where there was no champion."""
    stepped_down: StepDown | None
    recomputes_from: date | None
    """Days that are computed already and become due again because somebody else scores them now."""

    @property
    def words(self) -> str:
        """What came of it, in a sentence or two."""
        if self.trained is None:
            said = f"No model: {' and '.join(self.why_not)}."
        elif self.is_promoted:
            said = f"The model {registry.scorer(self.trained.model_version)} scores from {self.as_of} on."
        else:
            version = registry.scorer(self.trained.model_version)
            said = f"The model {version} was not promoted: {'; '.join(self.why_not)}."
        if self.stepped_down:
            said += f" {self.stepped_down.reason}."
        if self.recomputes_from:
            said += f" Days from {self.recomputes_from} on were computed already and are due again."
        return said


def train_model(
    engine: Engine, campaign: str, as_of: date, *, actor: str, promote: bool = True
) -> TrainingReport:
    """Trains a campaign's model from the facts before a day, registers it, and promotes it where it is better.

    Args:
        engine: the store.
        campaign: slug.
        as_of: facts of this day and later do not exist; a promotion holds from this day on.
        actor: who is named as having decided.
        promote: False only registers the model, and leaves the champion in its place.

    Raises PermanentError for a day in the future or an unknown campaign, TransientError where another training of the
    campaign does not come to an end.
    """
    if as_of > datetime.now(UTC).date():
        raise PermanentError(
            f"{as_of} has not begun (UTC), so what comes before it is not known: name today or an earlier day"
        )
    version = load(engine, campaign)
    # One thread: several sum in an order of their own, and wait for each other longer than such matrices take.
    with stage_lock(engine, campaign, schema.conversion_models.name), threadpool_limits(1):
        return _Training(engine, version, as_of, actor).run(promote)


class _Training:
    """One training: what was read once, for the steps that share it."""

    def __init__(self, engine: Engine, version: CampaignVersion, as_of: date, actor: str) -> None:
        self.engine, self.version, self.as_of, self.actor = engine, version, as_of, actor
        self.campaign, self.rules = version.campaign, version.rules.conversion
        self.decisions = registry.promotions(engine, self.campaign)
        self.champion = self._model(registry.champion_on(self.decisions, as_of))
        self.own = read_examples(engine, version.rules, as_of)

    def run(self, promote: bool) -> TrainingReport:
        """Every step."""
        examples, pool = self._examples()
        ripe = self._ripe(examples)
        kinds = candidates(len(ripe.outcome), int(ripe.outcome.sum()))
        tested = self._backtest(examples, ripe, kinds)
        judgement, watched = _judgement(tested), self._watched()
        best = tested.kind if tested else "logistic"
        fitted = train(ripe.features, ripe.converted, ripe.weight, SEED, best) if kinds else None
        model, trained = None, None
        alarms: tuple[Alarm, ...] = ()
        if fitted is None:
            why_not: tuple[str, ...] = (self._why_no_model(ripe),)
        else:
            model = self._finished(fitted.model, ripe, pool)
            alarms = self._alarms(model, fitted.kind, bool(pool), ripe, tested)
            why_not = self._why_not(fitted.kind, judgement, alarms)
            replaced = self.champion.trained.model_version if self.champion else None
            card = card_of(model, ripe, tested, replaced, why_not, alarms, pool, watched)
            trained = self._described(fitted, model, ripe, card)
            registry.register(self.engine, trained, model)
            if self.champion and replaced == trained.model_version:
                why_not = (SCORES_ALREADY,)
        is_promoted = self._promoted(trained, why_not, promote)
        better = trained.model_version if trained and not alarms and _is_less_surprised(judgement) else None
        stepped_down = None if is_promoted or not promote else self._stepped_down(watched, better)
        if trained and not is_promoted and not why_not:
            why_not = ("it was only to be registered",)
        self._note(trained, promote, is_promoted, stepped_down, watched)
        return TrainingReport(
            self.campaign, self.as_of, trained, model, is_promoted, why_not, judgement, alarms, watched, stepped_down,
            self._overtaken() if is_promoted or stepped_down else None,
        )  # fmt: skip

    def _finished(self, model: ConversionModel, ripe: Ripe, pool: Sequence[str]) -> ConversionModel:
        """The model on the level of the campaign, and on the scale of its rules."""
        own = self._ripe(self.own)
        level = on_level_of(model, own, ripe) if pool else model
        return on_scale_of_rules(level, own if len(own.weight) else ripe)

    def _described(
        self, fitted: Trained, model: ConversionModel, ripe: Ripe, card: dict[str, Any]
    ) -> TrainedModel:
        days = ripe.day.iloc[learned_from(ripe.features, ripe.weight)]
        return TrainedModel(
            campaign=self.campaign,
            model_version=model.version,
            as_of=self.as_of,
            campaign_version=self.version.version,
            kind=fitted.kind,
            is_pooled=bool(card["pool"]),
            examples=fitted.examples,
            wins=fitted.wins,
            first_day=days.iloc[0].date(),
            last_day=days.iloc[-1].date(),
            card=card,
        )

    # --- what is learned from -----------------------------------------------------------------------------------

    def _examples(self) -> tuple[Examples, list[str]]:
        """The campaign's own examples; with those of others, whose names come too, where its own are too few."""
        if self._ripe(self.own).rarer >= FEW_OUTCOMES or not self.rules.pooled:
            return self.own, []
        others = dict(read_other_campaigns(self.engine, self.campaign, self.as_of))
        if not others:
            return self.own, []
        pool = pooled(self.own, list(others.values()))
        if self._ripe(pool).rarer < FEW_OUTCOMES:
            return self.own, []
        return pool, sorted([self.campaign, *others] if len(self.own.leads) else others)

    def _ripe(self, examples: Examples) -> Ripe:
        return examples.ripe(self.as_of, self.rules.half_life_days)

    def _why_no_model(self, ripe: Ripe) -> str:
        ripens = f"an outcome is taken as known after {self.rules.matures_after_days} days"
        if not len(ripe.weight):
            return f"no lead is old enough to learn from ({ripens}): the rules stand alone"
        how = "all" if ripe.converted.sum() else "none"
        others = ", and the other campaigns have too few outcomes as well" if self.rules.pooled else ""
        return (
            f"of {len(ripe.weight)} examples that are old enough to learn from ({ripens}) {how} were won{others}: the "
            "rules stand alone"
        )

    # --- is it better -------------------------------------------------------------------------------------------

    def _backtest(self, examples: Examples, ripe: Ripe, kinds: Sequence[Kind]) -> Backtest | None:
        if not kinds:
            return None
        cut = self.champion.trained.last_day if self.champion else day_of_half_the_wins(ripe)
        if cut is None:
            return None
        model = self.champion.model if self.champion else None
        return backtest(examples, self.as_of, self.rules.half_life_days, model, cut, kinds)

    def _alarms(
        self, model: ConversionModel, kind: str, is_pooled: bool, ripe: Ripe, tested: Backtest | None
    ) -> tuple[Alarm, ...]:
        """None for the scaled rules: they look at no field, and among few outcomes anything separates by chance."""
        if kind == RULES:
            return ()
        latest = slice(-MOST_LOOKED_THROUGH, None)
        alarms = feature_alarms(ripe.features.iloc[latest], ripe.converted.iloc[latest], SEED)
        if self.champion and tested and tested.champion is not None and self._looks_at_as_much(is_pooled):
            known = set(self.champion.model.single_features)
            new = tuple(name for name in model.single_features if name not in known)
            jump = jump_alarm(tested.outcome, tested.champion, tested.challenger, new)
            alarms += [jump] if jump else []
        return tuple(alarms)

    def _looks_at_as_much(self, is_pooled: bool) -> bool:
        """Whether the champion could see the fields that the challenger sees: else a jump is what was hoped for."""
        champion = self.champion
        return (
            champion is not None
            and champion.trained.kind != RULES
            and champion.trained.is_pooled == is_pooled
        )

    def _why_not(self, kind: str, judgement: Judgement | None, alarms: Sequence[Alarm]) -> tuple[str, ...]:
        """Why the model is not to score; empty where it is.

        A first model that is the rules made a probability changes no score, so it needs no outcomes to be judged by.
        """
        if kind == RULES and not self.decisions:
            return ()
        reasons = [alarm.message for alarm in alarms]
        if judgement is None:
            reasons.append("no lead that came later than those learned from has an outcome to judge by")
        else:
            reasons += judgement.reasons
        return tuple(reasons)

    # --- who scores ---------------------------------------------------------------------------------------------

    def _promoted(self, trained: TrainedModel | None, why_not: Sequence[str], promote: bool) -> bool:
        if trained is None or why_not or not promote:
            return False
        before = (
            "the rules alone"
            if self.champion is None
            else f"the model {registry.scorer(self.champion.trained.model_version)}"
        )
        is_first = trained.kind == RULES and not self.decisions
        reason = (
            "it ranks leads as the rules do, and adds how likely each converts"
            if is_first
            else f"it did better than {before} on later leads"
        )
        self._decide(trained.model_version, reason)
        return True

    def _watched(self) -> Watched | None:
        if self.champion is None:
            return None
        trained, model = self.champion.trained, self.champion.model
        day = self.own.leads["day"]
        learned = (
            (day >= pd.Timestamp(trained.first_day)) & (day <= pd.Timestamp(trained.last_day))
        ).to_numpy()
        recent = read_recent(self.engine, self.version.rules, self.as_of)
        return Watched(
            trained.model_version,
            drift_of(model, self.own.features[learned], recent),
            self._record(self.champion, trained.last_day),
        )

    def _record(self, judged: Champion, after: date) -> Record:
        """How a model did on the first row of each lead later than a day."""
        ripe = self.own.ripe(self.as_of, None)
        keys = ripe.features.index
        is_later = (ripe.day > pd.Timestamp(after)).to_numpy()
        later = np.flatnonzero(is_later)
        first = later[~keys.get_level_values("lead_id")[later].duplicated()]
        asked = ripe.features.take(first)
        known = asked[RULE_SCORE] if RULE_SCORE in asked else pd.Series(0.0, index=asked.index)
        by_rules: FloatArray = np.asarray(known, dtype=np.float64)
        return record_of(ripe.outcome[first], judged.model.probabilities(asked), by_rules)

    def _stepped_down(self, watched: Watched | None, better: str | None) -> StepDown | None:
        """Puts another in a degraded champion's place.

        That is today's model if it would have done better, though not surely; else the last earlier champion that does
        well on the same leads; else the rules alone.
        """
        if self.champion is None or watched is None or not watched.record.is_degraded:
            return None
        if not self.rules.step_down:
            return None
        degraded = self.champion.trained.model_version
        good = filter(None, map(self._good_one, self._earlier_champions(degraded)))
        successor = better or next(good, None)
        whom = (
            f"the new model {registry.scorer(better)} scores"
            if better
            else f"the earlier model {registry.scorer(successor)} scores again"
            if successor
            else "the rules alone score"
        )
        reason = f"The model {registry.scorer(degraded)} steps down, because {watched.record.words}: {whom}"
        self._decide(successor, reason)
        return StepDown(degraded, successor, reason)

    def _earlier_champions(self, degraded: str) -> list[str]:
        held = [each.model_version for each in self.decisions if each.from_day <= self.as_of]
        return [
            version
            for version in dict.fromkeys(reversed(held))
            if version is not None and version != degraded
        ]

    def _good_one(self, version: str) -> str | None:
        earlier = self._model(version)
        if earlier is None or self.champion is None:
            return None
        record = self._record(earlier, max(earlier.trained.last_day, self.champion.trained.last_day))
        return version if record.promises is not None and not record.is_degraded else None

    def _model(self, version: str | None) -> Champion | None:
        if version is None:
            return None
        trained = {each.model_version: each for each in registry.registered(self.engine, self.campaign)}
        return Champion(trained[version], registry.load_model(self.engine, self.campaign, version))

    def _decide(self, version: str | None, reason: str) -> None:
        registry.promote(self.engine, self.campaign, version, self.as_of, actor=self.actor, reason=reason)

    def _overtaken(self) -> date | None:
        with self.engine.connect() as connection:
            latest = latest_day(connection, schema.scored_leads, self.campaign)
        return self.as_of if latest is not None and latest >= self.as_of else None

    # --- what is kept of it -------------------------------------------------------------------------------------

    def _note(
        self,
        trained: TrainedModel | None,
        promote: bool,
        is_promoted: bool,
        stepped_down: StepDown | None,
        watched: Watched | None,
    ) -> None:
        is_degraded = watched is not None and watched.record.is_degraded
        detail = {
            "as_of": self.as_of.isoformat(),
            "promote": promote,
            "model_version": trained.model_version if trained else None,
            "is_promoted": is_promoted,
            "stepped_down": stepped_down is not None,
            "degraded": watched.model_version if watched is not None and is_degraded else None,
            "because": watched.record.words if watched is not None and is_degraded else None,
        }
        log_activity(self.engine, actor=self.actor, action=TRAINED, campaign=self.campaign, detail=detail)


def _is_less_surprised(judgement: Judgement | None) -> bool:
    """Whether the challenger did better than the champion on later leads, if not surely."""
    if judgement is None:
        return False
    old, new = judgement.champion, judgement.challenger
    return new.log_loss < old.log_loss and new.calibration_error <= old.calibration_error


def _judgement(tested: Backtest | None) -> Judgement | None:
    """None where the rows have no win or no loss, so that nothing can be told."""
    if tested is None or not 0 < tested.outcome.sum() < len(tested.outcome):
        return None
    return judge(tested.outcome, tested.opponent, tested.challenger, SEED)
