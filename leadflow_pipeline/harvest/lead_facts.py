"""Files that tell what leads did (events) or what became of them (outcomes), rather than who they are.

What belongs here: their columns and what makes a row acceptable. What does not: storing them.

Both name the lead by `lead_id` or `email`. Events: `behaviour`, `occurred_at`, and perhaps `event_id`,
`is_machine`. Outcomes: `outcome` (won, lost, meeting), `occurred_at`, and perhaps `value`. Times are ISO
8601, in UTC where they name no offset. A row that is not acceptable becomes an unreadable record, so that it
shows up in a quarantine.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pyarrow as pa

from leadflow_pipeline.harvest.batches import Batch, no_texts, texts_of
from leadflow_pipeline.harvest.days import parse_moments
from leadflow_pipeline.harvest.json_text import json_objects
from leadflow_pipeline.harvest.keys import content_keys, lead_ids
from leadflow_pipeline.harvest.normalise import clean_email, clean_text, parse_numbers
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import DayColumn, SourceRules

EVENTS = SourceRules(name="events", header="present")
OUTCOMES = SourceRules(name="outcomes", header="present")
OUTCOME_WORDS = ("won", "lost", "meeting")
TRUE_WORDS = ("true", "yes", "1", "t", "y")


def events_of(campaign: str, batch: Batch) -> tuple[pd.DataFrame, Batch]:
    """The events of a batch, and the batch of what is none: all its rows are unreadable.

    Events have lead_id, behaviour, occurred_at, event_id, is_machine, row_number and payload. An event
    without an id of its own gets a hash of its content, so that a file imported twice changes nothing.
    """
    events = _facts(campaign, batch)
    events["behaviour"] = _texts(batch, "behaviour").str.lower()
    events["event_id"] = _texts(batch, "event_id").fillna(content_keys(events["payload"]))
    events["is_machine"] = _texts(batch, "is_machine").str.lower().isin(TRUE_WORDS)
    return _acceptable(batch, events, {"behaviour": events["behaviour"].notna()})


def outcomes_of_leads(campaign: str, batch: Batch) -> tuple[pd.DataFrame, Batch]:
    """The outcomes of a batch (lead_id, outcome, occurred_at, value, row_number, payload), and what is
    none."""
    outcomes = _facts(campaign, batch)
    outcomes["outcome"] = _texts(batch, "outcome").str.lower()
    has_values = "value" in batch.cells.column_names
    outcomes["value"] = parse_numbers(batch.cells.column("value")) if has_values else np.nan
    return _acceptable(
        batch, outcomes, {"outcome (won, lost or meeting)": outcomes["outcome"].isin(OUTCOME_WORDS)}
    )


def require_fact_columns(columns: Sequence[str], needed: str, file_name: str) -> None:
    """Raises FileRefused if a file of events or outcomes lacks a column it cannot do without."""
    lacking = [name for name in (needed, "occurred_at") if name not in columns]
    if not {"email", "lead_id"} & set(columns):
        lacking.insert(0, "email (or lead_id)")
    if lacking:
        raise FileRefused(
            f"{file_name} has no column {' and no '.join(lacking)}: name the columns so in its header"
        )


def _facts(campaign: str, batch: Batch) -> pd.DataFrame:
    keys = pd.DataFrame({"email": _texts(batch, "email"), "phone": None, "source_key": None}).astype("str")
    keys["email"] = clean_email(pa.array(keys["email"], pa.large_string())).to_pandas().astype("str")
    return pd.DataFrame(
        {
            "row_number": batch.row_numbers,
            "payload": json_objects(batch.cells).to_pandas().astype("str"),
            "lead_id": _texts(batch, "lead_id").fillna(lead_ids(campaign, "", keys)),
            "occurred_at": parse_moments(_texts(batch, "occurred_at"), DayColumn(column="occurred_at")),
        }
    )


def _texts(batch: Batch, column: str) -> pd.Series:
    texts = pa.array(texts_of(batch.cells, column), pa.large_string())
    cleaned: pd.Series = clean_text(texts).to_pandas().astype("str")
    return cleaned


def _acceptable(batch: Batch, facts: pd.DataFrame, tests: dict[str, pd.Series]) -> tuple[pd.DataFrame, Batch]:
    """The facts that pass every test, and the other rows with the first test they fail."""
    tests = {
        "email (or lead_id)": facts["lead_id"].notna(),
        "occurred_at": facts["occurred_at"].notna(),
        **tests,
    }
    reasons = no_texts(facts.index)
    for column, passes in reversed(tests.items()):
        reasons[~passes] = f"it has no usable {column}"
    is_bad = reasons.notna()
    refused = (
        facts[["row_number", "payload"]].rename(columns={"payload": "raw"}).assign(reason=reasons)[is_bad]
    )
    unreadable = pd.concat([batch.unreadable, refused]) if len(batch.unreadable) else refused
    rest = Batch(batch.cells.slice(0, 0), batch.row_numbers[:0], unreadable.reset_index(drop=True))
    return facts[~is_bad].reset_index(drop=True), rest
