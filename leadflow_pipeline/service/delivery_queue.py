"""Deliveries that wait for the database, taken in together.

What belongs here: which of them share a transaction. What does not: storing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from leadflow_pipeline.service.deliveries import Delivery, Fate
from leadflow_pipeline.service.groups import Groups

MOST_WAITING = 2_000
"""Deliveries. Beyond, senders are told to come again: that is better than to run out of memory."""

MOST_LEADS_TOGETHER = 1_000
SECONDS_TO_WAIT = 45

Store = Callable[[Sequence[Delivery]], list[Fate]]


def delivery_queue(store: Store) -> Groups[Delivery, Fate]:
    """Takes deliveries from many requests and gives those of one source to `store` together."""
    return Groups(
        "deliveries",
        store,
        lambda delivery: (delivery.campaign, delivery.source.name),
        most_waiting=MOST_WAITING,
        most_together=MOST_LEADS_TOGETHER,
        seconds_to_wait=SECONDS_TO_WAIT,
        size_of=lambda delivery: len(delivery.leads),
    )
