"""`/campaigns/{campaign}/experiments` and `/experiments`: what is tried on leads, and what came of it.

What belongs here: from requests to the functions of `insight.experiments`, `store.experiment_states` and `campaign`.
What does not: any rule. An experiment is declared in the campaign file: creating one makes a new version of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import date, timedelta
from http import HTTPStatus
from itertools import islice, takewhile
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from leadflow_pipeline.campaign import CampaignError, add_experiment_in
from leadflow_pipeline.campaign.problems import written_path
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.experiment.life_cycle import StateChange
from leadflow_pipeline.experiment.rules import Bandit, ExclusionGroup, Experiment, Looks, Metric, Variant
from leadflow_pipeline.insight.experiments.declared import (
    Declared,
    NoSuchExperiment,
    campaigns_with_experiments,
    declared_by,
)
from leadflow_pipeline.service.access.door import Administrator, Reader
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.changing import Change, Changing, refuse_days_due
from leadflow_pipeline.service.api.etags import tagged
from leadflow_pipeline.service.api.experiments.shapes import (
    AnalyseBody,
    AnalysisAnswer,
    Created,
    DecideBody,
    ExperimentAnswer,
    ExperimentRow,
    ResultsAnswer,
    SizeAnswer,
    State,
    StateBody,
    StateChanged,
    StateDecision,
)
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.parameters import AsOf, CampaignSlug, Strict, today_of
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.store.due_days import days_due_again
from leadflow_pipeline.store.experiment_states import change_state_in
from leadflow_pipeline.store.schema import routed_leads

Key = Annotated[
    str,
    InPath(
        pattern=r"^[a-z0-9][a-z0-9_-]*$",
        max_length=64,
        description="the experiment's key in the campaign file",
    ),
]

FIELDS: Final = {
    name
    for model in (Experiment, Variant, Metric, ExclusionGroup, Looks, Bandit)
    for name in model.model_fields
}
"""What a refusal may name."""

CHANGES: Final[Mapping[str, tuple[State, str]]] = {
    "start": ("running", "Lets leads that are routed from a day on meet the experiment."),
    "stop": (
        "stopped",
        "Takes in nobody more from a day on: new leads get what the rest of the campaign file says.",
    ),
}
"""What an experiment is told, the state it is in then, and what that does."""


def experiments_router(context: ServiceContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["experiments"])
    of_campaign = "/campaigns/{campaign}/experiments"

    @router.get("/experiments", responses=refusals())
    def list_all(
        caller: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        state: Annotated[State | None, Query(description="only those in this state today")] = None,
    ) -> Page[ExperimentRow]:
        """Experiments of all campaigns that the token is good for, by campaign and key."""
        after = values_of(cursor, (str, str)) or ["", ""]
        found = _over_campaigns(context, caller, (str(after[0]), str(after[1])), state)
        return page_of(list(islice(found, limit + 1)), limit, lambda row: (row.campaign, row.experiment))

    @router.get(of_campaign, responses=refusals())
    def list_of_campaign(
        caller: Reader,
        campaign: CampaignSlug,
        limit: Limit = 100,
        cursor: Cursor = None,
        state: Annotated[State | None, Query(description="only those in this state today")] = None,
    ) -> Page[ExperimentRow]:
        """The experiments that a campaign declares, by key."""
        after = str((values_of(cursor, (str,)) or [""])[0])
        rows = [row for row in _rows(context, _declared(context, campaign)) if row.experiment > after]
        return page_of(
            [row for row in rows if state in (None, row.state)], limit, lambda row: (row.experiment,)
        )

    @router.post(
        of_campaign,
        status_code=HTTPStatus.CREATED,
        response_model=Created,
        responses=refusals(409, body=True),
    )
    def create(
        caller: Administrator, campaign: CampaignSlug, body: Annotated[Experiment, Strict], change: Changing
    ) -> JSONResponse:
        """Declares an experiment: the campaign file gets it at the end of its section, as a new version.

        The same checks as for a file are made. Nothing of it applies before it is started.
        """
        engine = context.engine
        known_campaign(engine, campaign)
        given = body.model_dump(mode="json", exclude_unset=True)

        def act(connection: Connection) -> Created:
            try:
                made = add_experiment_in(connection, campaign, given, actor=caller.actor)
            except CampaignError as error:
                raise _refused(error) from None
            return Created(campaign=campaign, experiment=body.key, campaign_version=made.version)

        return change.carried_out(engine, caller, act, HTTPStatus.CREATED)

    @router.get(
        of_campaign + "/{experiment}", response_model=ExperimentAnswer, responses=refusals(is_tagged=True)
    )
    def get(request: Request, caller: Reader, campaign: CampaignSlug, experiment: Key) -> Response:
        """What an experiment tries, in which state it is, and every decision about it."""
        declared = _declared(context, campaign)
        found = _named(declared, experiment)
        return tagged(request, _answer(context, declared, found))

    for verb, (state_after, what_it_does) in CHANGES.items():
        router.post(
            f"{of_campaign}/{{experiment}}/{verb}",
            name=verb,
            description=what_it_does,
            response_model=StateChanged,
            responses=refusals(409, body=True),
        )(_changing_to(state_after, context))

    @router.post(
        of_campaign + "/{experiment}/decide", response_model=StateChanged, responses=refusals(409, body=True)
    )
    def decide(
        caller: Administrator,
        campaign: CampaignSlug,
        experiment: Key,
        body: Annotated[DecideBody, Strict],
        change: Changing,
    ) -> JSONResponse:
        """Ends the experiment: from a day on every new lead gets the winner, or what the campaign file says."""
        return _changed(context, caller, campaign, experiment, "decided", body, change, body.winner)

    @router.get(of_campaign + "/{experiment}/results", responses=refusals())
    def results(caller: Reader, campaign: CampaignSlug, experiment: Key, as_of: AsOf = None) -> ResultsAnswer:
        """What came of it, with intervals, boundaries, alarms and the verdict, as known at the end of a day."""
        found = _named(_declared(context, campaign), experiment)
        return ResultsAnswer.model_validate(_results(context, campaign, found, as_of)[1])

    @router.post(of_campaign + "/{experiment}/analyse", responses=refusals(409, body=True))
    def analyse(
        caller: Reader, campaign: CampaignSlug, experiment: Key, body: Annotated[AnalyseBody, Strict]
    ) -> AnalysisAnswer:
        """Looks now, and says how many leads it takes to find a lift. Writes nothing.

        Where the control has no result yet and no baseline is named, there is no size, and it says why.
        """
        from leadflow_pipeline.insight.experiments.reading import size_of

        found = _named(_declared(context, campaign), experiment)
        known, told = _results(context, campaign, found, body.as_of)
        answer = ResultsAnswer.model_validate(told)
        given = body.model_dump(exclude={"as_of"})
        try:
            size = size_of(context.engine, campaign, found, known.as_of, known=known, **given)
        except PermanentError as refusal:
            return AnalysisAnswer(results=answer, size=None, why_no_size=str(refusal))
        return AnalysisAnswer(results=answer, size=SizeAnswer.model_validate(asdict(size)), why_no_size=None)

    return router


def _changing_to(state: State, context: ServiceContext) -> Callable[..., JSONResponse]:
    """A route's function that brings an experiment into a state."""

    def change_state(
        caller: Administrator,
        campaign: CampaignSlug,
        experiment: Key,
        body: Annotated[StateBody, Strict],
        change: Changing,
    ) -> JSONResponse:
        return _changed(context, caller, campaign, experiment, state, body, change)

    return change_state


