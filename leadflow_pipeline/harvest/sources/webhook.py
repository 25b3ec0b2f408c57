"""Webhook: leads that others send, each signed with a secret that both sides know.

What belongs here: what a campaign file may say of it. What does not: the address that takes them (`service`). There
is nothing to collect.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from leadflow_pipeline.harvest.rules import SourceRules
from leadflow_pipeline.harvest.sources.base import SecretName


class WebhookSource(SourceRules):
    """Leads that come by `POST /webhooks/lead/{campaign}`, signed as Standard Webhooks say."""

    kind: Literal["webhook"]
    secrets_from: tuple[SecretName, ...] = Field(
        min_length=1, description="variables with the signing secrets: two while one takes the other's place"
    )
