"""Sources that tell what channels cost, a row a channel and day, or several.

What belongs here: the facts of their rows, and what makes a row acceptable. What does not: storing them (`spending`).

A row has an `amount`, in the campaign's currency, and a `channel`, spelt as the channels of sources are; where it has
none, the channel of the spend source itself. The day is in the source's day column, `day` where it names none.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.harvest.batches import Batch, texts_of
from leadflow_pipeline.harvest.days import parse_moments
from leadflow_pipeline.harvest.json_text import json_objects
from leadflow_pipeline.harvest.lead_facts import acceptable, texts_of_field
from leadflow_pipeline.harvest.mapping import mapping_of
from leadflow_pipeline.harvest.normalise import parse_numbers
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import Contents, DayColumn, FileSource, SourceRules

SPEND = FileSource(name="spend", contents=Contents.SPEND, header="present")
"""What the rows of a file are read as where the campaign file does not declare a source for it."""

DAY = DayColumn(column="day")


def facts_about_spend(batch: Batch, source: SourceRules, received_at: datetime) -> tuple[pd.DataFrame, Batch]:
    """The facts of a batch (row_number, payload, channel, day, amount), and the batch of what is none.

    A day more than a day after `received_at` is none, and neither is an amount below zero.
    """
    day_column = source.day or DAY
    moments = parse_moments(texts_of(batch.cells, day_column.column), day_column)
    latest = pd.Timestamp(received_at).as_unit("us") + pd.Timedelta(days=1)
    days = moments.where(moments <= latest).dt.tz_localize(None)
    channels = texts_of_field("channel", batch, source)
    amounts = pd.Series(parse_numbers(pa.array(texts_of_field("amount", batch, source), pa.large_string())))
    facts = pd.DataFrame(
        {
            "row_number": batch.row_numbers,
            "payload": json_objects(batch.cells).to_pandas().astype("str"),
            "channel": channels.fillna(source.channel) if _has_channel(source) else channels,
            "day": days.dt.normalize(),
            "amount": amounts,
        }
    )
    tests = {
        "day": facts["day"].notna(),
        "channel": facts["channel"].notna(),
        "amount (0 or more)": (facts["amount"] >= 0) & (facts["amount"] < np.inf),
    }
    return acceptable(batch, facts, tests)


def require_spend_columns(columns: Sequence[str], source: SourceRules, file_name: str) -> None:
    """Raises FileRefused if a file of spend lacks a column it cannot do without."""
    mapping = mapping_of(source)
    given = {field for field, column in mapping.items() if column in columns} | source.constants.keys()
    needed = ("amount",) if _has_channel(source) else ("channel", "amount")
    lacking = [mapping.get(field, field) for field in needed if field not in given]
    day = (source.day or DAY).column
    if lacking := [*lacking, *([] if day in columns else [day])]:
        raise FileRefused(
            f"{file_name} has no column {' and no '.join(lacking)}: name the columns so in its header, or map them "
            "in the campaign file"
        )


def _has_channel(source: SourceRules) -> bool:
    return "channel" in source.model_fields_set
