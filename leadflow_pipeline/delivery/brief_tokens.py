"""What the template of a brief may say. Only the names, so that a campaign file can be checked against them."""

from __future__ import annotations

from typing import Final

FIELDS: Final = (
    "first_name", "last_name", "full_name", "email", "phone", "company", "job_title", "industry", "city",
    "region", "country", "seniority", "department", "size_band", "source",
)  # fmt: skip
"""Fields of the lead; a missing one is an empty text."""

PHRASES: Final = (
    "who", "company_facts", "why_now", "fit", "engagement", "similar_accounts", "reach", "next_step",
)  # fmt: skip
"""Facts in words, which are never empty: what is not known is said."""

TOKENS: Final = (*FIELDS, "score", "tier", "temperature", "goal", *PHRASES)
"""Everything that a template may name, beside the campaign's own fields (`custom.<name>`)."""
