"""Every table of the pipeline, declared once: a module for each thing that tables are about, and all names here.

What belongs here: tables, their columns, and the invariants the database itself must hold (keys, CHECK,
FOREIGN KEY, indexes). What does not: queries, and anything about how a column is computed.

Three kinds of table:

* *facts* happened and are only ever added to (`source_records`, `engagement_events`, `outcomes`, `overrides`,
  `suppressions`, `consents`, `inbound_mails`, `read_mails`, `provider_events`, `tracking_hits`, `message_links`,
  `activity_log`, `webhook_deliveries`, `domain_lookups`, `conversion_models`, `model_promotions`, `channel_credits`,
  `qualification_log`, `reps`, `rep_absences`, `rep_touches`, `handoffs`, `handoff_briefs`, `experiment_states`,
  `routing_decisions`, `api_requests`, `run_launches`; `messages`, `sending_stops`, `alerts` and `vendor_lookups` move
  through their states but a row is never removed, and `channel_spend` holds what its source told last);
* *derived* tables hold what a stage computed for one `(campaign, day)`, replaceable as a whole. Their primary key
  starts with `(campaign, day)`, they hold no wall-clock time, no run id and no generated number, so that computing
  them again gives the same bytes;
* *global* tables hold the present (`campaigns`, `campaign_versions`; how far each source was read and what each vendor
  allows; who is who: `persons`, `accounts` and what belongs to them; which leads wait for an owner: `held_handoffs`;
  the last few builds of `similar_accounts`; who may ask the service and whom it tells: `api_tokens`,
  `webhook_endpoints`).

Times are `timestamptz`, days are UTC days.
"""

