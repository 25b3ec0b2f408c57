"""Looking over the reps, and a campaign's rules for owners, with what is stored. A door: it reads the database.

What belongs here: reading what the linter looks at. What does not: what is questionable (`linter.py`).
"""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
from sqlalchemy import Engine

from leadflow_pipeline.campaign import CampaignError, load
from leadflow_pipeline.campaign.checks import ENRICHED_FIELDS
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.lead_fields import columns_holding, with_custom_fields
from leadflow_pipeline.route.owners.reps.eligibility import fields_read
from leadflow_pipeline.route.owners.reps.linter import Finding, lint_campaign, lint_reps
from leadflow_pipeline.route.owners.reps.roster import read_roster
from leadflow_pipeline.route.owners.rules import OwnershipRules
from leadflow_pipeline.store.due_days import known_campaigns
from leadflow_pipeline.store.partitions import latest_before
from leadflow_pipeline.store.schema import enriched_leads


def check_reps(engine: Engine, day: date, campaign: str | None = None) -> list[Finding]:
    """Findings about the reps of a day, and where a campaign is named, about its rules and all leads it has.

    Raises PermanentError for an unknown campaign, and for one without a section `ownership`.
    """
    roster = read_roster(engine, campaign or "", day)
    if not roster.reps:
        return [Finding("rep", "error", f"no rep is known on {day}: add some with leadflow reps import FILE")]
    findings = lint_reps(roster, _campaigns(engine))
    if campaign is None:
        return findings
    rules = load(engine, campaign).rules
    if rules.ownership is None:
        raise PermanentError(f"{campaign} has no section `ownership`, so nobody is given its leads: add one")
    leads = _leads(engine, campaign, day, rules.ownership)
    return findings + lint_campaign(roster, rules.ownership, leads, (*ENRICHED_FIELDS, *rules.custom_fields))


def regions_of_campaigns(engine: Engine) -> frozenset[str]:
    """Names of the regions of the world that campaigns make themselves."""
    names: set[str] = set()
    for campaign in _campaigns(engine):
        try:
            ownership = load(engine, campaign).rules.ownership
        except CampaignError:
            continue  # registered under other rules than today's: it cannot run, and so needs no reps
        names |= set(ownership.regions) if ownership is not None else set()
    return frozenset(names)


def _campaigns(engine: Engine) -> list[str]:
    with engine.connect() as connection:
        return known_campaigns(connection)


def _leads(engine: Engine, campaign: str, day: date, rules: OwnershipRules) -> pd.DataFrame:
    """Every lead of the campaign as it is known at the end of the day, with what the rules ask about."""
    names = fields_read(rules)
    stored = {column.name for column in enriched_leads.columns}
    columns = [name for name in columns_holding(names) if name in stored]
    leads = latest_before(engine, enriched_leads, campaign, day + timedelta(days=1), columns=columns)
    return with_custom_fields(leads, names)
