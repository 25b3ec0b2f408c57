"""Runs that somebody asked for, so that none of them is launched twice.

What belongs here: the table that says which request made which run. What does not: what became of a run (Dagster's
own tables).
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table, Text, func
from sqlalchemy.dialects.postgresql import JSONB

from leadflow_pipeline.store.schema.base import Timestamp, metadata

run_launches = Table(
    "run_launches",
    metadata,
    Column(
        "ticket",
        Text,
        primary_key=True,
        comment="of the request: sent again, the same; also a tag of the run",
    ),
    Column("request_key", Text, nullable=False, comment="HMAC of what was asked"),
    Column("wanted", JSONB, nullable=False, comment="job, tags, partitions: no personal data"),
    Column("begun_at", Timestamp, nullable=False, server_default=func.now(), comment="put on the wire"),
    Column("run_id", Text, comment="NULL: under way, or its answer was lost"),
    Index(None, "begun_at"),
    comment="Requests for runs, written before Dagster is asked: what had no answer is not repeated blindly.",
)
