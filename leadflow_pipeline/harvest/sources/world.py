"""What a source is given to ask with: sessions that count what they use, secrets, and the records of other sources.

A door. What belongs here: the ties between a source and this campaign, its day and its database. What does not:
deciding what is read, and storing (`collecting`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pandas as pd
from sqlalchemy import Engine, select

from leadflow_pipeline.errors import Deferred
from leadflow_pipeline.harvest.mapping import NO_KEY, map_records
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.harvest.sources.base import AskedSource
from leadflow_pipeline.harvest.sources.public_addresses import PublicAddressesOnly
from leadflow_pipeline.settings import secret
from leadflow_pipeline.store.copy import read
from leadflow_pipeline.store.schema import source_records
from leadflow_pipeline.vendors.limits import spend
from leadflow_pipeline.vendors.session import Rate, VendorSession, utc_now


def tomorrow(now: datetime) -> datetime:
    """The next midnight UTC, when every budget is whole again."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)


@dataclass(frozen=True)
class World:
    """Everything outside a source: one campaign, one database, one clock."""

    engine: Engine
    campaign: str
    sources: Sequence[SourceRules]
    now: Callable[[], datetime] = utc_now
    wait: Callable[[float], None] = time.sleep

    def session(
        self,
        vendor: str,
        base_url: str,
        *,
        headers: Mapping[str, str],
        on_account_of: AskedSource,
        rate: Rate | None = None,
        is_public: bool = False,
    ) -> VendorSession:
        """A session with a vendor, each of whose requests counts against the calls a day of a source.

        Where it `is_public`, it speaks with no machine of a private network.
        """
        return VendorSession(
            self.engine,
            vendor,
            base_url,
            headers=headers,
            rate=rate,
            now=self.now,
            wait=self.wait,
            before_each=lambda: self._count_call(on_account_of),
            adapter=PublicAddressesOnly() if is_public else None,
        )

    def secret(self, name: str) -> str:
        """A secret by the name of its environment variable. Raises PermanentError where it is not set."""
        return secret(name)

    def leads_after(self, source: str, record_id: int, most: int) -> pd.DataFrame:
        """The next records of another source of the campaign, as its mapping reads them.

        Columns: record_id, the fields of `map_records`; in the order they came in. Those that are in quarantine only
        because nothing tells who they are (a name and a company alone) are among them. `attrs` has `last`, the
        record_id of the last record that was looked at, and `is_last`, whether there are no more.
        """
        rules = next(rules for rules in self.sources if rules.name == source)
        records = source_records.c
        query = (
            select(records.record_id, records.payload)
            .where(records.campaign == self.campaign, records.source == source, records.record_id > record_id)
            .order_by(records.record_id)
            .limit(most)
        )
        with self.engine.connect() as connection:
            found = read(connection, query)
        readable = found[found["payload"].notna()]
        mapped = map_records(self.campaign, readable["payload"], rules)
        is_person = mapped["reason"].isna() | (mapped["reason"] == NO_KEY)
        leads = mapped[is_person].join(found["record_id"])
        leads.attrs = {
            "last": int(found["record_id"].iloc[-1]) if len(found) else record_id,
            "is_last": len(found) < most,
        }
        return leads

    def _count_call(self, source: AskedSource) -> None:
        """Raises Deferred where the day's calls are used up."""
        now, cap = self.now(), source.budget.calls
        if not spend(self.engine, self.campaign, source.account, now.date(), "calls", 1, cap):
            raise Deferred(f"its {cap:,} calls a day are used up", tomorrow(now))
