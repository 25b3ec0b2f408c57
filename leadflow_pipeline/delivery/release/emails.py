"""Emails: due touches as rows of the outbox.

What belongs here: the row of each email. What does not: the words (`rendering`), and whether it may leave.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from leadflow_pipeline.campaign import CampaignVersion
from leadflow_pipeline.delivery.mail import headers_of, message_id
from leadflow_pipeline.delivery.rendering import render
from leadflow_pipeline.delivery.tokens import tokens_of
from leadflow_pipeline.delivery.tracking import tracking_key
from leadflow_pipeline.delivery.unsubscribe import unsubscribe_url
from leadflow_pipeline.errors import PermanentError
from leadflow_pipeline.settings import Settings

NO_SUCH_STEP = "the sequence has no such step any more"


def email_rows(
    touches: pd.DataFrame,
    leads: list[Mapping[str, Any]],
    version: CampaignVersion,
    settings: Settings,
    held: Counter[str],
) -> Iterator[dict[str, Any]]:
    """A row for each touch; one that cannot be rendered is held until its template is mended.

    `leads` are what is known of the lead of each touch.
    """
    campaign = version.rules
    for touch, lead in zip(touches.to_dict("records"), leads, strict=True):
        emails = campaign.nurture.emails_of(touch["sequence"])
        if touch["step"] > len(emails):
            held[NO_SUCH_STEP] += 1
            continue
        link = unsubscribe_url(settings.public_url, campaign.campaign, touch["recipient_key"])
        try:
            words = render(emails[touch["step"] - 1], tokens_of(campaign, lead, link))
            headers = headers_of(campaign, touch["recipient"], touch["sequence"], touch["step"], link)
        except PermanentError as error:
            held[f"{touch['sequence']} {touch['step']}: {error}"] += 1
            continue
        yield {
            "channel": "email",
            "subject_key": touch["enrolment_id"],
            "step": touch["step"],
            "campaign": campaign.campaign,
            "campaign_version": version.version,
            "lead_id": touch["lead_id"],
            "recipient": touch["recipient"],
            "recipient_key": touch["recipient_key"],
            "sequence": touch["sequence"],
            "subject": words.subject,
            "body_text": words.text,
            "body_html": words.html,
            "headers": headers,
            "rfc_message_id": message_id(campaign, touch["enrolment_id"], touch["step"]),
            "planned_at": touch["planned_at"],
            "not_after": touch["not_after"],
            "next_attempt_at": touch["planned_at"],
            "tracking_key": tracking_key("email", touch["enrolment_id"], touch["step"]),
            "variant": None,
        }
