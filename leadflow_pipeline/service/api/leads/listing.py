"""Lists by program: files of leads in, tables out, both streamed.

What belongs here: from a body to an import, and from a table to a body. What does not: reading a format (`harvest`),
and how rows are written (`store.export`).
"""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from enum import StrEnum
from http import HTTPStatus
from itertools import chain
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse
from pydantic import Field
from sqlalchemy import Connection, insert

from leadflow_pipeline.campaign import campaign_status
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.importing import Contents, ImportReport, import_within, look_after
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.service.access.door import Operator, Reader
from leadflow_pipeline.service.access.scopes import Caller
from leadflow_pipeline.service.api.idempotency import IdempotencyKey, once, request_key
from leadflow_pipeline.service.api.known import known_campaign
from leadflow_pipeline.service.api.leads.known import Answer
from leadflow_pipeline.service.api.parameters import SLUG, CampaignSlug, Day
from leadflow_pipeline.service.api.refusals import refusals
from leadflow_pipeline.service.context import ServiceContext
from leadflow_pipeline.service.problems import Problem
from leadflow_pipeline.service.uploads import MOST_BYTES, Uploaded, uploaded
from leadflow_pipeline.store.export import EXPORTABLE, ExportFormat, exported_blocks
from leadflow_pipeline.store.schema import activity_log

ExportedTable = StrEnum(  # type: ignore[misc]
    "ExportedTable", {name: name for name, table in EXPORTABLE.items() if "campaign" in table.columns}
)
"""Tables whose rows belong to a campaign: none of tokens or other secrets."""

TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSON_LINES: "application/jsonl",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
}
MOST_IMPORTS: Final = 2
"""At once: each holds the rows in work, some hundred thousand. Others wait, their files on the disk."""
MOST_DOWNLOADS: Final = 4
"""At once: each holds a connection for as long as its reader takes."""
FILE_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9 ._()-]{0,150}$"
WHAT_IT_HAS: Final = re.compile(r": (?:did you mean|it has) .*", re.DOTALL)
"""The part of a refusal that repeats the header of the file."""

FILE: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "description": "The file as it is: CSV, TSV, JSON Lines, XLSX or Parquet, also inside .gz or .zip.",
        "content": {
            "application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}
        },
    }
}
BLOCKS: Final[dict[int | str, dict[str, Any]]] = {
    200: {
        "description": "The rows by key, streamed.",
        "content": {
            kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}}
            for kind in TYPES.values()
        },
    }
}


class Imported(Answer):
    """What became of each row: rows = new + repeated + quarantined + erased."""

    campaign: str
    source: str
    contents: Contents
    rows: int
    new: int
    repeated: int
    quarantined: int = Field(description="kept whole, with the reason: see quarantined records")
    erased: int = Field(description="of people who asked to be forgotten: not kept")
    first_day: date | None
    last_day: date | None = Field(description="these days are to be computed again")


