"""Putting down who belongs to whom: persons or accounts, their former ids, and their leads. A door.

What belongs here: the writes, each set-based, in an order that keeps every foreign key. What does not: deciding.

An id that ends leads on to one that lives, whichever ended before it led here too, so a chain never grows. Leads that
nobody looked at because no table holds them any more follow theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pandas as pd
from sqlalchemy import Column, Connection, MetaData, Table, delete, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.store import schema
from leadflow_pipeline.store.copy import copy_in
from leadflow_pipeline.store.frames import conform


@dataclass(frozen=True)
class Registry:
    """The three tables of one kind of whole, and the name of its id."""

    wholes: Table
    aliases: Table
    leads: Table
    id_name: str


PERSONS: Final = Registry(schema.persons, schema.person_aliases, schema.person_leads, "person_id")
ACCOUNTS: Final = Registry(schema.accounts, schema.account_aliases, schema.account_leads, "account_id")


def write_members(
    connection: Connection,
    registry: Registry,
    wholes: pd.DataFrame,
    leads: pd.DataFrame,
    endings: pd.DataFrame,
) -> None:
    """Adds or renews `wholes` and `leads` (rows of their tables), and ends the ids of `endings`.

    `endings` has the id and `alias_of`, the one it leads to. An id that lives again is no alias any more.
    """
    id_name, aliases = registry.id_name, registry.aliases
    with (
        staged(connection, wholes, registry.wholes) as living,
        staged(connection, endings, aliases) as ended,
        staged(connection, leads, registry.leads) as arrived,
    ):
        connection.execute(delete(aliases).where(aliases.c[id_name].in_(select(living.c[id_name]))))
        _upsert(connection, registry.wholes, living)
        _upsert(connection, registry.leads, arrived)
        for table, column in ((registry.leads, id_name), (aliases, "alias_of")):
            follow = update(table).where(table.c[column] == ended.c[id_name])
            connection.execute(follow.values({column: ended.c.alias_of}))
        names = [id_name, "alias_of"]
        connection.execute(insert(aliases).from_select(names, select(*(ended.c[name] for name in names))))
        connection.execute(
            delete(registry.wholes).where(registry.wholes.c[id_name].in_(select(ended.c[id_name])))
        )


def _upsert(connection: Connection, table: Table, arrived: Table) -> None:
    """Rows of `arrived` in the place of those with the same key; a row that says the same is left alone."""
    names = [column.name for column in arrived.columns]
    statement = insert(table).from_select(names, select(arrived))
    others = {name: statement.excluded[name] for name in names if name not in table.primary_key}
    if others:
        is_other = or_(*(table.c[name].is_distinct_from(value) for name, value in others.items()))
        statement = statement.on_conflict_do_update(
            index_elements=list(table.primary_key), set_=others, where=is_other
        )
    else:
        statement = statement.on_conflict_do_nothing()
    connection.execute(statement)


@contextmanager
def staged(connection: Connection, rows: pd.DataFrame, table: Table) -> Iterator[Table]:
    """`rows` as a temporary table with the columns of `table` that they have."""
    name = f"staged_{table.name}"
    columns = [Column(column, table.c[column].type) for column in rows.columns]
    stage = Table(name, MetaData(), *columns, prefixes=["TEMPORARY"])
    stage.create(connection)
    copy_in(connection, conform(rows, stage), stage)
    connection.execute(text(f"ANALYZE {name}"))
    yield stage
    stage.drop(connection)
