"""`/reps`: who leads are given to, absences, and how much room each has.

What belongs here: from requests to the doors of reps (`route.owners.reps.roster`, `absences`, `delivery.rep_room`).
What does not: any rule. Reps are the same for all campaigns: a token of some campaigns names one of them to see its
reps, and changes nothing.
"""

from __future__ import annotations

from datetime import date
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi import Path as InPath
from fastapi.responses import JSONResponse
from sqlalchemy import Connection

from leadflow_pipeline.delivery.rep_room import rooms_now
from leadflow_pipeline.route.owners.reps import absences
from leadflow_pipeline.route.owners.reps.absences import NoSuchAbsence, StoredAbsence
from leadflow_pipeline.route.owners.reps.rep import Rep
from leadflow_pipeline.route.owners.reps.reps_of_day import Absence, Roster, record_on
from leadflow_pipeline.route.owners.reps.roster import (
    UnknownRep,
    history_in,
    put_record_in,
    read_roster,
    require_rep,
)
from leadflow_pipeline.service.access.door import Administrator, Operator, Reader
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.changing import Changing
from leadflow_pipeline.service.api.etags import IfMatch, require_match, tagged
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.parameters import (
    MOST_SLUG,
    SLUG,
    Day,
    Strict,
    today_of,
)
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.api.reps.shapes import (
    AbsenceAnswer,
    AbsenceBody,
    AbsenceDays,
    AbsenceNoted,
    AbsencesWithdrawn,
    BackBody,
    RecordAnswer,
    RepAnswer,
    RepRecorded,
    RepRow,
    RoomAnswer,
)
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem

RepInPath = Annotated[
    str,
    InPath(pattern=r"^[A-Za-z0-9][A-Za-z0-9._+@-]*$", max_length=200, description="the rep's id"),
]
OfCampaign = Annotated[
    str | None,
    Query(pattern=SLUG, max_length=MOST_SLUG, description="only who takes part in this campaign"),
]
FromDay = Annotated[Day | None, Query(description="the first day that it holds for; left out: today (UTC)")]


