"""Webhooks: due steps that a system of the campaign's owner is told of, as rows of the outbox.

What belongs here: what a request says. What does not: signing and sending it (`webhook_way`), and whether it may leave.

The body names the step and the lead by ids; of the lead itself it holds the fields that the campaign file names, and
nothing else. It is written down here, so a request that is tried again is the same request.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

import pandas as pd

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.delivery.mail import ID_DIGITS, domain_of
from leadflow_pipeline.delivery.release.due import as_records
from leadflow_pipeline.nurture.steps import WebhookStep
from leadflow_pipeline.store.sequences import TO_ONE_OF_US

TYPE: Final = "nurture.step.due"
CUSTOM: Final = "custom."


def webhook_rows(
    touches: pd.DataFrame, leads: Sequence[Mapping[str, Any]], version: CampaignVersion
) -> Iterator[dict[str, Any]]:
    """A row for each webhook. `leads` are what is known of the lead of each touch."""
    for touch, lead in zip(as_records(touches), leads, strict=True):
        step: WebhookStep = version.rules.nurture.steps_of(touch["sequence"])[touch["step"] - 1]
        key = f"{touch['enrolment_id']}|webhook|{touch['step']}"
        digest = hashlib.sha256(key.encode()).hexdigest()[:ID_DIGITS]
        content = {"url": step.url, "secret_from": step.secret_from, "body": _body(step, touch, lead)}
        yield {
            "channel": "webhook",
            "subject_key": touch["enrolment_id"],
            "step": touch["step"],
            "campaign": version.campaign,
            "campaign_version": version.version,
            "lead_id": touch["lead_id"],
            "recipient": urlsplit(step.url).netloc.lower(),
            "recipient_key": TO_ONE_OF_US,
            "sequence": touch["sequence"],
            "subject": f"{touch['sequence']} {touch['step']}",
            "body_text": "",
            "body_html": "",
            "headers": {},
            "rfc_message_id": f"<{digest}@{domain_of(version.rules.sender.email)}>",
            "planned_at": touch["planned_at"],
            "not_after": touch["not_after"],
            "next_attempt_at": touch["planned_at"],
            "payload": {"kind": "webhook", "webhook": content},
        }


def _body(step: WebhookStep, touch: Mapping[str, Any], lead: Mapping[str, Any]) -> dict[str, Any]:
    """`type`, `timestamp` and `data`, as the specification of Standard Webhooks recommends."""
    planned_at: datetime = touch["planned_at"]
    named = ("campaign", "lead_id", "enrolment_id", "sequence", "step")
    data = {name: touch[name] for name in named}
    if step.name is not None:
        data["step_name"] = step.name
    if step.fields:
        data["lead"] = {name: _value(lead, name) for name in step.fields}
    return {"type": TYPE, "timestamp": planned_at.astimezone(UTC).isoformat(), "data": data}


def _value(lead: Mapping[str, Any], name: str) -> Any:
    """A field of the lead as JSON has it; None where nothing is known."""
    if name.startswith(CUSTOM):
        custom = lead.get("custom")
        fields = json.loads(custom) if isinstance(custom, str) else dict(custom or {})
        return fields.get(name.removeprefix(CUSTOM))
    value = lead.get(name)
    if value is None or pd.isna(value):
        return None
    return value.isoformat() if isinstance(value, datetime) else value
