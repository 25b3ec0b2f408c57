"""`/campaigns`: which there are, what their files say, new versions, and pausing, resuming and archiving them.

What belongs here: from requests to the functions of `campaign`. What does not: what a file may say (`campaign`), runs
(`runs`) and figures (`campaign_figures`).
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, model_validator
from sqlalchemy import Connection

from leadflow_pipeline.campaign import (
    CampaignError,
    campaign_json_schema,
    campaign_summary,
    campaigns_after,
    load,
    parse_campaign,
    register_in,
    set_status_in,
    source_text,
    versions_of,
)
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.service.access.door import Administrator, Reader
from leadflow_pipeline.service.access.scopes import Caller, no_campaign
from leadflow_pipeline.service.api.changing import Changing
from leadflow_pipeline.service.api.etags import IfMatch, require_match, tagged
from leadflow_pipeline.service.api.paging import Cursor, Limit, Page, page_of, values_of
from leadflow_pipeline.service.api.parameters import CampaignSlug, Strict
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.settings import get_settings

Status = Literal["active", "paused", "archived"]
LONGEST_FILE = 500_000
FILE = "the API"
"""Where a file came from, in messages and in the activity log."""

VersionNumber = Annotated[int, Path(ge=1, le=2**31 - 1)]


class CampaignAnswer(BaseModel):
    """A campaign as it is now."""

    model_config = ConfigDict(frozen=True)

    campaign: str
    name: str
    status: Status
    version: int = Field(description="the current one")
    created_at: datetime
    updated_at: datetime


class CampaignFile(BaseModel):
    """A campaign file: as YAML text, or what it says as JSON. Exactly one of the two."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "oneOf": [
                {"required": ["source_text"], "properties": {"source_text": {"type": "string"}}},
                {"required": ["rules"], "properties": {"rules": {"type": "object"}}},
            ]
        },
    )

    source_text: str | None = Field(
        None, min_length=1, max_length=LONGEST_FILE, description="the YAML text, comments included"
    )
    rules: dict[str, Any] | None = Field(None, description="what the YAML text would say")

    @model_validator(mode="after")
    def _is_one(self) -> CampaignFile:
        if (self.source_text is None) == (self.rules is None):
            raise ValueError("send source_text or rules, one of them")
        return self

    @property
    def text(self) -> str:
        """The file. JSON is YAML too."""
        if self.source_text is not None:
            return self.source_text
        return json.dumps(self.rules, indent=2, ensure_ascii=False)


class RegisteredVersion(CampaignAnswer):
    """What became of a file."""

    is_new: bool = Field(description="false: the file says what the current version says")


class VersionAnswer(BaseModel):
    """A version of a campaign."""

    model_config = ConfigDict(frozen=True)

    version: int
    created_at: datetime
    content_key: str = Field(description="SHA-256 of what the file says, however it is written")


class CampaignRules(BaseModel):
    """What a version says."""

    model_config = ConfigDict(frozen=True)

    campaign: str
    version: int
    source_text: str = Field(description="the file as it was given")
    rules: dict[str, Any] | None = Field(
        description="the whole model, defaults filled in; null where today's rules would refuse the file"
    )


class FileProblem(BaseModel):
    """One thing that is wrong with a file, in words of its author."""

    model_config = ConfigDict(frozen=True)

    line: int
    path: str
    message: str
    remedy: str


class EmailFinding(BaseModel):
    """What a careful sender would say of an email."""

    model_config = ConfigDict(frozen=True)

    where: str = Field(description="which email; empty: the campaign as a whole")
    severity: Literal["error", "warning"]
    message: str
    remedy: str


class Validation(BaseModel):
    """What is wrong with a file. Nothing was stored."""

    model_config = ConfigDict(frozen=True)

    valid: bool = Field(
        description="whether it could be registered; findings about emails do not stand against it"
    )
    campaign: str | None
    problems: list[FileProblem]
    findings: list[EmailFinding]


