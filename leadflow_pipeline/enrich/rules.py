"""What a campaign file may say about enrichment. Only the model; the checks live beside it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

SENIORITIES: tuple[str, ...] = (
    "owner", "c_suite", "vp", "head", "director", "manager", "senior", "staff", "entry", "intern",
)  # fmt: skip
"""From most to least senior. `staff` does the work itself, and the title says nothing of rank."""

DEPARTMENTS: tuple[str, ...] = (
    "executive", "sales", "marketing", "product", "engineering", "it", "operations", "procurement",
    "customer_success", "finance", "legal", "hr", "administration", "medical", "education", "other",
)  # fmt: skip
"""`other` has a title, but one that names none of the rest."""

SIZE_BANDS: tuple[tuple[str, int], ...] = (
    ("1-10", 1), ("11-50", 11), ("51-200", 51), ("201-500", 201), ("501-1000", 501), ("1001-5000", 1001),
    ("5001-10000", 5001), ("10001+", 10001),
)  # fmt: skip
"""Name and smallest number of employees, ascending."""


class EnrichRules(BaseModel):
    """How leads of this campaign are enriched."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    default_country: str | None = Field(
        None, pattern=r"^[A-Z]{2}$", description="for phone numbers written without +"
    )
    decision_makers: tuple[str, ...] = Field(
        ("owner", "c_suite", "vp", "head", "director"), description="seniorities that decide"
    )
    free_mail_is_risky: bool = False
    allow_test_domains: bool = Field(
        False, description="accept reserved domains such as example.org and *.example: for demos and tests"
    )
