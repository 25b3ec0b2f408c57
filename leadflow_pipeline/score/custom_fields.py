"""A campaign's own fields, from the JSON column `custom` to columns `custom.<name>`.

What belongs here: unpacking. What does not: what a condition makes of a field.

Every value becomes text, a number with the digits it was written with. Types guessed from the rows at hand
would make a day computed alone differ from the same day in a range; conditions compare text that spells a
number as a number.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd

PREFIX = "custom."
DOCUMENTS_AT_ONCE = 100_000
"""Bounds the memory that parsed documents take."""


def with_custom_fields(leads: pd.DataFrame, fields: Iterable[str]) -> pd.DataFrame:
    """`leads` with a text column for each `custom.<name>` among the fields; other fields are passed over.

    Only what is asked for is unpacked. A lead without the field, or without `custom`, has it missing.
    """
    names = sorted({field.removeprefix(PREFIX) for field in fields if field.startswith(PREFIX)})
    if not names:
        return leads
    values: dict[str, list[str | None]] = {name: [] for name in names}
    for start in range(0, len(leads), DOCUMENTS_AT_ONCE):
        documents = _parsed(leads["custom"].iloc[start : start + DOCUMENTS_AT_ONCE])
        for name in names:
            values[name].extend(_as_text(document.get(name)) for document in documents)
    return leads.assign(
        **{PREFIX + name: pd.Series(texts, index=leads.index, dtype="str") for name, texts in values.items()}
    )


def _parsed(texts: pd.Series) -> list[dict[str, Any]]:
    documents = ",".join(texts.fillna("{}").tolist())
    parsed: list[dict[str, Any]] = json.loads(f"[{documents}]", parse_int=str, parse_float=str)
    return parsed


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
