"""`/campaigns/{campaign}/models`: which conversion models there are, which one scores, and changing that.

What belongs here: from requests to the functions of `score.model_registry`, and launching a training. What does not:
the registry's rules, and learning. The campaign's status tells who scores; a model's metrics are its card in numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from leadflow_pipeline.launching.wanted import training_run
from leadflow_pipeline.score import model_registry as registry
from leadflow_pipeline.score.model_registry import Promotion, TrainedModel
from leadflow_pipeline.service.access.door import Administrator, Reader
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.changing import Change, Changing, refuse_days_due
from leadflow_pipeline.service.api.etags import tagged
from leadflow_pipeline.service.api.idempotency import IdempotencyKey
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.launches import Launched, launched_once
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.parameters import (
    CampaignSlug,
    Day,
    Fine,
    Reason,
    Share,
    Strict,
    today_of,
)
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.store.due_days import days_due_again
from leadflow_pipeline.store.due_models import last_training
from leadflow_pipeline.store.schema import scored_leads

ModelVersion = Annotated[
    str,
    InPath(pattern=r"^[0-9a-f]{6,64}$", description="a version, or the beginning of one: 6 digits or more"),
]
ModelVersionOrNone = Annotated[
    str,
    InPath(
        pattern=r"^([0-9a-f]{6,64}|none)$",
        description="a version, or the beginning of one; none: the rules alone",
    ),
]


class PromotionBody(BaseModel):
    """From when on, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    from_day: Day | None = Field(None, description="the first day that it scores; left out: today (UTC)")
    reason: Reason = "decided by the API"
    accept_days_due: bool = Field(
        False,
        description="carry it out even where days that are computed become due again; else refused (409)",
    )


class TrainBody(BaseModel):
    """As of when, and whether a better model takes the champion's place."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: Day | None = Field(
        None,
        description="as if it were this day: later facts do not exist; left out: the day on which it runs",
    )
    promote: bool = Field(True, description="false: only keep the model, and leave the champion in its place")


class DaysScored(BaseModel):
    """Days in a row on which a model scores."""

    first_day: date
    last_day: date | None = Field(description="null: it goes on")


class ModelRow(BaseModel):
    """A model of a list."""

    campaign: str
    model_version: str
    as_of: date = Field(description="it knows nothing of this day or later")
    campaign_version: int
    kind: Literal["rules", "logistic", "boosted"]
    is_pooled: bool
    examples: int
    wins: int
    first_day: date
    last_day: date
    auc: Share | None = Field(description="on leads later than those it learned from; null: there were none")
    when: Literal["now", "before", "later", "never"] = Field(description="whether it scores today")
    scores: list[DaysScored]


class Measures(BaseModel):
    """How good predictions are on leads that came later than those learned from."""

    leads: int
    wins: int
    auc: Share | None = None
    brier: Fine | None = None
    log_loss: Fine | None = None
    calibration_error: Fine | None = None


class Judgement(BaseModel):
    """Whether it was better than who scored."""

    is_promoted: bool
    reasons: list[str] = Field(description="why not")


class AlarmAnswer(BaseModel):
    """Fields that probably give the outcome away."""

    features: list[str]
    message: str


class Importance(BaseModel):
    """How much a field moves predictions."""

    feature: str
    spread: Fine


class ModelMetrics(ModelRow):
    """All that is known of a model beside its artifact."""

    measures: dict[Literal["challenger", "champion", "rules"], Measures | None]
    champion: str | None = Field(description="who scored until then")
    judgement: Judgement
    alarms: list[AlarmAnswer]
    importance: list[Importance]
    pool: list[str] = Field(description="the campaigns learned from, where there are several")
    curves: dict[str, Any] = Field(
        description="calibration, ROC and lift; empty where nothing was to judge by"
    )
    drift: dict[str, Any] = Field(description="how the champion was doing when it was trained")


class PromotionAnswer(BaseModel):
    """A decision about who scores from a day on."""

    model_version: str | None = Field(description="null: the rules alone")
    from_day: date
    actor: str
    reason: str
    decided_at: datetime


class ModelStatus(BaseModel):
    """Who scores a campaign's leads."""

    campaign: str
    model_version: str | None = Field(description="null: the rules alone")
    words: str
    since: date | None
    models: int
    last_trained_at: datetime | None
    last_trained_as_of: date | None
    promotions: list[PromotionAnswer] = Field(description="in the order in which they hold, the last 100")


