"""ETags: whoever has the present answer is told so, and nobody overwrites what they have not seen.

What belongs here: comparing tags (RFC 9110, 13.1). What does not: what a tag is of.
"""

from __future__ import annotations

from hashlib import sha256
from http import HTTPStatus
from typing import Annotated

from fastapi import Header, Request, Response
from pydantic import BaseModel

from leadflow_pipeline.service.problems import Problem

DIGITS = 32

IfMatch = Annotated[
    str | None,
    Header(
        max_length=1_000,
        description="the ETag of what you change: refused (412) if it has changed since",
    ),
]


def etag_of(answer: BaseModel) -> str:
    """The tag of an answer, with its quotes."""
    return f'"{sha256(answer.model_dump_json().encode()).hexdigest()[:DIGITS]}"'


def tagged(request: Request, answer: BaseModel) -> Response:
    """The answer with its tag; 304 for whoever has it (`If-None-Match`, where weak tags will do)."""
    tag = etag_of(answer)
    headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
    if _holds(request.headers.get("if-none-match"), tag, weakly=True):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)


def require_match(if_match: str | None, present: BaseModel) -> None:
    """Raises Problem (412) where the caller has seen another state than the present one; not without the header."""
    if if_match is not None and not _holds(if_match, etag_of(present), weakly=False):
        raise Problem(
            HTTPStatus.PRECONDITION_FAILED, "it has changed since you read it: read it again, then change it"
        )


def _holds(header: str | None, tag: str, *, weakly: bool) -> bool:
    if header is None:
        return False
    tags = [each.strip() for each in header.split(",")]
    if weakly:
        tags = [each.removeprefix("W/") for each in tags]
    return "*" in tags or tag in tags