def add_lists(router: APIRouter, context: ServiceContext) -> None:
    """The routes."""
    imports = asyncio.Semaphore(MOST_IMPORTS)
    downloads = threading.BoundedSemaphore(MOST_DOWNLOADS)

    @router.post(
        "/campaigns/{campaign}/leads/uploads",
        tags=["lists"],
        status_code=HTTPStatus.CREATED,
        response_model=Imported,
        responses=refusals(409, 410, body=True),
        openapi_extra=FILE,
    )
    async def upload(
        request: Request,
        caller: Operator,
        campaign: CampaignSlug,
        file_name: Annotated[
            str, Query(pattern=FILE_NAME, description="tells the source, where it is not named")
        ],
        source: Annotated[
            str | None, Query(pattern=SLUG, max_length=200, description="of the campaign file")
        ] = None,
        contents: Annotated[
            Contents, Query(description="what the rows are, where no source of the campaign file says it")
        ] = Contents.LEADS,
        received_on: Annotated[
            Day | None, Query(description="day of rows that have none of their own; else today")
        ] = None,
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        """Keeps every row of a file of up to 1 GiB as a fact, all or none. The same file again changes nothing."""
        await run_in_threadpool(_require_open, context, campaign)
        async with uploaded(request, file_name, MOST_BYTES) as file:
            received_at = (
                datetime.combine(received_on, time.min, UTC) if received_on is not None else context.now()
            )
            async with imports:
                return await run_in_threadpool(
                    _imported, context, caller, request, campaign, file, source, contents, received_at,
                    idempotency_key,
                )  # fmt: skip

    @router.get(
        "/campaigns/{campaign}/exports/{table}",
        tags=["lists"],
        response_class=StreamingResponse,
        responses={**refusals(409), **BLOCKS},
    )
    def download(
        _: Reader,
        campaign: CampaignSlug,
        table: ExportedTable,
        export_format: Annotated[ExportFormat, Query(alias="format")] = ExportFormat.CSV,
        first: Annotated[Day | None, Query(alias="from", description="first day")] = None,
        last: Annotated[Day | None, Query(alias="to", description="last day")] = None,
    ) -> Response:
        """The campaign's rows of a table, by key. Spreadsheet formulas in CSV are made harmless."""
        known_campaign(context.engine, campaign)
        try:
            blocks = exported_blocks(
                context.engine, str(table), export_format, campaign=campaign, first=first, last=last
            )
        except PermanentError:
            raise Problem(HTTPStatus.CONFLICT, "the table knows no days: leave out `from` and `to`") from None
        if not downloads.acquire(blocking=False):
            raise Problem(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{MOST_DOWNLOADS} downloads are under way: send it again later",
                {"Retry-After": "10"},
            )
        sent = _released(blocks, downloads)
        # The first of them now: a database that is down is told of by a status.
        beginning = next(sent, b"")
        return StreamingResponse(
            chain([bytes(beginning)], sent),
            media_type=TYPES[export_format],
            headers={
                "Content-Disposition": f'attachment; filename="{campaign}.{table}.{export_format.value}"',
                "Cache-Control": "no-store",
            },
        )


def _require_open(context: ServiceContext, campaign: str) -> None:
    known_campaign(context.engine, campaign)
    if campaign_status(context.engine, campaign) == "archived":
        raise Problem(HTTPStatus.GONE, "the campaign is archived and takes no more leads")


def _imported(
    context: ServiceContext,
    caller: Caller,
    request: Request,
    campaign: str,
    file: Uploaded,
    source: str | None,
    contents: Contents,
    received_at: datetime,
    idempotency_key: str | None,
) -> Response:
    reports: list[ImportReport] = []

    def take_in(connection: Connection) -> Imported:
        report = import_within(
            connection, context.engine, campaign, file.path,
            source=source, contents=contents, received_at=received_at,
        )  # fmt: skip
        reports.append(report)
        counts = {
            name: getattr(report, name) for name in ("rows", "new", "repeated", "quarantined", "erased")
        }
        row = {
            "actor": caller.actor,
            "action": "import",
            "campaign": campaign,
            "detail": {"source": report.source, "bytes": file.size, **counts},
        }
        connection.execute(insert(activity_log).values(row))
        return Imported(
            campaign=campaign, source=report.source, contents=report.contents, **counts,
            first_day=report.first_day, last_day=report.last_day,
        )  # fmt: skip

    try:
        answer = once(
            context.engine, caller, idempotency_key, request_key(request, file.digest), take_in,
            HTTPStatus.CREATED,
        )  # fmt: skip
    except FileRefused as refusal:
        sentence = WHAT_IT_HAS.sub(": mend the campaign file or the header of the file", str(refusal))
        plain = sentence.replace(str(file.path), "the file").replace(file.path.name, "the file")
        raise Problem(HTTPStatus.CONFLICT, plain) from None
    except PermanentError as error:  # what the database refuses, told without a value
        raise Problem(HTTPStatus.CONFLICT, str(error)) from None
    for report in reports:
        look_after(context.engine, report)
    return answer


def _released(blocks: Iterator[Any], downloads: threading.BoundedSemaphore) -> Iterator[Any]:
    try:
        yield from blocks
    finally:
        downloads.release()
