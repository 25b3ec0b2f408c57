"""What a campaign file may say about qualification. Only the model; the judgement lives beside it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from leadflow_pipeline.conditions import Condition


class QualificationFilter(Condition):
    """A condition every qualified lead must meet (budget, company size, industry, location, anything)."""

    name: str
    if_unknown: Literal["pass", "review", "pending", "reject"] = "review"


class QualifyRules(BaseModel):
    """Threshold, review band, required fields and filters."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    threshold: float = Field(
        60.0, ge=0, le=100, description="score from which a lead is qualified (inclusive)"
    )
    review_band: float = Field(
        10.0, ge=0, le=100, description="points below the threshold that a person looks at"
    )
    required_fields: tuple[str, ...] = Field(("email",), description="PENDING until all are known")
    filters: tuple[QualificationFilter, ...] = ()
    reject_email_statuses: tuple[Literal["risky", "invalid"], ...] = ("invalid",)

    @model_validator(mode="after")
    def band_fits_below_the_threshold(self) -> QualifyRules:
        """Refuses a review band that would reach below zero."""
        if self.review_band > self.threshold:
            raise ValueError(
                f"review_band ({self.review_band:g}) must not exceed threshold ({self.threshold:g})"
            )
        return self
