"""Leads as a person names them, and the decisions a person may take about them.

What belongs here: from an id or address to a lead that exists; spelling of decisions. What does not: what a
stage makes of a decision.
"""

from __future__ import annotations

from difflib import get_close_matches

import pandas as pd
import pyarrow as pa
from sqlalchemy import Engine, exists, select

from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.harvest.keys import lead_ids
from leadflow_pipeline.harvest.normalise import TEXT, clean_email
from leadflow_pipeline.overrides import LIFTED
from leadflow_pipeline.route.rules import ContentSequenceType
from leadflow_pipeline.store.schema import QUALIFICATION_STATUSES, TIERS, campaigns, harvested_leads

DECISIONS: dict[str, tuple[str, ...]] = {
    "status": QUALIFICATION_STATUSES,
    "tier": TIERS,
    "sequence": tuple(kind.value for kind in ContentSequenceType),
    "nurture": ("pause", "stop", "resume"),
}
"""Field -> what it may be set to; an owner may be anyone."""


def known_lead(engine: Engine, campaign: str, named: str) -> str:
    """The id of the lead with this id or address. Raises PermanentError if the campaign has none such."""
    lead_id = lead_of_address(campaign, named) if "@" in named else named.strip()
    with engine.connect() as connection:
        if not connection.scalar(select(exists().where(campaigns.c.campaign == campaign))):
            raise PermanentError(
                f"there is no campaign {campaign}: leadflow campaign list shows those there are"
            )
        is_known = exists().where(
            harvested_leads.c.campaign == campaign, harvested_leads.c.lead_id == lead_id
        )
        if not connection.scalar(select(is_known)):
            raise PermanentError(
                f"campaign {campaign} has no such lead: give the lead_id or email of a harvested lead "
                f"(leadflow export harvested_leads --campaign {campaign})"
            )
    return lead_id


def lead_of_address(campaign: str, email: str) -> str:
    """The id that a lead with this address has in the campaign."""
    cleaned = clean_email(pa.array([email], TEXT)).to_pylist()
    keys = pd.DataFrame({"email": cleaned, "phone": [None], "source_key": [None]}, dtype="str")
    return str(lead_ids(campaign, "", keys).iloc[0])


def check_decision(field: str, value: str) -> str:
    """The decision as the stages spell it.

    Raises PermanentError for a value that no stage would understand.
    """
    spelt = value.strip()
    allowed = DECISIONS.get(field)
    if spelt.lower() == LIFTED or allowed is None:
        return LIFTED if spelt.lower() == LIFTED else spelt
    for word in allowed:
        if word.lower() == spelt.lower():
            return word
    close = get_close_matches(spelt.lower(), [word.lower() for word in allowed], n=1)
    hint = f"did you mean {close[0]}?" if close else f"use {', '.join(allowed)} or {LIFTED}"
    raise PermanentError(f"{field} cannot be {spelt!r}: {hint}")
