"""Sources that tell what leads did (events), what became of them (outcomes) or when reps were in touch (touches).

What belongs here: the facts of their rows, and what makes a row acceptable. What does not: storing them.

A row names its lead by `lead_id`, `email` or `phone`, or by the `source_key` it has in another source (`of`). Events:
`behaviour`, perhaps `event_id` and `is_machine`. Outcomes: `outcome` (won, lost, meeting), perhaps `value`. Touches:
`rep`, perhaps `touch` (call, email, ...) and `touch_id`. The moment is in the source's day column, `occurred_at` where
it names none. A row that is not acceptable becomes an unreadable record, so that it shows up in a quarantine.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import pandas as pd
import pyarrow as pa

from leadflow_pipeline.harvest.batches import Batch, no_texts, texts_of
from leadflow_pipeline.harvest.days import parse_moments
from leadflow_pipeline.harvest.json_text import json_objects
from leadflow_pipeline.harvest.keys import content_keys, lead_ids
from leadflow_pipeline.harvest.mapping import SOURCE_KEY, field_texts, mapping_of
from leadflow_pipeline.harvest.normalise import parse_numbers
from leadflow_pipeline.harvest.refusal import FileRefused
from leadflow_pipeline.harvest.rules import Contents, DayColumn, FileSource, SourceRules

EVENTS = FileSource(name="events", contents=Contents.EVENTS, header="present")
OUTCOMES = FileSource(name="outcomes", contents=Contents.OUTCOMES, header="present")
TOUCHES = FileSource(name="touches", contents=Contents.TOUCHES, header="present")
"""What the rows of a file are read as where the campaign file does not declare a source for it."""

OCCURRED_AT = DayColumn(column="occurred_at")
OUTCOME_WORDS = ("won", "lost", "meeting")
TRUE_WORDS = ("true", "yes", "1", "t", "y")
ANY_TOUCH = "touch"
"""The kind of a touch that says nothing of it."""
LONGEST_ID = 256
"""Characters of an id that a row gives. An index holds no value of some thousands."""

NEEDED = {Contents.EVENTS: "behaviour", Contents.OUTCOMES: "outcome", Contents.TOUCHES: "rep"}
"""The field that a row of these cannot do without."""

NAMES_OF_A_LEAD = ("lead_id", "email", "phone", SOURCE_KEY)


def facts_about_leads(
    campaign: str, batch: Batch, source: SourceRules, received_at: datetime
) -> tuple[pd.DataFrame, Batch]:
    """The facts of a batch, and the batch of what is none: all its rows are unreadable.

    What is said to have happened more than a day after `received_at` is none, as with records.

    Facts have row_number, payload, lead_id, occurred_at, `source_key` where nothing else names the lead (its lead_id
    is then what the lead has that is known by nothing else), and of events behaviour, event_id and is_machine, of
    outcomes outcome and value, of touches rep, kind and touch_id. An event or touch without an id of its own gets a
    hash of its content, so that rows that come in twice change nothing.
    """
    facts = _named_and_dated(campaign, batch, source)
    latest = pd.Timestamp(received_at).as_unit("us") + pd.Timedelta(days=1)
    facts["occurred_at"] = facts["occurred_at"].where(facts["occurred_at"] <= latest)
    tests = {"email (or lead_id)": facts["lead_id"].notna(), "occurred_at": facts["occurred_at"].notna()}
    if source.contents is Contents.EVENTS:
        facts["behaviour"] = texts_of_field("behaviour", batch, source).str.lower()
        facts["event_id"] = texts_of_field("event_id", batch, source).fillna(content_keys(facts["payload"]))
        facts["is_machine"] = texts_of_field("is_machine", batch, source).str.lower().isin(TRUE_WORDS)
        is_short = facts["event_id"].str.len() <= LONGEST_ID
        tests = {
            **tests,
            "behaviour": facts["behaviour"].notna(),
            f"event_id (up to {LONGEST_ID} characters)": is_short,
        }
        return acceptable(batch, facts, tests)
    if source.contents is Contents.TOUCHES:
        facts["rep"] = texts_of_field("rep", batch, source)
        facts["kind"] = texts_of_field("touch", batch, source).str.lower().fillna(ANY_TOUCH)
        facts["touch_id"] = texts_of_field("touch_id", batch, source).fillna(content_keys(facts["payload"]))
        is_short = facts["touch_id"].str.len() <= LONGEST_ID
        is_rep = facts["rep"].str.len() <= LONGEST_ID
        return acceptable(
            batch, facts, {**tests, "rep": is_rep, f"touch_id (up to {LONGEST_ID} characters)": is_short}
        )
    facts["outcome"] = texts_of_field("outcome", batch, source).str.lower()
    facts["value"] = parse_numbers(pa.array(texts_of_field("value", batch, source), pa.large_string()))
    is_known = facts["outcome"].isin(OUTCOME_WORDS)
    return acceptable(batch, facts, {**tests, "outcome (won, lost or meeting)": is_known})


def require_fact_columns(columns: Sequence[str], source: SourceRules, file_name: str) -> None:
    """Raises FileRefused if a file of events, outcomes or touches lacks a column it cannot do without."""
    mapping = mapping_of(source)
    given = {field for field, column in mapping.items() if column in columns} | source.constants.keys()
    what = NEEDED[source.contents]
    lacking = [] if what in given else [mapping.get(what, what)]
    if _day_of(source).column not in columns:
        lacking.append(_day_of(source).column)
    if not given.intersection(NAMES_OF_A_LEAD if source.of else NAMES_OF_A_LEAD[:-1]):
        lacking.insert(0, "email (or lead_id)")
    if lacking:
        raise FileRefused(
            f"{file_name} has no column {' and no '.join(lacking)}: name the columns so in its header, or map them "
            "in the campaign file"
        )


def _named_and_dated(campaign: str, batch: Batch, source: SourceRules) -> pd.DataFrame:
    keys = pd.DataFrame({field: texts_of_field(field, batch, source) for field in NAMES_OF_A_LEAD})
    if source.of is None:
        keys[SOURCE_KEY] = no_texts(keys.index)
    keys["lead_id"] = keys["lead_id"].where(keys["lead_id"].str.len() <= LONGEST_ID)
    named = keys["lead_id"].fillna(lead_ids(campaign, source.of or "", keys))
    by_key_alone = keys[["lead_id", "email", "phone"]].isna().all(axis="columns")
    return pd.DataFrame(
        {
            "row_number": batch.row_numbers,
            "payload": json_objects(batch.cells).to_pandas().astype("str"),
            "lead_id": named,
            SOURCE_KEY: keys[SOURCE_KEY].where(by_key_alone),
            "occurred_at": parse_moments(texts_of(batch.cells, _day_of(source).column), _day_of(source)),
        }
    )


def _day_of(source: SourceRules) -> DayColumn:
    return source.day or OCCURRED_AT


def texts_of_field(field: str, batch: Batch, source: SourceRules) -> pd.Series:
    """The cleaned texts of a field, by the source's mapping."""
    texts: pd.Series = (
        field_texts(field, mapping_of(source).get(field), batch.cells, source).to_pandas().astype("str")
    )
    return texts


def acceptable(batch: Batch, facts: pd.DataFrame, tests: dict[str, pd.Series]) -> tuple[pd.DataFrame, Batch]:
    """The facts that pass every test, and the other rows with the first test they fail."""
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
