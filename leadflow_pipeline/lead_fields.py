"""The fields of leads that a campaign's rules ask for, row by row beside what is being judged.

What belongs here: finding those fields in the enriched leads, among them the campaign's own
(`custom.<name>`). What does not: what is asked of them. Pure; the stages share it as they share `conditions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pandas as pd

from leadflow_pipeline.conditions import field_values

CUSTOM = "custom."
KEYS = ["day", "lead_id"]

DOCUMENTS_AT_ONCE = 100_000
"""Bounds the memory that parsed documents take."""


def fields_beside(keys: pd.DataFrame, leads: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """The named fields of `leads` for each `(day, lead_id)` of `keys`, missing where a lead is unknown.

    `leads` has one row for each `(day, lead_id)` and the enriched columns; the result is indexed as `keys`.
    `custom.<name>` is read from the JSON column `custom`, unless it is a column itself.
    """
    wanted = list(dict.fromkeys(names))
    known = with_custom_fields(leads, wanted)
    known = known[[*KEYS, *(name for name in wanted if name in known.columns)]].reset_index(drop=True)
    asked = keys[KEYS].reset_index(drop=True)
    # Rows usually come in the same order, and comparing costs a tenth of joining.
    if not known[KEYS].equals(asked):
        known = asked.merge(known, on=KEYS, how="left", validate="many_to_one")
    known.index = keys.index
    return pd.DataFrame({name: field_values(known, name) for name in wanted}, index=keys.index)


def columns_holding(names: Iterable[str]) -> list[str]:
    """The columns of enriched leads to read for these fields, with `lead_id`."""
    columns = ["custom" if name.startswith(CUSTOM) else name for name in names]
    return list(dict.fromkeys(["lead_id", *columns]))


def with_custom_fields(leads: pd.DataFrame, names: Iterable[str]) -> pd.DataFrame:
    """`leads` with a column of text for each `custom.<name>` among the names: no other is unpacked.

    Text always, a number as it was written: a type guessed from the rows at hand would differ between a day
    alone and the same day in a range. Conditions read numbers from text.
    """
    absent = [name for name in names if name.startswith(CUSTOM) and name not in leads.columns]
    if not absent or "custom" not in leads.columns:
        return leads
    texts: dict[str, list[str | None]] = {name: [] for name in absent}
    for start in range(0, len(leads), DOCUMENTS_AT_ONCE):
        documents = _parsed(leads["custom"].iloc[start : start + DOCUMENTS_AT_ONCE])
        for name in absent:
            key = name.removeprefix(CUSTOM)
            texts[name] += [_as_text(document.get(key)) for document in documents]
    return leads.assign(
        **{name: pd.Series(column, index=leads.index, dtype="str") for name, column in texts.items()}
    )


def _parsed(documents: pd.Series[str]) -> list[dict[str, Any]]:
    """Many documents in one call of the parser, which is quicker than a call for each."""
    joined = f"[{','.join(documents.fillna('{}'))}]"
    parsed: list[dict[str, Any]] = json.loads(joined, parse_int=str, parse_float=str)
    return parsed


def _as_text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else json.dumps(value, ensure_ascii=False)