class Promoted(BaseModel):
    """What came of a decision."""

    campaign: str
    model_version: str | None
    from_day: date
    until: date | None = Field(description="an earlier decision holds from this day on")
    days_due_again: int = Field(description="days that are computed already and become due again by it")


MOST_PROMOTIONS = 100


def models_router(context: ServiceContext) -> APIRouter:
    """The routes."""
    router = APIRouter(prefix="/campaigns/{campaign}/models", tags=["models"])

    @router.get("", responses=refusals())
    def list_all(
        caller: Reader, campaign: CampaignSlug, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[ModelRow]:
        """Every model that was ever trained, the latest first."""
        known_campaign(context.engine, campaign)
        rows = [_row(context, *each) for each in _known(context, campaign)]
        rows.sort(key=_place, reverse=True)
        after = values_of(cursor, (str, str))
        rows = [row for row in rows if after is None or _place(row) < tuple(map(str, after))]
        return page_of(rows, limit, _place)

    @router.get("/status", response_model=ModelStatus, responses=refusals(is_tagged=True))
    def status(request: Request, caller: Reader, campaign: CampaignSlug) -> Response:
        """Who scores today, since when, every decision about it, and when there was a training last."""
        engine = context.engine
        known_campaign(engine, campaign)
        decisions, today = registry.promotions(engine, campaign), today_of(context.now())
        champion = registry.champion_on(decisions, today)
        reigns = [each for each in registry.reigns(decisions) if each.first_day <= today]
        trained = last_training(engine, campaign)
        answer = ModelStatus(
            campaign=campaign,
            model_version=champion,
            words=f"Today {registry.scored_by(champion)}.",
            since=reigns[-1].first_day if reigns else None,
            models=len(registry.registered(engine, campaign)),
            last_trained_at=trained[0] if trained else None,
            last_trained_as_of=trained[1] if trained else None,
            promotions=[_promotion(each) for each in decisions[-MOST_PROMOTIONS:]],
        )
        return tagged(request, answer)

    @router.post(
        "/train",
        status_code=HTTPStatus.ACCEPTED,
        response_model=Launched,
        responses=refusals(409, body=True),
    )
    def train(
        request: Request,
        caller: Administrator,
        campaign: CampaignSlug,
        body: Annotated[TrainBody, Strict],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Launches a training as a Dagster run, and says which. A better model is promoted from `as_of` on."""
        known_campaign(context.engine, campaign)
        as_of = body.as_of
        if as_of is not None and as_of > today_of(context.now()):
            raise Problem(HTTPStatus.CONFLICT, "that day has not begun (UTC): name today or an earlier day")
        config = {"as_of": as_of.isoformat() if as_of else None, "promote": body.promote}
        wanted = replace(training_run(campaign), config={"ops": {"conversion_model": {"config": config}}})
        asked = body.model_dump_json().encode()
        return launched_once(context, caller, request, wanted, idempotency_key, asked)

    @router.post("/roll-back", response_model=Promoted, responses=refusals(409, body=True))
    def roll_back(
        caller: Administrator,
        campaign: CampaignSlug,
        body: Annotated[PromotionBody, Strict],
        change: Changing,
    ) -> JSONResponse:
        """Goes back to the champion before the present one, or to the rules alone where there was none."""
        known_campaign(context.engine, campaign)

        def before(connection: Connection, day: date) -> str | None:
            return registry.gone_back_to(registry.promotions_in(connection, campaign), campaign, day)

        return _decided(context, caller, campaign, before, body, change, "model.rollback")

    @router.get("/{model_version}/metrics", response_model=ModelMetrics, responses=refusals(is_tagged=True))
    def metrics(
        request: Request, caller: Reader, campaign: CampaignSlug, model_version: ModelVersion
    ) -> Response:
        """How good a model is, against whom, what it looks at, what was found wrong, and which days it scores."""
        known_campaign(context.engine, campaign)
        wanted = _one(context, campaign, model_version)
        trained, days = next(each for each in _known(context, campaign) if each[0].model_version == wanted)
        return tagged(request, _metrics(context, trained, days))

    @router.post("/{model_version}/promote", response_model=Promoted, responses=refusals(409, body=True))
    def promote(
        caller: Administrator,
        campaign: CampaignSlug,
        model_version: ModelVersionOrNone,
        body: Annotated[PromotionBody, Strict],
        change: Changing,
    ) -> JSONResponse:
        """Lets a model, or the rules alone (`none`), score from a day on. Days before it stay as they are."""
        known_campaign(context.engine, campaign)
        wanted = None if model_version == registry.NO_MODEL else _one(context, campaign, model_version)
        return _decided(context, caller, campaign, lambda *_: wanted, body, change, "model.promote")

    return router


Days = list[dict[str, date | None]]


def _known(context: ServiceContext, campaign: str) -> list[tuple[TrainedModel, Days]]:
    """Every model, the latest first, and the days it scores."""
    days = registry.days_scored(registry.promotions(context.engine, campaign))
    models = registry.registered(context.engine, campaign)
    return [(model, days.get(model.model_version, [])) for model in models]


def _one(context: ServiceContext, campaign: str, prefix: str) -> str:
    """The version that begins so. Raises Problem: 404 where none does, 409 where several do."""
    found = [
        model.model_version
        for model in registry.registered(context.engine, campaign)
        if model.model_version.startswith(prefix)
    ]
    if not found:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "the campaign has no such model: GET /api/v1/campaigns/{campaign}/models lists them",
        )
    if len(found) > 1:
        raise Problem(HTTPStatus.CONFLICT, "several versions begin so: give more of it")
    return found[0]


def _place(row: ModelRow) -> tuple[str, str]:
    return row.as_of.isoformat(), row.model_version


def _row(context: ServiceContext, trained: TrainedModel, days: Days) -> ModelRow:
    return ModelRow.model_validate(_plain(context, trained, days))


def _plain(context: ServiceContext, trained: TrainedModel, days: Days) -> dict[str, Any]:
    measured: Mapping[str, Any] = (trained.card.get("measures") or {}).get("challenger") or {}
    names = [name for name in TrainedModel.__dataclass_fields__ if name != "card"]
    return {
        **{name: getattr(trained, name) for name in names},
        "auc": measured.get("auc"),
        "when": registry.when_scores(days, today_of(context.now())),
        "scores": days,
    }


def _metrics(context: ServiceContext, trained: TrainedModel, days: Days) -> ModelMetrics:
    card = trained.card
    return ModelMetrics.model_validate(
        {
            **_plain(context, trained, days),
            "measures": card.get("measures") or {},
            "champion": card.get("champion"),
            "judgement": card.get("judgement") or {"is_promoted": False, "reasons": []},
            **{name: card.get(name) or [] for name in ("alarms", "importance", "pool")},
            **{name: card.get(name) or {} for name in ("curves", "drift")},
        }
    )


def _promotion(decision: Promotion) -> PromotionAnswer:
    return PromotionAnswer.model_validate(decision, from_attributes=True)


def _day(context: ServiceContext, body: PromotionBody) -> date:
    return body.from_day or today_of(context.now())


def _decided(
    context: ServiceContext,
    caller: Caller,
    campaign: str,
    wanted_of: Callable[[Connection, date], str | None],
    body: PromotionBody,
    change: Change,
    action: str,
) -> JSONResponse:
    """Carries out a decision, in one transaction with its record."""
    day = _day(context, body)

    def act(connection: Connection) -> Promoted:
        wanted = wanted_of(connection, day)
        due = days_due_again(connection, scored_leads, campaign, day)
        later = registry.decide_in(
            connection, campaign, wanted, day, actor=caller.actor, reason=body.reason, action=action
        )
        refuse_days_due(due, accepted=body.accept_days_due)
        return Promoted(
            campaign=campaign,
            model_version=wanted,
            from_day=day,
            until=later.from_day if later else None,
            days_due_again=due,
        )

    return change.carried_out(context.engine, caller, act)