from leadflow_pipeline.store.schema.attribution import channel_credits as channel_credits
from leadflow_pipeline.store.schema.attribution import channel_spend as channel_spend
from leadflow_pipeline.store.schema.base import SCHEMA as SCHEMA
from leadflow_pipeline.store.schema.base import Key as Key
from leadflow_pipeline.store.schema.base import Timestamp as Timestamp
from leadflow_pipeline.store.schema.base import metadata as metadata
from leadflow_pipeline.store.schema.campaign import CAMPAIGN_STATUSES as CAMPAIGN_STATUSES
from leadflow_pipeline.store.schema.campaign import campaign_versions as campaign_versions
from leadflow_pipeline.store.schema.campaign import campaigns as campaigns
from leadflow_pipeline.store.schema.chain import DERIVED_TABLES as DERIVED_TABLES
from leadflow_pipeline.store.schema.conversion import MODEL_KINDS as MODEL_KINDS
from leadflow_pipeline.store.schema.conversion import conversion_models as conversion_models
from leadflow_pipeline.store.schema.conversion import model_promotions as model_promotions
from leadflow_pipeline.store.schema.derived import ENRICHMENT_STATUSES as ENRICHMENT_STATUSES
from leadflow_pipeline.store.schema.derived import NURTURE_STATES as NURTURE_STATES
from leadflow_pipeline.store.schema.derived import QUALIFICATION_STATUSES as QUALIFICATION_STATUSES
from leadflow_pipeline.store.schema.derived import ROUTING_STATUSES as ROUTING_STATUSES
from leadflow_pipeline.store.schema.derived import TEMPERATURES as TEMPERATURES
from leadflow_pipeline.store.schema.derived import TIERS as TIERS
from leadflow_pipeline.store.schema.derived import TOUCH_CHANNELS as TOUCH_CHANNELS
from leadflow_pipeline.store.schema.derived import enriched_leads as enriched_leads
from leadflow_pipeline.store.schema.derived import harvested_leads as harvested_leads
from leadflow_pipeline.store.schema.derived import lead_aliases as lead_aliases
from leadflow_pipeline.store.schema.derived import nurture_touches as nurture_touches
from leadflow_pipeline.store.schema.derived import nurtured_leads as nurtured_leads
from leadflow_pipeline.store.schema.derived import partition_lineage as partition_lineage
from leadflow_pipeline.store.schema.derived import qualified_leads as qualified_leads
from leadflow_pipeline.store.schema.derived import quarantined_records as quarantined_records
from leadflow_pipeline.store.schema.derived import routed_leads as routed_leads
from leadflow_pipeline.store.schema.derived import scored_leads as scored_leads
from leadflow_pipeline.store.schema.experiment import EXPERIMENT_STATES as EXPERIMENT_STATES
from leadflow_pipeline.store.schema.experiment import experiment_arms as experiment_arms
from leadflow_pipeline.store.schema.experiment import experiment_exposures as experiment_exposures
from leadflow_pipeline.store.schema.experiment import experiment_states as experiment_states
from leadflow_pipeline.store.schema.identity import REVIEW_STATES as REVIEW_STATES
from leadflow_pipeline.store.schema.identity import account_aliases as account_aliases
from leadflow_pipeline.store.schema.identity import account_leads as account_leads
from leadflow_pipeline.store.schema.identity import accounts as accounts
from leadflow_pipeline.store.schema.identity import match_reviews as match_reviews
from leadflow_pipeline.store.schema.identity import person_aliases as person_aliases
from leadflow_pipeline.store.schema.identity import person_leads as person_leads
from leadflow_pipeline.store.schema.identity import persons as persons
from leadflow_pipeline.store.schema.inbound import HIT_KINDS as HIT_KINDS
from leadflow_pipeline.store.schema.inbound import INBOUND_MAIL_KINDS as INBOUND_MAIL_KINDS
from leadflow_pipeline.store.schema.inbound import inbound_mails as inbound_mails
from leadflow_pipeline.store.schema.inbound import provider_events as provider_events
from leadflow_pipeline.store.schema.inbound import read_mails as read_mails
from leadflow_pipeline.store.schema.inbound import tracking_hits as tracking_hits
from leadflow_pipeline.store.schema.launches import run_launches as run_launches
from leadflow_pipeline.store.schema.lead_facts import OUTCOMES as OUTCOMES
from leadflow_pipeline.store.schema.lead_facts import activity_log as activity_log
from leadflow_pipeline.store.schema.lead_facts import engagement_events as engagement_events
from leadflow_pipeline.store.schema.lead_facts import outcomes as outcomes
from leadflow_pipeline.store.schema.lead_facts import overrides as overrides
from leadflow_pipeline.store.schema.lead_facts import qualification_log as qualification_log
from leadflow_pipeline.store.schema.outbox import MESSAGE_CHANNELS as MESSAGE_CHANNELS
from leadflow_pipeline.store.schema.outbox import MESSAGE_STATES as MESSAGE_STATES
from leadflow_pipeline.store.schema.outbox import message_attempts as message_attempts
from leadflow_pipeline.store.schema.outbox import message_links as message_links
from leadflow_pipeline.store.schema.outbox import messages as messages
from leadflow_pipeline.store.schema.outbox import sending_stops as sending_stops
from leadflow_pipeline.store.schema.owners import HANDOFF_ORIGINS as HANDOFF_ORIGINS
from leadflow_pipeline.store.schema.owners import OWNER_STATUSES as OWNER_STATUSES
from leadflow_pipeline.store.schema.owners import handoff_briefs as handoff_briefs
from leadflow_pipeline.store.schema.owners import handoffs as handoffs
from leadflow_pipeline.store.schema.owners import held_handoffs as held_handoffs
from leadflow_pipeline.store.schema.owners import owner_decisions as owner_decisions
from leadflow_pipeline.store.schema.owners import rep_absences as rep_absences
from leadflow_pipeline.store.schema.owners import rep_days as rep_days
from leadflow_pipeline.store.schema.owners import rep_touches as rep_touches
from leadflow_pipeline.store.schema.owners import reps as reps
from leadflow_pipeline.store.schema.permission import SUPPRESSION_SCOPES as SUPPRESSION_SCOPES
from leadflow_pipeline.store.schema.permission import consents as consents
from leadflow_pipeline.store.schema.permission import suppressions as suppressions
from leadflow_pipeline.store.schema.service import EVENT_KINDS as EVENT_KINDS
from leadflow_pipeline.store.schema.service import TOKEN_SCOPES as TOKEN_SCOPES
from leadflow_pipeline.store.schema.service import alerts as alerts
from leadflow_pipeline.store.schema.service import api_requests as api_requests
from leadflow_pipeline.store.schema.service import api_tokens as api_tokens
from leadflow_pipeline.store.schema.service import routing_decisions as routing_decisions
from leadflow_pipeline.store.schema.service import webhook_endpoints as webhook_endpoints
from leadflow_pipeline.store.schema.similar_accounts import ACCOUNT_OUTCOMES as ACCOUNT_OUTCOMES
from leadflow_pipeline.store.schema.similar_accounts import similar_account_builds as similar_account_builds
from leadflow_pipeline.store.schema.similar_accounts import similar_account_vectors as similar_account_vectors
from leadflow_pipeline.store.schema.similar_accounts import similar_accounts as similar_accounts
from leadflow_pipeline.store.schema.sources import source_cursors as source_cursors
from leadflow_pipeline.store.schema.sources import source_records as source_records
from leadflow_pipeline.store.schema.sources import webhook_deliveries as webhook_deliveries
from leadflow_pipeline.store.schema.vendors import LOOKUP_STATES as LOOKUP_STATES
from leadflow_pipeline.store.schema.vendors import OPEN_LOOKUP_STATES as OPEN_LOOKUP_STATES
from leadflow_pipeline.store.schema.vendors import domain_lookups as domain_lookups
from leadflow_pipeline.store.schema.vendors import vendor_breakers as vendor_breakers
from leadflow_pipeline.store.schema.vendors import vendor_buckets as vendor_buckets
from leadflow_pipeline.store.schema.vendors import vendor_lookups as vendor_lookups
from leadflow_pipeline.store.schema.vendors import vendor_spending as vendor_spending
