"""What is wrong with which part of a request, in words. Pure.

What belongs here: from what pydantic found to sentences that hold nothing of what was sent. What does not: what is
right.

Pydantic's own messages name values, and its places hold whatever names somebody sent. So each kind of error has words
of ours, and of a place only those steps are told that stand in the OpenAPI document.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

MOST_TOLD: Final = 20

WORDS: Final[Mapping[str, str]] = {
    "missing": "is missing",
    "extra_forbidden": "has a member that is not documented",
    "string_type": "is no text",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "takes at most {max_length} characters",
    "string_pattern_mismatch": "is not written as documented",
    "int_type": "is no whole number",
    "int_parsing": "is no whole number",
    "int_parsing_size": "is no number that can be kept",
    "int_from_float": "is no whole number",
    "float_type": "is no number",
    "float_parsing": "is no number",
    "finite_number": "is no finite number",
    "bool_type": "is neither true nor false",
    "bool_parsing": "is neither true nor false",
    "greater_than": "is not more than {gt}",
    "greater_than_equal": "is less than {ge}",
    "less_than": "is not less than {lt}",
    "less_than_equal": "is more than {le}",
    "multiple_of": "is no multiple of {multiple_of}",
    "too_short": "needs at least {min_length} of them",
    "too_long": "takes at most {max_length} of them",
    "literal_error": "is none of {expected}",
    "enum": "is none of {expected}",
    "list_type": "is no list",
    "tuple_type": "is no list",
    "set_type": "is no list",
    "dict_type": "is no object",
    "model_type": "is no object",
    "model_attributes_type": "is no object",
    "date_type": "is no day, such as 2026-06-01",
    "date_parsing": "is no day, such as 2026-06-01",
    "date_from_datetime_parsing": "is no day, such as 2026-06-01",
    "date_from_datetime_inexact": "is no day, such as 2026-06-01",
    "datetime_type": "is no time, such as 2026-06-01T09:00:00Z",
    "datetime_parsing": "is no time, such as 2026-06-01T09:00:00Z",
    "datetime_from_date_parsing": "is no time, such as 2026-06-01T09:00:00Z",
    "timezone_aware": "says no time zone, such as 2026-06-01T09:00:00Z",
    "union_tag_not_found": "does not say of which kind it is",
    "union_tag_invalid": "is of no kind that is documented",
    "json_invalid": "is no JSON",
    "none_required": "is not null",
}
UNKNOWN: Final = "is not as documented"


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one part of a request."""

    field: str
    """Where: `body.lead.email`, `query.limit`."""
    problem: str


def field_problems(errors: Sequence[Mapping[str, Any]], names: Collection[str]) -> list[FieldProblem]:
    """One for each place, the first twenty. `names` are those that may be told."""
    told: dict[str, str] = {}
    for error in errors:
        place = list(error["loc"])
        if error["type"] == "extra_forbidden":
            place = place[:-1]
        told.setdefault(_place(place, names), _words(error))
    return [FieldProblem(field, problem) for field, problem in told.items()][:MOST_TOLD]


def names_in(document: Mapping[str, Any]) -> frozenset[str]:
    """Every name of a parameter or a member that an OpenAPI document holds."""
    return frozenset(_names(document))


def _names(part: Any) -> Iterable[str]:
    pending = [part]
    while pending:
        found = pending.pop()
        if isinstance(found, Mapping):
            properties = found.get("properties")
            if isinstance(properties, Mapping):
                yield from map(str, properties)
            if isinstance(found.get("in"), str) and isinstance(found.get("name"), str):
                yield found["name"]
            pending.extend(found.values())
        elif isinstance(found, list):
            pending.extend(found)


def _place(steps: Sequence[Any], names: Collection[str]) -> str:
    """As far as it is ours: what comes after a name that somebody made up is left out."""
    told = [str(steps[0])] if steps else ["the request"]
    for step in steps[1:]:
        if isinstance(step, int) or step in names:
            told.append(str(step))
        else:
            break
    return ".".join(told)


def _words(error: Mapping[str, Any]) -> str:
    words = WORDS.get(error["type"], UNKNOWN)
    try:
        return words.format_map({name: _shown(value) for name, value in error.get("ctx", {}).items()})
    except (KeyError, ValueError):
        return UNKNOWN


def _shown(bound: Any) -> Any:
    return f"{bound:g}" if isinstance(bound, float) else bound
