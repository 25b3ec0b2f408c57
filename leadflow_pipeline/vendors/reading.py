"""Reading what a vendor answered: the one place where the body of a response becomes a JSON object.

What belongs here: what every client reads alike. What does not: the members that one vendor's answers have, and
statuses, which are the session's.
"""

from __future__ import annotations

import json
import math
from typing import Any

import requests

from leadflow_pipeline.errors import FateUnknown, TransientError

LETTERS_POSTGRESQL_REFUSES = {0: "\ufffd", **dict.fromkeys(range(0xD800, 0xE000), "\ufffd")}
"""U+0000 and lone surrogates, which JSON can spell and no jsonb column takes."""


def json_object(response: requests.Response, vendor: str, *, is_repeatable: bool) -> dict[str, Any]:
    """The JSON object in the body of a success. JSON inside a JSON string is read too, because Apollo sends that.

    Raises TransientError where there is none, or FateUnknown where the request may have been paid for
    (`is_repeatable` false): a page in HTML or half an answer does not say what was carried out.
    """
    content = parsed(response.content)
    if isinstance(content, str):
        content = parsed(content)
    if isinstance(content, dict):
        return content
    fault = f"{vendor} answered with status {response.status_code}, but not with the JSON object it documents"
    if is_repeatable:
        raise TransientError(f"{fault}: check its base URL if it goes on")
    raise FateUnknown(f"{fault}: look at its own list of requests before the question is asked again")


def parsed(body: bytes | str) -> Any:
    """The value of a JSON text, fit for the database; None where it is no JSON."""
    try:
        return storable(json.loads(body))
    except (ValueError, RecursionError):
        return None


def storable(value: Any) -> Any:
    """The same value without letters that the database refuses, and without numbers that JSON does not have."""
    if isinstance(value, str):
        return value.translate(LETTERS_POSTGRESQL_REFUSES)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {storable(name): storable(member) for name, member in value.items()}
    if isinstance(value, list):
        return [storable(member) for member in value]
    return value


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing where it is no list, and what is no object left out."""
    return [member for member in value if isinstance(member, dict)] if isinstance(value, list) else []
