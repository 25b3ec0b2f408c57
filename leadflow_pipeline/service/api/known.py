"""What an address names, looked up: a campaign's rules, or 404.

What belongs here: lookups that several subjects share. What does not: any query of one subject.
"""

from __future__ import annotations

from http import HTTPStatus

from sqlalchemy import Engine

from leadflow_pipeline.campaign import CampaignError, CampaignVersion, load
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.service.access.scopes import no_campaign
from leadflow_pipeline.service.problems import Problem


def known_campaign(engine: Engine, campaign: str) -> CampaignVersion:
    """The current version of a campaign. Raises Problem: 404 where there is none, 409 where its file is refused by
    today's rules."""
    try:
        return load(engine, campaign)
    except CampaignError:
        raise Problem(
            HTTPStatus.CONFLICT,
            "the campaign's file is refused by the present rules: register it again, mended (leadflow campaign add)",
        ) from None
    except PermanentError:
        raise no_campaign() from None
