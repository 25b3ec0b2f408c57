"""The OpenAPI document, made true: every refusal that may come is in it, and what no text and no number may be.

What belongs here: what holds for many routes and stands in none. What does not: what a route says of itself, and the
page for people (`documentation`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from fastapi import FastAPI

from leadflow_pipeline.service.access.gate import BEHIND
from leadflow_pipeline.service.strict_json import LARGEST

PROBLEM_TYPE: Final = "application/problem+json"
PROBLEM: Final[dict[str, Any]] = {
    "title": "Problem",
    "description": "RFC 9457. It repeats nothing of what was sent.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "what is wrong, and what to do, in one sentence"},
        "errors": {
            "type": "array",
            "description": "which parts of the request are wrong",
            "items": {
                "type": "object",
                "required": ["field", "problem"],
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
    },
}
REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}

OF_ALL: Final = {
    400: "The request cannot be read.",
    401: "No valid token.",
    403: "The token may not do this.",
    404: "There is no such thing, or not for this token.",
    422: "Something in the request is not as documented; `errors` says what.",
    429: "The token asks too often: come again after Retry-After seconds.",
    503: "Not now: send it again after Retry-After seconds.",
}
OF_BODIES: Final = {
    408: "The body did not arrive in time.",
    413: "The body is too long.",
    415: "The body is no JSON, or compressed.",
}
WITHOUT_NUL: Final = r"^[^\x00]*$"
LOCAL_TIME: Final = r"^([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?$"
SAYS_MORE: Final = frozenset({"pattern", "format", "enum", "const", "contentMediaType"})
FASTAPIS_OWN: Final = ("HTTPValidationError", "ValidationError")


def add_contract(app: FastAPI) -> None:
    """Makes the app's document whole, however many routes are added later."""
    written: Callable[[], dict[str, Any]] = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _completed(written())
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def _completed(document: dict[str, Any]) -> dict[str, Any]:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in FASTAPIS_OWN:
        schemas.pop(name, None)
    schemas["Problem"] = PROBLEM
    for path, operations in document["paths"].items():
        for operation in operations.values():
            _complete(operation, path.startswith(BEHIND))
            if path.startswith(BEHIND):
                _bound([operation.get("parameters", []), operation.get("requestBody", {})], schemas)
    _say_local_times(document)
    return document


def _complete(operation: dict[str, Any], is_behind_the_gate: bool) -> None:
    answers: dict[str, Any] = operation["responses"]
    _leave_out_fastapis_own(answers)
    if is_behind_the_gate:
        for status, meaning in (OF_ALL | (OF_BODIES if "requestBody" in operation else {})).items():
            answers.setdefault(str(status), {"description": meaning})
    for answered, answer in answers.items():
        content = answer.get("content")
        if answered >= "400" and (not content or set(content) == {PROBLEM_TYPE}):
            answer["content"] = {PROBLEM_TYPE: {"schema": REFERENCE}}
    operation["responses"] = dict(sorted(answers.items()))


def _leave_out_fastapis_own(answers: dict[str, Any]) -> None:
    """The 422 that FastAPI adds: it has another shape than ours."""
    schema = answers.get("422", {}).get("content", {}).get("application/json", {}).get("schema", {})
    if schema.get("$ref", "").endswith("/HTTPValidationError"):
        answers["422"] = {"description": OF_ALL[422]}


def _say_local_times(document: dict[str, Any]) -> None:
    """Times of day without a zone, such as working hours: the format `time` of JSON Schema demands one."""
    pending: list[Any] = [document]
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending.extend(part)
        elif isinstance(part, dict):
            pending.extend(part.values())
            if part.get("type") == "string" and part.get("format") == "time":
                del part["format"]
                part["pattern"] = LOCAL_TIME


def _write_exactly(part: dict[str, Any]) -> None:
    """A limit of 64 bits, which FastAPI has made a float that no reader takes for the same number."""
    if part.get("exclusiveMaximum") == LARGEST + 1:
        del part["exclusiveMaximum"]
        part["maximum"] = LARGEST
    elif part.get("maximum") == float(LARGEST):
        part["maximum"] = LARGEST


def _bound(parts: list[Any], schemas: dict[str, Any]) -> None:
    """Says of what is sent that no text holds a NUL and no whole number needs more than 64 bits (`strict_json`)."""
    pending, seen = list(parts), set[str]()
    while pending:
        part = pending.pop()
        if isinstance(part, list):
            pending.extend(part)
        elif isinstance(part, dict):
            pending.extend(
                each for name, each in part.items() if name not in ("default", "example", "examples")
            )
            name = str(part.get("$ref", "")).rpartition("/")[2]
            if name in schemas and name not in seen:
                seen.add(name)
                pending.append(schemas[name])
            if part.get("type") == "string" and not SAYS_MORE & part.keys():
                part["pattern"] = WITHOUT_NUL
            elif part.get("type") == "integer":
                _write_exactly(part)
                if not {"minimum", "exclusiveMinimum"} & part.keys():
                    part["minimum"] = -LARGEST
                if not {"maximum", "exclusiveMaximum"} & part.keys():
                    part["maximum"] = LARGEST
