"""The campaign file: one YAML text says everything a stage may be told.

What belongs here: the typed model that composes the stages' own rules, reading it with every mistake
explained, and its versions in the database. What does not: what a rule means (the stage it belongs to).
"""

from leadflow_pipeline.campaign.checks import ENRICHED_FIELDS as ENRICHED_FIELDS
from leadflow_pipeline.campaign.differences import Difference as Difference
from leadflow_pipeline.campaign.differences import differences as differences
from leadflow_pipeline.campaign.json_schema import campaign_json_schema as campaign_json_schema
from leadflow_pipeline.campaign.model import Campaign as Campaign
from leadflow_pipeline.campaign.model import Goal as Goal
from leadflow_pipeline.campaign.model import Sender as Sender
from leadflow_pipeline.campaign.parse import parse_campaign as parse_campaign
from leadflow_pipeline.campaign.problems import CampaignError as CampaignError
from leadflow_pipeline.campaign.templates import CAMPAIGN_TOKENS as CAMPAIGN_TOKENS
from leadflow_pipeline.campaign.templates import LEAD_TOKENS as LEAD_TOKENS
from leadflow_pipeline.campaign.versions import VERSION_TAG as VERSION_TAG
from leadflow_pipeline.campaign.versions import CampaignSummary as CampaignSummary
from leadflow_pipeline.campaign.versions import CampaignVersion as CampaignVersion
from leadflow_pipeline.campaign.versions import VersionSummary as VersionSummary
from leadflow_pipeline.campaign.versions import active_campaigns as active_campaigns
from leadflow_pipeline.campaign.versions import add_experiment_in as add_experiment_in
from leadflow_pipeline.campaign.versions import campaign_status as campaign_status
from leadflow_pipeline.campaign.versions import campaign_summary as campaign_summary
from leadflow_pipeline.campaign.versions import campaigns_after as campaigns_after
from leadflow_pipeline.campaign.versions import list_campaigns as list_campaigns
from leadflow_pipeline.campaign.versions import load as load
from leadflow_pipeline.campaign.versions import register as register
from leadflow_pipeline.campaign.versions import register_in as register_in
from leadflow_pipeline.campaign.versions import set_status as set_status
from leadflow_pipeline.campaign.versions import set_status_in as set_status_in
from leadflow_pipeline.campaign.versions import source_text as source_text
from leadflow_pipeline.campaign.versions import version_named_by as version_named_by
from leadflow_pipeline.campaign.versions import versions_of as versions_of