def campaigns_router(context: ServiceContext) -> APIRouter:
    """The routes, over the database."""
    router = APIRouter(tags=["campaigns"])

    @router.get("/campaigns", responses=refusals())
    def list_campaigns(
        caller: Reader,
        limit: Limit = 100,
        cursor: Cursor = None,
        status: Annotated[Status | None, Query(description="only these")] = None,
        text: Annotated[
            str | None,
            Query(
                min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$", description="in slug or name"
            ),
        ] = None,
    ) -> Page[CampaignAnswer]:
        """The campaigns that the token is good for, in alphabetical order."""
        values = values_of(cursor, [str])
        only = None if caller.campaigns is None else sorted(caller.campaigns)
        with context.engine.connect() as connection:
            found = campaigns_after(
                connection, values[0] if values else None, limit + 1, only=only, status=status, text=text
            )
        items = [CampaignAnswer(**asdict(each)) for each in found]
        return page_of(items, limit, lambda item: [item.campaign])

    @router.get("/campaign-files/schema", responses=refusals())
    def schema_of_files(_: Reader) -> dict[str, Any]:
        """The JSON Schema of campaign files, so that an editor completes and checks them."""
        return campaign_json_schema()

    @router.post("/campaign-files/validate", responses=refusals(body=True))
    def validate_file(_: Reader, body: Annotated[CampaignFile, Strict]) -> Validation:
        """Every problem of a campaign file, and what a careful sender would say of its emails. Stores nothing."""
        return _validated(body.text)

    @router.post(
        "/campaigns", status_code=201, response_model=RegisteredVersion, responses=refusals(409, body=True)
    )
    def create_campaign(
        caller: Administrator, change: Changing, body: Annotated[CampaignFile, Strict]
    ) -> Response:
        """Registers the first version of a campaign. 409 where there is a campaign of that name."""
        slug = _slug_of(body.text)
        caller.require(slug)

        def act(connection: Connection) -> RegisteredVersion:
            answer = _registered(connection, body.text, caller)
            if answer.version != 1 or not answer.is_new:
                raise Problem(
                    HTTPStatus.CONFLICT,
                    "there is a campaign of this name: PUT /api/v1/campaigns/... changes it",
                )
            return answer

        return change.carried_out(context.engine, caller, act, HTTPStatus.CREATED)

    @router.get("/campaigns/{campaign}", response_model=CampaignAnswer, responses=refusals(is_tagged=True))
    def get_campaign(request: Request, _: Reader, campaign: CampaignSlug) -> Response:
        """A campaign as it is now."""
        with context.engine.connect() as connection:
            return tagged(request, _present(connection, campaign))

    @router.put(
        "/campaigns/{campaign}", response_model=RegisteredVersion, responses=refusals(409, 412, body=True)
    )
    def update_campaign(
        caller: Administrator,
        change: Changing,
        campaign: CampaignSlug,
        body: Annotated[CampaignFile, Strict],
        if_match: IfMatch = None,
    ) -> Response:
        """Registers a file as the campaign's new version; one that says nothing new changes nothing."""

        def act(connection: Connection) -> RegisteredVersion:
            require_match(if_match, _present(connection, campaign, to_change=True))
            if _slug_of(body.text) != campaign:
                raise Problem(
                    HTTPStatus.UNPROCESSABLE_ENTITY,
                    "the file is of another campaign: its line `campaign` must be as in the address",
                )
            return _registered(connection, body.text, caller)

        return change.carried_out(context.engine, caller, act)

    @router.get("/campaigns/{campaign}/versions", responses=refusals())
    def list_versions(
        _: Reader, campaign: CampaignSlug, limit: Limit = 100, cursor: Cursor = None
    ) -> Page[VersionAnswer]:
        """The campaign's versions, the latest first."""
        values = values_of(cursor, [int])
        with context.engine.connect() as connection:
            _present(connection, campaign)
            found = versions_of(connection, campaign, values[0] if values else None, limit + 1)
        items = [VersionAnswer(**asdict(each)) for each in found]
        return page_of(items, limit, lambda item: [item.version])

    @router.get(
        "/campaigns/{campaign}/versions/{version}",
        response_model=CampaignRules,
        responses=refusals(is_tagged=True),
    )
    def get_version(request: Request, _: Reader, campaign: CampaignSlug, version: VersionNumber) -> Response:
        """What a version says: as it was given, and what it means."""
        try:
            text = source_text(context.engine, campaign, version)
        except PermanentError:
            raise Problem(
                HTTPStatus.NOT_FOUND,
                "there is no such version of this campaign: its versions are listed above it",
            ) from None
        try:
            rules = load(context.engine, campaign, version).rules.model_dump(mode="json")
        except CampaignError:
            rules = None
        answer = CampaignRules(campaign=campaign, version=version, source_text=text, rules=rules)
        return tagged(request, answer)

    def change_status(caller: Caller, change: Any, campaign: str, status: Status) -> Response:
        def act(connection: Connection) -> CampaignAnswer:
            _present(connection, campaign, to_change=True)
            set_status_in(connection, campaign, status, actor=caller.actor)
            return _present(connection, campaign)

        answer: Response = change.carried_out(context.engine, caller, act)
        return answer

    @router.post("/campaigns/{campaign}/pause", response_model=CampaignAnswer, responses=refusals(409))
    def pause(caller: Administrator, change: Changing, campaign: CampaignSlug) -> Response:
        """Pauses it: nothing of it is computed or sent until it is resumed."""
        return change_status(caller, change, campaign, "paused")

    @router.post("/campaigns/{campaign}/resume", response_model=CampaignAnswer, responses=refusals(409))
    def resume(caller: Administrator, change: Changing, campaign: CampaignSlug) -> Response:
        """Resumes a paused or archived campaign; what is due is computed within the hour."""
        return change_status(caller, change, campaign, "active")

    @router.post("/campaigns/{campaign}/archive", response_model=CampaignAnswer, responses=refusals(409))
    def archive(caller: Administrator, change: Changing, campaign: CampaignSlug) -> Response:
        """Archives it: as paused, and meant for good. All that it did stays readable."""
        return change_status(caller, change, campaign, "archived")

    return router