def _refused(error: CampaignError) -> Problem:
    """422: where the campaign's checks refuse it. What they say of it may repeat what was sent, so it is not told."""
    steps = error.problems[0].path[2:] if error.problems else ()
    place = written_path(tuple(takewhile(lambda step: isinstance(step, int) or step in FIELDS, steps)))
    where = f" at {place}" if place else ""
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"the rules of campaigns refuse the experiment{where}: leadflow campaign add says why, of a file that has it",
    )


def _declared(context: ServiceContext, campaign: str) -> Declared:
    known_campaign(context.engine, campaign)
    return declared_by(context.engine, campaign)


def _named(declared: Declared, key: str) -> Experiment:
    try:
        return declared.named(key)
    except NoSuchExperiment:
        raise Problem(
            HTTPStatus.NOT_FOUND,
            "the campaign declares no such experiment: GET /api/v1/campaigns/{campaign}/experiments lists them",
        ) from None


def _over_campaigns(
    context: ServiceContext, caller: Caller, after: tuple[str, str], state: str | None
) -> Iterator[ExperimentRow]:
    """Rows after a place, campaign by campaign; a campaign whose file today's rules refuse has none."""
    for campaign in campaigns_with_experiments(context.engine, after[0]):
        if not caller.sees(campaign):
            continue
        try:
            declared = declared_by(context.engine, campaign)
        except PermanentError:
            continue
        for row in _rows(context, declared):
            if (row.campaign, row.experiment) > after and state in (None, row.state):
                yield row


