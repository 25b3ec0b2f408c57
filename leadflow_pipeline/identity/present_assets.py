"""Persons and accounts in Dagster: unpartitioned, remade when leads of any campaign changed.

What belongs here: when they are made, and what is shown of it. What does not: how (`present`, `present_accounts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dagster as dg
from sqlalchemy import Table

from leadflow_pipeline.identity.present import resolve_persons
from leadflow_pipeline.identity.present_accounts import resolve_present_accounts
from leadflow_pipeline.store import schema
from leadflow_pipeline.store.resource import StoreResource
from leadflow_pipeline.store.run_step import as_run_step
from leadflow_pipeline.store.stage_asset import KINDS, OWNERS, RETRY_POLICY, column_schema

AFTER_LEADS_CHANGED = (
    (
        dg.AutomationCondition.any_deps_updated().since_last_handled()
        # Not `since_last_handled`, which takes what is missing at the sensor's first look as handled: leads that were
        # there before the daemon ran for the first time would wait for others to come.
        | dg.AutomationCondition.newly_missing().since(
            dg.AutomationCondition.newly_requested() | dg.AutomationCondition.newly_updated()
        )
    )
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
)


def _shown(table: Table) -> dict[str, Any]:
    return {
        "dagster/table_name": f"{table.schema}.{table.name}",
        "dagster/column_schema": column_schema(table),
    }


def _every_day_of(table: Table) -> dg.AssetDep:
    return dg.AssetDep(table.name, partition_mapping=dg.AllPartitionMapping())


@dg.asset(
    deps=[_every_day_of(schema.enriched_leads), _every_day_of(schema.lead_aliases)],
    group_name="identity",
    owners=list(OWNERS),
    kinds=set(KINDS),
    automation_condition=AFTER_LEADS_CHANGED,
    retry_policy=RETRY_POLICY,
    metadata=_shown(schema.persons),
    description="Who is one person across campaigns: new and changed leads are compared with all others. Doubtful "
    "pairs wait in the review queue; former ids lead on.",
)
@as_run_step
def persons(store: StoreResource) -> Iterator[dg.MaterializeResult[None]]:
    """Resolves the leads that are new or changed."""
    report = resolve_persons(store.engine)
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.persons,
            "leads": report.leads,
            "leads_compared": report.looked_at,
            "new_persons": report.born,
            "persons_merged_into_others": report.merged,
            "pairs_for_review": report.asked,
        }
    )


@dg.asset(
    deps=[_every_day_of(schema.enriched_leads)],
    group_name="identity",
    owners=list(OWNERS),
    kinds=set(KINDS),
    automation_condition=AFTER_LEADS_CHANGED,
    retry_policy=RETRY_POLICY,
    metadata=_shown(schema.accounts),
    description="Which company each lead belongs to: by domain, else by a close name and one more agreement. Who fits "
    "several waits in the review queue.",
)
@as_run_step
def accounts(store: StoreResource) -> Iterator[dg.MaterializeResult[None]]:
    """Resolves the company of every lead."""
    report = resolve_present_accounts(store.engine)
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": report.accounts,
            "leads": report.leads,
            "leads_with_account": report.with_account,
            "leads_that_fit_several": report.undecided,
            "accounts_ended": report.ended,
            "pairs_for_review": report.asked,
        }
    )


PRESENT_ASSETS = (persons, accounts)
