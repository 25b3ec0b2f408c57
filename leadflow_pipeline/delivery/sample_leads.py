"""Invented leads to show emails with: one of whom all is known, one of whom nothing is, and one with long names. Pure.

What does not belong here: leads of a campaign.
"""

from __future__ import annotations

from typing import Any

from leadflow_pipeline.campaign import LEAD_TOKENS, Campaign

RECIPIENT = "anna.sample@leads.example"

KNOWN: dict[str, Any] = {
    "first_name": "Anna",
    "last_name": "Sample",
    "full_name": "Anna Sample",
    "honorific": "Dr",
    "company": "Sample Logistics Ltd",
    "job_title": "Head of Operations",
    "industry": "logistics",
    "city": "Lisbon",
    "region": "Lisboa",
    "country": "PT",
    "seniority": "head",
    "department": "operations",
    "owner": "Eva Berg",
}
"""Token -> value."""

LONG = "Wolfeschlegelsteinhausenbergerdorff-Sample von und zu den Sieben Bergen"


def known_lead(campaign: Campaign, language: str | None = None) -> dict[str, Any]:
    """A lead of whom all is known, the campaign's own fields too."""
    return {**KNOWN, "custom": custom_values(campaign), "language": language}


def unknown_lead(_campaign: Campaign, language: str | None = None) -> dict[str, Any]:
    """A lead of whom nothing is known but its address."""
    return {"language": language}


def long_lead(campaign: Campaign, language: str | None = None) -> dict[str, Any]:
    """A lead whose every value is long."""
    values = dict.fromkeys(LEAD_TOKENS, LONG)
    return {**values, "custom": dict.fromkeys(custom_values(campaign), LONG), "language": language}


def custom_values(campaign: Campaign) -> dict[str, str]:
    """Own field -> a value that says whose it is."""
    names = [field.removeprefix("custom.") for field in campaign.custom_fields]
    return {name: name.replace("_", " ") for name in names}
