"""What a campaign file may say about attribution. The model; the arithmetic lives beside it."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Model(StrEnum):
    """Who gets the credit of a conversion."""

    FIRST = "first"
    LAST = "last"
    LAST_NON_DIRECT = "last_non_direct"
    LINEAR = "linear"
    POSITION = "position"
    W_SHAPED = "w_shaped"
    TIME_DECAY = "time_decay"
    MARKOV = "markov"
    SHAPLEY = "shapley"


Channel = Annotated[str, Field(pattern=r"\S", max_length=64)]

DEFAULT_TOUCHES: dict[str, Channel | None] = {
    "click": "email",
    "reply": "email",
    "visit": "website",
    "form": "website",
    "meeting": "sales",
}
"""Behaviour -> channel. An open is none: mail programs open by themselves."""


class PositionShares(BaseModel):
    """Shares of the first and the last touch; the rest is for those between."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    first: float = Field(0.4, ge=0, le=1)
    last: float = Field(0.4, ge=0, le=1)

    @model_validator(mode="after")
    def shares_are_of_one_whole(self) -> PositionShares:
        """Refuses shares that give away more than there is, or nothing where a journey has two touches."""
        if self.first + self.last > 1:
            raise ValueError(f"first ({self.first:g}) and last ({self.last:g}) must not exceed 1 together")
        if not self.first + self.last:
            raise ValueError("first and last must not both be 0: the model linear divides in equal parts")
        return self


class AttributionRules(BaseModel):
    """What counts as a touch and as a conversion, and how the models divide the credit."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    model: Model = Field(Model.POSITION, description="shown first, beside all others")
    conversion: Literal["won", "meeting"] = Field("won", description="the outcome that is a conversion")
    look_back_days: float = Field(90.0, gt=0, le=3650, description="touches older than this earn nothing")
    touches: dict[str, Channel | None] = Field(
        default_factory=lambda: dict(DEFAULT_TOUCHES),
        description="behaviour -> channel that it is a touch of; one left out keeps its default, "
        "null makes it no touch. A lead's first record is a touch of its source's channel in any case",
    )
    direct: tuple[Channel, ...] = Field(("direct",), description="channels that last_non_direct passes over")
    position: PositionShares = PositionShares()
    half_life_days: float = Field(7.0, gt=0, description="of time_decay: a touch so much older earns half")
    markov_order: int = Field(1, ge=1, le=4, description="touches that a step of the Markov chain remembers")

    @field_validator("touches")
    @classmethod
    def touches_are_complete(cls, touches: dict[str, str | None]) -> dict[str, str | None]:
        """Completes the touches with the defaults. Behaviours are stored in lower case."""
        return {**DEFAULT_TOUCHES, **{behaviour.lower(): channel for behaviour, channel in touches.items()}}
