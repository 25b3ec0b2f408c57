"""Similar accounts for the briefs of the doors: companies like a lead's that were won or lost, by vectors.

What belongs here: putting what is found into the form that briefs take. What does not: finding it (`builds`), and
saying it (`delivery.brief`). The doors know nothing of this room: whoever opens one hands this in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import Campaign
from leadflow_pipeline.delivery.brief import SimilarAccount
from leadflow_pipeline.delivery.brief_facts import same_industry_and_size
from leadflow_pipeline.insight.similar_accounts import builds

LEAST_LIKENESS: Final = 0.3
"""Below it two companies have little more in common than both being companies."""


def similar_accounts_of(
    engine: Engine, campaign: Campaign, leads: pd.DataFrame, now: datetime
) -> Mapping[str, Sequence[SimilarAccount]]:
    """Accounts like those of enriched leads, the most alike first, by the latest build that is there now.

    Where the campaign has no build yet, those of the same industry and size.
    """
    tomorrow = (now + timedelta(days=1)).date()
    found = builds.similar_to_leads(engine, campaign.campaign, leads["lead_id"].tolist(), as_of=tomorrow)
    if not found:
        return same_industry_and_size(engine, campaign, leads, now)
    return {lead_id: told for lead_id, accounts in found.items() if (told := _told(accounts))}


def _told(accounts: Sequence[builds.SimilarAccount]) -> list[SimilarAccount]:
    return [
        SimilarAccount(account.name, account.outcome, account.ended_on, _alike(account), account.value)
        for account in accounts
        if account.ended_on is not None and account.likeness >= LEAST_LIKENESS
    ]


def _alike(account: builds.SimilarAccount) -> str:
    """In what it is the same; where in nothing by itself, how much alike in all that is compared."""
    *others, last = account.shares or ("",)
    if not last:
        return f"{account.likeness:.0%} alike"
    return f"same {', '.join(others)} and {last}" if others else f"same {last}"
