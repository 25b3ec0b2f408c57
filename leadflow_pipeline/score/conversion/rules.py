"""What a campaign file may say about learning from outcomes. The model; the arithmetic lives beside it."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ConversionRules(BaseModel):
    """Which facts a model may see, which outcomes are ripe, and how fast old ones lose weight."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    weight: float = Field(
        0.5,
        ge=0,
        le=1,
        description="share of the score that comes from the model, once there is one; the rest comes from the rules",
    )
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
    pooled: bool = Field(
        True,
        description="learn from other campaigns' leads too while this one has too few outcomes of its own",
    )
    step_down: bool = Field(
        True,
        description="a champion that no longer keeps its promises makes way for the last good one, or the rules",
    )
