"""JSON that means one thing to everybody who reads it. Pure.

What belongs here: what a JSON body may be, of the API and of webhooks. What does not: what a route makes of it.

RFC 8259 leaves to each reader what a name means that comes twice, how large a number may be and what half of a
surrogate pair is. A body that two readers could understand differently is refused, and so is what no text of the
database holds (NUL).
"""

from __future__ import annotations

import json
import math
import re
from http import HTTPStatus
from typing import Any, Final, NoReturn

from leadflow_pipeline.service.problems import Problem

MOST_NESTED: Final = 32
LARGEST: Final = 2**63 - 1
LONGEST_NUMBER: Final = len(str(LARGEST)) + 1
SUSPECT = re.compile(r"\\u(?:0000|[dD][89a-fA-F])")
"""An escape that may make a NUL or half of a pair. Unescaped neither comes through."""


def parsed(body: bytes, *, numbers_as_written: bool = False, any_text: bool = False) -> Any:
    """What a body says. Raises Problem (400 for what is no JSON, 422 for what is ambiguous), naming at most a place.

    `numbers_as_written` gives numbers as texts, however long. `any_text` lets texts hold NUL and half pairs: for those
    who only look up some names in what others wrote.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError as error:
        raise Problem(HTTPStatus.BAD_REQUEST, f"the body is not UTF-8 (byte {error.start + 1})") from None
    try:
        value = json.loads(
            text,
            object_pairs_hook=_distinct,
            parse_constant=_no_number,
            parse_float=str if numbers_as_written else _finite,
            parse_int=str if numbers_as_written else _bounded,
        )
    except json.JSONDecodeError as error:
        sentence = f"the body is not valid JSON (line {error.lineno}, character {error.colno})"
        raise Problem(HTTPStatus.BAD_REQUEST, sentence) from None
    except RecursionError:
        raise _too_deep() from None
    if text.count("[") + text.count("{") > MOST_NESTED:
        _require_flat(value)
    if not any_text and SUSPECT.search(text):
        _require_texts(value)
    return value


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _refused("an object of the body has the same member twice: name each once")
    return found


def _no_number(_: str) -> NoReturn:
    raise Problem(HTTPStatus.BAD_REQUEST, "the body holds NaN or Infinity, which is no JSON: leave it out")


def _finite(written: str) -> float:
    number = float(written)
    if not math.isfinite(number):
        raise _refused("a number of the body is larger than any that can be kept")
    return number


def _bounded(written: str) -> int:
    if len(written) > LONGEST_NUMBER or abs(int(written)) > LARGEST:
        raise _refused("a whole number of the body is larger than any that can be kept")
    return int(written)


def _require_flat(value: Any) -> None:
    level = [value]
    for _ in range(MOST_NESTED):
        level = [inner for outer in level for inner in _inner(outer)]
        if not level:
            return
    raise _too_deep()


def _require_texts(value: Any) -> None:
    """Every name and text, without NUL and half pairs."""
    pending = [value]
    while pending:
        found = pending.pop()
        if isinstance(found, str):
            if "\x00" in found or not _is_whole(found):
                raise _refused("a text of the body holds NUL, or half of a surrogate pair: leave it out")
        else:
            pending.extend(_inner(found))
            if isinstance(found, dict):
                pending.extend(found)


def _inner(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _is_whole(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_deep() -> Problem:
    return _refused(f"the body is nested more than {MOST_NESTED} deep: send a flatter one")


def _refused(sentence: str) -> Problem:
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, sentence)
