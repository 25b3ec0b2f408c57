"""What channels cost, stored. A door to the database.

What belongs here: what a source tells of a channel and day in one transaction is added up, and takes the place of what
it told before: advertisers restate. What does not: reading rows (`spend_facts`).
"""

from __future__ import annotations

import pandas as pd
from sqlalchemy import Connection, select
from sqlalchemy.dialects.postgresql import insert

from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import channel_spend

KEY = ["channel", "day"]


class Spending:
    """What one source tells of spend in one transaction."""

    def __init__(self, connection: Connection, campaign: str, origin: str) -> None:
        self._connection = connection
        self._campaign = campaign
        self._origin = origin
        self._told: list[pd.DataFrame] = []
        self._known: pd.DataFrame | None = None
        self._counted = (0, 0)

    def tell(self, facts: pd.DataFrame) -> tuple[int, int]:
        """Stores the sums of `channel`, `day` and `amount` so far.

        By how much this changes the number of rows that brought news, and of those that repeat what was known.
        """
        if self._known is None:
            self._known = self._stored()
        self._told.append(facts[[*KEY, "amount"]])
        told = pd.concat(self._told, ignore_index=True)
        sums = told.groupby(KEY)["amount"].sum().reset_index()
        self._store(sums)
        known = sums.merge(self._known, on=KEY, how="left", suffixes=("", "_known"))
        is_known = known.set_index(KEY)["amount"].eq(known.set_index(KEY)["amount_known"])
        repeated = int(is_known.loc[pd.MultiIndex.from_frame(told[KEY])].sum())
        before, self._counted = self._counted, (len(told) - repeated, repeated)
        return self._counted[0] - before[0], self._counted[1] - before[1]

    def _stored(self) -> pd.DataFrame:
        spend = channel_spend.c
        query = select(spend.channel, spend.day, spend.amount).where(
            spend.campaign == self._campaign, spend.origin == self._origin
        )
        return read(self._connection, query)

    def _store(self, sums: pd.DataFrame) -> None:
        told = insert(channel_spend)
        latest = told.on_conflict_do_update(
            index_elements=list(channel_spend.primary_key),
            set_={name: told.excluded[name] for name in ("amount", "received_at")},
            where=channel_spend.c.amount.is_distinct_from(told.excluded.amount),
        )
        whose = {"campaign": self._campaign, "origin": self._origin}
        columns = (sums["channel"], sums["day"].dt.date, sums["amount"])
        rows = [
            {**whose, "channel": channel, "day": day, "amount": amount}
            for channel, day, amount in zip(*columns, strict=True)
        ]
        self._connection.execute(latest, rows)
