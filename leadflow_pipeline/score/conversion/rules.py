"""What may be said about learning from outcomes."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ConversionRules(BaseModel):
    """Which facts a model may see, which outcomes are ripe, and how fast old ones lose weight."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    excluded: frozenset[str] = Field(
        frozenset(),
        description="fields that tell the outcome, or are filled in after somebody spoke to the lead",
    )
    matures_after_days: int = Field(
        60, ge=0, description="a lead without an outcome counts as lost only this long after its day"
    )
    half_life_days: float | None = Field(
        90.0, gt=0, description="age at which an example weighs half as much; null: all weigh the same"
    )
