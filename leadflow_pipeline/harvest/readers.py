"""One file to columns of text, batch by batch: the same for every format.

What belongs here: the shape of what is read, and which reader serves which format. What does not: what a
column means. Each cell is text as it was written; an empty cell and a cell that is not there are the same.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from leadflow_pipeline.harvest.batches import Batch
from leadflow_pipeline.harvest.delimited import read_delimited
from leadflow_pipeline.harvest.rules import FileSource
from leadflow_pipeline.harvest.sniffing import FileFormat, recognise_format, require_columns
from leadflow_pipeline.harvest.structured import read_json_array, read_json_lines, read_parquet, read_workbook

_READERS = {
    FileFormat.DELIMITED: read_delimited,
    FileFormat.JSON_LINES: read_json_lines,
    FileFormat.JSON_ARRAY: read_json_array,
    FileFormat.XLSX: read_workbook,
    FileFormat.PARQUET: read_parquet,
}


def read_file(path: Path, source: FileSource) -> Iterator[Batch]:
    """The rows of a file in batches that fit in memory, every row in exactly one of them.

    Raises FileRefused, naming file, place and remedy, for a file that cannot be read as the source's rules
    say: at once where the header tells, else at the end (JSON objects have no header).
    """
    columns: dict[str, None] = {}
    rows = 0
    for batch in _READERS[recognise_format(path)](path, source):
        columns.update(dict.fromkeys(batch.cells.column_names))
        rows += batch.row_count
        yield batch
    if rows:
        require_columns(tuple(columns), source, path.name)
