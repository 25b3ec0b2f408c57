"""The derived tables in the order in which they are computed: all that a campaign's days consist of."""

from __future__ import annotations

from sqlalchemy import Table

from leadflow_pipeline.store.schema.derived import (
    enriched_leads,
    harvested_leads,
    lead_aliases,
    nurture_touches,
    nurtured_leads,
    qualified_leads,
    quarantined_records,
    routed_leads,
    scored_leads,
)
from leadflow_pipeline.store.schema.experiment import experiment_arms, experiment_exposures
from leadflow_pipeline.store.schema.owners import owner_decisions, rep_days

DERIVED_TABLES: tuple[Table, ...] = (
    harvested_leads,
    quarantined_records,
    lead_aliases,
    enriched_leads,
    scored_leads,
    qualified_leads,
    routed_leads,
    experiment_arms,
    experiment_exposures,
    owner_decisions,
    rep_days,
    nurtured_leads,
    nurture_touches,
)
