"""JSON objects as text, built by column.

What belongs here: writing a table of text cells as one JSON object a row, and reading such objects back. What
does not: what the members mean. Calling a JSON library for every row would be ten times slower.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pa_json

TEXT = pa.large_string()
ROWS_AT_ONCE = 200_000
"""Parsed together: enough to be fast, few enough not to hold all texts twice."""

PLAIN_NUMBER = r"^-?(?:0|[1-9][0-9]{0,14})(?:\.[0-9]{1,12})?$"
"""Written so that a database gives it back digit by digit: no leading zero, no exponent."""
_NEGATIVE_ZERO = r"^-0(?:\.0*)?$"

_ESCAPES: tuple[tuple[str, str], ...] = (
    ("\\", "\\\\"),
    ('"', '\\"'),
    ("\n", "\\n"),
    ("\r", "\\r"),
    ("\t", "\\t"),
)
_OTHER_CONTROLS = [chr(code) for code in range(1, 0x20) if chr(code) not in "\n\r\t"]


def json_objects(cells: pa.Table, *, numbers: bool = False) -> pa.ChunkedArray:
    """One JSON object a row, members in the order of their names, empty cells (null or "") left out.

    With `numbers`, a cell that is a plain number is written as a JSON number, anything else as a string.
    """
    if cells.num_rows == 0:
        return pa.chunked_array([], type=TEXT)
    members = [_members(name, cells.column(name), numbers) for name in sorted(cells.column_names)]
    if not members:
        return pa.chunked_array([pa.repeat(pa.scalar("{}", TEXT), cells.num_rows)])
    # Each member brings its own comma, because joining with null_handling="skip" loses rows whose cells are
    # all null.
    empty, comma, opening, closing = (pa.scalar(text, TEXT) for text in ("", ",", "{", "}"))
    preceded = [pc.fill_null(pc.binary_join_element_wise(comma, member, empty), "") for member in members]
    listed = pc.utf8_slice_codeunits(pc.binary_join_element_wise(*preceded, empty), start=1)
    result = pc.binary_join_element_wise(opening, listed, closing, empty)
    return _chunked(result)


def _chunked(texts: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    return texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])


def _members(name: str, column: pa.ChunkedArray, numbers: bool) -> pa.ChunkedArray:
    column = column.cast(TEXT)
    values = pc.if_else(pc.equal(column, ""), pa.scalar(None, TEXT), column)
    empty, quote = pa.scalar("", TEXT), pa.scalar('"', TEXT)
    key = pa.scalar(json.dumps(name, ensure_ascii=False) + ":", TEXT)
    texts = pc.binary_join_element_wise(key, quote, _escaped(values), quote, empty)
    if not numbers:
        return texts
    plain = pc.and_(
        pc.match_substring_regex(values, PLAIN_NUMBER),
        pc.invert(pc.match_substring_regex(values, _NEGATIVE_ZERO)),
    )
    return pc.if_else(plain, pc.binary_join_element_wise(key, values, empty), texts)


def _escaped(column: pa.ChunkedArray) -> pa.ChunkedArray:
    present = _bytes_present(column)
    for character, escape in _ESCAPES:
        if present[ord(character)]:
            column = pc.replace_substring(column, character, escape)
    for character in _OTHER_CONTROLS:
        if present[ord(character)]:
            column = pc.replace_substring(column, character, f"\\u{ord(character):04x}")
    return column


def _bytes_present(column: pa.ChunkedArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """For each byte value, whether it occurs in a column: looking is far cheaper than replacing in vain."""
    present = np.zeros(256, dtype=bool)
    for chunk in column.chunks:
        data = chunk.buffers()[2]
        if data is not None:
            present |= np.bincount(np.frombuffer(data, dtype=np.uint8), minlength=256) > 0
    return present


def read_members(objects: pd.Series, names: Sequence[str]) -> pa.Table:
    """The members `names` of JSON objects whose members are all strings; null where an object lacks one."""
    schema = pa.schema([(name, TEXT) for name in names])
    texts = _chunked(pa.array(objects, TEXT))
    parts = [_parsed(texts.slice(start, ROWS_AT_ONCE), names) for start in range(0, len(texts), ROWS_AT_ONCE)]
    return pa.concat_tables([schema.empty_table(), *(part.cast(schema) for part in parts)])


def _parsed(objects: pa.ChunkedArray, names: Sequence[str]) -> pa.Table:
    whole = pa.array([0, len(objects)], pa.int64())
    all_objects = pa.LargeListArray.from_arrays(whole, objects.combine_chunks())
    lines = pc.binary_join(all_objects, pa.scalar("\n", TEXT))[0].as_buffer()
    longest = pc.max(pc.binary_length(objects)).as_py()
    table = pa_json.read_json(
        pa.BufferReader(lines),
        read_options=pa_json.ReadOptions(block_size=max(1 << 22, 2 * longest)),
        # Told the types, the parser does not take a text that looks like a time for one.
        parse_options=pa_json.ParseOptions(
            explicit_schema=pa.schema([(name, pa.string()) for name in names]),
            unexpected_field_behavior="ignore",
        ),
    )
    return table.select(list(names))


def read_flat_objects(objects: pd.Series, names: Iterable[str]) -> dict[str, list[str | None]]:
    """The members `names` of JSON objects as text, numbers digit by digit; None where an object lacks one."""
    parsed: list[Mapping[str, str | None]] = json.loads(
        "[" + ",".join(objects.tolist()) + "]", parse_float=str, parse_int=str
    )
    return {name: [members.get(name) for members in parsed] for name in names}
