"""How routes may say no, for the OpenAPI document: every status, and what it means.

What belongs here: describing refusals. What does not: the shape that all have (`service.contract`), and making them
(`service.problems`).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Final

MEANINGS: Final[dict[int, str]] = {
    400: "The request is none that can be read.",
    401: "No valid token.",
    403: "The token may not do this.",
    404: "There is no such thing, or not for this token.",
    408: "The body did not arrive in time.",
    409: "It cannot be done as things stand.",
    412: "It has changed since it was read.",
    413: "The body is too large.",
    415: "The body is of a kind that is not read here.",
    422: "Something in the request is not as documented.",
    429: "Too many requests: come again after Retry-After seconds.",
    503: "Not now: send it again after Retry-After seconds.",
}
TO_ALL: Final = (400, 401, 403, 404, 422, 429, 503)
"""Every route may say these."""
TO_BODIES: Final = (408, 413, 415)
"""Every route that takes a body."""


def refusals(*others: int, body: bool = False, is_tagged: bool = False) -> dict[int | str, dict[str, Any]]:
    """For `responses` of a route: what each may say, and some others."""
    statuses = sorted({*TO_ALL, *(TO_BODIES if body else ()), *others})
    not_modified = {304: {"description": "It is as the ETag in If-None-Match says."}} if is_tagged else {}
    return not_modified | {
        status: {"description": MEANINGS.get(status, HTTPStatus(status).phrase)} for status in statuses
    }
