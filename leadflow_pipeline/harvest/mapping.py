"""Columns of a source to fields of a lead.

What belongs here: mapping, constants, missing-value words, and which cleaning each field gets. What does not:
joining the records of one lead.

A source without any mapping has its columns named like our fields already. Where a number field
(`company_size`, `budget`) holds something that is no number, the field is missing; the record itself keeps
what was written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from leadflow_pipeline.harvest.batches import no_texts
from leadflow_pipeline.harvest.json_text import TEXT, read_members
from leadflow_pipeline.harvest.keys import NAME_FIELDS, lead_ids
from leadflow_pipeline.harvest.normalise import (
    Array,
    clean_code,
    clean_email,
    clean_name,
    clean_phone,
    clean_text,
    parse_numbers,
)
from leadflow_pipeline.harvest.rules import FIELDS_OF, LEAD_FIELDS, SourceRules

STR = pd.StringDtype(na_value=np.nan)
"""What pandas calls `str`."""
SOURCE_KEY = "source_key"
KEY_FIELDS = ("email", "phone", SOURCE_KEY, *NAME_FIELDS)
CUSTOM = "custom."
NUMBER_FIELDS = ("company_size", "budget")
LARGEST_COMPANY = 2**31 - 1
LONGEST_FIELD = 10_000
"""Characters. What is longer is a mistake in the file, and would be carried through every stage."""

NO_KEY = "has no usable email, phone or source key, so no lead can be told from it"

_CLEANERS: dict[str, Callable[[Array], Array]] = {
    "email": clean_email,
    "phone": clean_phone,
    "first_name": clean_name,
    "last_name": clean_name,
    "full_name": clean_name,
    "country": clean_code,
    "postcode": clean_code,
    "website": clean_code,
    "linkedin_url": clean_code,
    "language": clean_code,
    "time_zone": clean_code,
}


def mapping_of(source: SourceRules) -> dict[str, str]:
    """Field -> column: the source's usual ones and the campaign file's, else columns that are called as the fields."""
    fields = (*FIELDS_OF[source.contents], SOURCE_KEY)
    return {**source.usual_mapping, **source.mapping} or {field: field for field in fields}


def custom_fields(sources: Sequence[SourceRules]) -> tuple[str, ...]:
    """Every `custom.<name>` that any source fills, by name."""
    fields = {
        field for source in sources for field in (*mapping_of(source), *source.constants, *source.defaults)
    }
    return tuple(sorted(field for field in fields if field.startswith(CUSTOM)))


def map_records(campaign: str, payloads: pd.Series, source: SourceRules) -> pd.DataFrame:
    """Fields of each record of one source, indexed as `payloads` (JSON objects of column -> text).

    Columns: `lead_id` (missing where the record has no key), `reason` (missing, or why the record is
    quarantined), every field of a lead, and the source's `custom.<name>`. Texts are cleaned, `company_size`
    and `budget` float64. Defaults are not filled in: they count only where nothing at all is known of the
    lead.
    """
    mapping = mapping_of(source)
    cells = read_members(payloads, sorted(set(mapping.values())))
    texts: dict[str, Array] = {}
    for field in (*LEAD_FIELDS, SOURCE_KEY, *custom_fields([source])):
        texts[field] = field_texts(field, mapping.get(field), cells, source)
    columns = {field: _as_column(field, values).array for field, values in texts.items()}
    keys = pd.DataFrame({field: columns[field] for field in KEY_FIELDS}, index=payloads.index)
    del columns[SOURCE_KEY]
    leads = lead_ids(campaign, source.name, keys)
    told = {"lead_id": leads.array, "reason": _reasons(leads, texts).array, **columns}
    return pd.DataFrame(told, index=payloads.index)


def leads_of(campaign: str, cells: pa.Table, source: SourceRules) -> pd.Series:
    """Lead id of each row of a file, for what is said of a lead before any plan: its outcome."""
    return _keys_and_leads(campaign, cells, source)["lead_id"]


def keys_and_leads(campaign: str, payloads: pd.Series, source: SourceRules) -> pd.DataFrame:
    """The source_key and lead_id of each record, as `map_records` has them."""
    mapping = mapping_of(source)
    columns = sorted({mapping[field] for field in KEY_FIELDS if field in mapping})
    return _keys_and_leads(campaign, read_members(payloads, columns), source)


def _keys_and_leads(campaign: str, cells: pa.Table, source: SourceRules) -> pd.DataFrame:
    mapping = mapping_of(source)
    keys = pd.DataFrame(
        {
            field: _as_column(field, field_texts(field, mapping.get(field), cells, source))
            for field in KEY_FIELDS
        }
    )
    return keys[[SOURCE_KEY]].assign(lead_id=lead_ids(campaign, source.name, keys))


def default_values(field: str, sources: Sequence[SourceRules]) -> Mapping[str, str | float]:
    """Source -> cleaned default of a field, for the sources that have one."""
    given = {source.name: source.defaults[field] for source in sources if field in source.defaults}
    if not given:
        return {}
    cleaned = _as_column(field, _cleaned(field, pa.array(list(given.values()), TEXT)))
    return dict(zip(given, cleaned.tolist(), strict=True))


def field_texts(field: str, column: str | None, cells: pa.Table, source: SourceRules) -> Array:
    """The texts of a field, cleaned: what is written stands for what the source says, and missing words for none."""
    if field in source.constants:
        return _cleaned(field, pa.repeat(pa.scalar(source.constants[field], TEXT), cells.num_rows))
    if column is None or column not in cells.column_names:
        return pa.nulls(cells.num_rows, TEXT)
    texts = cells.column(column).combine_chunks()
    meanings = {_folded(written): meaning for written, meaning in source.meanings.get(field, {}).items()}
    if meanings:
        texts = pc.coalesce(_looked_up(texts, meanings), texts)
    missing = (*source.missing, *source.missing_by_field.get(field, ()))
    is_missing = pc.is_in(_folded_texts(texts), value_set=pa.array(sorted(set(map(_folded, missing))), TEXT))
    return _cleaned(field, pc.if_else(is_missing, pa.scalar(None, TEXT), texts))


def _looked_up(texts: Array, meanings: Mapping[str, str]) -> Array:
    positions = pc.index_in(_folded_texts(texts), value_set=pa.array(list(meanings), TEXT))
    return pa.array(list(meanings.values()), TEXT).take(positions)


def _folded_texts(texts: Array) -> Array:
    return pc.utf8_lower(pc.utf8_trim_whitespace(texts))


def _folded(word: str) -> str:
    return word.strip().lower()


def _cleaned(field: str, texts: Array) -> Array:
    return _CLEANERS.get(field, clean_text)(texts)


def _as_column(field: str, texts: Array) -> pd.Series:
    if field not in NUMBER_FIELDS:
        return pd.Series(texts, dtype=STR)
    numbers = pd.Series(parse_numbers(texts))
    if field == "company_size":
        return numbers.where(numbers.between(0, LARGEST_COMPANY)).round()
    return numbers


def _reasons(leads: pd.Series, texts: Mapping[str, Array]) -> pd.Series:
    """Why a record cannot become a lead; missing where it can."""
    reasons = no_texts(leads.index)
    reasons[leads.isna()] = NO_KEY
    for field, values in texts.items():
        lengths = pc.fill_null(pc.utf8_length(values), 0)
        if (pc.max(lengths).as_py() or 0) > LONGEST_FIELD:
            too_long = lengths.to_numpy(zero_copy_only=False) > LONGEST_FIELD
            reasons[too_long] = f"its {field} is longer than {LONGEST_FIELD} characters"
    return reasons