def reps_router(context: ServiceContext) -> APIRouter:
    """The routes."""
    router = APIRouter(tags=["reps"])

    @router.get("/reps", responses=refusals())
    def list_all(
        caller: Reader,
        campaign: OfCampaign = None,
        day: Annotated[Day | None, Query(description="as on this day; left out: today (UTC)")] = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[RepRow]:
        """Reps as they are, or were, on a day, by id. A token of some campaigns has to name one of them."""
        roster = _roster(context, caller, campaign, day)
        after = str((values_of(cursor, (str,)) or [""])[0])
        away = roster.is_absent
        rows = [
            RepRow(
                rep=rep.rep,
                name=rep.name,
                team=rep.team,
                status=rep.status,
                is_absent=bool(is_away),
                record=rep,
            )
            for rep, is_away in zip(roster.reps, away, strict=True)
            if rep.rep > after
        ]
        return page_of(rows, limit, lambda row: (row.rep,))

    @router.get("/rep-capacity", responses=refusals())
    def capacity(
        caller: Reader, campaign: OfCampaign = None, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[RoomAnswer]:
        """How many leads each rep can still take today, over all campaigns, and what its limits are taken by."""
        roster = _roster(context, caller, campaign, None)
        after = str((values_of(cursor, (str,)) or [""])[0])
        names = [rep.rep for rep in roster.reps if rep.rep > after][: limit + 1]
        rooms = rooms_now(context.engine, names, context.now())
        rows = [RoomAnswer.model_validate(room, from_attributes=True) for room in rooms]
        return page_of(rows, limit, lambda row: (row.rep,))

    @router.post(
        "/reps",
        status_code=HTTPStatus.CREATED,
        response_model=RepRecorded,
        responses=refusals(409, body=True),
    )
    def add(
        caller: Administrator, body: Annotated[Rep, Strict], change: Changing, from_day: FromDay = None
    ) -> JSONResponse:
        """Makes a new rep known, from a day on."""
        caller.require_all_campaigns()
        day = _day(context, from_day)

        def act(connection: Connection) -> RepRecorded:
            if _is_known(connection, body.rep):
                raise Problem(
                    HTTPStatus.CONFLICT, "a rep of this id is known: PUT /api/v1/reps/{rep} changes it"
                )
            put_record_in(connection, body, day, actor=caller.actor)
            return RepRecorded(rep=body.rep, from_day=day, changed=True)

        return change.carried_out(context.engine, caller, act, HTTPStatus.CREATED)

    @router.get("/reps/{rep}", response_model=RepAnswer, responses=refusals(is_tagged=True))
    def get(request: Request, caller: Reader, rep: RepInPath, campaign: OfCampaign = None) -> Response:
        """A rep's record, what it was before, and its absences."""
        _require(context, caller, campaign, rep)
        with context.engine.connect() as connection:
            return tagged(request, _answer(connection, rep, today_of(context.now())))

    @router.put("/reps/{rep}", response_model=RepRecorded, responses=refusals(409, 412, body=True))
    def put(
        caller: Administrator,
        rep: RepInPath,
        body: Annotated[Rep, Strict],
        change: Changing,
        from_day: FromDay = None,
        if_match: IfMatch = None,
    ) -> JSONResponse:
        """Changes a rep's record from a day on; days before it stay as they are. `status: left` gives its leads to
        others."""
        caller.require_all_campaigns()
        if body.rep != rep:
            raise Problem(HTTPStatus.CONFLICT, "the id in the body is another than in the address")
        day = _day(context, from_day)

        def act(connection: Connection) -> RepRecorded:
            require_match(if_match, _answer(connection, rep, today_of(context.now())))
            changed = put_record_in(connection, body, day, actor=caller.actor)
            return RepRecorded(rep=rep, from_day=day, changed=changed)

        return change.carried_out(context.engine, caller, act)

    @router.get("/reps/{rep}/capacity", responses=refusals())
    def capacity_of_one(caller: Reader, rep: RepInPath, campaign: OfCampaign = None) -> RoomAnswer:
        """How many leads a rep can still take today, over all campaigns, and what its limits are taken by."""
        _require(context, caller, campaign, rep)
        rooms = rooms_now(context.engine, [rep], context.now())
        if not rooms:
            raise no_rep()
        return RoomAnswer.model_validate(rooms[0], from_attributes=True)

    @router.get("/reps/{rep}/absences", responses=refusals())
    def list_absences(
        caller: Reader,
        rep: RepInPath,
        campaign: OfCampaign = None,
        limit: Limit = 100,
        cursor: Cursor = None,
    ) -> Page[AbsenceAnswer]:
        """A rep's absences, withdrawn ones too, by their number."""
        _require(context, caller, campaign, rep)
        after = values_of(cursor, (int,)) or [0]
        found = sorted(absences.read_absences(context.engine, rep), key=lambda each: each.absence_id)
        rows = [_absence(each) for each in found if each.absence_id > int(after[0])]
        return page_of(rows, limit, lambda row: (row.absence_id,))

    @router.post(
        "/reps/{rep}/absences",
        status_code=HTTPStatus.CREATED,
        response_model=AbsenceNoted,
        responses=refusals(409, body=True),
    )
    def add_absence(
        caller: Operator, rep: RepInPath, body: Annotated[AbsenceBody, Strict], change: Changing
    ) -> JSONResponse:
        """Notes that a rep is away: no lead is given to it meanwhile, and its clocks stand still."""
        caller.require_all_campaigns()
        first, last = body.first_day, body.last_day
        if last < first:
            raise Problem(HTTPStatus.CONFLICT, "an absence cannot end before it begins: swap the days")

        def act(connection: Connection) -> AbsenceNoted:
            try:
                number = absences.add_absence_in(connection, rep, first, last, actor=caller.actor)
            except UnknownRep:
                raise no_rep() from None
            return AbsenceNoted(absence_id=number, rep=rep, first_day=first, last_day=last)

        return change.carried_out(context.engine, caller, act, HTTPStatus.CREATED)

    @router.delete(
        "/reps/{rep}/absences/{absence_id}", response_model=AbsencesWithdrawn, responses=refusals(409)
    )
    def withdraw_absence(
        caller: Operator,
        rep: RepInPath,
        absence_id: Annotated[int, InPath(ge=1, le=2**63 - 1)],
        change: Changing,
    ) -> JSONResponse:
        """Withdraws an absence; its days that are over stand. 404 where none of that number stands, or it is over."""
        caller.require_all_campaigns()
        today = today_of(context.now())

        def act(connection: Connection) -> AbsencesWithdrawn:
            try:
                gone = absences.withdraw_absence_in(
                    connection, rep, absence_id, actor=caller.actor, today=today
                )
            except UnknownRep:
                raise no_rep() from None
            except NoSuchAbsence:
                raise Problem(
                    HTTPStatus.NOT_FOUND, "the rep has no such absence that stands and is not over"
                ) from None
            return _withdrawn(rep, today, [gone])

        return change.carried_out(context.engine, caller, act)

    @router.post("/reps/{rep}/back", response_model=AbsencesWithdrawn, responses=refusals(409, body=True))
    def back(
        caller: Operator, rep: RepInPath, body: Annotated[BackBody, Strict], change: Changing
    ) -> JSONResponse:
        """Takes back every absence that is not over by a day: the rep is given leads again."""
        caller.require_all_campaigns()
        day = _day(context, body.day)

        def act(connection: Connection) -> AbsencesWithdrawn:
            try:
                gone = absences.end_absence_in(connection, rep, actor=caller.actor, day=day)
            except UnknownRep:
                raise no_rep() from None
            except NoSuchAbsence:
                raise Problem(
                    HTTPStatus.CONFLICT, "the rep is not away on that day or later: nothing was withdrawn"
                ) from None
            return _withdrawn(rep, day, list(gone))

        return change.carried_out(context.engine, caller, act)

    return router


def no_rep() -> Problem:
    """404. The id is not repeated."""
    return Problem(HTTPStatus.NOT_FOUND, "there is no such rep: GET /api/v1/reps lists them")


def _day(context: ServiceContext, day: date | None) -> date:
    return day or today_of(context.now())


def _roster(context: ServiceContext, caller: Caller, campaign: str | None, day: date | None) -> Roster:
    """The reps whom a token may see: of a campaign, or all."""
    on = _day(context, day)
    if campaign is None:
        caller.require_all_campaigns()
        return read_roster(context.engine, "", on)
    caller.require(campaign)
    rules = known_campaign(context.engine, campaign).rules.ownership
    everybody = read_roster(context.engine, campaign, on)
    taking_part = [rep for rep in everybody.reps if rules is not None and rules.takes_part(rep.rep)]
    return Roster.of(campaign, on, taking_part, everybody.absences)


def _require(context: ServiceContext, caller: Caller, campaign: str | None, rep: str) -> None:
    """Raises Problem for a rep whom the token may not see, or of whom there is none."""
    if campaign is None:
        caller.require_all_campaigns()
        return
    caller.require(campaign)
    rules = known_campaign(context.engine, campaign).rules.ownership
    if rules is None or not rules.takes_part(rep):
        raise no_rep()


def _is_known(connection: Connection, rep: str) -> bool:
    try:
        require_rep(connection, rep)
    except UnknownRep:
        return False
    return True


def _answer(connection: Connection, rep: str, today: date) -> RepAnswer:
    try:
        history = history_in(connection, rep)
    except UnknownRep:
        raise no_rep() from None
    standing = record_on([stored.record for stored in history], today)
    return RepAnswer(
        rep=rep,
        record=standing.rep if standing else None,
        history=[
            RecordAnswer(
                record_id=stored.record.record_id,
                from_day=stored.record.from_day,
                actor=stored.actor,
                recorded_at=stored.recorded_at,
                record=stored.record.rep,
            )
            for stored in history
        ],
        absences=[_absence(each) for each in absences.absences_in(connection, rep)],
    )


def _absence(stored: StoredAbsence) -> AbsenceAnswer:
    days: dict[str, Any] = {"first_day": stored.absence.first_day, "last_day": stored.absence.last_day}
    return AbsenceAnswer(
        absence_id=stored.absence_id,
        rep=stored.absence.rep,
        actor=stored.actor,
        recorded_at=stored.recorded_at,
        withdrawn_at=stored.withdrawn_at,
        **days,
    )


def _withdrawn(rep: str, day: date, gone: list[Absence]) -> AbsencesWithdrawn:
    return AbsencesWithdrawn(
        rep=rep,
        day=day,
        withdrawn=[AbsenceDays(first_day=each.first_day, last_day=each.last_day) for each in gone],
    )