def _rows(context: ServiceContext, declared: Declared) -> list[ExperimentRow]:
    in_order = sorted(declared.experiments, key=lambda each: each.key)
    return [ExperimentRow.model_validate(_row(context, declared, each)) for each in in_order]


def _row(context: ServiceContext, declared: Declared, experiment: Experiment) -> dict[str, Any]:
    today = today_of(context.now())
    now, then = declared.standing(experiment.key, today), declared.to_come(experiment.key, today)
    return {
        "campaign": declared.campaign,
        "experiment": experiment.key,
        "kind": experiment.kind,
        "hypothesis": experiment.hypothesis,
        "variants": list(experiment.keys),
        "state": now.state,
        "from_day": None if now.state == "draft" else now.from_day,
        "winner": now.winner,
        "next_state": then.state if then else None,
        "next_from_day": then.from_day if then else None,
    }


def _answer(context: ServiceContext, declared: Declared, experiment: Experiment) -> ExperimentAnswer:
    return ExperimentAnswer(
        **_row(context, declared, experiment),
        campaign_version=declared.version,
        declared=experiment,
        decisions=[_decision(each) for each in declared.decisions(experiment.key)],
    )


def _decision(change: StateChange) -> StateDecision:
    return StateDecision.model_validate(change, from_attributes=True)


def _results(
    context: ServiceContext, campaign: str, experiment: Experiment, as_of: date | None
) -> tuple[Any, dict[str, Any]]:
    """The results, and the same as plain values."""
    from leadflow_pipeline.insight.experiments.page import as_data
    from leadflow_pipeline.insight.experiments.reading import results_of

    day = as_of or today_of(context.now()) - timedelta(days=1)
    (found,) = results_of(context.engine, campaign, day, (experiment,))
    return found, as_data(found)


def _changed(
    context: ServiceContext,
    caller: Caller,
    campaign: str,
    key: str,
    state: State,
    body: StateBody,
    change: Change,
    winner: str | None = None,
) -> JSONResponse:
    """Carries out a change of state, in one transaction with its record."""
    declared = _declared(context, campaign)
    experiment = _named(declared, key)
    if winner is not None and winner not in experiment.keys:
        raise Problem(
            HTTPStatus.CONFLICT, "the experiment has no such variant: choose one of its own, or null"
        )
    day = body.from_day or today_of(context.now())

    def act(connection: Connection) -> StateChanged:
        due = days_due_again(connection, routed_leads, campaign, day)
        change_state_in(
            connection, campaign, experiment, declared.experiments, state, day,
            actor=caller.actor, reason=body.reason, winner=winner,
        )  # fmt: skip
        refuse_days_due(due, accepted=body.accept_days_due)
        return StateChanged(
            campaign=campaign, experiment=key, state=state, winner=winner, from_day=day, days_due_again=due
        )

    return change.carried_out(context.engine, caller, act)