def _present(connection: Connection, campaign: str, *, to_change: bool = False) -> CampaignAnswer:
    """Raises Problem (404)."""
    found = campaign_summary(connection, campaign, to_change=to_change)
    if found is None:
        raise no_campaign()
    return CampaignAnswer(**asdict(found))


def _registered(connection: Connection, text: str, caller: Caller) -> RegisteredVersion:
    """Raises Problem (422, 409)."""
    try:
        made = register_in(connection, text, FILE, actor=caller.actor)
    except CampaignError as error:
        raise _refused(error) from None
    present = _present(connection, made.campaign)
    return RegisteredVersion(**present.model_dump(), is_new=made.is_new)


def _slug_of(text: str) -> str:
    """The campaign that a file is of. Raises Problem (422) for a file that is refused."""
    try:
        return parse_campaign(text, FILE).campaign
    except CampaignError as error:
        raise _refused(error) from None


def _refused(error: CampaignError) -> Problem:
    """Which lines are wrong. What is wrong with them would quote the file: asking for it is another request."""
    lines = sorted({problem.line for problem in error.problems})
    shown = ", ".join(map(str, lines[:10])) + (" and more" if len(lines) > 10 else "")
    return Problem(
        HTTPStatus.UNPROCESSABLE_ENTITY,
        f"the campaign file is refused for what stands on line {shown}: POST /api/v1/campaign-files/validate says why",
    )


def _validated(text: str) -> Validation:
    # Here, because what makes emails takes a while to load.
    from leadflow_pipeline.campaign.problems import written_path
    from leadflow_pipeline.delivery.linting.campaign_lint import lint_campaign

    try:
        rules = parse_campaign(text, FILE)
    except CampaignError as error:
        problems = [
            FileProblem(
                line=each.line, path=written_path(each.path), message=each.message, remedy=each.remedy
            )
            for each in error.problems
        ]
        return Validation(valid=False, campaign=None, problems=problems, findings=[])
    findings = [EmailFinding(**asdict(each)) for each in lint_campaign(rules, get_settings().public_url)]
    return Validation(valid=True, campaign=rules.campaign, problems=[], findings=findings)
