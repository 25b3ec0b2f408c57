"""A digest of each derived table: equal where every row is equal, byte for byte.

What belongs here: the hash and the order of rows beneath it. What does not: comparing digests.
"""

from __future__ import annotations

import hashlib

from sqlalchemy import Connection, Engine, Table, Text, select

from leadflow_pipeline.store.copy import copy_out
from leadflow_pipeline.store.schema import DERIVED_TABLES


def digest(engine: Engine, campaign: str | None = None) -> dict[str, str]:
    """Table name -> SHA-256 of its rows (of one campaign, or of all) by primary key, whatever their place on
    disk.

    Lineage is left out: when and in which run a row was computed is not part of what it says.
    """
    with engine.connect() as connection:
        return {table.name: _digest(connection, table, campaign) for table in DERIVED_TABLES}


def _digest(connection: Connection, table: Table, campaign: str | None) -> str:
    keys = [key.collate("C") if isinstance(key.type, Text) else key for key in table.primary_key]
    query = select(table).order_by(*keys)
    if campaign is not None:
        query = query.where(table.c.campaign == campaign)
    sha = hashlib.sha256(",".join(table.columns.keys()).encode())
    for row in copy_out(connection, query):
        sha.update(row)
    return sha.hexdigest()
