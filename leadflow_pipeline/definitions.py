"""The whole code location on one page: every asset, check, job, schedule, sensor and resource.

What belongs here: what there is. What does not: what any of it does. Loading it starts no server and opens no
connection; in a process of Dagster's it sets up the lines of our log.
"""

from __future__ import annotations

import dagster as dg

from leadflow_pipeline import automation
from leadflow_pipeline.enrich.assets import enriched_leads
from leadflow_pipeline.harvest.assets import harvest
from leadflow_pipeline.identity.assets import lead_aliases
from leadflow_pipeline.identity.present_assets import PRESENT_ASSETS
from leadflow_pipeline.identity.splink_adapter import splink_opinion
from leadflow_pipeline.insight.assets import campaign_report
from leadflow_pipeline.insight.attribution.assets import source_attribution
from leadflow_pipeline.insight.conversion.assets import conversion_model
from leadflow_pipeline.insight.experiments.assets import experiment_results
from leadflow_pipeline.insight.health.failed_check import failed_partitions_check
from leadflow_pipeline.insight.rep_performance.assets import rep_performance
from leadflow_pipeline.insight.similar_accounts.assets import similar_accounts
from leadflow_pipeline.nurture.assets import nurture
from leadflow_pipeline.qualify.assets import qualified_leads
from leadflow_pipeline.route.assets import route
from leadflow_pipeline.score.assets import scored_leads
from leadflow_pipeline.store.checks import latest_day_check, stage_checks
from leadflow_pipeline.store.resource import PartitionIOManager, StoreResource
from leadflow_pipeline.telemetry.logs import set_up_our_logs

STAGE_ASSETS = (harvest, lead_aliases, enriched_leads, scored_leads, qualified_leads, route, nurture)
"""In the order of a lead's life."""


def build_defs() -> dg.Definitions:
    """Everything that Dagster may know of this project."""
    return dg.Definitions(
        assets=[
            *STAGE_ASSETS,
            *PRESENT_ASSETS,
            splink_opinion,
            campaign_report,
            source_attribution,
            conversion_model,
            experiment_results,
            similar_accounts,
            rep_performance,
        ],
        asset_checks=[
            *(stage_checks(assets) for assets in STAGE_ASSETS),
            latest_day_check(),
            failed_partitions_check(),
        ],
        jobs=automation.JOBS,
        schedules=automation.SCHEDULES,
        sensors=automation.SENSORS,
        resources={"store": StoreResource(), "io_manager": PartitionIOManager()},
        # One process a run: another for each step would cost more than the step. Runs are the unit of scale.
        executor=dg.in_process_executor,
    )


set_up_our_logs()
defs = build_defs()
