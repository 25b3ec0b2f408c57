"""Advisory locks of PostgreSQL: names made numbers, and the lock of a stateful stage.

What belongs here: how a lock is named and held. What does not: what is done under it.

Advisory locks live in a shared table of fixed size (max_locks_per_transaction x max_connections), so a lock
is taken for a whole table or stage of a campaign, never for each day of a range.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, func, select, text
from sqlalchemy.exc import OperationalError

from leadflow_pipeline.errors import TransientError

STAGE_WAIT = "2h"
"""A run may have to wait for a whole backfill of its campaign; beyond this it gives its place back to
Dagster.
"""


def lock_number(*name: str) -> int:
    """The 64-bit number of a lock. Names that collide would wait for each other, and nothing worse."""
    digest = hashlib.blake2b("\x1f".join(("leadflow", *name)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


@contextmanager
def stage_lock(engine: Engine, campaign: str, stage: str, *, wait: str = STAGE_WAIT) -> Iterator[None]:
    """Lets one run at a time compute a stateful stage of a campaign.

    It is held on a connection of its own, so it ends with the process. Raises TransientError after waiting
    for `wait` (a PostgreSQL interval), and where the connection that held it was lost meanwhile.
    """
    number = lock_number("stage", campaign, stage)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("SELECT set_config('lock_timeout', :wait, false)"), {"wait": wait})
        try:
            connection.execute(select(func.pg_advisory_lock(number)))
        except OperationalError as error:
            if getattr(error.orig, "sqlstate", None) != "55P03":
                raise
            raise TransientError(
                f"another run has been computing {stage} of campaign {campaign} for {wait}: "
                f"try again when it has ended"
            ) from None
        finally:
            connection.execute(text("RESET lock_timeout"))
        try:
            yield
        finally:
            released = connection.scalar(select(func.pg_advisory_unlock(number)))
        if not released:
            raise TransientError(
                f"the lock of {stage} of campaign {campaign} was lost on the way: run it again"
            )
