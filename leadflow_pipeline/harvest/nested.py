"""JSON objects as rows: what vendors' pages and webhooks carry.

What belongs here: flattening nested objects. What does not: JSON files, whose objects are rows as they stand
(`structured`), and what a column means.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leadflow_pipeline.harvest.batches import Batch
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.harvest.structured import batch_of_objects


def batch_of_records(records: Sequence[Mapping[str, Any]], source: SourceRules, first_row: int = 1) -> Batch:
    """JSON objects as rows numbered from `first_row`, their values as text, as a file would hold them."""
    numbered = enumerate(records, start=first_row)
    return batch_of_objects([(number, flattened(record)) for number, record in numbered], [], source)


def flattened(record: Mapping[str, Any]) -> dict[str, Any]:
    """The members of an object and of the objects in it, under dotted names, in their order.

    Lists stay values. Of two members that come to the same name the later is called `name (2)`. Objects nested
    however deep are no burden to the stack.
    """
    flat: dict[str, Any] = {}
    pending = [("", iter(record.items()))]
    while pending:
        prefix, members = pending[-1]
        for name, value in members:
            if isinstance(value, Mapping):
                pending.append((f"{prefix}{name}.", iter(value.items())))
                break
            flat[_free_name(f"{prefix}{name}", flat)] = value
        else:
            pending.pop()
    return flat


def _free_name(name: str, taken: Mapping[str, Any]) -> str:
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name} ({number})"
    return free
