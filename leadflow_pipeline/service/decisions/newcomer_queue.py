"""Leads that nobody knew and that wait to be taken in, taken in together.

What belongs here: which of them share a group. What does not: taking them in (`newcomers`).

The stages' plans work on columns: they judge a hundred leads in little more time than one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, TypeAlias

from sqlalchemy import Engine

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.service.decisions.lead_state import LeadState
from leadflow_pipeline.service.decisions.newcomers import NoLead, take_in_newcomers
from leadflow_pipeline.service.groups import Groups

MOST_WAITING: Final = 5_000
MOST_TOGETHER: Final = 200
SECONDS_TO_WAIT: Final = 30


@dataclass(frozen=True)
class Newcomer:
    """A record of a source, as it was sent."""

    version: CampaignVersion
    source: SourceRules
    record: Mapping[str, Any]
    is_stored: bool = True
    """Whether it is to be stored, or only looked at."""


Newcomers: TypeAlias = Groups[Newcomer, LeadState]
"""Asked about a newcomer it tells the lead as it stands, or raises NoLead."""


def newcomer_queue(engine_of: Callable[[], Engine], now: Callable[[], datetime]) -> Newcomers:
    """Takes in what comes at once for one source."""

    def take_in(newcomers: Sequence[Newcomer]) -> list[LeadState | NoLead]:
        first, records = newcomers[0], [each.record for each in newcomers]
        return take_in_newcomers(
            engine_of(), first.version, first.source, records, now(), store=first.is_stored
        )

    return Groups(
        "newcomers",
        take_in,
        lambda each: (each.version.campaign, each.version.version, each.source.name, each.is_stored),
        most_waiting=MOST_WAITING,
        most_together=MOST_TOGETHER,
        seconds_to_wait=SECONDS_TO_WAIT,
    )
