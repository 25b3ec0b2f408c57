"""`/docs`: what the service may be asked, as one page for people.

What belongs here: showing the OpenAPI document. What does not: what stands in it (the routes say so themselves, and
`contract` what holds for all).

FastAPI's own page loads its scripts from a third party, and stays empty where there is no way there. This one has no
script: a list of contents by subject, and each request folded until somebody opens it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI
from fastapi import Request as HttpRequest
from fastapi.responses import HTMLResponse
from jinja2 import Environment
from markupsafe import Markup, escape

from leadflow_pipeline.service.contract import OF_ALL, OF_BODIES
from leadflow_pipeline.service.documentation_page import PAGE_SOURCE


def _coded(text: str) -> Markup:
    """With what stands between backticks as code."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))  # noqa: S704 - escaped just before


def _breakable(path: str) -> Markup:
    """With places where a long path may go on in the next line."""
    return Markup(str(escape(path)).replace("/", "/<wbr>"))  # noqa: S704 - escaped just before


_PAGES = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
_PAGES.filters |= {"coded": _coded, "breakable": _breakable}
PAGE = _PAGES.from_string(PAGE_SOURCE)
OF_A_CAMPAIGN = "/campaigns/{campaign}/"
WITHOUT_SUBJECT = "other"
MOST_NAMED = 20
"""Of what something may be one of: there are hundreds of time zones."""
SUBJECTS = (
    "campaigns", "runs", "leads", "lists", "enrichment", "scoring", "routing", "reps", "analytics", "experiments",
    "models", "similar accounts", "webhooks", "webhooks to others", "tracking", "operations", "alerts", "health",
    "audit",
)  # fmt: skip
"""The order in which one meets them; others come last."""


@dataclass(frozen=True)
class Part:
    """A parameter, or a member of a body or an answer."""

    name: str
    kind: str
    is_required: bool
    description: str


@dataclass(frozen=True)
class Request:
    """Something that may be asked."""

    anchor: str
    method: str
    path: str
    scope: str
    """Of the token that it takes; empty: none."""
    description: str
    parameters: list[Part]
    bodies: list[str]
    """Media types."""
    body_description: str
    body: list[Part]
    answer: list[Part]
    """Members of the answer where it succeeds."""
    answers: list[tuple[str, str]]
    """Status and description of those that are its own."""

    @property
    def first_line(self) -> str:
        """What it does, in a sentence."""
        return re.split(r"(?<=\.)\s|\n\n", self.description, maxsplit=1)[0]

    @property
    def short_path(self) -> str:
        """Without what most have in common."""
        return self.path.removeprefix("/api/v1").replace(OF_A_CAMPAIGN, "…/", 1)


def subjects_of(document: Mapping[str, Any]) -> dict[str, list[Request]]:
    """What may be asked, by subject in the order in which one meets them, in the order of the paths."""
    found: dict[str, list[Request]] = {}
    for path, methods in sorted(document["paths"].items()):
        for method, operation in methods.items():
            subject = (operation.get("tags") or [WITHOUT_SUBJECT])[0]
            found.setdefault(subject, []).append(_request(document, path, method, operation))
    met = {subject: place for place, subject in enumerate(SUBJECTS)}
    return dict(sorted(found.items(), key=lambda item: (met.get(item[0], len(met)), item[0])))


def add_documentation(app: FastAPI) -> None:
    """Serves the page. The other routes are on it whenever they are added."""

    @app.get("/docs", include_in_schema=False)
    def docs(request: HttpRequest) -> HTMLResponse:
        document = app.openapi()
        common, here = sorted((OF_ALL | OF_BODIES).items()), str(request.base_url).rstrip("/")
        return HTMLResponse(
            PAGE.render(info=document["info"], subjects=subjects_of(document), common=common, here=here),
            headers={"Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'"},
        )


def _request(document: Mapping[str, Any], path: str, method: str, operation: Mapping[str, Any]) -> Request:
    body: Mapping[str, Any] = operation.get("requestBody", {})
    taken: Mapping[str, Any] = body.get("content", {})
    answers: Mapping[str, Any] = operation["responses"]
    common = {str(status): meaning for status, meaning in (OF_ALL | OF_BODIES).items()}
    return Request(
        anchor=re.sub(r"[^a-z0-9]+", "-", f"{method} {path}".lower()).strip("-"),
        method=method.upper(),
        path=path,
        scope=next((name for needed in operation.get("security", []) for name in needed), ""),
        description=operation.get("description") or operation.get("summary", ""),
        parameters=[
            Part(
                each["name"],
                f"{each['in']}, {_kind(each.get('schema', {}))}",
                each.get("required", False),
                each.get("description", ""),
            )
            for each in operation.get("parameters", [])
        ],
        bodies=list(taken),
        body_description=body.get("description", ""),
        body=_members(document, next((each.get("schema", {}) for each in taken.values()), {})),
        answer=_members(document, _succeeding(answers)),
        answers=[
            (status, answer.get("description", ""))
            for status, answer in answers.items()
            if common.get(status) != answer.get("description")
        ],
    )


def _succeeding(answers: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema of the first answer that is a success."""
    for status, answer in answers.items():
        if status.startswith("2"):
            content: Mapping[str, Any] = answer.get("content", {})
            return next((each.get("schema", {}) for each in content.values()), {})
    return {}


def _members(document: Mapping[str, Any], schema: Mapping[str, Any]) -> list[Part]:
    """Those of an object, or of the objects of a list or a page."""
    schema = _resolved(document, schema)
    items = (
        schema.get("properties", {}).get("items") if "next_cursor" in schema.get("properties", {}) else None
    )
    inner = schema.get("items") or (items or {}).get("items")
    if inner:
        schema = _resolved(document, inner)
    required = schema.get("required", ())
    return [
        Part(
            name,
            _kind(_resolved(document, each))
            + (" or null" if name in required and _is_nullable(each) else ""),
            name in required,
            each.get("description", ""),
        )
        for name, each in schema.get("properties", {}).items()
    ]


def _is_nullable(schema: Mapping[str, Any]) -> bool:
    return any(each.get("type") == "null" for each in schema.get("anyOf", ()))


def _resolved(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Mapping[str, Any]:
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    found: Mapping[str, Any] = document.get("components", {}).get("schemas", {}).get(name, schema)
    return found


def _kind(schema: Mapping[str, Any]) -> str:
    """As a person reads it: `integer 1 to 500`, `one of HOT, WARM`."""
    options = [each for each in schema.get("anyOf", schema.get("oneOf", ())) if each.get("type") != "null"]
    if options:
        return " or ".join(dict.fromkeys(map(_kind, options)))
    if "enum" in schema:
        first = ", ".join(map(str, schema["enum"][:MOST_NAMED]))
        return f"one of {first}{', …' if len(schema['enum']) > MOST_NAMED else ''}"
    if "const" in schema:
        return f"{schema['const']!r}"
    if "$ref" in schema:
        return "object"
    kind = schema.get("format") or schema.get("type") or "any"
    if kind == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    low = schema.get("minimum", schema.get("exclusiveMinimum"))
    high = schema.get("maximum", schema.get("exclusiveMaximum"))
    if low is not None and high is not None and abs(high) < 2**53:
        return f"{kind} {low:g} to {high:g}"
    return str(kind)
