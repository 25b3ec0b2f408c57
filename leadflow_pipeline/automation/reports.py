"""What is made again when daily tables have changed: persons, accounts and reports."""

import dagster as dg

from leadflow_pipeline.automation.selections import PRESENT

report_automation = dg.AutomationConditionSensorDefinition(
    "report_automation",
    target=dg.AssetSelection.groups("insight") | PRESENT,
    minimum_interval_seconds=60,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Makes persons, accounts and a campaign's report again when daily tables have changed.",
)
